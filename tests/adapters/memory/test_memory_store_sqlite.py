"""A table of SQLite as a store: what it takes it gives back, and what it would not it refuses."""

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.adapters.memory_auditor import audit_store
from mythos.adapters.memory_baseline import adopt
from mythos.adapters.memory_recorder import record
from mythos.adapters.memory_rollback import roll_back
from mythos.adapters.memory_store_sqlite import sqlite_store
from mythos.adapters.memory_store_table import TableStore
from mythos.engines.memory.rollback import Past
from mythos.errors import MythosError
from tests.adapters.memory.conftest import AT

_SINGLE = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_MARKED = st.dictionaries(
    st.sampled_from(["$int", "$bytes", "$text", "$x"]),
    st.sampled_from(["5", "+9007199254740993", "9007199254740993", "9" * 30, "abc", "aGk=", "aGl="])
    | st.text(max_size=4),
    min_size=1,
    max_size=2,
)


def logged_table(folder: Path, column_type: str = "") -> tuple[TableStore, Path]:
    with closing(sqlite3.connect(folder / "a.db")) as database, database:
        database.execute(f"CREATE TABLE m (id TEXT PRIMARY KEY, v {column_type})")
    store, log = sqlite_store(folder / "a.db", "m"), folder / "log.db"
    adopt(store, log, origin="mythos/n1/clerk", at=AT)
    return store, log


@given(_SINGLE | _MARKED | st.lists(_SINGLE, max_size=2), st.sampled_from(["", "REAL", "TEXT"]))
@example(True, "")
@example({"$int": "5"}, "")
@example({"$int": "9" * 30}, "")
@example({"$bytes": "aGl="}, "")
@example([], "")
@example(2.0**53, "REAL")
def test_a_row_is_kept_as_it_was_logged_or_refused_and_not_logged(
    tmp_path_factory: pytest.TempPathFactory, value: JsonValue, column_type: str
) -> None:
    store, log = logged_table(tmp_path_factory.mktemp("m"), column_type)
    row = json.dumps({"id": "a", "v": value}).encode()
    try:
        record(store, log, "a", row, source="agent", at=AT)
    except MythosError:
        n_logged = 0
    else:
        n_logged = 1
    audit = audit_store(store, log, at=AT)
    assert (audit.size, audit.ok, audit.score) == (n_logged, n_logged, 1.0)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ('{"id": "a", "v": [1]}', "column 'v' is to hold what is no single value"),
        ('{"id": "a", "v": {"$int": "x"}}', "marked \\$int is no integer"),
        ('{"id": "a", "v": true}', "gives another row back"),
        ('{"id": "a", "v": {"$int": "%s"}}' % ("9" * 30), "refuses the row"),
        ('{"id": "a", "v": %s}' % ("[" * 100_000), "nests too deep"),
    ],
)
def test_a_row_that_no_table_takes_is_refused_with_what_to_give(
    tmp_path: Path, row: str, why: str
) -> None:
    store, log = logged_table(tmp_path)
    with pytest.raises(MythosError, match=why) as refused:
        record(store, log, "a", row.encode(), source="agent", at=AT)
    assert "give" in refused.value.remedy or "write" in refused.value.remedy


def test_a_number_without_end_as_a_key_hides_nothing_and_is_taken_back(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as database, database:
        database.execute("CREATE TABLE m (id REAL, v)")
        database.execute("INSERT INTO m VALUES (1.5, 1e20), (2.5, -9e999)")
    store, log = sqlite_store(tmp_path / "a.db", "m", key=["id"]), tmp_path / "log.db"
    assert adopt(store, log, origin="mythos/n1/clerk", at=AT).n_left_out == 0
    with closing(sqlite3.connect(tmp_path / "a.db")) as database, database:
        database.execute("UPDATE m SET v = 0")
        database.execute("INSERT INTO m VALUES (9e999, 'planted')")
    found = audit_store(store, log, at=AT)
    assert (found.altered, found.unlogged) == (("[1.5]", "[2.5]"), ('[{"$float":"inf"}]',))
    roll_back(store, log, Past(2), at=AT, policy_ref="ada: x")
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        rows = database.execute("SELECT v FROM m ORDER BY id").fetchall()
    assert rows == [(1e20,), (-math.inf,), ("planted",)]
