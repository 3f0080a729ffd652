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


def first_error(error: Any) -> Any:  # noqa: ANN401 - as above
    """What went wrong, where the error says only that a statement was not tried after it."""
    psycopg = driver()
    while isinstance(error, psycopg.errors.PipelineAborted) and isinstance(
        error.__context__, psycopg.Error
    ):
        error = error.__context__
    return error
