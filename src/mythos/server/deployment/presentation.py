"""What the bundle page answers: reads, then pure functions, then one frozen value."""

from __future__ import annotations

from datetime import datetime

from mythos.server.deployment import page_queries as queries
from mythos.server.deployment.pages.packet import PacketPage, bundle_rows, bundle_shown


def show_packet(digest: str, show: str, *, at: datetime) -> PacketPage:
    """The page of one bundle; the newest when no digest is asked for.

    Raises:
        NotFoundError: no bundle has that digest, or it holds no such document.
    """
    bundles, targets = queries.bundles(), queries.targets()
    if not bundles and not digest:
        return PacketPage(at, "mythos bundle build DIR --out LAYOUT", None, ())
    bundle = queries.bundle(digest or bundles[0].digest)
    before = queries.version_before(bundle)
    return PacketPage(
        at=at,
        command=f"mythos bundle show LAYOUT --digest {bundle.digest}",
        bundle=bundle_shown(bundle, before, targets, show=show, at=at),
        bundles=bundle_rows(bundles, targets),
    )
