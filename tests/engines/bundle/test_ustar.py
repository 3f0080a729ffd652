from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.bundle.ustar import END, Member, header, padding, read_header
from mythos.errors import BundleError

NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789/.-", min_size=1, max_size=100)


@given(NAMES, st.integers(0, 8**11 - 1))
def test_a_header_reads_back_as_it_was_written(name: str, size: int) -> None:
    assert read_header(header(Member(name, size))) == Member(name, size)


@given(st.integers(0, 511), st.integers(1, 255))
def test_no_other_byte_is_accepted_in_a_header(position: int, change: int) -> None:
    block = bytearray(header(Member("blobs/sha256/ab", 42)))
    block[position] ^= change
    with pytest.raises(BundleError, match="no plain file"):
        read_header(bytes(block))


def test_the_standard_library_reads_what_we_write() -> None:
    data = b"hello"
    raw = header(Member("a/b", len(data))) + data + bytes(padding(len(data))) + END
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        [member] = tar.getmembers()
        assert (member.name, member.size, member.mtime, member.mode) == ("a/b", 5, 0, 0o644)
        assert tar.extractfile(member).read() == data  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, b"3", b"x"])
def test_links_folders_devices_and_extensions_are_refused(kind: bytes) -> None:
    info = tarfile.TarInfo("blobs/sha256/ab")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(BundleError, match="no plain file"):
        read_header(info.tobuf(tarfile.USTAR_FORMAT))


def test_a_file_too_large_for_the_format_is_refused_when_written() -> None:
    with pytest.raises(BundleError, match="does not fit"):
        header(Member("a", 8**11))
