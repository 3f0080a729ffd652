"""Where nothing more can be written: files are whole or absent, and the error says which."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mythos.adapters.atomic_file import write_atomically
from mythos.adapters.key_file import create_key, load_key


@contextmanager
def nothing_can_be_written() -> Iterator[None]:
    """No file of this process may grow: what a full disk does to writers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("write", [create_key, lambda path: write_atomically(path, b"x")])
def test_nothing_is_left_and_the_file_is_named(
    tmp_path: Path, write: Callable[[Path], object]
) -> None:
    with nothing_can_be_written(), pytest.raises(OSError, match=r"node\.pem"):
        write(tmp_path / "node.pem")
    assert list(tmp_path.iterdir()) == []


def test_a_key_can_be_made_when_there_is_space_again(tmp_path: Path) -> None:
    with nothing_can_be_written(), pytest.raises(OSError, match=r"node\.pem"):
        create_key(tmp_path / "node.pem")
    assert create_key(tmp_path / "node.pem").key_id == load_key(tmp_path / "node.pem").key_id
