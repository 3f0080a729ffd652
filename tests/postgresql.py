"""The PostgreSQL server that tests may use."""

from __future__ import annotations

import importlib.util
import os

import pytest


def server_url() -> str:
    """What `DATABASE_URL` names; the test is skipped where that is no PostgreSQL to be reached."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgresql:") or importlib.util.find_spec("psycopg") is None:
        pytest.skip("DATABASE_URL names no PostgreSQL, or its driver is not installed")
    return url
