"""The order of an archive: which members, in which sequence, with which sizes.

An archive is an OCI layout in one tar. Its index names two manifests: the bundle, and the trust
metadata of both TUF repositories as a second artifact whose layers are the metadata files, titled
with their path in a site. Control members come first, so a reader knows every later member's name
and size from *signed* bytes before the first of them arrives, and can refuse all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from mythos.engines.bundle.layout import Entry
from mythos.engines.bundle.manifest import Manifest, manifest_bytes
from mythos.errors import BundleError
from mythos.values.base import Digest, Value
from mythos.values.bundle import (
    TITLE,
    TRUST_CONFIG_TYPE,
    TRUST_METADATA_TYPE,
    TRUST_TYPE,
    Descriptor,
)
from mythos.values.digest import canonical_bytes, digest_of

MAX_CONTROL_BYTES = 64 * 2**20
MAX_METADATA_BYTES = 5_000_000  # python-tuf's own limit for targets metadata
MAX_INDEX_BYTES = 4096
MAX_TRUST_FILES = 2000


class TrustConfig(Value):
    """The trust artifact's config: which bundle and environment its metadata speaks of."""

    schema_: Literal["mythos.trust/1"] = Field(default="mythos.trust/1", alias="schema")
    bundle: Digest
    environment: Annotated[str, Field(max_length=150)] = ""


@dataclass(frozen=True, slots=True)
class TrustArtifact:
    """Trust metadata as an OCI artifact: its manifest, and every blob of it by digest."""

    manifest: bytes
    config: bytes
    blobs: Mapping[str, bytes]


def trust_artifact(files: Mapping[str, bytes], config: TrustConfig) -> TrustArtifact:
    """Wrap metadata files, by their path in a site, as an artifact.

    Raises:
        BundleError: no file, or too many.
    """
    if not 0 < len(files) <= MAX_TRUST_FILES:
        raise BundleError(
            f"{len(files)} trust files, expected 1 to {MAX_TRUST_FILES}",
            remedy="publish the bundle with `mythos trust sign` before exporting it",
        )
    head = canonical_bytes(config.model_dump(mode="json", by_alias=True))
    manifest = Manifest(
        artifact_type=TRUST_TYPE,
        config=Descriptor(media_type=TRUST_CONFIG_TYPE, digest=digest_of(head), size=len(head)),
        layers=tuple(_layer(path, data) for path, data in sorted(files.items())),
    )
    blobs = {digest_of(data): data for data in (head, *files.values())}
    return TrustArtifact(manifest_bytes(manifest), head, blobs)


def control_blobs(trust: Manifest, bundle: Entry) -> tuple[Descriptor, ...]:
    """The blobs after the trust manifest, in order: its config, the bundle's manifest, the files.

    Args:
        trust: the trust artifact's manifest.
        bundle: the bundle's entry in the index.

    Returns:
        Each digest once.

    Raises:
        BundleError: more or larger files than trust metadata has.
    """
    named = (trust.config, _manifest_of(bundle), *trust.layers)
    unique = once(named)
    if (
        len(trust.layers) > MAX_TRUST_FILES
        or any(blob.size > MAX_METADATA_BYTES for blob in unique)
        or sum(blob.size for blob in unique) > MAX_CONTROL_BYTES
    ):
        raise BundleError(
            "the trust metadata is larger than any repository's",
            remedy="export the archive again with `mythos bundle export`",
        )
    return unique


def payload_blobs(manifest: Manifest, seen: frozenset[str]) -> tuple[Descriptor, ...]:
    """The blobs after the control members: config and layers by digest, without those `seen`."""
    unique = once((manifest.config, *manifest.layers))
    return tuple(sorted((b for b in unique if b.digest not in seen), key=lambda blob: blob.digest))


def once(blobs: tuple[Descriptor, ...]) -> tuple[Descriptor, ...]:
    """Each digest once, at its first place.

    Raises:
        BundleError: one digest with two sizes.
    """
    first: dict[str, Descriptor] = {}
    for blob in blobs:
        if first.setdefault(blob.digest, blob).size != blob.size:
            raise BundleError(
                f"{blob.digest} is named with {blob.size} and {first[blob.digest].size} bytes",
                remedy="build the bundle again",
            )
    return tuple(first.values())


def _layer(path: str, data: bytes) -> Descriptor:
    return Descriptor(
        media_type=TRUST_METADATA_TYPE,
        digest=digest_of(data),
        size=len(data),
        annotations={TITLE: path},
    )


def _manifest_of(bundle: Entry) -> Descriptor:
    return Descriptor(media_type=TRUST_METADATA_TYPE, digest=bundle.digest, size=bundle.size)
