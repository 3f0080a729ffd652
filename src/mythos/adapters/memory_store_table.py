"""A table as a memory store, whatever database it lies in: a row is a memory.

The key is the primary key (or the columns named by `key=`), the content canonical JSON of key
and columns (all of them, or those named by `columns=`: text and metadata of a vector store, say,
without the vector that another model would compute otherwise).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from mythos.adapters.memory_store import Change
from mythos.adapters.memory_store_record import (
    behind,
    canonical_record,
    content_of,
    json_of,
    key_of,
    parts_of,
    record_of,
    require_single,
    value_of,
)
from mythos.engines.memory.live import Unreadable
from mythos.errors import (
    MemoryLogError,
    MythosError,
    NotFoundError,
    UnavailableError,
    UsageError,
)

_SAME_KEY = Unreadable("a row before has the same key: name columns that tell rows apart")


RowChange = Callable[[Sequence[object], Mapping[str, object] | None], None]
"""Puts a row under the values of its key; None removes the one that is there."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a table is memory: key columns, and all columns that make the content."""

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]


class Rows(Protocol):
    """One table of one database; values are single values, never containers."""

    def all(self, shape: Shape, columns: Sequence[str]) -> Iterator[Sequence[object]]:
        """Yield the chosen columns of every row, in the order of the key."""
        ...

    def one(self, shape: Shape, key: Sequence[object]) -> Sequence[object] | None:
        """Return the content columns of the row with this key."""
        ...

    def rehearsal(self, shape: Shape) -> AbstractContextManager[RowChange]:
        """Make changes one after another, and take them back at the end; one may be refused."""
        ...

    def put(self, shape: Shape, row: Mapping[str, object]) -> None:
        """Insert a row, or update it where its key is there; refuse what reads back otherwise."""
        ...

    def remove(self, shape: Shape, key: Sequence[object]) -> None:
        """Delete the row with this key."""
        ...


@dataclass(frozen=True, slots=True)
class TableStore:
    """The rows of one table."""

    rows: Rows
    shape: Shape
    all_columns: bool

    @property
    def name(self) -> str:
        """What log entries call it."""
        return f"table.{self.shape.table}"

    @property
    def blind_to(self) -> str:
        """What an audit cannot see."""
        seen = "" if self.all_columns else f"columns other than {', '.join(self.shape.columns)}; "
        return f"{seen}other tables, triggers, the order of rows"

    def read(self, *, after: str | None = None) -> Iterator[tuple[str, bytes | Unreadable]]:
        """Every row, in the order of the key."""
        return behind(self._read(), after)

    def _read(self) -> Iterator[tuple[str, bytes | Unreadable]]:
        named = _Names()
        for row in self.rows.all(self.shape, self.shape.columns):
            record = self._record(row)
            name, alone = named.next(self._key(record))
            yield name, content_of(record) if alone else _SAME_KEY

    def keys(self) -> Iterator[str]:
        """The key of every row; no other column is read."""
        named = _Names()
        for row in self.rows.all(self.shape, self.shape.key):
            yield named.next(key_of(row))[0]

    def get(self, key: str) -> bytes | Unreadable | None:
        """One row."""
        row = self.rows.one(self.shape, self._parts(key))
        return None if row is None else content_of(self._record(row))

    def require_key(self, key: str) -> None:
        """A value for each column of the key."""
        self._parts(key)

    def normal(self, key: str, content: bytes) -> bytes:
        """The row in canonical JSON; it must name each column, and the key as `key` says."""
        record = record_of(key, content)
        if set(record) != set(self.shape.columns):
            raise MemoryLogError(
                f"the row has {', '.join(sorted(record)) or 'nothing'}",
                remedy=f"give exactly {', '.join(self.shape.columns)}, null where empty",
            )
        if self._key(record) != key:
            raise MemoryLogError(
                f"the row's key is not {key[:80]!r}",
                remedy="give in the row the key that it is recorded under",
            )
        canonical = canonical_record(key, record)
        require_single(key, record)
        return canonical

    def rehearse(self, changes: Iterable[Change]) -> dict[str, MythosError]:
        """Make them in a transaction that is taken back."""
        refused: dict[str, MythosError] = {}
        with self.rows.rehearsal(self.shape) as change:
            for key, content in changes:
                try:
                    row = None if content is None else _row(key, content)
                    change(self._parts(key), row)
                except (MemoryLogError, UnavailableError) as error:
                    refused[key] = error
        return refused

    def put(self, key: str, content: bytes) -> None:
        """Insert or update the row."""
        self.rows.put(self.shape, _row(key, content))

    def remove(self, key: str) -> None:
        """Delete the row."""
        self.rows.remove(self.shape, self._parts(key))

    def _record(self, row: Sequence[object]) -> dict[str, JsonValue]:
        return {name: json_of(value) for name, value in zip(self.shape.columns, row, strict=True)}

    def _key(self, record: Mapping[str, JsonValue]) -> str:
        return key_of([value_of(record[name]) for name in self.shape.key])

    def _parts(self, key: str) -> list[object]:
        return parts_of(key, n_parts=len(self.shape.key))


@dataclass(frozen=True, slots=True)
class GoneTable:
    """A table that was dropped, or whose file was deleted: no rows, and nothing can be written."""

    table: str
    blind_to: str = "other tables, triggers, the order of rows"

    @property
    def name(self) -> str:
        """What log entries call it."""
        return f"table.{self.table}"

    def read(self, *, after: str | None = None) -> Iterator[tuple[str, bytes | Unreadable]]:  # noqa: ARG002
        """Nothing."""
        return iter(())

    def keys(self) -> Iterator[str]:
        """None."""
        return iter(())

    def get(self, key: str) -> None:
        """Nothing."""

    def require_key(self, key: str) -> None:
        """Any key, as nobody knows what columns there were."""

    def normal(self, key: str, content: bytes) -> bytes:  # noqa: ARG002
        """Refuse it."""
        raise self._gone()

    def rehearse(self, changes: Iterable[Change]) -> dict[str, MythosError]:  # noqa: ARG002
        """Refuse them."""
        raise self._gone()

    def put(self, key: str, content: bytes) -> None:  # noqa: ARG002
        """Refuse it."""
        raise self._gone()

    def remove(self, key: str) -> None:  # noqa: ARG002
        """Refuse it."""
        raise self._gone()

    def _gone(self) -> UnavailableError:
        return UnavailableError(
            f"the table {self.table!r} is gone", remedy="make it anew, with the columns it had"
        )


class _Names:
    """Names rows that come in the order of their keys, each by a name of its own.

    A key may stand in many rows where it is no primary key, or is null; such rows are told apart
    by their number among them, `#2 KEY`.
    """

    def __init__(self) -> None:
        self._last, self._n = "", 0

    def next(self, key: str) -> tuple[str, bool]:
        """The row's name, and whether no row before has its key."""
        self._n = self._n + 1 if key == self._last else 1
        self._last = key
        return (key, True) if self._n == 1 else (f"#{self._n} {key}", False)


def same_row(found: Sequence[object] | None, written: Sequence[object]) -> bool:
    """Whether a row reads back as what was written, its types too: 1 is not true."""
    if found is None:
        return False
    one, other = (
        content_of({"row": [json_of(value) for value in row]}) for row in (found, written)
    )
    return isinstance(one, bytes) and one == other


def _row(key: str, content: bytes) -> dict[str, object]:
    return {name: value_of(value) for name, value in record_of(key, content).items()}


def shape_of(
    table: str,
    found: Sequence[str],
    primary: Sequence[str],
    *,
    key: Sequence[str],
    columns: Sequence[str],
) -> Shape:
    """Say what of a table is memory.

    Args:
        table: its name.
        found: the columns it has.
        primary: those of its primary key.
        key: those that are to be the key; none takes the primary key.
        columns: those that are to be the content; none takes all.

    Raises:
        NotFoundError: no such table.
        UsageError: no such column, or no key.
    """
    if not found:
        raise NotFoundError(f"there is no table {table!r}", remedy="name a table after the #")
    if unknown := [name for name in (*key, *columns) if name not in found]:
        raise UsageError(
            f"table {table!r} has no column {unknown[0]!r}",
            remedy=f"its columns are {', '.join(found)}",
        )
    chosen = tuple(key) or tuple(primary)
    if not chosen:
        raise UsageError(
            f"table {table!r} has no primary key",
            remedy="name columns that tell rows apart: ?key=COLUMN,COLUMN before the #",
        )
    wanted = {*chosen, *columns} if columns else set(found)
    return Shape(table, chosen, tuple(name for name in found if name in wanted))
