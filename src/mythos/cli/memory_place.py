"""The store and the log that a `memory` command is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from mythos.adapters.memory_log import LogPlace
    from mythos.adapters.memory_store import MemoryStore

Command = TypeVar("Command", bound=Callable[..., Any])

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
NEW_FILE = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True, slots=True)
class Place:
    """A store, where its log lies, and what it is called where nobody gave it a name."""

    store: MemoryStore
    log: LogPlace
    label: str


def place_options(command: Command) -> Command:
    """The argument STORE and the option `--log`."""
    log = click.option("--log", help="The log. Else it lies beside the store: STORE.log.sqlite3.")
    return click.argument("store", metavar="STORE")(log(command))


def opened(store: str, log: str | None) -> Place:
    """What the options name.

    Raises:
        UsageError: STORE is no store.
    """
    from mythos.adapters.memory_store_uri import parse_log, parse_store

    uri = parse_store(store)
    return Place(uri.open(), parse_log(log) if log else uri.log, uri.label)
