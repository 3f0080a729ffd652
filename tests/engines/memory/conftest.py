"""Vectors that others wrote for RFC 6962 logs and signed notes."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def merkle(shared: Path) -> Path:
    """The folder of Merkle vectors; skips where it is absent."""
    for folder in (shared / "merkle", shared / "data" / "merkle"):
        if folder.is_dir():
            return folder
    pytest.skip(f"no merkle vectors in {shared}")
