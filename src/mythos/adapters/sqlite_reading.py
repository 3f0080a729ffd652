"""How an SQLite file is opened to be read, also where it cannot be written.

A file with write-ahead logging cannot be read in the ordinary way where SQLite may make no file
beside it. If nothing is written ahead, it is read `UNLOCKED`: as a file that nobody writes. Whoever
reads it so is `watched`, and told if somebody did. What is written ahead is read if the index
beside it is there too; a hot rollback journal is never passed over. Nothing is left beside the
file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mythos.errors import UnavailableError

WRITABLE = "mode=rw"
READ_ONLY = "mode=ro"
UNLOCKED = "mode=ro&immutable=1"

_WRITE_AHEAD = b"\x02\x02"
_VERSIONS_AT = 18  # file format write and read version: https://www.sqlite.org/fileformat2.html


def opening_query(path: Path) -> str:
    """The query of the URI by which a file is opened: `WRITABLE`, also for SQLite to refuse it."""
    file = Path(os.path.realpath(path))  # of a link to itself, `resolve` makes a RuntimeError
    if not file.is_file() or not _may(os.R_OK, file) or _is_writable(file):
        return WRITABLE
    return _reading_query(file)


@contextmanager
def watched(path: Path, query: str) -> Iterator[None]:
    """Refuse what the block read `UNLOCKED`, if somebody wrote the file meanwhile.

    Raises:
        UnavailableError: somebody did; what the block found of it is worth nothing.
    """
    if query != UNLOCKED:
        yield
        return
    before = path.stat()
    try:
        yield
    finally:
        after = path.stat()
        same = (before.st_ino, before.st_ctime_ns) == (after.st_ino, after.st_ctime_ns)
        if not same or _reading_query(Path(os.path.realpath(path))) != UNLOCKED:
            raise UnavailableError(
                f"{path} was written while it was read without a lock",
                remedy="repeat, or do it as a user who may write the file",
            )


def _reading_query(file: Path) -> str:
    wal, index = _beside(file)
    with file.open("rb") as opened:
        opened.seek(_VERSIONS_AT)
        ahead = opened.read(len(_WRITE_AHEAD)) == _WRITE_AHEAD
    written = wal.exists() and (wal.stat().st_size > 0 or index.exists())
    return UNLOCKED if ahead and not written else READ_ONLY


def _is_writable(file: Path) -> bool:
    beside = _beside(file)
    if not all(_may(os.W_OK, each) for each in (file, *beside) if each.exists()):
        return False
    return all(each.exists() for each in beside) or _may(os.W_OK, file.parent)


def _beside(file: Path) -> tuple[Path, Path]:
    return Path(f"{file}-wal"), Path(f"{file}-shm")


def _may(do: int, path: Path) -> bool:
    return os.access(path, do, effective_ids=True)
