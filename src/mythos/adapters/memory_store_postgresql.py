"""A table of a PostgreSQL database as a memory store.

Numbers, texts, booleans and bytes are read as they are; any other type as PostgreSQL writes it in
text, and written back through the same text. The driver is the operator's to install (ADR 0003).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from mythos.adapters.memory_store_table import RowChange, Shape, TableStore, same_row, shape_of
from mythos.adapters.postgresql_driver import driver
from mythos.errors import UnavailableError

PAGE = 1024
_AS_THEY_ARE = {
    "smallint",
    "integer",
    "bigint",
    "boolean",
    "text",
    "character varying",
    "double precision",
    "real",
    "bytea",
}
# A value's text must not depend on who asks for it, or from where.
_SETTINGS = ("TimeZone TO 'UTC'", "DateStyle TO ISO", "IntervalStyle TO iso_8601")
_COLUMNS = """
    SELECT attname, format_type(atttypid, NULL),
        coalesce(array_position(indkey::int2[], attnum), -1)
    FROM pg_attribute LEFT JOIN pg_index ON indrelid = attrelid AND indisprimary
    WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


def postgresql_store(
    url: str, table: str, *, key: Sequence[str] = (), columns: Sequence[str] = ()
) -> TableStore:
    """The table `table` (or `schema.table`) of the database at `url`.

    Raises:
        NotFoundError: no such table.
        UsageError: no such column, or no key.
        UnavailableError: no driver, or no server.
    """
    with _open(url) as database:
        found = database.execute(_COLUMNS, (_name(table),)).fetchall()
    names = [name for name, _, _ in found]
    primary = [name for name, _, place in sorted(found, key=lambda one: one[2]) if place >= 0]
    shape = shape_of(table, names, primary, key=key, columns=columns)
    kinds = {name: kind for name, kind, _ in found}
    return TableStore(PostgresRows(url, kinds), shape, all_columns=len(shape.columns) == len(names))


@dataclass(frozen=True, slots=True)
class PostgresRows:
    """The rows of a table; `kinds` are the types of its columns."""

    url: str
    kinds: Mapping[str, str]

    def all(self, shape: Shape, columns: Sequence[str]) -> Iterator[Sequence[object]]:
        """The chosen columns of every row, through a cursor on the server."""
        order = ", ".join(map(_quoted, shape.key))
        statement = f"SELECT {self._list(columns)} FROM {_name(shape.table)} ORDER BY {order}"  # noqa: S608
        with (
            _open(self.url) as database,
            database.transaction(),
            database.cursor(name="memories") as cursor,
        ):
            cursor.itersize = PAGE
            cursor.execute(statement)
            yield from cursor

    def one(self, shape: Shape, key: Sequence[object]) -> Sequence[object] | None:
        """One row."""
        with _open(self.url) as database:
            return self._one(database, shape, key)

    @contextmanager
    def rehearsal(self, shape: Shape) -> Iterator[RowChange]:
        """Put and remove rows in a transaction that is taken back, each behind a savepoint."""
        with _open(self.url) as database, database.transaction(force_rollback=True):

            def change(key: Sequence[object], row: Mapping[str, object] | None) -> None:
                with _told(), database.transaction():
                    if row is None:
                        self._remove(database, shape, key)
                    else:
                        self._put(database, shape, row)

            yield change

    def put(self, shape: Shape, row: Mapping[str, object]) -> None:
        """Insert or update, then read the row back before it counts."""
        with _open(self.url) as database, database.transaction():
            self._put(database, shape, row)

    def remove(self, shape: Shape, key: Sequence[object]) -> None:
        """Delete one row."""
        with _open(self.url) as database:
            self._remove(database, shape, key)

    def _put(
        self,
        database: Any,  # noqa: ANN401 - the driver ships no types here
        shape: Shape,
        row: Mapping[str, object],
    ) -> None:
        others = [name for name in shape.columns if name not in shape.key]
        key = [row[name] for name in shape.key]
        values = [row[name] for name in shape.columns]
        table, where = _name(shape.table), self._where(shape)
        updates = ", ".join(f"{_quoted(name)} = {self._place(name)}" for name in others)
        columns = ", ".join(map(_quoted, shape.columns))
        places = ", ".join(map(self._place, shape.columns))
        there = self._one(database, shape, key) is not None
        if there and others:
            changed = [*(row[name] for name in others), *key]
            database.execute(f"UPDATE {table} SET {updates} WHERE {where}", changed)  # noqa: S608
        elif not there:
            database.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", values)  # noqa: S608
        if not same_row(self._one(database, shape, key), values):
            raise UnavailableError(
                f"table {shape.table!r} gives another row back than was written",
                remedy="give values of the types that its columns have, as they are read",
            )

    def _remove(
        self,
        database: Any,  # noqa: ANN401 - the driver ships no types here
        shape: Shape,
        key: Sequence[object],
    ) -> None:
        database.execute(f"DELETE FROM {_name(shape.table)} WHERE {self._where(shape)}", key)  # noqa: S608

    def _one(
        self,
        database: Any,  # noqa: ANN401 - the driver ships no types here
        shape: Shape,
        key: Sequence[object],
    ) -> tuple[object, ...] | None:
        statement = (
            f"SELECT {self._list(shape.columns)} FROM {_name(shape.table)}"  # noqa: S608
            f" WHERE {self._where(shape)}"
        )
        found: tuple[object, ...] | None = database.execute(statement, key).fetchone()
        return found

    def _list(self, names: Sequence[str]) -> str:
        return ", ".join(
            _quoted(name) if self.kinds[name] in _AS_THEY_ARE else f"{_quoted(name)}::text"
            for name in names
        )

    def _where(self, shape: Shape) -> str:
        return " AND ".join(
            f"{_quoted(name)} IS NOT DISTINCT FROM {self._place(name)}" for name in shape.key
        )

    def _place(self, name: str) -> str:
        through = "" if self.kinds[name] in _AS_THEY_ARE else "::text"
        return f"%s{through}::{self.kinds[name]}"


@contextmanager
def _open(url: str) -> Iterator[Any]:
    with _told(), closing(driver().connect(url, autocommit=True)) as database:
        for setting in _SETTINGS:
            database.execute(f"SET {setting}")
        yield database


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except driver().Error as error:
        raise UnavailableError(
            f"memory table cannot be used: {str(error).splitlines()[0]}",
            remedy="check the server, the table and what the user may do with it",
        ) from error


def _name(table: str) -> str:
    return ".".join(map(_quoted, table.split(".")))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
