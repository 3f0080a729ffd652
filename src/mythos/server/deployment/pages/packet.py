"""The bundle page as one value: contents, changes, destinations, passport, other bundles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mythos.errors import NotFoundError
from mythos.server.deployment.pages.contents import (
    Difference,
    Group,
    differences_of,
    groups_of,
)
from mythos.server.deployment.pages.destinations import Destination, destinations_of
from mythos.server.deployment.pages.facts import BundleFact, TargetFact
from mythos.server.deployment.pages.text import Line, lines_of


@dataclass(frozen=True, slots=True)
class BundleRow:
    """One line of the list of bundles."""

    name: str
    version: int
    digest: str
    size_bytes: int
    created_at: datetime
    environments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentShown:
    """One document of the bundle, as text."""

    kind: str
    name: str
    digest: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class BundleShown:
    """One bundle, whole."""

    deployment_name: str
    version: int
    digest: str
    size_bytes: int
    n_blobs: int
    created_at: datetime
    symbolic_deployment_tags: Mapping[str, str]
    deployment_vector: tuple[str, ...]
    against: str
    groups: tuple[Group, ...]
    differences: tuple[Difference, ...]
    destinations: tuple[Destination, ...]
    document: DocumentShown | None

    @property
    def running(self) -> int:
        """Destinations that run as desired."""
        return sum(each.state == "running" for each in self.destinations)


@dataclass(frozen=True, slots=True)
class PacketPage:
    """`/deploy/packet`; `bundle` is None before the first one."""

    at: datetime
    command: str
    bundle: BundleShown | None
    bundles: tuple[BundleRow, ...]


def bundle_shown(
    bundle: BundleFact,
    before: BundleFact | None,
    targets: Mapping[str, TargetFact],
    *,
    show: str,
    at: datetime,
) -> BundleShown:
    """Lay out one bundle against the version before it."""
    return BundleShown(
        deployment_name=bundle.name,
        version=bundle.version,
        digest=bundle.digest,
        size_bytes=bundle.size_bytes,
        n_blobs=bundle.n_blobs,
        created_at=bundle.created_at,
        symbolic_deployment_tags=bundle.labels,
        deployment_vector=bundle.destinations,
        against=f"v{before.version}" if before else "",
        groups=groups_of(bundle, before),
        differences=differences_of(bundle, before),
        destinations=destinations_of(bundle, targets, at=at),
        document=_document(bundle, show) if show else None,
    )


def bundle_rows(
    bundles: Sequence[BundleFact], targets: Mapping[str, TargetFact]
) -> tuple[BundleRow, ...]:
    """The list of bundles, newest first, with the environments told to run each."""
    return tuple(
        BundleRow(
            name=each.name,
            version=each.version,
            digest=each.digest,
            size_bytes=each.size_bytes,
            created_at=each.created_at,
            environments=tuple(t.name for t in targets.values() if t.desired == each.digest),
        )
        for each in bundles
    )


def _document(bundle: BundleFact, digest: str) -> DocumentShown:
    found = next(
        (
            each
            for each in (bundle.config.constructs if bundle.config else ())
            if each.digest == digest
        ),
        None,
    )
    if found is None or digest not in bundle.documents:
        raise NotFoundError(
            f"{bundle.name} v{bundle.version} holds no document {digest[:19]}",
            remedy="choose one of its contents",
        )
    return DocumentShown(found.kind, found.name, digest, lines_of(bundle.documents[digest]))
