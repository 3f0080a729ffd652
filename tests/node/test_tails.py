"""A node tells the newest entries of its memory logs: once, provably, and nothing of content."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from mythos.adapters.memory_checkpoint import sign_growth
from mythos.adapters.memory_log import open_log
from mythos.adapters.memory_recorder import Recorder
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.adapters.memory_tail import read_tail
from mythos.engines.memory.checkpoint import log_origin, parse_checkpoint
from mythos.engines.memory.cosignature import cosign
from mythos.engines.memory.entry import MemoryWrite, entry_of, key_hash
from mythos.engines.memory.note import parse_note
from mythos.engines.memory.tail import joined_tails, require_tail, tail_of
from mythos.engines.memory.tree import MerkleLog
from mythos.node.reporter import Reporter
from mythos.node.tails import MOST_AT_ONCE, MOST_OF_LOG, TAILED, within
from mythos.values.memory import MAX_NAME_CHARS, MAX_TAIL, Checkpoint, LogTail
from tests.adapters.fleet_site import NOW
from tests.node.household import NODE
from tests.node.test_witnessed import MINUTE, ORIGIN, WITNESS, Rememberer


class Teller(Rememberer):
    """A node whose refunds desk remembers, and what it tells of that."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.minute = 0
        self.recorder = Recorder(DirectoryStore(self.house.home.memory("refunds")), self.log)

    def write(self, *keys: str, content: bytes = b"a secret") -> None:
        writes = [MemoryWrite("directory", key, "put", content, "agent") for key in keys]
        self.recorder.record_all(writes, at=NOW)

    def erase(self, key: str) -> None:
        self.recorder.erase(key, source="user", at=NOW)

    def close(self) -> None:
        self.recorder.close()
        self.store.close()

    def tells(self) -> LogTail | None:
        """The refunds desk's tail in the next envelope, proved by the checkpoint beside it."""
        self.beat(NOW + self.minute * MINUTE)
        self.minute += 1
        envelope = self.told()[-1]
        for tail in envelope.tails:
            require_tail(tail, _said(envelope.checkpoints, tail.origin))
        return next((tail for tail in envelope.tails if tail.origin == ORIGIN), None)


def _said(notes: tuple[str, ...], origin: str) -> Checkpoint:
    (note,) = (note for note in notes if note.startswith(f"{origin}\n"))
    return parse_checkpoint(parse_note(note).text)


@pytest.fixture
def teller(tmp_path: Path) -> Iterator[Teller]:
    with closing(Teller(tmp_path)) as made:
        yield made


def _shape(tail: LogTail | None) -> tuple[int, int]:
    assert tail is not None
    return tail.start, tail.size


def test_what_was_written_is_told_once(teller: Teller) -> None:
    assert _shape(teller.tells()) == (0, 1)
    assert teller.tells() is None
    teller.write("b.md", "c.md")
    told = teller.tells()
    assert told is not None
    assert [entry.seq for entry in told.entries] == [1, 2]
    assert sorted(told.names.values()) == ["b.md", "c.md"]
    assert teller.tells() is None


def test_an_envelope_without_a_tail_has_no_such_member(teller: Teller) -> None:
    """A control plane from before tails knows none."""
    teller.tells()
    teller.tells()
    first, second = teller.told()
    assert "tails" in first.model_fields_set
    assert "tails" not in second.model_fields_set


def test_a_restart_of_the_sidecar_tells_nothing_again(teller: Teller) -> None:
    teller.tells()
    teller.restart()
    teller.write("b.md")
    assert _shape(teller.tells()) == (1, 2)


def test_of_much_that_was_written_the_newest_entries_are_told(teller: Teller) -> None:
    teller.write(*(f"{n}.md" for n in range(MOST_OF_LOG + 30)))
    assert _shape(teller.tells()) == (31, MOST_OF_LOG + 31)


def test_content_and_salts_stay(teller: Teller) -> None:
    teller.write("b.md", content=b"the card is 4000 1234")
    (tail,) = [tail.model_dump_json() for tail in [teller.tells()] if tail]
    with sqlite3.connect(teller.log) as log:
        salts = [salt.hex() for (salt,) in log.execute("SELECT salt FROM salts")]
    assert not any(text in tail for text in ("4000", b"4000".hex(), *salts))


def test_an_erased_key_is_named_no_more(teller: Teller) -> None:
    teller.write("ada.md", "b.md")
    told = teller.tells()
    assert told is not None
    assert "ada.md" in told.names.values()
    teller.write("ada.md")
    teller.erase("ada.md")
    told = teller.tells()
    assert told is not None
    assert [entry.op for entry in told.entries] == ["put", "delete"]
    assert told.names == {}


def test_a_deleted_key_that_was_not_erased_is_named(teller: Teller) -> None:
    teller.write("b.md")
    teller.tells()
    teller.recorder.forget("b.md", source="agent", at=NOW)
    told = teller.tells()
    assert told is not None
    assert list(told.names.values()) == ["b.md"]


def test_a_key_too_long_to_name_is_told_by_its_hash(teller: Teller) -> None:
    long = "/".join(["n" * 200] * (MAX_NAME_CHARS // 200)) + ".md"
    teller.write(long)
    told = teller.tells()
    assert told is not None
    assert key_hash("directory", long) in {entry.key_hash for entry in told.entries}
    assert set(told.names.values()) == {"a.md"}


def test_a_node_may_tell_no_names(teller: Teller) -> None:
    teller.reporter = Reporter(
        teller.house.home, teller.store, teller.house.acceptance, teller.house.key, key_names=False
    )
    teller.write("b.md")
    told = teller.tells()
    assert told is not None
    assert (_shape(told), told.names) == ((0, 2), {})


def _set(teller: Teller, statement: str, *values: object) -> None:
    """Change the log past everybody."""
    with sqlite3.connect(teller.log) as log:
        log.execute("DROP TRIGGER IF EXISTS entries_stay")
        log.execute(statement, values)


def test_a_log_that_does_not_hold_tells_no_tail_and_what_was_left_when_it_holds_again(
    teller: Teller,
) -> None:
    teller.tells()
    teller.write("b.md")
    right = bytes.fromhex(key_hash("directory", "b.md").removeprefix("sha256:"))
    _set(teller, "UPDATE entries SET key_hash = ? WHERE seq = 1", bytes(32))
    assert teller.tells() is None
    assert teller.reporter.failed_logs.keys() == {"refunds"}
    _set(teller, "UPDATE entries SET key_hash = ? WHERE seq = 1", right)
    teller.write("c.md")
    assert _shape(teller.tells()) == (1, 3)


def test_hashes_of_the_tree_that_are_not_those_of_the_entries_are_told_as_a_failure(
    teller: Teller,
) -> None:
    """What proves a first tail is read from other rows than what anybody read before."""
    teller.write(*(f"{n}.md" for n in range(MOST_OF_LOG + 30)))
    _set(teller, "UPDATE nodes SET hash = ? WHERE level = 3 AND place = 2", bytes(32))
    assert teller.tells() is None
    assert teller.reporter.failed_logs.keys() == {"refunds"}


def test_who_cosigns_anew_what_was_known_is_told_the_entries_anew(teller: Teller) -> None:
    """An operator let the log begin anew, and what was kept of it went with that."""
    assert _shape(teller.tells()) == (0, 1)
    note = teller.note(teller.told()[-1])
    for minute in (1, 1):
        teller.hear_more(cosign(note, WITNESS, at=NOW + minute * MINUTE))
    assert teller.tells() is None
    teller.hear_more(cosign(note, WITNESS, at=NOW + 2 * MINUTE))
    assert _shape(teller.tells()) == (0, 1)
    assert teller.tells() is None


def test_a_log_begun_anew_tells_its_newest_entries(teller: Teller) -> None:
    teller.write("b.md", "c.md")
    teller.tells()
    teller.recorder.close()
    teller.log.unlink()
    for file in teller.house.home.memory("refunds").iterdir():
        file.unlink()
    teller.begin()
    assert _shape(teller.tells()) == (0, 1)


def _rewritten(teller: Teller, kept: Path) -> None:
    """Roll log and memory back to their first entry, and write three others: it is longer now."""
    memory = teller.house.home.memory("refunds")
    teller.recorder.close()
    for name in ("b.md", "c.md"):
        (memory / name).unlink()
    for left in teller.log.parent.glob(f"{teller.log.name}*"):
        left.unlink()
    kept.rename(teller.log)
    teller.recorder = Recorder(DirectoryStore(memory), teller.log)
    teller.write("forged.md", "d.md", "e.md")


def _copy(teller: Teller, folder: Path) -> Path:
    with sqlite3.connect(teller.log) as log, sqlite3.connect(folder / "before") as kept:
        log.backup(kept)
    return folder / "before"


def test_a_log_that_is_another_than_was_told_tells_its_newest_entries_anew(
    teller: Teller, tmp_path: Path
) -> None:
    kept = _copy(teller, tmp_path)
    teller.write("b.md", "c.md")
    assert _shape(teller.tells()) == (0, 3)
    _rewritten(teller, kept)
    told = teller.tells()
    assert _shape(told) == (0, 4)
    assert told is not None
    assert "forged.md" in told.names.values()
    assert teller.tells() is None


def test_a_fork_tells_no_entries_and_after_a_restart_all_that_it_wrote(
    teller: Teller, tmp_path: Path
) -> None:
    kept = _copy(teller, tmp_path)
    teller.write("b.md", "c.md")
    assert _shape(teller.tells()) == (0, 3)
    note = teller.note(teller.told()[-1])
    teller.hear(view=teller.view(cosign(note, WITNESS, at=NOW + MINUTE)))
    _rewritten(teller, kept)
    assert teller.tells() is None
    assert teller.reporter.failed_logs.keys() == {"refunds"}
    anew = teller.note(teller.told()[-1])
    teller.hear(view=teller.view(cosign(anew, WITNESS, at=NOW + 2 * MINUTE)))
    assert _shape(teller.tells()) == (0, 4)


def test_a_memo_of_before_roots_were_remembered_counts_for_nothing(teller: Teller) -> None:
    assert _shape(teller.tells()) == (0, 1)
    teller.store.remember(TAILED + ORIGIN, "1")
    assert _shape(teller.tells()) == (0, 1)


def test_a_tail_ends_at_its_checkpoint_while_a_writer_goes_on(teller: Teller) -> None:
    key = teller.house.key.raw
    said = sign_growth(teller.log, key, bases=[]).checkpoint
    teller.write("b.md", "c.md", "d.md")
    tail = read_tail(teller.log, said, most=200, named=True)
    require_tail(tail, said)
    assert (tail.size, tail.names) == (1, {key_hash("directory", "a.md"): "a.md"})


KEYS = ("a.md", "b.md", "c.md")
STEPS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(KEYS)),
    st.tuples(st.just("erase"), st.sampled_from(KEYS)),
    st.just(("beat", "")),
)


@given(st.lists(STEPS, max_size=12))
@examples(max_examples=15)
def test_beat_by_beat_the_whole_log_is_told_and_no_key_that_is_erased(
    steps: list[tuple[str, str]],
) -> None:
    named, told = {"a.md"}, None
    with TemporaryDirectory() as folder, closing(Teller(Path(folder))) as teller:
        for step, key in [*steps, ("beat", "")]:
            if step == "write":
                teller.write(key)
                named.add(key)
            elif step == "erase":
                teller.erase(key)
                named.discard(key)
            elif (tail := teller.tells()) is not None:
                told = tail if told is None else joined_tails(told, tail, keep=MAX_TAIL)
        with open_log(teller.log) as log:
            logged = tuple(log.entries())
    assert told is not None
    assert told.entries == logged
    assert set(told.names.values()) == named


def _tail(n: int, name: str) -> LogTail:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    write = MemoryWrite("directory", "a.md", "delete", None, "agent")
    entries = [entry_of(write, seq=seq, salt=bytes(32), at=at) for seq in range(n)]
    tree = MerkleLog()
    tree.extend(entry.canonical() for entry in entries)
    return tail_of(tree, entries, origin=log_origin(NODE, name), names={})


@given(st.lists(st.integers(1, 20), max_size=8), st.integers(0, 60))
def test_an_envelope_is_shared_by_logs_and_the_short_ones_stay_whole(
    lengths: list[int], most: int
) -> None:
    tails = [_tail(n, f"agent-{place}") for place, n in enumerate(lengths)]
    told = {tail.origin: tail for tail in within(tails, most=most)}
    n_told = [len(told[tail.origin].entries) if tail.origin in told else 0 for tail in tails]
    assert sum(n_told) <= most
    assert sum(n_told) == sum(lengths) or sum(n_told) > most - len(tails)
    for n, length in zip(n_told, lengths, strict=True):
        assert n == length or n >= max(n_told) - 1
    for tail in tails:
        if tail.origin in told:
            assert told[tail.origin].size == tail.size


def test_at_most_a_thousand_entries_are_in_an_envelope() -> None:
    tails = [_tail(MOST_OF_LOG, f"agent-{n}") for n in range(8)]
    assert sum(len(tail.entries) for tail in within(tails)) == MOST_AT_ONCE
