"""Fixtures and profiles that every test may use."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory, not a guessable name
ROOM_BYTES = 2 * 1024**3

# Whatever the shell says: every worker and every process started would compile the same modules.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# No deadline: how long one example takes says more about the machine than about the code.
settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
)


def pytest_configure() -> None:
    """Put the tests' folders into memory, where neither fsync nor deletion waits for a disk.

    Not where `TMPDIR` names a place, nor where there is little room or nothing may be executed.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    executable = not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
    if executable and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded data sets that lies beside a checkout; skips where there is none."""
    folder = Path(os.environ.get("MYTHOS_SHARED") or ROOT.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"no folder of shared data at {folder}: set MYTHOS_SHARED")
    return folder
