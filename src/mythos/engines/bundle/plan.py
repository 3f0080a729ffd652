"""Assemble: a parsed source tree becomes the exact bytes of a bundle.

Law: the result is a function of the content alone. File names, order, times and the machine do
not enter; layers are sorted by (kind, name). One blob a construct, uncompressed. Bundles beyond
10,000 layers or a 4 MiB manifest are refused: registries refuse them too. Grouping thousands of
small constructs into pages is not done yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from mythos.engines.bundle.manifest import Manifest, config_bytes, manifest_bytes
from mythos.engines.bundle.secret_scan import refuse_secrets
from mythos.errors import BundleError, BundleSourceError
from mythos.values.bundle import (
    ARTIFACT_TYPE,
    BUNDLE_NAME,
    BUNDLE_VERSION,
    CONFIG_TYPE,
    LAYER_TYPES,
    MAX_LAYERS,
    TITLE,
    BundleConfig,
    BundleSource,
    Construct,
    ConstructKind,
    Descriptor,
)
from mythos.values.digest import JsonValue, canonical_bytes, digest_of


@dataclass(frozen=True, slots=True)
class Part:
    """One construct of the source tree.

    `body` is its canonical JSON value, or the raw bytes of a memory file; `path` is the file it
    came from, for messages only.
    """

    kind: ConstructKind
    name: str
    body: JsonValue | bytes
    version: int = 1
    path: str = ""

    @property
    def blob(self) -> bytes:
        """The bytes whose digest is this construct's identity."""
        return self.body if isinstance(self.body, bytes) else canonical_bytes(self.body)


@dataclass(frozen=True, slots=True)
class ParsedSource:
    """A fleet's source tree after reading: head, constructs, and the files as they were read."""

    head: BundleSource
    parts: tuple[Part, ...]
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class BuiltBundle:
    """A bundle's bytes. `blobs` holds every blob by digest: manifest, config and layers."""

    name: str
    version: int
    digest: str
    manifest: bytes
    config: bytes
    constructs: tuple[Construct, ...]
    blobs: Mapping[str, bytes]


def assemble(source: ParsedSource) -> BuiltBundle:
    """Turn a parsed source tree into the bytes of a bundle.

    Args:
        source: head, constructs in any order, and the raw files for the secret scan.

    Returns:
        The bundle; equal content gives equal bytes.

    Raises:
        BundleSourceError: a secret shape in a file, or two constructs of one kind and name.
        BundleError: no construct, too many, or too large a manifest.

    Source: OCI image-spec 1.1, image manifest; RFC 8785.
    """
    refuse_secrets(source.files)
    parts = _ordered(source.parts)
    blobs = [part.blob for part in parts]
    constructs = tuple(map(_construct, parts, blobs))
    config = config_bytes(_config(source.head, constructs))
    manifest = manifest_bytes(_manifest(source.head, config, constructs))
    return BuiltBundle(
        name=source.head.name,
        version=source.head.version,
        digest=digest_of(manifest),
        manifest=manifest,
        config=config,
        constructs=constructs,
        blobs={digest_of(blob): blob for blob in (manifest, config, *blobs)},
    )


def _ordered(parts: Iterable[Part]) -> list[Part]:
    ordered = sorted(parts, key=lambda part: (part.kind, part.name))
    if not 1 <= len(ordered) <= MAX_LAYERS:
        raise BundleError(
            f"the source tree has {len(ordered)} constructs, expected 1 to {MAX_LAYERS}",
            remedy="add an agent, or split the fleet into several bundles",
        )
    for one, other in pairwise(ordered):
        if (one.kind, one.name) == (other.kind, other.name):
            raise BundleSourceError(
                f"{one.kind} {one.name!r} is also in {one.path}",
                remedy="rename or remove one of the two",
                where=other.path,
            )
    return ordered


def _construct(part: Part, blob: bytes) -> Construct:
    return Construct(
        kind=part.kind,
        name=part.name,
        version=part.version,
        digest=digest_of(blob),
        size=len(blob),
    )


def _config(head: BundleSource, constructs: tuple[Construct, ...]) -> BundleConfig:
    return BundleConfig(
        deployment_name=head.name,
        version=head.version,
        tags=head.labels,
        vector=head.destinations,
        constructs=constructs,
    )


def _manifest(head: BundleSource, config: bytes, constructs: tuple[Construct, ...]) -> Manifest:
    return Manifest(
        artifact_type=ARTIFACT_TYPE,
        config=Descriptor(media_type=CONFIG_TYPE, digest=digest_of(config), size=len(config)),
        layers=tuple(layer_of(construct) for construct in constructs),
        annotations={
            BUNDLE_NAME: head.name,
            BUNDLE_VERSION: str(head.version),
        },
    )


def layer_of(construct: Construct) -> Descriptor:
    """The layer descriptor that carries a construct."""
    return Descriptor(
        media_type=LAYER_TYPES[construct.kind],
        digest=construct.digest,
        size=construct.size,
        annotations={TITLE: construct.name},
    )
