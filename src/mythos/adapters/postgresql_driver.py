"""PostgreSQL's driver, which is the operator's to install (ADR 0003)."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from mythos.errors import UnavailableError


@cache
def driver() -> Any:  # noqa: ANN401 - the driver is no dependency, so its types are not there
    """The module psycopg.

    Raises:
        UnavailableError: it is not installed.
    """
    try:
        return importlib.import_module("psycopg")
    except ImportError as error:
        raise UnavailableError(
            "PostgreSQL's driver is not installed",
            remedy="install it beside MythOS: pip install 'psycopg[binary]'",
        ) from error
