"""Where a store and its log lie, as written on a command line.

    dir:PATH                      a directory, one memory a file
    jsonl:FILE                    a file of JSON lines
    sqlite:PATH#TABLE             a table of an SQLite file

Before the `#` may stand `?key=A,B` and `&columns=C,D`. The log of a store lies beside it, unless
another place is named: `PATH.log.sqlite3`, for a table `PATH.TABLE.log.sqlite3`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from mythos.adapters.memory_store import MemoryStore
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.adapters.memory_store_jsonl import JsonLinesStore
from mythos.adapters.memory_store_sqlite import sqlite_store
from mythos.errors import UsageError

LOG_SUFFIX = ".log.sqlite3"


@dataclass(frozen=True, slots=True)
class StoreUri:
    """A store's URI, taken apart."""

    scheme: str
    place: str
    table: str = ""
    key: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def log(self) -> Path:
        """Where the log lies if nobody says otherwise."""
        path = Path(self.place)
        table = f".{self.table}" if self.table else ""
        return path.with_name(f"{path.name}{table}{LOG_SUFFIX}")

    def open(self) -> MemoryStore:
        """The store itself.

        Raises:
            UsageError: no such table or column.
            UnavailableError: a database that cannot be read.
        """
        path = Path(self.place)
        if self.scheme == "dir":
            return DirectoryStore(path)
        if self.scheme == "jsonl":
            return JsonLinesStore(path)
        return sqlite_store(path, self.table, key=self.key, columns=self.columns)


def parse_store(uri: str) -> StoreUri:
    """Read a store's URI.

    Raises:
        UsageError: it is none.
    """
    scheme, colon, rest = uri.partition(":")
    if not colon or scheme not in {"dir", "jsonl", "sqlite"}:
        raise _no_store(uri)
    if scheme != "sqlite":
        return StoreUri(scheme, rest.rstrip("/") or rest) if rest else _refuse(uri)
    place, _, table = rest.rpartition("#")
    place, _, query = place.partition("?")
    if not place or not table:
        raise _no_store(uri)
    return StoreUri(scheme, place, table, *_choices(query, uri))


def _choices(query: str, uri: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        said = parse_qs(query, strict_parsing=bool(query))
    except ValueError as error:
        raise _no_store(uri) from error
    if set(said) - {"key", "columns"}:
        raise _no_store(uri)
    key, columns = (
        tuple(",".join(said.get(each, [])).split(",")) if said.get(each) else ()
        for each in ("key", "columns")
    )
    return key, columns


def _refuse(uri: str) -> StoreUri:
    raise _no_store(uri)


def _no_store(uri: str) -> UsageError:
    return UsageError(
        f"{uri[:200]!r} names no memory store",
        remedy="write dir:PATH, jsonl:FILE or sqlite:PATH#TABLE",
    )
