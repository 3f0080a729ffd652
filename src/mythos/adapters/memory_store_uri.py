"""Where a store and its log lie, as written on a command line.

    dir:PATH                              a directory, one memory a file
    jsonl:FILE                            a file of JSON lines
    sqlite:FILE#TABLE                     a table of an SQLite file
    postgresql://USER@HOST/NAME#TABLE     a table of a PostgreSQL database

Of a table, `?key=A,B` and `&columns=C,D` before the `#` name the columns that are memory. The log
of a store lies beside it, unless another place is named: `PATH.log.sqlite3`, for a table
`FILE.TABLE.log.sqlite3`, on a server the schema `mythos_memory_TABLE` of the same database. A log's
own place is `FILE` or `postgresql://…#SCHEMA`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from mythos.adapters.memory_log import LogPlace
from mythos.adapters.memory_log_postgresql import ServerLog
from mythos.adapters.memory_store import MemoryStore
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.adapters.memory_store_jsonl import JsonLinesStore
from mythos.adapters.memory_store_postgresql import postgresql_store
from mythos.adapters.memory_store_sqlite import sqlite_store
from mythos.errors import NotFoundError, UsageError

LOG_SUFFIX = ".log.sqlite3"
_SCHEMA_PREFIX = "mythos_memory_"
_SERVERS = ("postgresql", "postgres")


@dataclass(frozen=True, slots=True)
class StoreUri:
    """A store's URI, taken apart. `place` is a path, or the URL of a database."""

    scheme: str
    place: str
    table: str = ""
    key: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def log(self) -> LogPlace:
        """Where the log lies if nobody says otherwise."""
        if self.scheme in _SERVERS:
            return ServerLog(self.place, f"{_SCHEMA_PREFIX}{self.table}")
        path = Path(self.place)
        table = f".{self.table}" if self.table else ""
        return path.with_name(f"{path.name}{table}{LOG_SUFFIX}")

    @property
    def label(self) -> str:
        """What the store is called where nobody gave it a name."""
        return self.table or Path(self.place).name.lstrip(".") or "memory"

    def require_there(self) -> None:
        """Refuse a folder or file that is not there: what is mistyped would look empty for ever.

        Raises:
            NotFoundError: it is not there.
        """
        path = Path(self.place)
        if (self.scheme == "dir" and not path.is_dir()) or (
            self.scheme == "jsonl" and not path.is_file()
        ):
            kind = "folder" if self.scheme == "dir" else "file"
            raise NotFoundError(
                f"there is no {kind} {self.place}",
                remedy=f"name the {kind} that holds the memories, or make an empty one",
            )

    def require_outside(self, log: LogPlace) -> None:
        """Refuse a log inside the folder that it watches, where it would be a memory itself.

        Raises:
            UsageError: it would lie there.
        """
        if self.scheme != "dir" or not isinstance(log, Path):
            return
        if log.resolve().is_relative_to(Path(self.place).resolve()):
            raise UsageError(
                f"the log {log} lies inside the store {self.place}",
                remedy="name a place outside of it with --log",
            )

    def open(self) -> MemoryStore:
        """The store itself.

        Raises:
            NotFoundError: no such table, or no such SQLite file.
            UsageError: no such column.
            UnavailableError: a database that cannot be read.
        """
        path = Path(self.place)
        if self.scheme == "dir":
            return DirectoryStore(path)
        if self.scheme == "jsonl":
            return JsonLinesStore(path)
        if self.scheme == "sqlite":
            return sqlite_store(path, self.table, key=self.key, columns=self.columns)
        return postgresql_store(self.place, self.table, key=self.key, columns=self.columns)


def parse_store(uri: str) -> StoreUri:
    """Read a store's URI.

    Raises:
        UsageError: it is none.
    """
    scheme, _, rest = uri.partition(":")
    if scheme in {"dir", "jsonl"} and rest:
        return StoreUri(scheme, rest.rstrip("/") or rest)
    place, _, table = rest.rpartition("#")
    place, _, query = place.partition("?")
    if scheme not in {"sqlite", *_SERVERS} or not place or not table:
        raise _no_store(uri)
    said = dict(_pairs(query, uri))
    key, columns = (_names(said.pop(each, "")) for each in ("key", "columns"))
    if scheme in _SERVERS:
        return StoreUri(scheme, f"{scheme}:{place}{_query(said)}", table, key, columns)
    if said:
        raise _no_store(uri)
    return StoreUri(scheme, place, table, key, columns)


def parse_log(text: str) -> LogPlace:
    """Read where a log lies.

    Raises:
        UsageError: the URL of a server without a schema.
    """
    if not text.startswith(tuple(f"{scheme}:" for scheme in _SERVERS)):
        return Path(text)
    url, _, schema = text.rpartition("#")
    if not url or not schema:
        raise UsageError(
            "the log on a server has no schema",
            remedy="write postgresql://USER@HOST/NAME#SCHEMA",
        )
    return ServerLog(url, schema)


def _pairs(query: str, uri: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, strict_parsing=bool(query), keep_blank_values=True)
    except ValueError as error:
        raise _no_store(uri) from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _query(said: dict[str, str]) -> str:
    return f"?{urlencode(said)}" if said else ""


def _no_store(uri: str) -> UsageError:
    return UsageError(
        f"{uri.partition('@')[2] or uri[:200]!r} names no memory store",
        remedy="write dir:PATH, jsonl:FILE, sqlite:FILE#TABLE or postgresql://USER@HOST/NAME#TABLE",
    )
