"""The one tar header a bundle archive may have: a regular file, owned by nobody, at no time.

Reading is by reconstruction: name and size are taken from a block, the header that *we* would
write for them is built, and the block must equal it. So links, devices, odd modes, long-name
extensions and second spellings of a number need no rule of their own to be refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from mythos.errors import BundleError

BLOCK = 512
END = bytes(2 * BLOCK)
MAX_SIZE_BYTES = 8**11 - 1  # eleven octal digits, POSIX.1-1988 ustar
_MAX_NAME = 100
_REMEDY = "export the archive again with `mythos bundle export`, and copy it unchanged"


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive."""

    name: str
    size: int


def header(member: Member) -> bytes:
    """The 512 bytes before a file.

    Raises:
        BundleError: a name over 100 bytes, or a file of 8 GiB or more.

    Source: POSIX.1-1988, ustar interchange format.
    """
    name = member.name.encode()
    if not 0 < len(name) <= _MAX_NAME or not 0 <= member.size <= MAX_SIZE_BYTES:
        raise BundleError(
            f"{member.name} with {member.size} bytes does not fit an archive",
            remedy="keep every file under 8 GiB",
        )
    block = bytearray(BLOCK)
    for offset, text in (
        (0, name),
        (100, b"0000644\0"),  # mode
        (108, b"0000000\0"),  # owner
        (116, b"0000000\0"),  # group
        (124, b"%011o\0" % member.size),
        (136, b"00000000000\0"),  # time
        (148, b"        "),  # checksum, as spaces while it is computed
        (156, b"0"),  # regular file
        (257, b"ustar\x0000"),
        (329, b"0000000\0"),
        (337, b"0000000\0"),
    ):
        block[offset : offset + len(text)] = text
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def read_header(block: bytes) -> Member:
    """Read a header that `header` wrote.

    Raises:
        BundleError: any other 512 bytes.
    """
    try:
        name = block[:_MAX_NAME].rstrip(b"\0").decode("ascii")
        size = int(block[124:135], 8)
        if header(Member(name, size)) == block:
            return Member(name, size)
    except (ValueError, BundleError):
        name = "a member"
    raise BundleError(f"{name!r} is no plain file as bundles are archived", remedy=_REMEDY)


def padding(size: int) -> int:
    """How many zero bytes follow a file of `size` bytes."""
    return -size % BLOCK
