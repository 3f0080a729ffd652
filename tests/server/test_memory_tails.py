"""Newest entries of memory logs: whatever comes in whatever order, what is kept is proved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from mythos.adapters.key_file import SigningKey
from mythos.engines.memory.checkpoint import checkpoint_text, log_origin
from mythos.engines.memory.entry import MemoryWrite, entry_of
from mythos.engines.memory.note import NoteSigner, sign_note
from mythos.engines.memory.tail import require_tail, tail_of
from mythos.engines.memory.tree import MerkleLog
from mythos.engines.memory.witness import growth_proof
from mythos.server.resilience.commands import accept_envelope
from mythos.server.resilience.log_models import MemoryCheckpoint, MemoryTail, UnprovedCheckpoint
from mythos.server.resilience.models import EnvelopeReceipt, IntakeFinding
from mythos.server.resilience.witness_files import restart_log
from mythos.values.memory import MAX_TAIL, Checkpoint, GrowthProof, LogTail
from tests.server.outpost import AT, Outpost, minutes

pytestmark = pytest.mark.django_db
ORIGIN = log_origin("lab-1", "clerk")
KEYS = ("tea.md", "mail.md", "ada@example.org.md")
ENTRIES = 24
LONG = 3 * MAX_TAIL // 2


class History:
    """What a log's entries were; every fifth one erases its key."""

    def __init__(self, text: str, *, shared: int = 0, n: int = ENTRIES) -> None:
        """The first `shared` entries are those of every history."""
        self.entries = [
            entry_of(
                MemoryWrite(
                    "memory", self.key(seq), "delete" if self.erases(seq) else "put",
                    None if self.erases(seq) else (b"" if seq < shared else text.encode()), "agent",
                ),
                seq=seq, salt=bytes(32), at=AT,
            )
            for seq in range(n)
        ]  # fmt: skip
        self.tree = MerkleLog()
        self.tree.extend(entry.canonical() for entry in self.entries)

    @staticmethod
    def key(seq: int) -> str:
        return KEYS[(seq // 2) % len(KEYS)]

    @staticmethod
    def erases(seq: int) -> bool:
        return seq % 5 == 4

    def names(self, size: int) -> dict[str, str]:
        """The keys that the host can name at a size, by their hash."""
        names: dict[str, str] = {}
        for entry in self.entries[:size]:
            if self.erases(entry.seq):
                names.pop(entry.key_hash, None)
            else:
                names[entry.key_hash] = self.key(entry.seq)
        return names

    def note(self, key: SigningKey, size: int) -> str:
        text = checkpoint_text(ORIGIN, size, self.tree.root(size))
        return sign_note(text, NoteSigner(ORIGIN, key.raw))

    def grown(self, old: int, new: int) -> GrowthProof:
        return growth_proof(ORIGIN, old, new, self.tree.consistency_proof(old, new))

    def tail(self, start: int, size: int) -> LogTail:
        tree = MerkleLog()
        tree.extend(entry.canonical() for entry in self.entries[:size])
        return tail_of(tree, self.entries[start:size], origin=ORIGIN, names=self.names(size))


TRUE = History("true")
FORGED = History("forged", shared=7)


@dataclass(frozen=True)
class Telling:
    """One envelope: its checkpoint, what it grew from, and its newest entries from `start` on."""

    nth: int
    size: int
    bases: tuple[int, ...] = ()
    start: int | None = None
    history: History = TRUE
    tail: History | None = None


def _tell(outpost: Outpost, telling: Telling) -> None:
    history, size, start = telling.history, telling.size, telling.start
    tail = None if start is None else (telling.tail or history).tail(start, size)
    envelope = outpost.sealed(
        sent_at=int((AT + minutes(telling.nth)).timestamp()), counter=telling.nth,
        checkpoints=(history.note(outpost.key, size),),
        growth=tuple(history.grown(base, size) for base in telling.bases if 0 < base < size),
        tails=() if tail is None else (tail,),
    )  # fmt: skip
    accept_envelope(envelope, at=AT + minutes(telling.nth))


def _kept() -> LogTail | None:
    row = MemoryTail.objects.filter(origin=ORIGIN).first()
    return None if row is None else LogTail.model_validate(row.tail)


def _require_proved() -> LogTail | None:
    """What is kept ends where the witnessed checkpoint does, and is proved by it."""
    kept = _kept()
    if kept is not None:
        known = MemoryCheckpoint.objects.get(origin=ORIGIN)
        said = Checkpoint(origin=ORIGIN, size=known.size, root=f"sha256:{known.root}")
        require_tail(kept, said)
        assert kept.size == known.size
        assert len(kept.entries) <= MAX_TAIL
    return kept


def _found() -> list[str]:
    return [found.detail for found in IntakeFinding.objects.filter(code="MEMORY_LOG_FORK")]


@contextmanager
def _undone() -> Iterator[None]:
    """Examples of one test see nothing of each other."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@st.composite
def _honest(draw: st.DrawFn) -> list[Telling]:
    """Beats of a host: a log that only grows, told from where it was told before."""
    sizes = sorted(draw(st.lists(st.integers(1, ENTRIES), min_size=1, max_size=7)))
    told = [0, *sizes[:-1]]
    starts = [
        draw(st.none() | st.integers(old, size)) if old < size else None
        for old, size in zip(told, sizes, strict=True)
    ]
    return [
        Telling(nth, size, (old,), start)
        for nth, (old, size, start) in enumerate(zip(told, sizes, starts, strict=True), start=1)
    ]


@given(data=st.data())
@examples(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_honest_log_is_never_doubted_and_names_nothing_that_was_erased(
    outpost: Outpost, data: st.DataObject
) -> None:
    """Envelopes are lost, repeated and reordered."""
    beats = data.draw(_honest())
    arrivals = data.draw(st.lists(st.sampled_from(beats), max_size=10))
    with _undone():
        for telling in arrivals:
            _tell(outpost, telling)
            kept = _require_proved()
            if kept is not None:
                assert kept.entries == tuple(TRUE.entries[kept.start : kept.size])
                assert kept.names.items() <= TRUE.names(kept.size).items()
        assert _found() == []


Step = Telling | Literal["restart"]


@st.composite
def _anything(draw: st.DrawFn) -> Telling:
    size = draw(st.integers(0, ENTRIES))
    histories = st.sampled_from([TRUE, FORGED])
    return Telling(
        nth=draw(st.integers(1, 9)),
        size=size,
        bases=draw(st.sampled_from([(), tuple(range(size))])),
        start=draw(st.none() | st.integers(0, size)),
        history=draw(histories),
        tail=draw(st.none() | histories),
    )


def _steps() -> st.SearchStrategy[list[Step]]:
    step: st.SearchStrategy[Step] = st.one_of(_anything(), st.just("restart"))
    return st.lists(step, max_size=10, unique_by=lambda each: getattr(each, "nth", id(each)))


@given(steps=_steps())
@examples(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_host_sends_what_is_kept_is_proved_and_nothing_is_refused(
    outpost: Outpost, steps: list[Step]
) -> None:
    """Two histories, tails of the wrong one, proofs that lead nowhere, and restarts."""
    with _undone():
        for step in steps:
            if step != "restart":
                _tell(outpost, step)
            elif MemoryCheckpoint.objects.filter(origin=ORIGIN).exists():
                restart_log(ORIGIN, by="ada", why="a new disk", at=AT)
                assert _kept() is None
            _require_proved()
        assert EnvelopeReceipt.objects.count() == sum(step != "restart" for step in steps)


def _in_order(outpost: Outpost, *tellings: Telling) -> LogTail | None:
    for telling in tellings:
        _tell(outpost, telling)
    return _require_proved()


def test_entries_told_beat_by_beat_are_kept_together(outpost: Outpost) -> None:
    kept = _in_order(
        outpost,
        Telling(1, 6, (), 2),
        Telling(2, 6),
        Telling(3, 9, (6,), 6),
        Telling(4, 20, (9,), 9),
    )
    assert kept == TRUE.tail(2, 20)


def test_at_most_the_newest_500_are_kept(outpost: Outpost) -> None:
    long = History("long", n=LONG)
    kept = _in_order(
        outpost,
        Telling(1, MAX_TAIL, (), 0, long),
        Telling(2, LONG, (MAX_TAIL,), MAX_TAIL, long),
    )
    assert kept == long.tail(LONG - MAX_TAIL, LONG)


def test_what_lies_before_a_gap_is_let_go(outpost: Outpost) -> None:
    kept = _in_order(outpost, Telling(1, 6, (), 0), Telling(3, 12, (6,), 9))
    assert kept == TRUE.tail(9, 12)


def test_a_gap_is_filled_by_what_comes_late(outpost: Outpost) -> None:
    kept = _in_order(outpost, Telling(3, 12, (), 9), Telling(2, 9, (5,), 5), Telling(1, 5, (), 1))
    assert (kept, _found()) == (TRUE.tail(1, 12), [])


def test_a_late_tail_of_another_history_shows_a_fork(outpost: Outpost) -> None:
    """No proof of growth came with it; the entries themselves contradict what is witnessed."""
    kept = _in_order(outpost, Telling(3, 12, (), 9), Telling(2, 9, (), 7, FORGED))
    assert kept == TRUE.tail(9, 12)
    (why,) = _found()
    assert "not those of the checkpoint of size 12" in why


def test_a_log_that_grew_without_its_entries_keeps_none(outpost: Outpost) -> None:
    """Nobody could prove the old ones by the new checkpoint, nor tell which keys were erased."""
    assert _in_order(outpost, Telling(1, 6, (), 0), Telling(2, 9, (6,))) is None
    assert _in_order(outpost, Telling(3, 12, (9,), 9)) == TRUE.tail(9, 12)


def test_a_tail_waits_with_its_checkpoint_for_the_proof(outpost: Outpost) -> None:
    first = TRUE.tail(0, 5)
    assert _in_order(outpost, Telling(1, 5, (), 0), Telling(4, 12, (9,), 9)) == first
    assert _in_order(outpost, Telling(3, 9, (7,), 7)) == first
    assert UnprovedCheckpoint.objects.count() == 2
    assert _in_order(outpost, Telling(2, 7, (5,), 5)) == TRUE.tail(0, 12)
    assert (UnprovedCheckpoint.objects.count(), _found()) == (0, [])


def test_a_checkpoint_that_waits_gains_the_tail_it_came_without(outpost: Outpost) -> None:
    _in_order(outpost, Telling(1, 5), Telling(2, 9), Telling(3, 9, (), 7))
    assert _in_order(outpost, Telling(4, 12, (5, 9), 9)) == TRUE.tail(7, 12)


def test_a_tail_that_contradicts_its_own_checkpoint_is_a_finding(outpost: Outpost) -> None:
    kept = _in_order(outpost, Telling(1, 6, (), 0), Telling(2, 12, (6,), 6, TRUE, FORGED))
    assert kept is None
    (why,) = _found()
    assert "not those of the checkpoint of size 12" in why
    (shown,) = IntakeFinding.objects.get().evidence
    assert shown["claimed"] == TRUE.note(outpost.key, 12)
    assert MemoryCheckpoint.objects.get().size == 12


def test_the_page_of_a_log_shows_such_a_finding_and_no_entries(
    outpost: Outpost, browser: Client
) -> None:
    url = f"/memories/lab-1/log/{ORIGIN}"
    _in_order(outpost, Telling(1, 6, (), 0))
    assert "mail.md" in browser.get(url).content.decode()
    _in_order(outpost, Telling(2, 12, (6,), 6, TRUE, FORGED))
    page = browser.get(url).content.decode()
    assert "its entries are not those of the checkpoint of size 12" in page
    assert "mail.md" not in page


def test_a_name_that_is_not_the_keys_is_a_finding(outpost: Outpost) -> None:
    named = TRUE.tail(0, 6)
    lie = named.model_copy(update={"names": dict.fromkeys(named.names, "innocent.md")})
    note = TRUE.note(outpost.key, 6)
    accept_envelope(outpost.sealed(checkpoints=(note,), tails=(lie,)), at=AT)
    assert _kept() is None
    assert "'innocent.md' is not the key with the hash" in _found()[0]


def test_a_tail_without_a_checkpoint_is_let_go(outpost: Outpost) -> None:
    accept_envelope(outpost.sealed(tails=(TRUE.tail(0, 6),)), at=AT)
    assert (_kept(), _found()) == (None, [])


@pytest.mark.parametrize("where", ["name", "decision"])
def test_text_that_a_database_cannot_hold_costs_the_tail_alone(
    outpost: Outpost, where: str
) -> None:
    nul = {"name": ("a\0b", ""), "decision": ("a", "x\0y")}[where]
    write = MemoryWrite("memory", nul[0], "put", b"", "agent", "", nul[1])
    entries = [entry_of(write, seq=0, salt=bytes(32), at=AT)]
    tree = MerkleLog()
    tree.extend(entry.canonical() for entry in entries)
    tail = tail_of(tree, entries, origin=ORIGIN, names={entries[0].key_hash: nul[0]})
    note = sign_note(checkpoint_text(ORIGIN, 1, tree.root()), NoteSigner(ORIGIN, outpost.key.raw))
    assert accept_envelope(outpost.sealed(checkpoints=(note,), tails=(tail,)), at=AT).counted
    assert (_kept(), _found(), MemoryCheckpoint.objects.get().size) == (None, [], 1)


def test_after_a_restart_nothing_of_the_old_log_is_kept(outpost: Outpost) -> None:
    new = History("anew")
    _in_order(outpost, Telling(2, 9, (), 0), Telling(4, 20, (), 9))
    assert _kept() == TRUE.tail(0, 9)
    restart_log(ORIGIN, by="ada", why="a new disk", at=AT + minutes(4))
    assert (_kept(), UnprovedCheckpoint.objects.count()) == (None, 0)
    assert _in_order(outpost, Telling(1, 5, (), 0)) is None
    assert _in_order(outpost, Telling(5, 3, (), 0, new)) == new.tail(0, 3)
    assert _in_order(outpost, Telling(0, 4, (), 0)) == new.tail(0, 3)
    assert _found() == []
