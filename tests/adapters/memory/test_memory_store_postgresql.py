"""A PostgreSQL table as a memory store: every type of column is read, compared and written back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep
from uuid import uuid4

import pytest

from mythos.adapters.memory_auditor import audit_store
from mythos.adapters.memory_baseline import adopt
from mythos.adapters.memory_log_database import Database
from mythos.adapters.memory_log_postgresql import ServerLog, connect_server
from mythos.adapters.memory_recorder import Recorder
from mythos.adapters.memory_rollback import roll_back
from mythos.adapters.memory_store_postgresql import postgresql_store
from mythos.engines.memory.rollback import Past
from mythos.errors import MemoryLogError, NotFoundError, UnavailableError, UsageError
from tests.adapters.memory.conftest import AT
from tests.postgresql import server_url

COLUMNS = """
    who uuid, at timestamptz, note text, tags jsonb, weight numeric(8, 3),
    vector double precision[], raw bytea, seen boolean, big bigint, span interval,
    PRIMARY KEY (who, at)
"""
ROW = """
    '4bf92f35-77b3-4da6-a3ce-929d0e0e4736', '2026-01-02 03:04:05.678+05:30', 'likes tea',
    '{"b": [1, 2.50], "a": null}', 1.500, '{0.1, 1e300, NaN}', '\\x00ff', true,
    9223372036854775807, '1 mon 2 days 03:00:00.5'
"""


@pytest.fixture
def table() -> Iterator[tuple[Database, str, str]]:
    """A server, its URL, and the table `memories` there: one row, its key of two columns."""
    url, schema = server_url(), f"mythos_test_{uuid4().hex[:12]}"
    with connect_server(ServerLog(url, schema), create=True) as database:
        database.all(f"CREATE TABLE memories ({COLUMNS})")
        database.all(f"INSERT INTO memories VALUES ({ROW})")  # noqa: S608 - no outsider's text
        yield database, url, f"{schema}.memories"
        database.all(f"DROP SCHEMA {schema} CASCADE")


CHANGES = [
    "note = 'likes Tea'",
    "tags = '{\"a\": null}'",
    "weight = 1.501",
    "vector = '{0.1, 1e300, 0}'",
    "raw = '\\x00fe'",
    "seen = NULL",
    "big = big - 1",
    "span = '1 mon 2 days 03:00:00.25'",
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_column_of_any_type_is_found_and_put_back(
    table: tuple[Database, str, str], tmp_path: Path, change: str
) -> None:
    database, url, name = table
    store, log = postgresql_store(url, name), tmp_path / "log.sqlite3"
    assert adopt(store, log, origin="mythos/n1/clerk", at=AT).entries == 1
    before = database.all("SELECT memories::text FROM memories")
    database.all(f"UPDATE memories SET {change}")  # noqa: S608 - as above
    database.all("SET TimeZone TO 'Asia/Tokyo'")
    (key,) = store.keys()
    assert audit_store(store, log, at=AT).altered == (key,)
    roll_back(store, log, Past(), at=AT, policy_ref="ops: back")
    assert audit_store(store, log, at=AT).score == 1.0
    database.all("SET TimeZone TO DEFAULT")
    assert database.all("SELECT memories::text FROM memories") == before


def test_a_recorder_inserts_updates_and_removes_rows(
    table: tuple[Database, str, str], tmp_path: Path
) -> None:
    database, url, name = table
    store, log = postgresql_store(url, name, columns=["note", "tags"]), tmp_path / "log.sqlite3"
    adopt(store, log, origin="mythos/n1/clerk", at=AT)
    (old,) = store.keys()
    who, at = json.loads(old)
    new = json.dumps([who.replace("4", "5"), at], separators=(",", ":"))
    with Recorder(store, log) as recorder:
        for note in ("first", "second"):
            row = {"who": json.loads(new)[0], "at": at, "note": note, "tags": '{"n": 1}'}
            recorder.record(new, json.dumps(row).encode(), source="agent", at=AT)
        recorder.forget(old, source="agent", at=AT)
    assert database.all("SELECT note, tags::text FROM memories") == [("second", '{"n": 1}')]
    assert audit_store(store, log, at=AT).score == 1.0


def test_a_row_that_the_table_would_keep_otherwise_is_refused_and_not_logged(
    table: tuple[Database, str, str], tmp_path: Path
) -> None:
    _, url, name = table
    store, log = postgresql_store(url, name, columns=["weight"]), tmp_path / "log.sqlite3"
    adopt(store, log, origin="mythos/n1/clerk", at=AT)
    (key,) = store.keys()
    who, at = json.loads(key)
    row = json.dumps({"who": who, "at": at, "weight": "1.23456"}).encode()
    with (
        Recorder(store, log) as recorder,
        pytest.raises(UnavailableError, match="gives another row back"),
    ):
        recorder.record(key, row, source="agent", at=AT)
    with pytest.raises(MemoryLogError, match="the row has nothing"):
        store.normal(key, b"{}")
    found = audit_store(store, log, at=AT)
    assert (found.score, found.size) == (1.0, 1)


def test_a_rehearsal_tells_each_change_that_the_table_refuses_and_changes_nothing(
    table: tuple[Database, str, str],
) -> None:
    database, url, name = table
    database.all("ALTER TABLE memories ADD CHECK (note <> 'poison')")
    store = postgresql_store(url, name, columns=["note"])
    (there,) = store.keys()
    before = database.all("SELECT memories::text FROM memories")
    who, at = json.loads(there)

    def change(n: int, note: str) -> tuple[str, bytes]:
        other = f"{n:08}{who[8:]}"
        key = json.dumps([other, at], separators=(",", ":"))
        return key, json.dumps({"who": other, "at": at, "note": note}).encode()

    good = [change(n, "likes tea") for n in range(12)]
    bad = [change(n, "poison") for n in range(12, 20)]
    mixed = [one for pair in zip(good, bad, strict=False) for one in pair] + good[8:]
    refused = store.rehearse([*mixed, (there, None), *good])
    assert list(refused) == [key for key, _ in bad]
    assert all("violates check constraint" in str(error) for error in refused.values())
    assert database.all("SELECT memories::text FROM memories") == before


@pytest.mark.parametrize("what", ["get", "put", "remove", "rehearse"])
def test_a_row_is_found_by_the_index_of_its_key(
    table: tuple[Database, str, str], what: str
) -> None:
    """The server's own statistics say how a row was found; a session that ends reports to them."""
    database, url, name = table
    database.all("CREATE TABLE many (id TEXT PRIMARY KEY, text TEXT)")
    database.all("INSERT INTO many SELECT 'k' || n, 'x' FROM generate_series(1, 20000) n")
    database.all("ANALYZE many")
    scans = "SELECT idx_scan, seq_scan FROM pg_stat_user_tables WHERE relid = 'many'::regclass"
    store, row = postgresql_store(url, name.replace("memories", "many")), b'{"id":"k9","text":"y"}'
    uses: dict[str, Callable[[], object]] = {
        "get": lambda: store.get("k9"),
        "put": lambda: store.put("k9", row),
        "remove": lambda: store.remove("k9"),
        "rehearse": lambda: store.rehearse([("k9", row), ("k9", None)]),
    }
    ((by_index, through_all),) = database.all(scans)
    uses[what]()
    for _ in range(100):
        ((by_index_now, through_all_now),) = database.all(scans)
        if (by_index_now, through_all_now) != (by_index, through_all):
            break
        sleep(0.05)
    assert by_index_now != by_index
    assert through_all_now == through_all


def test_a_row_with_a_null_in_its_key_is_a_memory_like_any_other(
    table: tuple[Database, str, str], tmp_path: Path
) -> None:
    database, url, name = table
    database.all("CREATE TABLE notes (who TEXT, n INTEGER, text TEXT)")
    database.all("INSERT INTO notes VALUES ('ada', NULL, 'a'), ('ada', 1, 'b')")
    named = name.replace("memories", "notes")
    store, log = postgresql_store(url, named, key=["who", "n"]), tmp_path / "log.sqlite3"
    adopt(store, log, origin="mythos/n1/clerk", at=AT)
    row = b'{"n":null,"text":"c","who":"ada"}'
    with Recorder(store, log) as recorder:
        recorder.record('["ada",null]', row, source="agent", at=AT)
        recorder.forget('["ada",1]', source="agent", at=AT)
    assert dict(store.read()) == {'["ada",null]': row}
    assert audit_store(store, log, at=AT).score == 1.0


def test_texts_and_bits_of_a_set_length_are_kept_whole(
    table: tuple[Database, str, str], tmp_path: Path
) -> None:
    database, url, name = table
    database.all("CREATE TABLE fixed (id CHARACTER(8) PRIMARY KEY, bits BIT(4), text VARCHAR(9))")
    database.all("INSERT INTO fixed VALUES ('tea', B'1010', 'likes tea')")
    store, log = postgresql_store(url, name.replace("memories", "fixed")), tmp_path / "log.sqlite3"
    adopt(store, log, origin="mythos/n1/clerk", at=AT)
    assert store.get("tea") == b'{"bits":"1010","id":"tea","text":"likes tea"}'
    with Recorder(store, log) as recorder:
        for key in ("tea", "name"):
            row = json.dumps({"id": key, "bits": "0110", "text": "x"}).encode()
            recorder.record(key, row, source="agent", at=AT)
    assert audit_store(store, log, at=AT).score == 1.0
    assert database.all("SELECT id, bits::text FROM fixed ORDER BY id") == [
        ("name    ", "0110"),
        ("tea     ", "0110"),
    ]


def test_a_table_or_a_column_that_is_not_there_is_named(
    table: tuple[Database, str, str],
) -> None:
    _, url, name = table
    with pytest.raises(NotFoundError, match="there is no table"):
        postgresql_store(url, "nowhere")
    with pytest.raises(UsageError, match="has no column 'nothing'"):
        postgresql_store(url, name, columns=["nothing"])
