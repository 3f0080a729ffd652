"""Memories recorded one by one, each durable before the next, beside the least that can be done.

The least is one row inserted into an SQLite file that is set up as the log is, and one file written
beside its place, synced, renamed and its folder synced. Rounds of all take turns, so that a busy
machine slows all alike. Where `DATABASE_URL` names a PostgreSQL, a log there is measured too, in a
schema of its own that goes away afterwards: CPU-seconds are those of the client alone, and round
trips are counted in the driver's trace of the wire, where the server says that it waits again.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from rows import Row

from mythos.adapters.memory_baseline import seed
from mythos.adapters.memory_log import open_log
from mythos.adapters.memory_log_postgresql import ServerLog, connect_server
from mythos.adapters.memory_recorder import Recorder, record
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.engines.memory.entry import MemoryWrite

AT = datetime(2026, 1, 1, tzinfo=UTC)
ROUNDS = 12
EACH = 50
CONTENT = b"x" * 190
ROW = b"x" * 600  # an entry with its hashes, its salt and its content, about


def one_by_one() -> Iterator[Row]:
    """Figures for a log that is kept open, one that is opened each time, and the bare floor."""
    spent: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        store, place = _begun(home / "kept")
        other, elsewhere = _begun(home / "opened")
        with (
            closing(_bare_database(home / "bare.sqlite3")) as bare,
            Recorder(store, place) as recorder,
            open_log(place) as log,
        ):
            log.remember()

            def append(n: int) -> None:
                write = MemoryWrite("elsewhere", f"{n}.md", "put", CONTENT, "agent")
                with log.transaction():
                    log.append([write], at=AT)

            works: dict[str, Callable[[int], object]] = {
                "kept": lambda n: recorder.record(f"{n}.md", CONTENT, source="agent", at=AT),
                "opened": lambda n: record(
                    other, elsewhere, f"{n}.md", CONTENT, source="agent", at=AT
                ),
                "append": append,
                "insert": lambda n: bare.execute("INSERT INTO bare VALUES (?, ?)", (n, ROW)),
                "file": lambda n: _write_file(home / f"{n}.md"),
            }
            for turn in range(ROUNDS):
                for what, work in works.items():
                    start = time.process_time()
                    for n in range(turn * EACH, (turn + 1) * EACH):
                        work(n)
                    spent[what] += time.process_time() - start
    per_s = {what: ROUNDS * EACH / taken for what, taken in spent.items()}
    floor, both = spent["insert"] + spent["file"], "bare SQLite insert and atomic file write"
    yield Row("bare SQLite insert, durable", per_s["insert"], "rows/CPU-s")
    yield Row("bare atomic file write, durable", per_s["file"], "files/CPU-s")
    for what, name in (("kept", "log kept open"), ("opened", "log opened each time")):
        ratio = floor / spent[what]
        unit = "entries/CPU-s"
        yield Row(f"append and write one by one, {name}", per_s[what], unit, both, ratio)
    ratio = spent["insert"] / spent["append"]
    yield Row(
        "append alone one by one, log kept open",
        per_s["append"],
        "entries/CPU-s",
        "bare SQLite insert",
        ratio,
    )


def on_a_server() -> Iterator[Row]:
    """The same on PostgreSQL, if there is one."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgresql:"):
        return
    place, spent = ServerLog(url, f"mythos_bench_{os.getpid()}"), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        store = DirectoryStore(home / "memory")
        seed(store, place, {}, origin="mythos/bench", at=AT)
        with Recorder(store, place) as recorder:
            for n in range(4 * EACH):
                start = time.process_time()
                recorder.record(f"{n}.md", CONTENT, source="agent", at=AT)
                then = time.process_time()
                record(store, place, f"o{n}.md", CONTENT, source="agent", at=AT)
                spent["log kept open"] += then - start
                spent["log opened each time"] += time.process_time() - then
            trips = _round_trips(recorder, home / "wire")
    with connect_server(place, create=False) as database:
        database.all(f"DROP SCHEMA {place.schema} CASCADE")
    yield Row("round trips of a write, PostgreSQL, log kept open", trips, "trips", goal="<= 6")
    for name, taken in spent.items():
        yield Row(
            f"append and write one by one, PostgreSQL, {name}", 4 * EACH / taken, "entries/CPU-s"
        )


def _round_trips(recorder: Recorder, wire: Path) -> float:
    with recorder._log.turn() as log:  # noqa: SLF001 - where else to hear the wire
        connection = log._database._connection.pgconn  # type: ignore[attr-defined]  # noqa: SLF001 - as above
    with wire.open("wb") as file:
        connection.trace(file.fileno())
        for n in range(EACH):
            recorder.record(f"t{n}.md", CONTENT, source="agent", at=AT)
        connection.untrace()
    return wire.read_text().count("ReadyForQuery") / EACH


def _begun(home: Path) -> tuple[DirectoryStore, Path]:
    store, place = DirectoryStore(home / "memory"), home / "log.sqlite3"
    seed(store, place, {}, origin="mythos/bench", at=AT)
    return store, place


def _bare_database(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        database.execute(f"PRAGMA {pragma}")
    database.execute("CREATE TABLE bare (seq INTEGER PRIMARY KEY, row BLOB NOT NULL)")
    return database


def _write_file(path: Path) -> None:
    beside = path.with_name(".new")
    opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(opened, CONTENT)
    os.fsync(opened)
    os.close(opened)
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
