"""A file of JSON lines as a memory store: one record a line, its key the field `id`.

A record without `id` is named by its place, `#3` for the third line: to insert one before it
alters it, and so it should, because nothing tells the two apart. Here none ever changes its place:
what is removed leaves an empty line if it has no id itself, or if such a line or an empty one comes
after it. Empty lines and a byte order mark stay.

A symbolic link is not followed, neither to read nor to write.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mythos.adapters.atomic_file import FULL, MAKE_ROOM, write_atomically
from mythos.adapters.memory_store import Change
from mythos.adapters.memory_store_lines import (
    JsonLines,
    id_of,
    is_empty,
    lines_of,
    read_line,
    require_readable,
)
from mythos.adapters.memory_store_record import behind, canonical_record, record_of
from mythos.engines.memory.live import Unreadable
from mythos.errors import MemoryLogError, MythosError, UnavailableError

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_MARK = b"\xef\xbb\xbf"  # the byte order mark that some editors put before UTF-8
_ALLOWED = "name a file that MythOS may read, and write where it is to be changed"
_REPLACED, _NEW = 0o777, 0o666  # of the mode of a file that is replaced, of a new file's folder


@dataclass(frozen=True, slots=True)
class JsonLinesStore:
    """The records of one file, which need not be there yet."""

    path: Path
    name: str = "jsonl"

    @property
    def blind_to(self) -> str:
        """What an audit cannot see."""
        return (
            "the order of lines that have an id; white space, the order of keys and how numbers are"
            " spelt in a record"
        )

    def read(self, *, after: str | None = None) -> Iterator[tuple[str, bytes | Unreadable]]:
        """Every line's record in canonical JSON, by its key."""
        return behind(self._read(), after)

    def _read(self) -> Iterator[tuple[str, bytes | Unreadable]]:
        seen: set[str] = set()
        for number, line in self._lines(lines_of):
            if is_empty(line):
                continue
            key, content = read_line(number, line)
            if key in seen:
                key, content = f"#{number}", Unreadable(f"the id {key!r} stands on a line before")
            seen.add(key)
            yield key, content

    def keys(self) -> Iterator[str]:
        """Every record's key."""
        return (key for key, _ in self.read())

    def get(self, key: str) -> bytes | Unreadable | None:
        """The record under `key`."""
        return next((content for found, content in self.read() if found == key), None)

    def require_key(self, key: str) -> None:
        """Any text may be an id."""

    def normal(self, key: str, content: bytes) -> bytes:
        """The record in canonical JSON, if its `id` is what `key` says."""
        record = record_of(key, content)
        if key.startswith("#"):
            raise MemoryLogError(
                f"line {key} has no id, so it cannot be written by its key",
                remedy="give the record an `id`",
            )
        if id_of(record) != key:
            raise MemoryLogError(
                f"the record's id is not {key[:80]!r}",
                remedy="give the record as `id` the key that it is recorded under",
            )
        line = canonical_record(key, record)
        require_readable(key, line)
        return line

    def rehearse(self, changes: Iterable[Change]) -> dict[str, MythosError]:
        """Work out what the file would be, and look whether its folder can be written to."""
        if self.path.parent.exists() and not os.access(self.path.parent, os.W_OK | os.X_OK):
            raise _unavailable(self.path, os.strerror(errno.EACCES))
        lines, refused = self._now(), dict[str, MythosError]()
        for key, content in changes:
            try:
                lines.change(key, content)
            except (MemoryLogError, UnavailableError) as error:
                refused[key] = error
        return refused

    def put(self, key: str, content: bytes) -> None:
        """Replace the record's line, or add it at the end; the whole file appears at once."""
        lines = self._now()
        lines.change(key, content)
        self._replace(lines.lines)

    def remove(self, key: str) -> None:
        """Drop the record's line."""
        lines = self._now()
        lines.change(key, None)
        self._replace(lines.lines)

    def _now(self) -> JsonLines:
        return JsonLines([line for _, line in self._lines(iter)])

    def _replace(self, lines: list[bytes]) -> None:
        try:
            data = b"".join(lines)
            before = self.path.read_bytes() if self.path.exists() else b""
            data = (_MARK if before.startswith(_MARK) else b"") + data
            if data == before:
                return
            like = self.path if self.path.exists() else self.path.parent
            found = like.stat() if like.exists() else None
            keep = _REPLACED if like == self.path else _NEW
            mode = 0o600 if found is None else found.st_mode & keep
            write_atomically(self.path, data, mode=mode, owner=found)
        except OSError as error:
            remedy = MAKE_ROOM if error.errno in FULL else _ALLOWED
            raise _unavailable(self.path, error.strerror, remedy) from error

    def _lines(self, of_file: Callable[[BinaryIO], Iterator[bytes]]) -> Iterator[tuple[int, bytes]]:
        """Number and bytes of each line, empty ones too, without a byte order mark."""
        try:
            with os.fdopen(os.open(self.path, _READ), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise _unavailable(self.path, "not a regular file")
                if file.read(len(_MARK)) != _MARK:
                    file.seek(0)
                yield from enumerate(of_file(file), 1)
        except FileNotFoundError:
            return
        except OSError as error:
            linked = error.errno == errno.ELOOP  # what O_NOFOLLOW answers
            why = "a symbolic link is not followed" if linked else error.strerror
            raise _unavailable(self.path, why) from error


def _unavailable(path: Path, why: str | None, remedy: str = _ALLOWED) -> UnavailableError:
    return UnavailableError(f"memory file {path} cannot be used: {why}", remedy=remedy)
