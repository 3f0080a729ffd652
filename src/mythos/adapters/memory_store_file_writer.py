"""Writing a memory store that is a directory: a file is replaced in one step, or removed.

A file keeps the permissions of the one it replaces, and owner and group where that is permitted; a
new one takes after its folder, but for the right to execute. The new content is first under a name
that no memory has, in the store itself, which goes when the write is done or refused. A crash
leaves it there, with the change logged and pending: settling that change takes it away. So what an
audit finds under that name is nobody's write under way, and counts as unlogged like any other file.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from mythos.adapters.atomic_file import FULL, MAKE_ROOM, take_after
from mythos.adapters.memory_store_files import PENDING, require_key
from mythos.adapters.memory_store_folders import open_deepest, open_parent, open_root
from mythos.errors import UnavailableError

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_REPLACED, _NEW = 0o777, 0o666  # of the mode of a file that is replaced, of a new file's folder


def write_memory(store_dir: Path, key: str, content: bytes) -> None:
    """Put `content` under `key` in one step: readers see the old file or the new, never a part.

    Raises:
        UnavailableError: the file system refuses, or a link or a file stands where a folder must.
    """
    require_key(key)
    name = key.rpartition("/")[2]
    try:
        with (
            open_root(store_dir, create=True) as root,
            open_parent(root, key, create=True) as parent,
        ):
            _write_pending(root, content, name=name, parent=parent)
            os.replace(PENDING, name, src_dir_fd=root, dst_dir_fd=parent)
            os.fsync(parent)
    except OSError as error:
        _discard_pending(store_dir)
        raise _unavailable("written", store_dir, key, error) from error


def remove_memory(store_dir: Path, key: str) -> None:
    """Remove the file under `key`; nothing happens if there is none, or a folder.

    Raises:
        UnavailableError: the file system refuses, or a link stands where a folder must.
    """
    require_key(key)
    _discard_pending(store_dir)
    try:
        with open_root(store_dir) as root, open_parent(root, key) as parent:
            os.unlink(key.rpartition("/")[2], dir_fd=parent)
            os.fsync(parent)
    except (FileNotFoundError, IsADirectoryError):
        return
    except OSError as error:
        raise _unavailable("removed", store_dir, key, error) from error


def require_writable(store_dir: Path, key: str, *, gone: Container[str] = ()) -> None:
    """Refuse a key under which `write_memory` could put nothing now; nothing is changed.

    A file of `gone` will make way for a folder.

    Raises:
        UnavailableError: a folder stands there, a file or a link where a folder must, or the
            folder cannot be written to.
    """
    parts = key.split("/")
    if any("/".join(parts[:depth]) in gone for depth in range(1, len(parts))):
        return
    try:
        with open_root(store_dir) as root, open_deepest(root, key) as (folder, is_parent):
            if is_parent and _is_folder(key.rpartition("/")[2], folder):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            for each in (root, folder):
                _require_access(each)
    except FileNotFoundError:
        return  # the store's folder will be made
    except OSError as error:
        raise _unavailable("written", store_dir, key, error) from error


def require_removable(store_dir: Path, key: str) -> None:
    """Refuse a key under which `remove_memory` could remove nothing now; nothing is changed.

    Raises:
        UnavailableError: a link stands where a folder must, or the folder cannot be written to.
    """
    try:
        with open_root(store_dir) as root, open_parent(root, key) as parent:
            _require_access(parent)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unavailable("removed", store_dir, key, error) from error


def _require_access(folder: int) -> None:
    if not os.access(".", os.W_OK | os.X_OK, dir_fd=folder, effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _is_folder(name: str, parent: int) -> bool:
    found = _found(name, parent)
    return found is not None and stat.S_ISDIR(found.st_mode)


def _found(name: str, parent: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _write_pending(root: int, content: bytes, *, name: str, parent: int) -> None:
    replaced = _found(name, parent)
    try:
        opened = os.open(PENDING, _NEW_FILE, 0o600, dir_fd=root)
    except FileExistsError:
        os.unlink(PENDING, dir_fd=root)
        opened = os.open(PENDING, _NEW_FILE, 0o600, dir_fd=root)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(opened, rest) :]
        if replaced is not None and stat.S_ISREG(replaced.st_mode):
            take_after(opened, replaced, keep=_REPLACED)
        else:
            take_after(opened, os.fstat(parent), keep=_NEW)
        os.fsync(opened)
    finally:
        os.close(opened)


def _discard_pending(store_dir: Path) -> None:
    with suppress(OSError):
        (store_dir / PENDING).unlink()


def _unavailable(what: str, store_dir: Path, key: str, error: OSError) -> UnavailableError:
    return UnavailableError(
        f"memory {key!r} cannot be {what} in {store_dir}: {error.strerror}",
        remedy=MAKE_ROOM
        if error.errno in FULL
        else "make every part of its path a real folder that MythOS may write to",
    )
