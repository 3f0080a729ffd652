"""The directory store: regular files under plain relative paths, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.adapters.memory_store_file_writer import remove_memory, write_memory
from mythos.adapters.memory_store_files import (
    MAX_CONTENT_BYTES,
    list_store,
    read_memory,
    read_store,
    require_content,
    require_key,
)
from mythos.engines.memory.live import Unreadable
from mythos.errors import MemoryLogError, UnavailableError

LINK = Unreadable("a symbolic link is not followed")


def test_what_is_written_is_read_back_under_its_key(tmp_path: Path) -> None:
    written = {"a": b"1", "b/c/d.md": b"2", "b/é ✓": b"", "b/c/e": b"\x00\xff"}
    for key, content in written.items():
        write_memory(tmp_path / "store", key, content)
    assert dict(read_store(tmp_path / "store")) == written
    assert read_memory(tmp_path / "store", "b/c/d.md") == b"2"


def test_a_rewritten_memory_leaves_no_other_file(tmp_path: Path) -> None:
    write_memory(tmp_path, "a", b"one")
    write_memory(tmp_path, "a", b"two")
    assert dict(read_store(tmp_path)) == {"a": b"two"}


def test_a_removed_memory_is_gone_and_removing_it_again_is_no_error(tmp_path: Path) -> None:
    write_memory(tmp_path, "a/b", b"1")
    for _ in range(2):
        remove_memory(tmp_path, "a/b")
    remove_memory(tmp_path, "never/was")
    assert read_memory(tmp_path, "a/b") is None
    assert list(read_store(tmp_path)) == []


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert list(read_store(tmp_path / "absent")) == []
    assert read_memory(tmp_path / "absent", "a") is None


def test_links_pipes_and_strange_names_are_reported_and_not_opened(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"host secret")
    store = tmp_path / "store"
    write_memory(store, "real", b"1")
    (store / "link").symlink_to(tmp_path / "secret")
    (store / "folder-link").symlink_to(tmp_path)
    os.mkfifo(store / "pipe")
    Path(os.fsdecode(os.fsencode(store) + b"/\xff")).write_bytes(b"2")
    assert dict(read_store(store)) == {
        "real": b"1",
        "link": LINK,
        "folder-link": LINK,
        "pipe": Unreadable("not a regular file"),
        "/\\xff": Unreadable("its name is not UTF-8"),
    }


@given(
    st.sets(
        st.lists(
            st.sampled_from([b"\\", b"x", b"ff", b"\xff", b"\xfe", "é".encode()]),
            min_size=1,
            max_size=9,
        ).map(b"".join),
        max_size=8,
    )
)
def test_names_that_are_no_utf_8_have_keys_of_their_own_that_no_memory_can_have(
    tmp_path_factory: pytest.TempPathFactory, names: set[bytes]
) -> None:
    store = tmp_path_factory.mktemp("m")
    for name in names:
        Path(os.fsdecode(os.fsencode(store) + b"/" + name)).write_bytes(name)
    found = dict(read_store(store))
    assert len(found) == len(names)
    assert list(found) == list(list_store(store))
    for key, content in found.items():
        if isinstance(content, Unreadable):
            with pytest.raises(MemoryLogError, match="is not a plain relative path"):
                require_key(key)
        else:
            require_key(key)
            assert content == key.encode()


def test_a_file_over_the_bound_is_reported_and_not_held_in_memory(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(MAX_CONTENT_BYTES + 1)
    (found,) = read_store(tmp_path)
    assert found == ("huge", Unreadable(f"larger than {MAX_CONTENT_BYTES} bytes"))
    with pytest.raises(MemoryLogError, match="at most"):
        require_content("huge", bytes(MAX_CONTENT_BYTES + 1))


def test_nothing_is_written_or_removed_through_a_link(tmp_path: Path) -> None:
    outside, store = tmp_path / "outside", tmp_path / "store"
    write_memory(outside, "a", b"theirs")
    write_memory(store, "b", b"ours")
    (store / "folder").symlink_to(outside)
    with pytest.raises(UnavailableError, match="cannot be written"):
        write_memory(store, "folder/a", b"forged")
    with pytest.raises(UnavailableError, match="cannot be removed"):
        remove_memory(store, "folder/a")
    assert isinstance(read_memory(store, "folder/a"), Unreadable)
    (store / "b").unlink()
    (store / "b").symlink_to(outside / "a")
    write_memory(store, "b", b"ours again")
    assert (outside / "a").read_bytes() == b"theirs"
    assert read_memory(store, "b") == b"ours again"


def looks(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_mode & 0o7777, found.st_uid, found.st_gid


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o750])
def test_a_file_that_is_replaced_keeps_its_mode_and_owner(tmp_path: Path, mode: int) -> None:
    write_memory(tmp_path, "a", b"1")
    (tmp_path / "a").chmod(mode)
    if os.geteuid() == 0:
        os.chown(tmp_path / "a", 65534, 65534)
    before = looks(tmp_path / "a")
    write_memory(tmp_path, "a", b"2")
    assert looks(tmp_path / "a") == before


def test_what_is_new_takes_after_its_folder(tmp_path: Path) -> None:
    write_memory(tmp_path / "ours", "b/c", b"1")
    assert looks(tmp_path / "ours/b")[0] == 0o700
    assert looks(tmp_path / "ours/b/c")[0] == 0o600
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    theirs.chmod(0o2770)
    if os.geteuid() == 0:
        os.chown(theirs, 65534, 65534)
        theirs.chmod(0o2770)
    write_memory(theirs, "b/c", b"1")
    assert looks(theirs / "b") == looks(theirs)
    assert looks(theirs / "b/c") == (0o660, *looks(theirs)[1:])


def test_a_link_planted_at_our_temporary_name_is_not_written_through(tmp_path: Path) -> None:
    outside, store = tmp_path / "outside", tmp_path / "store"
    outside.write_bytes(b"theirs")
    write_memory(store, "a", b"1")
    (store / ".mythos-pending").symlink_to(outside)
    write_memory(store, "a", b"2")
    assert outside.read_bytes() == b"theirs"
    assert dict(read_store(store)) == {"a": b"2"}


@pytest.mark.parametrize(
    "key",
    [
        *("", ".", "..", "/a", "a/", "a//b", "a/../b", "./a", "a\0b", "\ud800"),
        *("x" * 256, "a/" * 512 + "a", ".mythos-pending"),
    ],
)
def test_a_key_that_is_no_plain_relative_path_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(MemoryLogError, match="not a plain relative path"):
        write_memory(tmp_path, key, b"1")
    assert list(tmp_path.iterdir()) == []
