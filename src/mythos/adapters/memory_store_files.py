"""Reading a memory store that is a directory: one memory a file, its key the relative path.

Regular files only. A symbolic link is never followed, neither to read nor to write: the agent owns
this folder and could point a link anywhere, while MythOS may have more rights. What is no regular
file is reported as `Unreadable` under its name, so it counts as unlogged (or altered, where a
memory should be). A name that is no UTF-8 is shown behind a `/`, with its strange bytes and its
backslashes escaped: no key begins so, and no two names are shown alike. Empty folders, times and
modes carry no memory and are not looked at.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mythos.adapters.memory_store_folders import open_parent, open_root
from mythos.engines.memory.live import Unreadable
from mythos.errors import MemoryLogError

MAX_CONTENT_BYTES = 64 * 2**20  # bounds what one file can make an audit hold in memory
MAX_KEY_BYTES = 1024
_MAX_NAME_BYTES = 255  # NAME_MAX of Linux and macOS file systems
PENDING = ".mythos-pending"  # one name, so that a crash leaves one file at most and it is reused


def require_key(key: str) -> None:
    """Refuse a key that is not a plain relative path with `/` between its parts.

    Raises:
        MemoryLogError: empty, absolute, with `.` or `..`, too long, not UTF-8, or our own name.
    """
    if key == PENDING:
        raise _no_path(key)
    _require_path(key)


def _require_path(key: str) -> None:
    parts = key.split("/")
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        sizes = [0]
    bad_part = any(part in {"", ".", ".."} or "\0" in part for part in parts)
    too_long = max(sizes) > _MAX_NAME_BYTES or sum(sizes) + len(parts) > MAX_KEY_BYTES
    if bad_part or too_long or 0 in sizes:
        raise _no_path(key)


def require_content(key: str, content: bytes) -> None:
    """Refuse a content that an audit would not read back."""
    if len(content) > MAX_CONTENT_BYTES:
        raise MemoryLogError(
            f"memory {key!r} holds {len(content)} bytes, at most {MAX_CONTENT_BYTES}",
            remedy="split it into several memories",
        )


def read_store(
    store_dir: Path, *, after: str | None = None
) -> Iterator[tuple[str, bytes | Unreadable]]:
    """Yield every key once with its content, folder by folder; nothing if there is no folder.

    With `after` it begins behind that key, opening no file before it.
    """
    for path, found in _walk(store_dir):
        if after is not None:
            after = None if _shown(path) == after else after
            continue
        content = found if isinstance(found, Unreadable) else _read(found)
        if content is not None:
            yield _named(path, content)


def list_store(store_dir: Path) -> Iterator[str]:
    """Yield every key that `read_store` would, opening no file."""
    return (_shown(path) for path, _ in _walk(store_dir))


def _walk(store_dir: Path) -> Iterator[tuple[str, os.DirEntry[str] | Unreadable]]:
    """Yield all that is no folder, and folders that cannot be read."""
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            entries = sorted(os.scandir(store_dir / folder), key=lambda entry: entry.name)
        except FileNotFoundError:
            continue
        except OSError as error:
            yield folder or ".", Unreadable(f"folder cannot be read: {error.strerror}")
            continue
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
            else:
                yield path, entry


def read_memory(store_dir: Path, key: str) -> bytes | Unreadable | None:
    """Return the content under `key`; None if nothing is there."""
    _require_path(key)
    name = key.rpartition("/")[2]
    try:
        with open_root(store_dir) as root, open_parent(root, key) as parent:
            return _read_file(name, parent)
    except FileNotFoundError:
        return None
    except OSError as error:
        return _unreadable(error)


def _read(entry: os.DirEntry[str]) -> bytes | Unreadable | None:
    try:
        return _read_file(entry.path, None)
    except FileNotFoundError:
        return None  # removed while we looked: as if it had never been listed
    except OSError as error:
        return _unreadable(error)


def _unreadable(error: OSError) -> Unreadable:
    if error.errno == errno.ELOOP:  # what O_NOFOLLOW answers
        return Unreadable("a symbolic link is not followed")
    return Unreadable(f"cannot be read: {error.strerror}")


def _read_file(path: str, folder: int | None) -> bytes | Unreadable:
    """Open without following a link or waiting for a pipe, then read at most the bound."""
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with os.fdopen(opened, "rb") as file:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            return Unreadable("not a regular file")
        content = file.read(MAX_CONTENT_BYTES + 1)
    if len(content) > MAX_CONTENT_BYTES:
        return Unreadable(f"larger than {MAX_CONTENT_BYTES} bytes")
    return content


def _named(path: str, content: bytes | Unreadable) -> tuple[str, bytes | Unreadable]:
    shown = _shown(path)
    return shown, (content if shown == path else Unreadable("its name is not UTF-8"))


def _shown(path: str) -> str:
    name = os.fsencode(path)
    try:
        return name.decode()
    except UnicodeDecodeError:
        return "/" + name.replace(b"\\", rb"\\").decode("utf-8", "backslashreplace")


def _no_path(key: str) -> MemoryLogError:
    return MemoryLogError(
        f"memory key {key[:80]!r} is not a plain relative path",
        remedy=f"use names joined by '/', without '.' and '..', {MAX_KEY_BYTES} bytes at most",
    )
