"""Roll-backs: what a run wrote stays that run's however often it is put back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.adapters.memory_baseline import adopt, seed
from mythos.adapters.memory_log import open_log
from mythos.adapters.memory_recorder import Recorder, record
from mythos.adapters.memory_rollback import RolledBack, plan, roll_back
from mythos.adapters.memory_store_jsonl import JsonLinesStore
from mythos.adapters.memory_store_sqlite import sqlite_store
from mythos.engines.memory.entry import MAX_REF_CHARS, key_hash
from mythos.engines.memory.rollback import Past, written_by
from mythos.errors import MemoryLogError, NotFoundError
from mythos.values.memory import MemoryEntry
from tests.adapters.memory.conftest import AT, Place

POISONED, OTHER = "a" * 32, "b" * 32
WITHOUT = Past(without=frozenset({POISONED}))
KEYS = ("p", "q")


def seeded(folder: Path) -> Place:
    place = Place(folder / "memory", folder / "memory.db")
    seed(place.live, place.log, dict.fromkeys(KEYS, b"baseline"), origin="mythos/n1/clerk", at=AT)
    return place


def written(place: Place, key: str, content: bytes, run: str) -> None:
    record(place.live, place.log, key, content, source="agent", at=AT, trace_id=run)


def removed(place: Place, key: str, run: str) -> None:
    with place.recorder() as recorder:
        recorder.forget(key, source="agent", at=AT, trace_id=run)


def taken_back(place: Place, past: Past) -> RolledBack:
    return roll_back(place.live, place.log, past, at=AT, policy_ref="ada: because")


def standing(place: Place, run: str) -> dict[str, MemoryEntry]:
    """Key to the last entry that `mythos memory trace --run` shows of it as standing."""
    names = {key_hash("directory", key): key for key in KEYS}
    with open_log(place.log) as log:
        found = list(written_by(log.entries(), wanted=lambda entry: entry.trace_id == run))
    return {names[entry.key_hash]: entry for entry, current in found if current}


def test_what_a_roll_back_restores_is_still_of_the_run_that_wrote_it(tmp_path: Path) -> None:
    place = seeded(tmp_path)
    written(place, "p", b"poison", POISONED)
    (place.store / "p").write_bytes(b"edited past the log")
    taken_back(place, Past(3))
    assert (place.store / "p").read_bytes() == b"poison"
    entry = standing(place, POISONED)["p"]
    assert (entry.source, entry.policy_ref) == ("operator", "ada: because (restores entry 2)")
    taken_back(place, WITHOUT)
    assert (place.store / "p").read_bytes() == b"baseline"
    assert standing(place, POISONED) == {}


def test_a_removal_that_is_done_again_is_still_of_the_run_that_removed(tmp_path: Path) -> None:
    place = seeded(tmp_path)
    removed(place, "p", POISONED)
    taken_back(place, WITHOUT)
    taken_back(place, Past(3))
    assert not (place.store / "p").exists()
    taken_back(place, WITHOUT)
    assert (place.store / "p").read_bytes() == b"baseline"


@pytest.mark.parametrize("gone", [False, True])
def test_after_a_roll_back_the_audit_is_ok_also_where_the_store_was_right_already(
    tmp_path: Path, gone: bool
) -> None:
    place = seeded(tmp_path)
    if gone:
        removed(place, "p", "")
    written(place, "p", b"newer", OTHER)
    (place.store / "p").unlink() if gone else (place.store / "p").write_bytes(b"baseline")
    assert place.audit().score != 1.0
    size = 3 if gone else 2
    assert taken_back(place, Past(size)).logged == 1
    assert place.audit().score == 1.0
    assert taken_back(place, Past(size)).logged == 0, "done once"


def test_what_the_log_does_not_know_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    place = seeded(tmp_path)
    (place.store / "p").write_bytes(b"edited past the log")
    with pytest.raises(NotFoundError, match="the log has 2 entries, not 3"):
        plan(place.live, place.log, Past(3))
    with pytest.raises(NotFoundError, match=f"no entry of this log is of run '{POISONED}'"):
        taken_back(place, WITHOUT)
    assert (place.store / "p").read_bytes() == b"edited past the log"


def test_a_reason_that_leaves_no_room_changes_nothing(tmp_path: Path) -> None:
    place = seeded(tmp_path)
    (place.store / "p").write_bytes(b"edited past the log")
    with pytest.raises(MemoryLogError, match="no room to say that entry 0 is restored"):
        roll_back(place.live, place.log, Past(), at=AT, policy_ref="x" * MAX_REF_CHARS)
    assert place.audit().altered == ("p",)


@pytest.mark.parametrize("in_the_way", ["folder", "link", "file"])
def test_what_the_store_would_refuse_is_found_before_anything_is_logged(
    tmp_path: Path, in_the_way: str
) -> None:
    place = seeded(tmp_path)
    place.record("deep/r", b"deep")
    written(place, "q", b"poison", POISONED)
    if in_the_way == "folder":
        key = "p"
        (place.store / "p").unlink()
        (place.store / "p/inside").mkdir(parents=True)
    else:
        key = "deep/r"
        (place.store / "deep/r").unlink()
        (place.store / "deep").rmdir()
        if in_the_way == "link":
            (place.store / "deep").symlink_to(tmp_path)
        else:
            (place.store / "deep").write_bytes(b"planted")
    made = plan(place.live, place.log, Past(3))
    assert list(made.blocked) == [key]
    assert f"memory {key!r} cannot be written" in made.blocked[key]
    done = taken_back(place, Past(3))
    assert (done.plan, done.logged, done.stuck) == (made, 0, ())
    assert (place.audit().size, (place.store / "q").read_bytes()) == (4, b"poison")


def test_a_memory_comes_back_where_a_later_one_stood_in_its_way(tmp_path: Path) -> None:
    place = seeded(tmp_path)
    place.record("deep/r", b"deep")
    removed(place, "deep/r", OTHER)
    (place.store / "deep").rmdir()
    place.record("deep", b"a file now")
    done = taken_back(place, Past(3))
    assert (done.plan.blocked, done.stuck) == ({}, ())
    assert (place.store / "deep/r").read_bytes() == b"deep"
    assert place.audit().score == 1.0


def test_one_change_makes_way_for_another_in_json_lines(tmp_path: Path) -> None:
    store, log = JsonLinesStore(tmp_path / "m.jsonl"), tmp_path / "log.db"
    store.path.write_bytes(b'{"v": 1}\n{"v": 2}\n')
    adopt(store, log, origin="mythos/n1/clerk", at=AT)
    with Recorder(store, log) as recorder:
        recorder.forget("#2", source="agent", at=AT)
    store.path.write_bytes(b'{"v": 1}\n')
    record(store, log, "late", b'{"id": "late"}', source="agent", at=AT)
    assert store.path.read_bytes() == b'{"v": 1}\n{"id":"late"}\n'
    done = roll_back(store, log, Past(2), at=AT, policy_ref="ada: x")
    assert (done.plan.blocked, done.stuck) == ({}, ())
    assert store.path.read_bytes() == b'{"v": 1}\n{"v":2}\n'


@pytest.mark.parametrize(("condition", "blocked"), [("NEW.id = 'b'", ["b"]), ("1", ["a", "b"])])
def test_a_table_that_refuses_a_row_is_not_rolled_back_in_part(
    tmp_path: Path, condition: str, blocked: list[str]
) -> None:
    file, log = tmp_path / "a.db", tmp_path / "log.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE m (id TEXT PRIMARY KEY, v)")
        database.execute("INSERT INTO m VALUES ('a', 1), ('b', 2)")
    store = sqlite_store(file, "m")
    adopt(store, log, origin="mythos/n1/clerk", at=AT)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("DELETE FROM m")
        database.execute(
            f"CREATE TRIGGER t BEFORE INSERT ON m WHEN {condition}"
            " BEGIN SELECT RAISE(ROLLBACK, 'not here'); END"
        )
    done = roll_back(store, log, Past(2), at=AT, policy_ref="ada: x")
    assert list(done.plan.blocked) == blocked
    assert all("not here" in why for why in done.plan.blocked.values())
    assert (done.logged, list(store.keys())) == (0, [])


keys, runs = st.sampled_from(KEYS), st.sampled_from([POISONED, OTHER])
steps = st.one_of(
    st.tuples(st.just("write"), keys, runs),
    st.tuples(st.just("remove"), keys, runs),
    st.tuples(st.just("edit past the log"), keys, st.integers(0, 9)),
    st.tuples(st.just("back to"), st.just(""), st.integers(0, 30)),
    st.tuples(st.just("without"), st.just(""), runs),
)


@given(st.lists(steps, max_size=12))
def test_nothing_of_a_run_outlives_being_taken_back(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, str, str | int]]
) -> None:
    """Contents name their writer, so that what stands says by itself whose it is."""
    place = seeded(tmp_path_factory.mktemp("m"))
    contents, removed_by_others = [b"baseline"], set[str]()
    for n, (what, key, which) in enumerate([*history, ("write", "q", POISONED)]):
        match what, which:
            case "write", str(run):
                contents.append(f"{run} {n}".encode())
                written(place, key, contents[-1], run)
            case "remove", str(run):
                removed(place, key, run)
                removed_by_others |= {key} if run == OTHER else set()
            case "edit past the log", int(number):
                (place.store / key).write_bytes(contents[number % len(contents)])
            case "back to", int(size):
                with open_log(place.log) as log:
                    size %= log.size + 1
                taken_back(place, Past(max(size, len(KEYS))))
                assert place.audit().score == 1.0
                assert stands_of(place, POISONED) == contents_of(place, POISONED)
            case _, run:
                with open_log(place.log) as log:
                    known = {entry.trace_id for entry in log.entries()}
                if run in known:
                    taken_back(place, Past(without=frozenset({str(run)})))
    taken_back(place, WITHOUT)
    assert place.audit().score == 1.0
    assert contents_of(place, POISONED) == set()
    assert {key for key in KEYS if not (place.store / key).exists()} <= removed_by_others


def contents_of(place: Place, run: str) -> set[str]:
    """Keys under which something stands that a run wrote."""
    live = dict(place.live.read())
    return {key for key in live if bytes(live[key]).startswith(run.encode())}  # type: ignore[arg-type]


def stands_of(place: Place, run: str) -> set[str]:
    return {key for key, entry in standing(place, run).items() if entry.content_hash}
