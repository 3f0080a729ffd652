"""A table of an SQLite file as a memory store.

The file is opened for each use, so an agent that writes it is never held up for long; it is never
made, and one that cannot be written is read. Only rows are written, never the table's definition.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mythos.adapters.memory_store_record import BrokenText
from mythos.adapters.memory_store_table import RowChange, Shape, TableStore, same_row, shape_of
from mythos.adapters.sqlite_reading import opening_query, watched
from mythos.errors import NotFoundError, UnavailableError

LOCK_WAIT_S = 20.0


def sqlite_store(
    path: Path, table: str, *, key: Sequence[str] = (), columns: Sequence[str] = ()
) -> TableStore:
    """The table `table` of the file at `path`.

    Raises:
        NotFoundError: no such file or table.
        UsageError: no such column, or no key.
        UnavailableError: it cannot be read.
    """
    if not path.exists():
        raise NotFoundError(
            f"there is no file {path}", remedy="name an SQLite file that MythOS may read and write"
        )
    with _open(path) as database:
        found = database.execute("SELECT name, pk FROM pragma_table_info(?)", (table,)).fetchall()
    names = [str(name) for name, _ in found]
    primary = [name for name, place in sorted(found, key=lambda one: one[1]) if place]
    shape = shape_of(table, names, primary, key=key, columns=columns)
    return TableStore(SqliteRows(path), shape, all_columns=len(shape.columns) == len(names))


@dataclass(frozen=True, slots=True)
class SqliteRows:
    """The rows of tables in one file."""

    path: Path

    def all(self, shape: Shape, columns: Sequence[str]) -> Iterator[Sequence[object]]:
        """The chosen columns of every row."""
        table, order = _quoted(shape.table), _list(shape.key)
        with _open(self.path) as database:
            yield from database.execute(f"SELECT {_list(columns)} FROM {table} ORDER BY {order}")  # noqa: S608

    def one(self, shape: Shape, key: Sequence[object]) -> Sequence[object] | None:
        """One row."""
        with _open(self.path) as database:
            return _one(database, shape, key)

    @contextmanager
    def rehearsal(self, shape: Shape) -> Iterator[RowChange]:
        """Put and remove rows in a transaction that is taken back."""
        with _open(self.path) as database:

            def change(key: Sequence[object], row: Mapping[str, object] | None) -> None:
                with _told(self.path):
                    if not database.in_transaction:  # a full disk or a trigger ended it
                        database.execute("BEGIN IMMEDIATE")
                    _remove(database, shape, key) if row is None else _put(database, shape, row)

            database.execute("BEGIN IMMEDIATE")
            try:
                yield change
            finally:
                if database.in_transaction:
                    database.execute("ROLLBACK")

    def put(self, shape: Shape, row: Mapping[str, object]) -> None:
        """Insert or update, then read the row back before it counts."""
        with _open(self.path) as database, _transaction(database):
            _put(database, shape, row)

    def remove(self, shape: Shape, key: Sequence[object]) -> None:
        """Delete one row."""
        with _open(self.path) as database, _transaction(database):
            _remove(database, shape, key)


def _put(database: sqlite3.Connection, shape: Shape, row: Mapping[str, object]) -> None:
    others = [name for name in shape.columns if name not in shape.key]
    updates = ", ".join(f"{_quoted(name)} = {_place(row[name])}" for name in others)
    key = [row[name] for name in shape.key]
    values = [row[name] for name in shape.columns]
    table, where = _quoted(shape.table), _where(shape, key)
    places = ", ".join(map(_place, values))
    there = _one(database, shape, key) is not None
    if there and others:
        database.execute(
            f"UPDATE {table} SET {updates} WHERE {where}",  # noqa: S608
            [*(row[name] for name in others), *key],
        )
    elif not there:
        columns = _list(shape.columns)
        database.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", values)  # noqa: S608
    if not same_row(_one(database, shape, key), values):
        raise UnavailableError(
            f"table {shape.table!r} gives another row back than was written",
            remedy="give values of the types that its columns have (1 and 0 for true and false)",
        )


def _remove(database: sqlite3.Connection, shape: Shape, key: Sequence[object]) -> None:
    database.execute(f"DELETE FROM {_quoted(shape.table)} WHERE {_where(shape, key)}", key)  # noqa: S608


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    query = opening_query(path)
    uri = f"{path.absolute().as_uri()}?{query}"
    with (
        watched(path, query),
        _told(path),
        closing(
            sqlite3.connect(uri, uri=True, timeout=LOCK_WAIT_S, isolation_level=None)
        ) as database,
    ):
        database.text_factory = _text
        yield database


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError) as error:
        raise UnavailableError(
            f"memory table in {path} refuses the row: {error}",
            remedy="give a row that its columns and constraints allow",
        ) from error
    except sqlite3.Error as error:
        raise UnavailableError(
            f"memory table in {path} cannot be used: {error}",
            remedy="name an SQLite file that is there and that MythOS may read and write",
        ) from error


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _one(
    database: sqlite3.Connection, shape: Shape, key: Sequence[object]
) -> tuple[object, ...] | None:
    found: tuple[object, ...] | None = database.execute(
        f"SELECT {_list(shape.columns)} FROM {_quoted(shape.table)} WHERE {_where(shape, key)}",  # noqa: S608
        key,
    ).fetchone()
    return found


def _where(shape: Shape, key: Sequence[object]) -> str:
    named = zip(shape.key, key, strict=True)
    return " AND ".join(f"{_quoted(name)} IS {_place(value)}" for name, value in named)


def _place(value: object) -> str:
    return "CAST(? AS TEXT)" if isinstance(value, BrokenText) else "?"


def _text(raw: bytes) -> str | BrokenText:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return BrokenText(raw)


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(_quoted, names))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
