"""A tar read and written as a stream of expected members; no name is ever turned into a path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from mythos.engines.bundle.ustar import BLOCK, END, Member, header, padding, read_header
from mythos.errors import BundleError

_CHUNK = 2**18  # larger pieces cost fresh pages, smaller ones more calls: measured
_REMEDY = "copy the archive again; if it stays, export it again with `mythos bundle export`"


class TarWriter:
    """Writes members one after the other; `close` ends the archive."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def add(self, name: str, data: bytes) -> None:
        """Write a member."""
        self._stream.write(header(Member(name, len(data))))
        self._stream.write(data)
        self._stream.write(bytes(padding(len(data))))

    def close(self) -> None:
        """Write the end marker."""
        self._stream.write(END)


class TarReader:
    """Reads the members it is told to expect and refuses any other byte."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.members = 0

    def next_small(self, name: str, *, limit: int) -> bytes:
        """The next member, which must have this name and at most `limit` bytes.

        Raises:
            BundleError: another member, a larger one, or the end of the file.
        """
        member = read_header(self._exactly(BLOCK))
        if member.name != name or member.size > limit:
            raise BundleError(
                f"member {self.members + 1} is {member.name} with {member.size} bytes, "
                f"expected {name} with at most {limit}",
                remedy=_REMEDY,
            )
        return b"".join(self._body(member.size))

    def next(self, member: Member) -> Iterator[bytes]:
        """The next member in chunks; it must be exactly the expected one.

        Raises:
            BundleError: another member, or the end of the file.
        """
        block = self._exactly(BLOCK)
        if block != header(member):
            found = read_header(block)
            raise BundleError(
                f"member {self.members + 1} is {found.name} with {found.size} bytes, "
                f"expected {member.name} with {member.size}",
                remedy=_REMEDY,
            )
        yield from self._body(member.size)

    def end(self) -> None:
        """The end marker, and then nothing.

        Raises:
            BundleError: anything else.
        """
        if self._stream.read(len(END) + 1) != END:
            raise BundleError("there is more after the last expected member", remedy=_REMEDY)

    def _body(self, size: int) -> Iterator[bytes]:
        for start in range(0, size, _CHUNK):
            yield self._exactly(min(_CHUNK, size - start))
        if any(self._exactly(padding(size))):
            raise BundleError("bytes hide behind a member", remedy=_REMEDY)
        self.members += 1

    def _exactly(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) != size:
            raise BundleError("the archive ends early", remedy=_REMEDY)
        return data
