"""Atomic files: a reader sees the old content or the new, never a part of either.

The new content is written beside the target, flushed to disk and renamed over it.
"""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # what a disk, quota or limit without room answers
MAKE_ROOM = "free space or raise the limit there, then try again"


def write_atomically(
    path: Path, data: bytes, *, mode: int = 0o644, owner: os.stat_result | None = None
) -> None:
    """Replace the file at `path`, making its folders.

    Args:
        path: the file.
        data: what it is to hold.
        mode: its permissions.
        owner: a file or folder whose owner and group it gets where that is permitted.

    Raises:
        OSError: the disk is full or the folder is not writable; `path` is then unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if owner is not None:
                _give(file.fileno(), owner)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise at(error, path) from None


def take_after(opened: int, like: os.stat_result, *, keep: int) -> None:
    """Give an open file the permissions of `like`, and owner and group where that is permitted.

    Args:
        opened: its descriptor.
        like: a file that it replaces, or a folder that it is made in.
        keep: the bits of the mode that are taken over.
    """
    _give(opened, like)
    os.fchmod(opened, like.st_mode & keep)


def _give(opened: int, owner: os.stat_result) -> None:
    for user, group in ((-1, owner.st_gid), (owner.st_uid, -1)):
        with suppress(PermissionError):
            os.fchown(opened, user, group)


def at(error: OSError, path: Path) -> OSError:
    """The same error with the file that was meant: a full disk does not say which."""
    return OSError(error.errno, error.strerror, str(path))
