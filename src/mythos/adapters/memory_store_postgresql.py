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
from mythos.adapters.postgresql_driver import driver, first_error
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
_SET_UP = (
    "SELECT set_config('TimeZone', 'UTC', false), set_config('DateStyle', 'ISO', false),"
    " set_config('IntervalStyle', 'iso_8601', false)"
)
# With -1 the types are named so that a cast cuts nothing off: a plain `character` is one character.
_COLUMNS = """
    SELECT attname, format_type(atttypid, -1),
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
        with _open(self.url) as database:
            database.execute(_SET_UP)
            with database.transaction(), database.cursor(name="memories") as cursor:
                cursor.itersize = PAGE
                cursor.execute(statement)
                yield from cursor

    def one(self, shape: Shape, key: Sequence[object]) -> Sequence[object] | None:
        """One row."""
        with _open(self.url) as database:
            with database.pipeline():
                database.execute(_SET_UP)
                found = self._read(database, shape, key)
            return _row(found)

    @contextmanager
    def rehearsal(self, shape: Shape) -> Iterator[RowChange]:
        """Put and remove rows in a transaction that is taken back, each behind a savepoint."""
        with _open(self.url) as database:
            before = ["BEGIN", _SET_UP, "SAVEPOINT change"]

            def change(key: Sequence[object], row: Mapping[str, object] | None) -> None:
                try:
                    with _told():
                        self._change(database, shape, key, row, before=before)
                except UnavailableError:
                    database.execute("ROLLBACK TO SAVEPOINT change")
                    raise
                finally:
                    before[:] = ["RELEASE SAVEPOINT change", "SAVEPOINT change"]

            yield change
            database.execute("ROLLBACK")

    def put(self, shape: Shape, row: Mapping[str, object]) -> None:
        """Insert or update, then read the row back before it counts."""
        key = [row[name] for name in shape.key]
        with _open(self.url) as database:
            self._change(database, shape, key, row, before=["BEGIN", _SET_UP])
            database.execute("COMMIT")

    def remove(self, shape: Shape, key: Sequence[object]) -> None:
        """Delete one row."""
        with _open(self.url) as database:
            self._change(database, shape, key, None, before=[_SET_UP])

    def _change(
        self,
        database: Any,  # noqa: ANN401 - the driver ships no types here
        shape: Shape,
        key: Sequence[object],
        row: Mapping[str, object] | None,
        *,
        before: Sequence[str],
    ) -> None:
        """Do what is to be done before, put or remove the row, and read it, in one round trip."""
        with database.pipeline():
            for statement in before:
                database.execute(statement)
            if row is None:
                self._remove(database, shape, key)
            else:
                self._put(database, shape, row)
                found = self._read(database, shape, key)
        if row is not None and not same_row(_row(found), [row[name] for name in shape.columns]):
            raise UnavailableError(
                f"table {shape.table!r} gives another row back than was written",
                remedy="give values of the types that its columns have, as they are read",
            )

    def _put(
        self,
        database: Any,  # noqa: ANN401 - the driver ships no types here
        shape: Shape,
        row: Mapping[str, object],
    ) -> None:
        others = [name for name in shape.columns if name not in shape.key]
        key = [row[name] for name in shape.key]
        table, where = _name(shape.table), self._where(shape, key)
        updates = ", ".join(f"{_quoted(name)} = {self._place(name)}" for name in others)
        columns = ", ".join(map(_quoted, shape.columns))
        places = ", ".join(map(self._place, shape.columns))
        if others:
            changed = [*(row[name] for name in others), *key]
            database.execute(f"UPDATE {table} SET {updates} WHERE {where}", changed)  # noqa: S608
        database.execute(
            f"INSERT INTO {table} ({columns}) SELECT {places}"  # noqa: S608
            f" WHERE NOT EXISTS (SELECT FROM {table} WHERE {where})",
            [*(row[name] for name in shape.columns), *key],
        )

    def _remove(
        self,
        database: Any,  # noqa: ANN401 - the driver ships no types here
        shape: Shape,
        key: Sequence[object],
    ) -> None:
        where = self._where(shape, key)
        database.execute(f"DELETE FROM {_name(shape.table)} WHERE {where}", key)  # noqa: S608

    def _read(
        self,
        database: Any,  # noqa: ANN401 - the driver ships no types here
        shape: Shape,
        key: Sequence[object],
    ) -> Any:  # noqa: ANN401 - as above
        statement = (
            f"SELECT {self._list(shape.columns)} FROM {_name(shape.table)}"  # noqa: S608
            f" WHERE {self._where(shape, key)}"
        )
        return database.execute(statement, key)

    def _list(self, names: Sequence[str]) -> str:
        return ", ".join(
            _quoted(name) if self.kinds[name] in _AS_THEY_ARE else f"{_quoted(name)}::text"
            for name in names
        )

    def _where(self, shape: Shape, key: Sequence[object]) -> str:
        """What picks the rows with this key: an index serves `=`, which null never is."""
        sames = ["IS NOT DISTINCT FROM" if value is None else "=" for value in key]
        return " AND ".join(
            f"{_quoted(name)} {same} {self._place(name)}"
            for name, same in zip(shape.key, sames, strict=True)
        )

    def _place(self, name: str) -> str:
        through = "" if self.kinds[name] in _AS_THEY_ARE else "::text"
        return f"%s{through}::{self.kinds[name]}"


@contextmanager
def _open(url: str) -> Iterator[Any]:
    """Connect; nothing is prepared, as a statement after one that fails would be taken for it."""
    psycopg = driver()
    with _told(), closing(psycopg.connect(url, autocommit=True, prepare_threshold=None)) as opened:
        yield opened


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except driver().Error as error:
        raise UnavailableError(
            f"memory table cannot be used: {str(first_error(error)).splitlines()[0]}",
            remedy="check the server, the table and what the user may do with it",
        ) from error


def _row(found: Any) -> tuple[object, ...] | None:  # noqa: ANN401 - as above
    row: tuple[object, ...] | None = found.fetchone()
    return row


def _name(table: str) -> str:
    return ".".join(map(_quoted, table.split(".")))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
