"""An OCI image layout on disk: blobs by digest, and an index that finds the manifests.

`index.json` is replaced last and atomically, so a reader sees the old bundle or the new one. Blobs
are written under their digest and never changed; those that nothing names any more are removed
after the index no longer needs them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from mythos.adapters.atomic_file import write_atomically
from mythos.adapters.file_lock import LOCK_FILE, locked
from mythos.engines.bundle.layout import (
    INDEX_FILE,
    LAYOUT_BYTES,
    LAYOUT_FILE,
    Entry,
    blob_path,
    index_bytes,
    parse_index,
    ref_name,
)
from mythos.engines.bundle.manifest import parse_manifest
from mythos.engines.bundle.plan import BuiltBundle
from mythos.errors import BundleError, MythosError, NotFoundError
from mythos.values.base import Digest
from mythos.values.digest import digest_of

_DIGEST: TypeAdapter[str] = TypeAdapter(Digest)
_BLOB = re.compile(r"[0-9a-f]{64}|\.new-.*")  # or the draft of one, of a killed build
_OURS = frozenset({"blobs", INDEX_FILE, LAYOUT_FILE, LOCK_FILE})


class OciLayout:
    """A folder in OCI image layout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def replace(self, bundle: BuiltBundle) -> None:
        """Make the layout hold this bundle and nothing else."""
        with locked(self.folder):
            self._commit((_entry(bundle),), bundle.blobs)
            self._remove_all_but(frozenset(bundle.blobs))

    def add(self, bundle: BuiltBundle) -> None:
        """Add a bundle beside those already held; the same name and version is replaced."""
        new = _entry(bundle)
        with locked(self.folder):
            kept = tuple(entry for entry in self.entries() if entry.ref != new.ref)
            self._commit((*kept, new), bundle.blobs)

    def adopt(self, entry: Entry, files: Mapping[str, Path]) -> None:
        """Move verified blobs in from the same file system, and add their manifest's entry."""
        with locked(self.folder):
            for digest, file in files.items():
                self.blob(digest).parent.mkdir(parents=True, exist_ok=True)
                file.replace(self.blob(digest))
            kept = tuple(held for held in self.entries() if held.ref != entry.ref)
            self._commit((*kept, entry), {})

    def entries(self) -> tuple[Entry, ...]:
        """The manifests its index names; none when there is no index yet.

        Raises:
            BundleError: the index is malformed.
        """
        index = self.folder / INDEX_FILE
        return parse_index(index.read_bytes()) if index.is_file() else ()

    def is_ours(self) -> bool:
        """Whether the folder is new, empty, or a layout of bundles and nothing else.

        Raises:
            BundleError: the index is malformed.
        """
        if not self.folder.is_dir():
            return True
        names = {path.name for path in self.folder.iterdir()}
        return names <= _OURS and all(
            self.blob(one.digest).is_file() and self._manifest_of(one) for one in self.entries()
        )

    def manifest(self, wanted: str = "") -> bytes:
        """The manifest of a bundle that is held, whatever else the index names.

        Args:
            wanted: its digest; may be empty where only one bundle is held.

        Raises:
            NotFoundError: no bundle, not this one, or a blob is missing.
            BundleError: more than one bundle, and none was named.
        """
        found = [data for data in map(self._manifest_of, self.entries()) if data]
        held = {digest_of(data): data for data in found}
        if not held:
            raise NotFoundError(
                f"{self.folder} holds no bundle", remedy="build one with `mythos bundle build`"
            )
        if wanted and wanted not in held:
            raise NotFoundError(
                f"{self.folder} does not hold {wanted}",
                remedy=f"name one of {', '.join(sorted(held))}",
            )
        if not wanted and len(held) > 1:
            raise BundleError(
                f"{self.folder} holds {len(held)} bundles", remedy="name one by its digest"
            )
        return held[wanted] if wanted else found[0]

    def read(self, digest: str) -> bytes:
        """A blob's bytes as they lie on disk, not yet verified.

        Raises:
            NotFoundError: there is no such blob.
            BundleError: no digest.
        """
        path = self.blob(digest)
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise NotFoundError(
                f"blob {digest} is not in {self.folder}", remedy="fetch or build the bundle again"
            ) from error

    def holds(self, digest: str, size: int) -> bool:
        """Whether a blob lies there intact, so that nothing needs to be written."""
        path = self.blob(digest)
        try:
            return path.stat().st_size == size and digest_of(path.read_bytes()) == digest
        except FileNotFoundError:
            return False

    def blob(self, digest: str) -> Path:
        """Where a blob lies.

        Raises:
            BundleError: `digest` is no sha256 digest.
        """
        try:
            return self.folder / blob_path(_DIGEST.validate_python(digest))
        except ValidationError as error:
            raise BundleError(
                f"{digest!r} is no digest", remedy="name it as sha256: and 64 hexadecimal digits"
            ) from error

    def _manifest_of(self, entry: Entry) -> bytes:
        data = self.read(entry.digest)
        try:
            parse_manifest(data)
        except MythosError:
            return b""
        return data

    def _commit(self, entries: tuple[Entry, ...], blobs: Mapping[str, bytes]) -> None:
        for digest, data in blobs.items():
            if not self.holds(digest, len(data)):
                write_atomically(self.blob(digest), data)
        write_atomically(self.folder / LAYOUT_FILE, LAYOUT_BYTES)
        write_atomically(self.folder / INDEX_FILE, index_bytes(entries))

    def _remove_all_but(self, kept: frozenset[str]) -> None:
        for path in (self.folder / "blobs" / "sha256").iterdir():
            if _BLOB.fullmatch(path.name) and f"sha256:{path.name}" not in kept:
                path.unlink()


def _entry(bundle: BuiltBundle) -> Entry:
    return Entry(bundle.digest, len(bundle.manifest), ref_name(bundle.name, bundle.version))
