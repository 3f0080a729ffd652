"""Verdicts of coherence checks in a folder: one file a key, which may be deleted at any time.

A folder that cannot be read or written makes a check slower and changes nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mythos.adapters.atomic_file import write_atomically

MAX_BYTES = 4 * 2**20  # of one verdict


def default_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """`mythos/coherence` in the user's cache folder."""
    base = environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mythos" / "coherence"


class VerdictFolder:
    """A `Memory` on disk. Keys are digests, `sha256:` and hexadecimal digits."""

    def __init__(self, folder: Path) -> None:
        """Use a folder; it is made when the first verdict is kept."""
        self._folder = folder

    def get(self, key: str) -> bytes | None:
        """What was kept, or None."""
        try:
            with self._path(key).open("rb") as file:
                kept = file.read(MAX_BYTES + 1)
        except OSError:
            return None
        return kept if len(kept) <= MAX_BYTES else None

    def put(self, key: str, value: bytes) -> None:
        """Keep it; not where the folder cannot be written."""
        if len(value) > MAX_BYTES:
            return
        try:
            write_atomically(self._path(key), value, mode=0o600)
        except OSError:
            return

    def _path(self, key: str) -> Path:
        return self._folder / f"{key.replace(':', '-')}.json"
