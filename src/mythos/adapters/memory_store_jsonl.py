"""A file of JSON lines as a memory store: one record a line, its key the field `id`.

A record without `id` is named by its place, `#3` for the third line: to insert one before it
alters it, and so it should, because nothing tells the two apart.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from mythos.adapters.atomic_file import write_atomically
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
        for number, line in self._lines():
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
        return canonical_record(key, record)

    def rehearse(self, key: str, content: bytes | None) -> None:  # noqa: ARG002 - any change
        """Look whether the file's folder can be written to."""
        if self.path.parent.exists() and not os.access(self.path.parent, os.W_OK | os.X_OK):
            raise _unavailable(self.path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))

    def put(self, key: str, content: bytes) -> None:
        """Replace the record's line, or add it at the end; the whole file appears at once."""
        self._rewrite(key, content + b"\n")

    def remove(self, key: str) -> None:
        """Drop the record's line."""
        self._rewrite(key, b"")

    def _rewrite(self, key: str, line: bytes) -> None:
        kept, waiting = [], line
        for number, old in self._lines():
            if _read(number, old)[0] == key:
                old, waiting = waiting, b""  # noqa: PLW2901 - the new line takes the old one's place
            kept.append(old if old.endswith(b"\n") or not old else old + b"\n")
        data = b"".join([*kept, waiting])
        try:
            mode = self.path.stat().st_mode & 0o777 if self.path.exists() else 0o600
            write_atomically(self.path, data, mode=mode)
        except OSError as error:
            raise _unavailable(self.path, error) from error

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Number and bytes of each line that is not blank; blank lines count."""
        if self.path.exists() and not self.path.is_file():
            raise UnavailableError(
                f"memory file {self.path} is no regular file",
                remedy="name the file of JSON lines that the agent keeps",
            )
        try:
            with self.path.open("rb") as file:
                for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), 1):
                    if line.strip():
                        yield number, line
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unavailable(self.path, error) from error


def _read(number: int, line: bytes) -> tuple[str, bytes | Unreadable]:
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


def _unavailable(path: Path, error: OSError) -> UnavailableError:
    return UnavailableError(
        f"memory file {path} cannot be used: {error.strerror}",
        remedy="make it a file that MythOS may read, and write where it is to be rolled back",
    )
