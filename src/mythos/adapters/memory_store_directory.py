"""A directory of files as a memory store: one memory a file, its key the relative path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mythos.adapters.memory_store import Change
from mythos.adapters.memory_store_file_writer import (
    remove_memory,
    require_removable,
    require_writable,
    write_memory,
)
from mythos.adapters.memory_store_files import (
    list_store,
    read_memory,
    read_store,
    require_content,
    require_key,
)
from mythos.engines.memory.live import Unreadable
from mythos.errors import MemoryLogError, MythosError, UnavailableError


@dataclass(frozen=True, slots=True)
class DirectoryStore:
    """The regular files under `path`, which need not be there yet."""

    path: Path
    name: str = "directory"

    @property
    def blind_to(self) -> str:
        """What an audit cannot see."""
        return "modes, owners, times and empty folders; what lies behind a symbolic link"

    def read(self, *, after: str | None = None) -> Iterator[tuple[str, bytes | Unreadable]]:
        """Every file with its bytes, folder by folder."""
        return read_store(self.path, after=after)

    def keys(self) -> Iterator[str]:
        """Every file's relative path."""
        return list_store(self.path)

    def get(self, key: str) -> bytes | Unreadable | None:
        """The bytes of one file."""
        return read_memory(self.path, key)

    def require_key(self, key: str) -> None:
        """A plain relative path."""
        require_key(key)

    def normal(self, key: str, content: bytes) -> bytes:
        """The bytes as they are, if path and size are allowed."""
        require_key(key)
        require_content(key, content)
        return content

    def rehearse(self, changes: Iterable[Change]) -> dict[str, MythosError]:
        """Look whether the places of the files can be written to."""
        refused: dict[str, MythosError] = {}
        gone: set[str] = set()
        for key, content in changes:
            try:
                require_key(key)
                if content is None:
                    require_removable(self.path, key)
                    gone.add(key)
                else:
                    require_content(key, content)
                    require_writable(self.path, key, gone=gone)
            except (MemoryLogError, UnavailableError) as error:
                refused[key] = error
        return refused

    def put(self, key: str, content: bytes) -> None:
        """Replace the file in one step."""
        write_memory(self.path, key, content)

    def remove(self, key: str) -> None:
        """Remove the file."""
        remove_memory(self.path, key)
