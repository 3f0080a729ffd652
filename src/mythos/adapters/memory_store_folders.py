"""The folders of a directory store, walked by descriptors: none can become a link meanwhile.

A folder that is made takes after the one it is made in: its permissions, and its owner and group
where that is permitted.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mythos.adapters.atomic_file import take_after

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_KEPT = 0o2777  # of a folder's mode; with the bit by which files take its group


@contextmanager
def open_root(store_dir: Path, *, create: bool = False) -> Iterator[int]:
    """Open the folder of the store; one that is made is its owner's alone."""
    try:
        opened = os.open(store_dir, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        if not create:
            raise
        store_dir.mkdir(0o700, parents=True, exist_ok=True)
        opened = os.open(store_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield opened
    finally:
        os.close(opened)


@contextmanager
def open_parent(root: int, key: str, *, create: bool = False) -> Iterator[int]:
    """Open the folder of `key`.

    Raises:
        FileNotFoundError: not `create`, and it is not there, or a file stands in its way.
        OSError: it cannot be opened or made, or a link stands in its way.
    """
    opened = os.dup(root)
    try:
        for part in key.split("/")[:-1]:
            below = _open_below(opened, part, create=create)
            os.close(opened)
            opened = below
        yield opened
    finally:
        os.close(opened)


@contextmanager
def open_deepest(root: int, key: str) -> Iterator[tuple[int, bool]]:
    """Open the deepest folder that is there on the way to `key`; True if it is the folder of `key`.

    Raises:
        OSError: a link or a file stands where a folder must.
    """
    opened, whole = os.dup(root), True
    try:
        for part in key.split("/")[:-1]:
            try:
                below = os.open(part, _FOLDER, dir_fd=opened)
            except FileNotFoundError:
                whole = False
                break
            os.close(opened)
            opened = below
        yield opened, whole
    finally:
        os.close(opened)


def _open_below(folder: int, name: str, *, create: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except NotADirectoryError:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if create or not stat.S_ISREG(mode):
            raise
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name) from None
    except FileNotFoundError:
        if not create:
            raise
    return _make_folder(name, folder)


def _make_folder(name: str, parent: int) -> int:
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        return os.open(name, _FOLDER, dir_fd=parent)
    opened = os.open(name, _FOLDER, dir_fd=parent)
    take_after(opened, os.fstat(parent), keep=_KEPT)
    os.fsync(parent)
    return opened
