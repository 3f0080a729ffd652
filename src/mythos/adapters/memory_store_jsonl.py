"""A file of JSON lines as a memory store: one record a line, its key the field `id`.

A record without `id` is named by its place, `#3` for the third line: to insert one before it
alters it, and so it should, because nothing tells the two apart. Here none ever changes its place:
what is removed leaves an empty line if it has no id itself, or if such a line or an empty one comes
after it. Empty lines and a byte order mark stay.

A record whose line would be over `MAX_LINE_BYTES`, its end not counted, would not be read again and
is refused. A symbolic link is not followed, neither to read nor to write.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import JsonValue

from mythos.adapters.atomic_file import FULL, MAKE_ROOM, write_atomically
from mythos.adapters.memory_store_record import (
    behind,
    canonical_record,
    content_of,
    key_of,
    parsed,
    record_of,
)
from mythos.engines.memory.live import Unreadable
from mythos.errors import MemoryLogError, UnavailableError

MAX_LINE_BYTES = 64 * 2**20
_SKIPPED_BYTES = 2**16  # of a line that is too long, at a time
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
        for number, line in self._lines(_cut):
            if _is_empty(line):
                continue
            key, content = _read(number, line)
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
        if _key(record) != key:
            raise MemoryLogError(
                f"the record's id is not {key[:80]!r}",
                remedy="give the record as `id` the key that it is recorded under",
            )
        line = canonical_record(key, record)
        _require_readable(key, line)
        return line

    def rehearse(self, key: str, content: bytes | None) -> None:
        """Work out what the file would be, and look whether its folder can be written to."""
        self._changed(key, content)
        if self.path.parent.exists() and not os.access(self.path.parent, os.W_OK | os.X_OK):
            raise _unavailable(self.path, os.strerror(errno.EACCES))

    def put(self, key: str, content: bytes) -> None:
        """Replace the record's line, or add it at the end; the whole file appears at once."""
        self._replace(self._changed(key, content))

    def remove(self, key: str) -> None:
        """Drop the record's line."""
        self._replace(self._changed(key, None))

    def _changed(self, key: str, content: bytes | None) -> list[bytes]:
        """The lines of the file with another content under `key`; None removes it.

        Raises:
            MemoryLogError: the content is too long for a line.
            UnavailableError: a line without an id is to come back, and its place is taken.
        """
        if content is not None:
            _require_readable(key, content)
        lines = [line for _, line in self._lines(iter)]
        keys = ["" if _is_empty(each[1]) else _read(*each)[0] for each in enumerate(lines, 1)]
        found = [at for at, each in enumerate(keys) if each and each == key]
        if content is not None:
            at = found.pop(0) if found else self._place(key, lines)
            lines[at] = content + _ending(lines[at])
        for at in reversed(found):
            stays = key.startswith("#") or any(each[:1] in {"", "#"} for each in keys[at + 1 :])
            lines[at : at + 1] = [_ending(lines[at])] if stays else []
        return lines

    def _place(self, key: str, lines: list[bytes]) -> int:
        """The empty line for a record that is not there: its own place, or a new one at the end."""
        if lines and not lines[-1].endswith(b"\n"):
            lines[-1] += _ending(lines[0])
        at = int(key[1:]) - 1 if key[1:].isdecimal() and key[0] == "#" else len(lines)
        lines += [_ending(*lines[:1])] * (at + 1 - len(lines))
        if not _is_empty(lines[at]):
            raise UnavailableError(
                f"line {at + 1} of {self.path} holds another record now",
                remedy="move that record to the end of the file, and try again",
            )
        return at

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


def _cut(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; of one that is too long only as much as shows it."""
    while line := file.readline(MAX_LINE_BYTES + len(b"\r\n")):
        yield line
        part = line if _is_too_long(line) else b""
        while part and not part.endswith(b"\n"):
            part = file.readline(_SKIPPED_BYTES)


def _is_too_long(line: bytes) -> bool:
    return len(line.removesuffix(b"\n").removesuffix(b"\r")) > MAX_LINE_BYTES


def _is_empty(line: bytes) -> bool:
    return not (_is_too_long(line) or line.strip())


def _require_readable(key: str, line: bytes) -> None:
    if _is_too_long(line):
        raise MemoryLogError(
            f"memory {key[:80]!r} is a line of {len(line)} bytes, at most {MAX_LINE_BYTES}",
            remedy="split it into several records",
        )


def _ending(line: bytes = b"") -> bytes:
    return b"\r\n" if line.endswith(b"\r\n") else b"\n"


def _read(number: int, line: bytes) -> tuple[str, bytes | Unreadable]:
    if _is_too_long(line):
        return f"#{number}", Unreadable(f"the line is over {MAX_LINE_BYTES / 2**20:g} MiB")
    try:
        record = parsed(line)
    except (ValueError, RecursionError) as error:
        return f"#{number}", Unreadable(f"no JSON that can be read one way only: {error}")
    if not isinstance(record, dict):
        return f"#{number}", Unreadable("no JSON object")
    content = content_of(record)
    if isinstance(content, Unreadable):
        return f"#{number}", content
    return _key(record) or f"#{number}", content


def _key(record: dict[str, JsonValue]) -> str:
    identity = record.get("id")
    return "" if identity is None or isinstance(identity, dict | list) else key_of([identity])


def _unavailable(path: Path, why: str | None, remedy: str = _ALLOWED) -> UnavailableError:
    return UnavailableError(f"memory file {path} cannot be used: {why}", remedy=remedy)
