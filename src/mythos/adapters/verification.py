"""Verification: from pinned roots to every blob, each check named.

The order is that of trust: the repositories are genuine and fresh, *packets* names this manifest,
*deployments* assigns it, the bundle is intact, and memories that came with a log are what it says.
Checks behind a failure are skipped, not passed.
Given only the *packets* root, the assignment is skipped and says so.
"""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

from mythos.adapters.bundle_memory import memory_logs_check
from mythos.adapters.oci_layout import OciLayout
from mythos.adapters.trust_source import Source
from mythos.adapters.tuf_client import Roots, TrustClient, require_agreement
from mythos.adapters.tuf_updater import CHECKS, PinnedUpdater, check_name
from mythos.engines.bundle.inventory import name_and_version
from mythos.engines.bundle.manifest import parse_manifest
from mythos.engines.bundle.report import Check, Report, failed, passed, skipped
from mythos.engines.bundle.verify import check_bundle
from mythos.errors import BundleError, MythosError, TrustError
from mythos.values.bundle import packet_target
from mythos.values.digest import digest_of

_NO_ENVIRONMENT = "no environment and root of its deployments were given"


def verify_layout(
    layout: OciLayout,
    *,
    source: Source,
    roots: Roots,
    environment: str = "",
    digest: str = "",
    at: datetime,
) -> Report:
    """Verify a bundle of a layout against the trust metadata of a source.

    Args:
        layout: where the bundle lies.
        source: where the repositories' metadata lies.
        roots: what is trusted.
        environment: whose assignment to check; empty for none.
        digest: which bundle; may be empty where the layout holds only one.
        at: now.

    Returns:
        Every check by name, never an exception for what is merely not trustworthy.

    Raises:
        NotFoundError: the layout holds no bundle, or not this one.
    """
    manifest = layout.manifest(digest)
    with tempfile.TemporaryDirectory() as state:
        client = TrustClient(Path(state), roots=roots, source=source)
        trust = check_trust(client, manifest, environment=environment, at=at)
    whole = check_bundle(manifest, layout.read)
    if whole.checks[0].state == "fail":  # the manifest: it names nothing that could be read
        return trust + whole
    logs = memory_logs_check(parse_manifest(manifest), layout.read, intact=whole.passed)
    return trust + whole + Report((logs,))


def check_trust(client: TrustClient, manifest: bytes, *, environment: str, at: datetime) -> Report:
    """Check both repositories, and that they name this manifest.

    Args:
        client: with the pinned roots, and the state in which versions may not go back.
        manifest: the bundle's manifest.
        environment: whose assignment to check; empty for none.
        at: now.

    Returns:
        The checks of *packets*, `genuine`, those of *deployments*, `assignment`.
    """
    packets = _check_packets(client, manifest, at=at)
    if not environment:
        return Report((*packets, skipped("assignment", _NO_ENVIRONMENT)))
    return Report((*packets, *_check_deployments(client, manifest, environment, at=at)))


def _check_packets(client: TrustClient, manifest: bytes, *, at: datetime) -> tuple[Check, ...]:
    try:
        with client.packets(at=at) as updater:
            return (*_accepted("packets", updater), _check_genuine(updater, manifest))
    except MythosError as error:
        return (*_refused("packets", error), skipped("genuine", "packets is not believed"))


def _check_genuine(updater: PinnedUpdater, manifest: bytes) -> Check:
    digest = digest_of(manifest)
    try:
        path = packet_target(*name_and_version(parse_manifest(manifest)))
        named = updater.get_targetinfo(path)
        updater.content(require_agreement(named, digest, len(manifest), path=path))
    except (TrustError, BundleError) as error:
        return failed("genuine", error.message)
    return passed("genuine", f"packets names {path} as {digest}")


def _check_deployments(
    client: TrustClient, manifest: bytes, environment: str, *, at: datetime
) -> tuple[Check, ...]:
    try:
        with client.deployments(environment, at=at) as updater:
            accepted = _accepted("deployments", updater)
    except MythosError as error:
        refused = _refused("deployments", error)
        return (*refused, skipped("assignment", "deployments is not believed"))
    return (*accepted, _check_assignment(client, manifest, environment, at=at))


def _check_assignment(
    client: TrustClient, manifest: bytes, environment: str, *, at: datetime
) -> Check:
    try:
        assignment = client.current_assignment(environment, at=at)
    except MythosError as error:
        return failed("assignment", error.message)
    if assignment.state == "halted":
        return failed("assignment", f"{environment} is halted")
    if (assignment.digest, assignment.length) != (digest_of(manifest), len(manifest)):
        return failed("assignment", f"{environment} is assigned {assignment.digest}")
    return passed("assignment", f"{environment} runs it, sequence {assignment.sequence}")


def _accepted(repository: str, updater: PinnedUpdater) -> tuple[Check, ...]:
    versions = updater.versions()
    said = {
        "root chain": f"from the pinned root to version {versions['root']}",
        "signatures": "every role is signed by its keys",
        "versions": ", ".join(f"{role} {version}" for role, version in versions.items()),
        "lengths and hashes": "every file is the one that was signed",
        "freshness": f"valid until {updater.holds_until():%Y-%m-%d %H:%M} UTC",
    }
    return tuple(passed(f"{repository} {name}", said[name]) for name in CHECKS)


def _refused(repository: str, error: MythosError) -> tuple[Check, ...]:
    culprit = check_name(error)
    checks = CHECKS if culprit in CHECKS else (culprit, *CHECKS)
    return tuple(
        failed(f"{repository} {name}", error.message)
        if name == culprit
        else skipped(f"{repository} {name}", "not decided")
        for name in checks
    )
