"""A memory log's database as one schema of a PostgreSQL server.

Writers take turns on one lock; a transaction is durable when it returns, as far as the server is
set up to be (`synchronous_commit`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from mythos.adapters import memory_log_database
from mythos.adapters.memory_log_database import TABLES, Database, no_log, unreadable
from mythos.adapters.postgresql_driver import driver
from mythos.errors import MemoryLogError, UnavailableError

_BUSY = {"55P03", "40P01"}  # lock_not_available, deadlock_detected
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
        connection.execute(f"SET search_path TO {quoted}")
        wait_ms = int(memory_log_database.LOCK_WAIT_S * 1000)
        connection.execute(f"SET lock_timeout TO {wait_ms}")
        database = _Server(connection, place)
        if not create and not database.exists():
            raise no_log(place)
        yield database


class _Server:
    """One connection."""

    leaf_message = "'\\x00'::bytea || entry"
    misfiled = (
        """position(convert_to('"key_hash":"sha256:' || encode(key_hash, 'hex') || '"', 'UTF8')"""
        " IN entry) = 0"
    )

    def __init__(self, connection: Any, place: ServerLog) -> None:  # noqa: ANN401 - as above
        self._connection = connection
        self._place = place

    @property
    def lost(self) -> bool:
        """Whether the connection ended."""
        return bool(self._connection.closed)

    def exists(self) -> bool:
        """Whether the schema has tables."""
        found = "SELECT 1 FROM pg_tables WHERE schemaname = ? AND tablename = 'log'"
        return bool(self.all(found, (self._place.schema,)))

    def make_tables(self) -> None:
        """Make the tables and what guards them."""
        for statement in (*TABLES.split("\n\n"), *_GUARD.split("\n\n")):
            self.all(statement.replace("BLOB", "BYTEA"))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold one lock for the schema until the transaction ends."""
        with _told(self._place), self._connection.transaction():
            self.all("SELECT pg_advisory_xact_lock(hashtext(?))", (self._place.schema,))
            yield

    @contextmanager
    def settling(self) -> Iterator[None]:
        """Hold the lock, and do not wait for the server's disk at the end."""
        with self.transaction():
            self.all("SET LOCAL synchronous_commit TO off")
            yield

    def look_afresh(self) -> bool:
        """Tell of nothing: the files are the server's."""
        return False

    def scrub(self) -> None:
        """Nothing to do: what lies beside the tables is the server's, and its own to clean."""

    def all(self, statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Run one statement, and return its rows."""
        with _told(self._place):
            cursor = self._connection.execute(statement.replace("?", "%s"), values)
            return cursor.fetchall() if cursor.description else []

    def many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each row of values."""
        waiting = list(rows)
        if len(waiting) == 1:  # half the work of a pipeline of one
            self.all(statement, waiting[0])
        elif waiting:
            with _told(self._place), self._connection.cursor() as cursor:
                cursor.executemany(statement.replace("?", "%s"), waiting)


@contextmanager
def _told(place: ServerLog) -> Iterator[None]:
    psycopg = driver()
    try:
        yield
    except psycopg.Error as error:
        raise _failed(place, error) from error


def _failed(place: ServerLog, error: Any) -> UnavailableError | MemoryLogError:  # noqa: ANN401
    if error.sqlstate in _BUSY:
        return UnavailableError(
            f"{place} stayed locked for {memory_log_database.LOCK_WAIT_S:g} s",
            remedy="let the writer or the audit that holds it finish, then try again",
        )
    if error.sqlstate is None or error.sqlstate[:2] in {"08", "57", "53", "28", "3D"}:
        return UnavailableError(
            f"{place} cannot be reached: {str(error).splitlines()[0]}",
            remedy="check the server's address, the database and the user's rights",
        )
    return unreadable(place, str(error).splitlines()[0])
