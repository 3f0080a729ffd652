"""The metadata files that a reader with a pinned root needs to follow one target.

They are gathered by name, not verified: whoever receives them verifies them anyway.
"""

from __future__ import annotations

from itertools import count

from tuf.api.metadata import Metadata, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from mythos.adapters.trust_source import Source, whole
from mythos.engines.bundle.archive import MAX_METADATA_BYTES
from mythos.errors import NotFoundError, TrustError


def trust_files(source: Source, prefix: str, target: str) -> dict[str, bytes]:
    """Gather every root, the newest of the other roles, and one target's content.

    Args:
        source: the site.
        prefix: the repository in it: `packets` or `deployments/<environment>`.
        target: the target path to follow.

    Returns:
        File contents by path in the site.

    Raises:
        NotFoundError: a file is missing, or nothing names the target.
        TrustError: metadata that cannot be read.
    """
    files = _roots(source, prefix)

    def take(name: str) -> bytes:
        path = f"{prefix}/{name}"
        files[path] = whole(source, path, limit=MAX_METADATA_BYTES)
        return files[path]

    try:
        timestamp = Metadata[Timestamp].from_bytes(take("metadata/timestamp.json")).signed
        version = timestamp.snapshot_meta.version
        snapshot = Metadata[Snapshot].from_bytes(take(f"metadata/{version}.snapshot.json")).signed
        version = snapshot.meta["targets.json"].version
        targets = Metadata[Targets].from_bytes(take(f"metadata/{version}.targets.json")).signed
    except DeserializationError as error:
        raise TrustError(
            f"metadata of {prefix} cannot be read", remedy="restore the repository from a copy"
        ) from error
    if target not in targets.targets:
        raise NotFoundError(
            f"{prefix} does not name {target}", remedy="release and assign the bundle first"
        )
    take(f"targets/{targets.targets[target].get_prefixed_paths()[0]}")
    return files


def _roots(source: Source, prefix: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for version in count(1):
        path = f"{prefix}/metadata/{version}.root.json"
        try:
            files[path] = whole(source, path, limit=MAX_METADATA_BYTES)
        except NotFoundError:
            break
    return files
