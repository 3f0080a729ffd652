"""The lines of a file of JSON lines: reading one as a memory, and changing some of many.

What would be over `MAX_LINE_BYTES`, the end of the line not counted, would not be read again and is
refused. A line that is named by its place never changes it. So is one whose id stands on a line
before; while there is such a line, nothing is changed under that id.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from pydantic import JsonValue

from mythos.adapters.memory_store_record import content_of, key_of, parsed
from mythos.engines.memory.live import Unreadable
from mythos.errors import MemoryLogError, UnavailableError

MAX_LINE_BYTES = 64 * 2**20
_SKIPPED_BYTES = 2**16  # of a line that is too long, at a time


class JsonLines:
    """All lines of a file, to be changed key by key."""

    def __init__(self, lines: list[bytes]) -> None:
        """Take the lines, each with its end."""
        self.lines = lines
        self._keys: list[str] = []
        self._again: dict[str, list[int]] = {}
        seen: set[str] = set()
        for number, line in enumerate(lines, 1):
            key = "" if is_empty(line) else read_line(number, line)[0]
            if key and key in seen:
                self._again.setdefault(key, []).append(number)
                key = f"#{number}"
            seen.add(key)
            self._keys.append(key)

    def change(self, key: str, content: bytes | None) -> None:
        """Put another content under `key`; None removes it.

        Raises:
            MemoryLogError: the content is too long for a line.
            UnavailableError: a line without an id is to come back, and its place is taken; or the
                key stands on several lines.
        """
        if content is not None:
            require_readable(key, content)
        self._require_once(key)
        lines, keys = self.lines, self._keys
        there = bool(key) and key in keys
        if content is not None:
            at = keys.index(key) if there else self._place(key)
            lines[at], keys[at] = content + _ending(lines[at]), key
        elif there:
            at = keys.index(key)
            stays = key.startswith("#") or any(each[:1] in {"", "#"} for each in keys[at + 1 :])
            lines[at : at + 1] = [_ending(lines[at])] if stays else []
            keys[at : at + 1] = [""] if stays else []

    def _require_once(self, key: str) -> None:
        again = [n for n in self._again.get(key, []) if self._keys[n - 1] == f"#{n}"]
        if again:
            raise UnavailableError(
                f"memory {key[:80]!r} stands on line {again[0]} again",
                remedy=f"remove what is not right: '#{again[0]}' is the key of that line",
            )

    def _place(self, key: str) -> int:
        """The empty line for a record that is not there: its own place, or a new one at the end."""
        lines = self.lines
        at = int(key[1:]) - 1 if key[1:].isdecimal() and key[0] == "#" else len(lines)
        if at < len(lines) and not is_empty(lines[at]):
            raise UnavailableError(
                f"line {at + 1} holds another record now",
                remedy="move that record to the end of the file, and try again",
            )
        if lines and not lines[-1].endswith(b"\n"):
            lines[-1] += _ending(lines[0])
        n_new = at + 1 - len(lines)
        lines += [_ending(*lines[:1])] * n_new
        self._keys += [""] * n_new
        return at


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; of one that is too long only as much as shows it."""
    while line := file.readline(MAX_LINE_BYTES + len(b"\r\n")):
        yield line
        part = line if _is_too_long(line) else b""
        while part and not part.endswith(b"\n"):
            part = file.readline(_SKIPPED_BYTES)


def _is_too_long(line: bytes) -> bool:
    return len(line.removesuffix(b"\n").removesuffix(b"\r")) > MAX_LINE_BYTES


def is_empty(line: bytes) -> bool:
    """Whether a line holds white space alone."""
    return not (_is_too_long(line) or line.strip())


def require_readable(key: str, line: bytes) -> None:
    """Refuse a line that would not be read again.

    Raises:
        MemoryLogError: it is too long.
    """
    if _is_too_long(line):
        raise MemoryLogError(
            f"memory {key[:80]!r} is a line of {len(line)} bytes, at most {MAX_LINE_BYTES}",
            remedy="split it into several records",
        )


def _ending(line: bytes = b"") -> bytes:
    return b"\r\n" if line.endswith(b"\r\n") else b"\n"


def read_line(number: int, line: bytes) -> tuple[str, bytes | Unreadable]:
    """The memory on a line: its key, and its record in canonical JSON."""
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
    return id_of(record) or f"#{number}", content


def id_of(record: dict[str, JsonValue]) -> str:
    """The key that a record names itself by; empty if none."""
    identity = record.get("id")
    return "" if identity is None or isinstance(identity, dict | list) else key_of([identity])
