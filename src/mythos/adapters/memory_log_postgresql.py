"""A memory log's database as one schema of a PostgreSQL server.

Writers take turns on one lock; a transaction is durable when it returns, as far as the server is
set up to be (`synchronous_commit`). A round trip to the server takes longer than what it does
there, so what writes is sent without waiting, and answered with the next read or the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from mythos.adapters.memory_log_database import (
    NO_QUESTION,
    TABLES,
    Database,
    Question,
    Rows,
    lock_wait_s,
    no_log,
    refused_row,
    unreadable,
)
from mythos.adapters.postgresql_driver import driver, first_error
from mythos.errors import MemoryLogError, UnavailableError

_BUSY = {"55P03", "40P01"}  # lock_not_available, deadlock_detected
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"  # each statement sees what the lock's last left
_LOCK = "SELECT pg_advisory_xact_lock(hashtext(?))"
_LOCK_TO_SETTLE = f"{_LOCK}, set_config('synchronous_commit', 'off', true)"
_BEGUN = "EXISTS (SELECT FROM pg_tables WHERE schemaname = ? AND tablename = 'log')"
_SET_UP = (
    f"SELECT set_config('search_path', ?, false), set_config('lock_timeout', ?, false), {_BEGUN}"
)
_GUARD = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''a logged entry never changes and is never removed''; END'

CREATE TRIGGER entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


@dataclass(frozen=True, slots=True)
class ServerLog:
    """A log on a server: connection URL, and the schema that holds its tables."""

    url: str
    schema: str

    def __str__(self) -> str:
        """The schema alone: a URL may hold a password."""
        return f"PostgreSQL schema {self.schema}"


@contextmanager
def connect_server(place: ServerLog, *, create: bool) -> Iterator[Database]:
    """Connect, with the log's schema before all others.

    Args:
        place: server and schema.
        create: make the schema if it is not there.

    Raises:
        NotFoundError: no such schema, and it is not to be made.
        MemoryLogError: a statement failed.
        UnavailableError: no driver, no server, or another process held the lock.
    """
    with _told(place), closing(driver().connect(place.url, autocommit=True)) as connection:
        quoted = '"' + place.schema.replace('"', '""') + '"'
        if create:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted}")
        database = _Server(connection, place)
        wait_ms = str(int(lock_wait_s() * 1000))
        ((*_, begun),) = database.all(_SET_UP, (quoted, wait_ms, place.schema))
        if not begun and not create:
            raise no_log(place)
        yield database


class _Server:
    """One connection."""

    leaf_message = "'\\x00'::bytea || entry"
    read_only = ""
    misfiled = (
        """position(convert_to('"key_hash":"sha256:' || encode(key_hash, 'hex') || '"', 'UTF8')"""
        " IN entry) = 0"
    )

    def __init__(self, connection: Any, place: ServerLog) -> None:  # noqa: ANN401 - as above
        self._connection = connection
        self._place = place
        self._waiting: Any = None  # the driver's pipeline, while there is one

    @property
    def lost(self) -> bool:
        """Whether the connection ended."""
        return bool(self._connection.closed)

    def exists(self) -> bool:
        """Whether the schema has tables."""
        ((begun,),) = self.all(f"SELECT {_BEGUN}", (self._place.schema,))
        return begun is True

    def make_tables(self) -> None:
        """Make the tables and what guards them."""
        for statement in (*TABLES.split("\n\n"), *_GUARD.split("\n\n")):
            self.many(statement.replace("BLOB", "BYTEA"), [()])

    def transaction(self, question: Question = NO_QUESTION) -> AbstractContextManager[Rows]:
        """Hold one lock for the schema until the transaction ends."""
        return self._locked(_LOCK, question)

    def settling(self, question: Question = NO_QUESTION) -> AbstractContextManager[Rows]:
        """Hold the lock, and do not wait for the server's disk at the end."""
        return self._locked(_LOCK_TO_SETTLE, question)

    @contextmanager
    def _locked(self, lock: str, question: Question) -> Iterator[Rows]:
        with _told(self._place), self._undone_on_error():
            with self._connection.pipeline() as self._waiting:
                self._send(_BEGIN)
                self._send(lock, (self._place.schema,))
                yield self.all(*question)
                ended = self._send("COMMIT")
            if ended.statusmessage != "COMMIT":
                raise unreadable(self._place, "a statement failed, and what followed was not done")

    @contextmanager
    def _undone_on_error(self) -> Iterator[None]:
        """Roll back where a transaction is left open; where that fails, the connection is lost."""
        try:
            yield
        except BaseException:
            self._waiting = None
            try:
                self._connection.rollback()
            except driver().Error:
                self._connection.close()
            raise
        self._waiting = None

    def look_afresh(self) -> bool:
        """Tell of nothing: the files are the server's."""
        return False

    def scrub(self) -> None:
        """Nothing to do: what lies beside the tables is the server's, and its own to clean."""

    def all(self, statement: str, values: Sequence[object] = ()) -> Rows:
        """Run one statement, and return its rows."""
        with _told(self._place):
            cursor = self._send(statement, values)
            if self._waiting is not None:
                self._waiting.sync()
            return cursor.fetchall() if cursor.description else []

    def many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each row of values."""
        waiting = list(rows)
        with _told(self._place):
            if len(waiting) == 1:  # half the work of a pipeline of one
                self._send(statement, waiting[0])
            elif waiting:
                self._connection.cursor().executemany(_with_places(statement), waiting)

    def _send(self, statement: str, values: Sequence[object] = ()) -> Any:  # noqa: ANN401 - as above
        return self._connection.execute(_with_places(statement), values)


@cache
def _with_places(statement: str) -> str:
    return statement.replace("%", "%%").replace("?", "%s")


@contextmanager
def _told(place: ServerLog) -> Iterator[None]:
    psycopg = driver()
    try:
        yield
    except psycopg.Error as error:
        raise _failed(place, first_error(error)) from error


def _failed(place: ServerLog, error: Any) -> UnavailableError | MemoryLogError:  # noqa: ANN401
    if error.sqlstate in _BUSY:
        return UnavailableError(
            f"{place} stayed locked for {lock_wait_s():g} s",
            remedy="let the writer or the audit that holds it finish, then try again",
        )
    if error.sqlstate is None or error.sqlstate[:2] in {"08", "57", "53", "28", "3D"}:
        return UnavailableError(
            f"{place} cannot be reached: {str(error).splitlines()[0]}",
            remedy="check the server's address, the database and the user's rights",
        )
    if error.sqlstate[:2] == "23":  # integrity constraint violation
        return refused_row(place, str(error).splitlines()[0])
    return unreadable(place, str(error).splitlines()[0])
