"""Manifests and configs: the two JSON documents a bundle consists of, read strictly.

Both must be in canonical form (RFC 8785), so that a document has exactly one digest and a second
reading of the same bytes (duplicate keys, other number forms) cannot differ from the first.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import orjson
from pydantic import Field, JsonValue, ValidationError

from mythos.errors import BundleError, DocumentError
from mythos.values.base import Value
from mythos.values.bundle import (
    ARTIFACT_TYPE,
    CONFIG_TYPE,
    MANIFEST_TYPE,
    MAX_LAYERS,
    MAX_MANIFEST_BYTES,
    TRUST_CONFIG_TYPE,
    TRUST_TYPE,
    BundleConfig,
    Descriptor,
)
from mythos.values.digest import canonical_bytes

_V = TypeVar("_V", bound=Value)
_REBUILD = "build the bundle again with `mythos bundle build`; never edit its blobs"


class Manifest(Value):
    """An OCI image manifest of ours: a bundle's, or that of the trust metadata beside it."""

    schema_version: Literal[2] = Field(default=2, alias="schemaVersion")
    media_type: Literal["application/vnd.oci.image.manifest.v1+json"] = Field(
        default=MANIFEST_TYPE, alias="mediaType"
    )
    artifact_type: Literal[
        "application/vnd.mythos.packet.v1", "application/vnd.mythos.trust.v1"
    ] = Field(alias="artifactType")
    config: Descriptor
    layers: Annotated[tuple[Descriptor, ...], Field(min_length=1, max_length=MAX_LAYERS)]
    annotations: dict[str, str] = Field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Bytes of all blobs it names."""
        return self.config.size + sum(layer.size for layer in self.layers)


def manifest_bytes(manifest: Manifest) -> bytes:
    """Serialise a manifest to its canonical bytes.

    Raises:
        BundleError: more than `MAX_MANIFEST_BYTES`, which registries refuse.
    """
    data = canonical_bytes(_dumped(manifest))
    if len(data) > MAX_MANIFEST_BYTES:
        raise BundleError(
            f"the manifest has {len(data)} bytes, more than {MAX_MANIFEST_BYTES}",
            remedy="split the fleet into several bundles",
        )
    return data


def parse_manifest(data: bytes) -> Manifest:
    """Read a bundle's manifest.

    Args:
        data: the manifest exactly as it was stored.

    Returns:
        The manifest, whose artifact and config types are a bundle's.

    Raises:
        BundleError: too large, not canonical, another shape, or another kind of artifact.
    """
    manifest = _read(Manifest, data, "manifest")
    _require_types(manifest, ARTIFACT_TYPE, CONFIG_TYPE)
    return manifest


def parse_trust_manifest(data: bytes) -> Manifest:
    """Read the manifest of the trust metadata that travels beside a bundle.

    Raises:
        BundleError: too large, not canonical, another shape, or another kind of artifact.
    """
    manifest = _read(Manifest, data, "trust manifest")
    _require_types(manifest, TRUST_TYPE, TRUST_CONFIG_TYPE)
    return manifest


def parse_config(data: bytes) -> BundleConfig:
    """Read a bundle's config blob.

    Raises:
        BundleError: too large, not canonical, or another shape.
    """
    return _read(BundleConfig, data, "config")


def config_bytes(config: BundleConfig) -> bytes:
    """Serialise a config to its canonical bytes."""
    return canonical_bytes(config.model_dump(mode="json", by_alias=True))


def canonical_problem(data: bytes) -> str:
    """Say why bytes are not canonical JSON; `""` when they are."""
    try:
        value: JsonValue = orjson.loads(data)
        if canonical_bytes(value) == data:
            return ""
    except (orjson.JSONDecodeError, DocumentError) as error:
        return str(error)
    return "the bytes are not their own RFC 8785 form"


def _read(model: type[_V], data: bytes, what: str) -> _V:
    if len(data) > MAX_MANIFEST_BYTES:
        raise BundleError(
            f"the {what} has {len(data)} bytes, more than {MAX_MANIFEST_BYTES}", remedy=_REBUILD
        )
    if problem := canonical_problem(data):
        raise BundleError(f"the {what} is not canonical: {problem}", remedy=_REBUILD)
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BundleError(
            f"the {what} is wrong at {place}: {first['msg']}", remedy=_REBUILD
        ) from error


def _require_types(manifest: Manifest, artifact: str, config: str) -> None:
    if (manifest.artifact_type, manifest.config.media_type) != (artifact, config):
        raise BundleError(
            f"the manifest is {manifest.artifact_type} with config {manifest.config.media_type}, "
            f"expected {artifact} with {config}",
            remedy="name the manifest of a bundle",
        )


def _dumped(manifest: Manifest) -> dict[str, JsonValue]:
    document: dict[str, JsonValue] = manifest.model_dump(mode="json", by_alias=True)
    for descriptor in [document["config"], *_listed(document["layers"]), document]:
        if isinstance(descriptor, dict) and not descriptor["annotations"]:
            del descriptor["annotations"]
    return document


def _listed(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
