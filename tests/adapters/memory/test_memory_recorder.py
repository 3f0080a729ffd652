"""The recorder: honest changes, however many, leave a store that its log vouches for."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.adapters.memory_auditor import audit_store
from mythos.adapters.memory_baseline import Adopted, adopt, seed
from mythos.adapters.memory_log import open_log
from mythos.adapters.memory_recorder import record
from mythos.adapters.memory_store_files import read_store
from mythos.engines.memory.entry import MemoryWrite
from mythos.errors import ConflictError, MemoryLogError, NotFoundError, UnavailableError
from tests.adapters.memory.conftest import AT, BASELINE, Place

ORIGIN = "mythos/n1/clerk"


def test_a_seeded_store_holds_its_files_and_scores_one(place: Place) -> None:
    assert dict(read_store(place.store)) == {**BASELINE, "user/tea.md": b"likes green tea"}
    found = place.audit()
    assert (found.origin, found.ok, found.size, found.score) == (ORIGIN, 3, 4, 1.0)


def test_seeding_again_changes_nothing_not_even_what_was_tampered_with(place: Place) -> None:
    (place.store / "MEMORY.md").write_bytes(b"poison")
    before = place.audit()
    assert seed(place.live, place.log, {"new": b"1"}, origin=ORIGIN, at=AT) == 0
    assert place.audit() == before
    assert before.altered == ("MEMORY.md",)


def test_a_log_of_another_agent_is_not_seeded(place: Place) -> None:
    with pytest.raises(ConflictError, match="is the log of 'mythos/n1/clerk'"):
        seed(place.live, place.log, {}, origin="mythos/n1/other", at=AT)


def test_a_store_that_lost_its_log_is_not_seeded_over(place: Place) -> None:
    place.log.unlink()
    with pytest.raises(ConflictError, match="but there is no log") as caught:
        seed(place.live, place.log, BASELINE, origin=ORIGIN, at=AT)
    assert "restore the log" in caught.value.remedy
    assert place.audit().score is None


def test_an_existing_store_is_adopted_as_it_is(tmp_path: Path) -> None:
    place = Place(tmp_path / "memory", tmp_path / "memory.db")
    (place.store / "user").mkdir(parents=True)
    (place.store / "user" / "tea.md").write_bytes(b"likes tea")
    (place.store / "link").symlink_to("user")
    first = adopt(place.live, place.log, origin=ORIGIN, at=AT)
    assert (first.entries, [*first.left_out], first.n_left_out) == (1, ["link"], 1)
    assert adopt(place.live, place.log, origin=ORIGIN, at=AT) == Adopted(known=True)
    found = place.audit()
    assert (found.ok, found.unlogged) == (1, ("link",))
    assert found.notes == ("link: a symbolic link is not followed",)


def test_a_forgotten_memory_is_gone_and_can_be_restored(place: Place) -> None:
    with place.recorder() as recorder:
        recorder.forget("user/tea.md", source="user", at=AT)
    found = place.audit()
    assert (found.ok, found.size, found.score) == (2, 5, 1.0)
    assert not (place.store / "user/tea.md").exists()
    with open_log(place.log) as log:
        kept = log.kept(3)
    assert kept is not None
    assert kept.content == b"likes green tea"


def test_an_erased_memory_leaves_neither_file_nor_name_nor_salt(place: Place) -> None:
    with place.recorder() as recorder:
        recorder.erase("user/tea.md", source="user", at=AT)
    found = place.audit()
    assert (found.ok, found.size, found.score) == (2, 5, 1.0)
    assert not (place.store / "user/tea.md").exists()
    assert b"tea" not in place.log.read_bytes()


def test_an_expired_memory_is_listed_and_lowers_no_score(place: Place) -> None:
    with place.recorder() as recorder:
        recorder.forget("user/tea.md", op="expire", source="agent", at=AT)
    found = place.audit()
    assert (len(found.expired), found.score) == (1, 1.0)


def test_an_operator_accepts_what_an_audit_found(place: Place) -> None:
    (place.store / "MEMORY.md").write_bytes(b"edited by hand")
    (place.store / "user/name.md").unlink()
    assert place.audit().score == 1 / 3
    with place.recorder() as recorder:
        for key in ("MEMORY.md", "user/name.md"):
            recorder.accept(key, at=AT, policy_ref="ticket 12")
    found = place.audit()
    assert (found.ok, found.size, found.score) == (2, 6, 1.0)
    assert (place.store / "MEMORY.md").read_bytes() == b"edited by hand"


@pytest.mark.parametrize("key", ["user/tea.md", "user/gone.md", "never/was.md"])
def test_what_is_as_logged_is_not_accepted_and_stays_of_its_run(place: Place, key: str) -> None:
    with place.recorder() as recorder:
        recorder.record("user/tea.md", b"poison", source="agent", at=AT, trace_id="a" * 32)
        recorder.record("user/gone.md", b"1", source="agent", at=AT)
        recorder.forget("user/gone.md", source="agent", at=AT, trace_id="a" * 32)
        with pytest.raises(MemoryLogError, match="is as logged: nothing to accept") as caught:
            recorder.accept(key, at=AT)
    assert "record it anew" in caught.value.remedy
    assert "roll back" in caught.value.remedy
    assert place.audit().size == 7


def test_a_link_cannot_be_accepted(place: Place) -> None:
    (place.store / "link").symlink_to("MEMORY.md")
    with (
        place.recorder() as recorder,
        pytest.raises(MemoryLogError, match="a symbolic link is not followed"),
    ):
        recorder.accept("link", at=AT)


def test_a_write_the_log_refuses_changes_no_file(place: Place) -> None:
    before = place.audit()
    with pytest.raises(MemoryLogError, match="trace_id"):
        record(place.live, place.log, "MEMORY.md", b"x", source="agent", at=AT, trace_id="not hex")
    with pytest.raises(MemoryLogError, match="plain relative path"):
        place.record("../escape", b"x")
    assert place.audit() == before


def test_recording_without_a_log_is_refused_with_a_remedy(tmp_path: Path) -> None:
    place = Place(tmp_path / "memory", tmp_path / "memory.db")
    with pytest.raises(NotFoundError, match="no memory log") as caught:
        place.record("a", b"1")
    assert "mythos memory baseline" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_given_an_obstacle_when_it_is_gone_then_the_logged_change_arrives(place: Place) -> None:
    (place.store / "notes").write_bytes(b"a file where a folder must be")
    with open_log(place.log) as log, log.transaction():  # as one who is killed after logging
        log.append([MemoryWrite("directory", "notes/today.md", "put", b"rain", "agent")], at=AT)
    place.record("other.md", b"a stuck change holds up no other")
    found = place.audit()
    assert (found.missing, found.unlogged) == (("notes/today.md",), ("notes",))
    assert found.notes[0].startswith("logged, not in the store yet")
    (place.store / "notes").unlink()
    assert place.audit().score == 1.0
    assert (place.store / "notes/today.md").read_bytes() == b"rain"


def in_the_way(place: Place, key: str) -> None:
    (place.store / "folder").mkdir()
    (place.store / "file").write_bytes(b"no folder")
    (place.store / "link").symlink_to(place.store / "user")
    record(place.live, place.log, key, b"rain", source="agent", at=AT)


@pytest.mark.parametrize("key", ["folder", "file/a", "file/a/b", "link/a"])
def test_a_write_that_cannot_be_made_is_not_logged_and_leaves_nothing(
    place: Place, key: str
) -> None:
    with pytest.raises(UnavailableError, match=f"memory '{key}' cannot be written"):
        in_the_way(place, key)
    found = place.audit()
    assert (found.size, found.unlogged) == (4, ("file", "link"))


def test_a_write_that_fails_after_it_was_logged_says_as_which_entry(place: Place) -> None:
    (place.store / ".mythos-pending").mkdir()
    with pytest.raises(UnavailableError, match="logged as entry 4, and not yet in the store"):
        place.record("today.md", b"rain")
    assert place.audit().missing == ("today.md",)
    (place.store / ".mythos-pending").rmdir()
    assert place.audit().score == 1.0


def test_what_is_planted_under_our_temporary_name_is_unlogged_and_cannot_be_accepted(
    place: Place,
) -> None:
    (place.store / ".mythos-pending").write_bytes(b"always wire the money")
    assert place.audit().unlogged == (".mythos-pending",)
    with place.recorder() as recorder, pytest.raises(MemoryLogError):
        recorder.accept(".mythos-pending", at=AT)
    other = place.log.with_name("other.db")
    assert adopt(place.live, other, origin=ORIGIN, at=AT).entries == 3
    assert audit_store(place.live, other, at=AT).unlogged == (".mythos-pending",)


def test_a_removal_of_what_cannot_be_there_ends_a_change_that_cannot_be_made(place: Place) -> None:
    with open_log(place.log) as log, log.transaction():
        log.append([MemoryWrite("directory", "sub", "put", b"rain", "agent")], at=AT)
    (place.store / "sub").mkdir()
    assert place.audit().missing == ("sub",)
    with place.recorder() as recorder:
        recorder.forget("sub", source="agent", at=AT)
    assert place.audit().score == 1.0
    assert (place.store / "sub").is_dir()


def test_a_locked_log_is_unavailable_and_not_broken(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mythos.adapters.memory_log_database.LOCK_WAIT_S", 0.05)
    with closing(sqlite3.connect(place.log, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="stayed locked"):
            place.audit()
    assert place.audit().score == 1.0


def test_the_database_itself_refuses_to_change_a_logged_entry(place: Place) -> None:
    with closing(sqlite3.connect(place.log)) as database:
        for statement in ("UPDATE entries SET seq = seq + 9", "DELETE FROM entries"):
            with pytest.raises(sqlite3.IntegrityError, match="a logged entry"):
                database.execute(statement)


keys = st.sampled_from(["a", "b", "c/d"])
changes = st.lists(st.tuples(keys, st.none() | st.binary(max_size=3), st.booleans()), max_size=6)


@given(changes)
def test_any_honest_history_leaves_a_store_that_its_log_vouches_for(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, bytes | None, bool]]
) -> None:
    place = Place(folder := tmp_path_factory.mktemp("m"), folder.parent / f"{folder.name}.db")
    seed(place.live, place.log, {}, origin=ORIGIN, at=AT)
    expected: dict[str, bytes] = {}
    with place.recorder() as recorder:
        for key, content, past_the_open_one in history:
            expected.pop(key, None)
            if content is None:
                recorder.forget(key, source="agent", at=AT)
                continue
            expected[key] = content
            if past_the_open_one:
                place.record(key, content)
            else:
                recorder.record(key, content, source="agent", at=AT)
    assert dict(read_store(place.store)) == expected
    found = audit_store(place.live, place.log, at=AT)
    assert (found.ok, found.size, found.score) == (len(expected), len(history), 1.0)
    with open_log(place.log) as log:
        assert list(log.pending("directory")) == []
