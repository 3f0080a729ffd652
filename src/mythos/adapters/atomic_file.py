"""Atomic files: a reader sees the old content or the new, never a part of either.

The new content is written beside the target, flushed to disk and renamed over it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace the file at `path`, making its folders; `mode` are its permissions.

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
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise at(error, path) from None


def at(error: OSError, path: Path) -> OSError:
    """The same error with the file that was meant: a full disk does not say which."""
    return OSError(error.errno, error.strerror, str(path))
