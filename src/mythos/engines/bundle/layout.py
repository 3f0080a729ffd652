"""OCI image layout documents: `oci-layout`, `index.json` and blob paths.

An index only *finds* manifests. Tools rewrite it when they copy (they drop `artifactType` from
descriptors), so it never carries trust and its digest means nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from mythos.errors import BundleError
from mythos.values.base import Digest, Foreign
from mythos.values.bundle import INDEX_TYPE, MANIFEST_TYPE
from mythos.values.digest import canonical_bytes

LAYOUT_FILE = "oci-layout"
INDEX_FILE = "index.json"
LAYOUT_BYTES = canonical_bytes({"imageLayoutVersion": "1.0.0"})
REF_NAME = "org.opencontainers.image.ref.name"


@dataclass(frozen=True, slots=True)
class Entry:
    """A manifest in an index: digest, size and the name it is found by."""

    digest: str
    size: int
    ref: str


class _Found(Foreign):
    media_type: str = Field(alias="mediaType")
    digest: Digest
    size: Annotated[int, Field(ge=0, le=2**50)]
    annotations: dict[str, str] = Field(default_factory=dict)


class _Index(Foreign):
    schema_version: Literal[2] = Field(alias="schemaVersion")
    manifests: Annotated[tuple[_Found, ...], Field(max_length=100_000)]


def index_bytes(entries: tuple[Entry, ...]) -> bytes:
    """Serialise an index in the order given."""
    return canonical_bytes(
        {
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "manifests": [
                {
                    "mediaType": MANIFEST_TYPE,
                    "digest": entry.digest,
                    "size": entry.size,
                    "annotations": {REF_NAME: entry.ref},
                }
                for entry in entries
            ],
        }
    )


def parse_index(data: bytes) -> tuple[Entry, ...]:
    """Read an index that any OCI tool may have written; entries that are no manifest are left out.

    Raises:
        BundleError: not an OCI image index.
    """
    try:
        index = _Index.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BundleError(
            f"{INDEX_FILE} is no OCI image index: {first['msg']} at {place or 'the top'}",
            remedy="name a folder or file written by `mythos bundle build`",
        ) from error
    return tuple(
        Entry(found.digest, found.size, found.annotations.get(REF_NAME, ""))
        for found in index.manifests
        if found.media_type == MANIFEST_TYPE
    )


def blob_path(digest: str) -> str:
    """Path of a blob inside a layout or archive."""
    return "blobs/" + digest.replace(":", "/", 1)


def ref_name(name: str, version: int) -> str:
    """The name OCI tools find a bundle by: its own, spelled in letters, digits and dashes."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
    return f"{slug}-{version}"
