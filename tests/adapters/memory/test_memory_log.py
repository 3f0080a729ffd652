"""The log's tables: one tree however it grew, in SQLite and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mythos.adapters import memory_auditor
from mythos.adapters.memory_audit_resume import LeftOff, Resumed
from mythos.adapters.memory_auditor import audit_store
from mythos.adapters.memory_baseline import seed
from mythos.adapters.memory_checkpoint import checkpoint
from mythos.adapters.memory_log import LogPlace, create_log, open_log
from mythos.adapters.memory_prover import prove_memory
from mythos.adapters.memory_recorder import Recorder, record
from mythos.adapters.memory_rollback import plan, roll_back
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.engines.memory.checkpoint import parse_checkpoint
from mythos.engines.memory.entry import MemoryWrite
from mythos.engines.memory.live import Unreadable
from mythos.engines.memory.memory_proof import verify_entry
from mythos.engines.memory.note import NoteSigner, parse_note
from mythos.engines.memory.rollback import Past
from mythos.engines.memory.tree import MerkleLog
from mythos.errors import MemoryLogError, NotFoundError, UsageError

AT = datetime(2026, 1, 2, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(b"n" * 32)
ORIGIN = "mythos/n1/clerk"
VERIFIER = NoteSigner(ORIGIN, KEY).verifier


@pytest.fixture
def store(tmp_path: Path, log_place: LogPlace) -> DirectoryStore:
    """A store of two memories with a log."""
    live = DirectoryStore(tmp_path / "memory")
    seed(live, log_place, {"tea.md": b"likes tea", "name.md": b"Ada"}, origin=ORIGIN, at=AT)
    return live


def put(key: str, content: bytes = b"x", trace_id: str = "") -> MemoryWrite:
    return MemoryWrite("directory", key, "put", content, "agent", trace_id)


def test_the_stored_tree_is_that_of_the_entries_however_they_came(log_place: LogPlace) -> None:
    whole = MerkleLog()
    with create_log(log_place) as log, log.transaction():
        log.begin(ORIGIN)
        for n in (1, 2, 5, 1, 1300, 1, 3):
            start = log.size
            assert log.extend((put(f"k{start + at}") for at in range(n)), at=AT) == n
            whole.extend(log.raw_entry(seq) for seq in range(start, log.size))
            assert log.tree().root() == whole.root()
        tree = log.tree()
        for size in (1, 2, 8, 1024, 1309):
            assert tree.root(size) == whole.root(size)
            assert tree.inclusion_proof(size - 1) == whole.inclusion_proof(size - 1)
            assert tree.consistency_proof(size) == whole.consistency_proof(size)


def test_a_bulk_append_that_fails_leaves_nothing(log_place: LogPlace) -> None:
    def writes() -> Iterator[MemoryWrite]:
        yield from (put(f"k{n}") for n in range(2000))
        raise MemoryLogError("the source broke", remedy="-")

    with create_log(log_place) as log:
        with log.transaction():
            log.begin(ORIGIN)
        with pytest.raises(MemoryLogError), log.transaction():
            log.extend(writes(), at=AT)
        assert log.size == 0
        assert log.tree().root() == MerkleLog().root()


def test_the_database_refuses_to_change_an_entry(
    log_place: LogPlace, store: DirectoryStore
) -> None:
    with (
        pytest.raises(MemoryLogError, match=r"a logged entry never changes"),
        open_log(log_place) as log,
    ):
        log._database.all("UPDATE entries SET seq = seq + 9")


def test_a_clock_that_goes_backwards_changes_no_order_and_no_score(
    log_place: LogPlace, store: DirectoryStore
) -> None:
    first = parse_checkpoint(parse_note(checkpoint(log_place, KEY)).text)
    for days, content in ((3, b"green"), (-400, b"black"), (-5000, b"oolong")):
        at = AT + timedelta(days=days)
        record(store, log_place, "tea.md", content, source="agent", at=at)
        checkpoint(log_place, KEY)
    found = audit_store(store, log_place, at=AT, verifiers=[VERIFIER], witnessed=[first])
    assert (found.ok, found.score, found.size) == (2, 1.0, 5)
    assert store.get("tea.md") == b"oolong"
    with open_log(log_place) as log:
        times = [entry.ts for entry in log.entries()]
    assert times != sorted(times)


def test_erasing_content_and_salt_keeps_every_proof_valid(
    log_place: LogPlace, store: DirectoryStore
) -> None:
    record(store, log_place, "tea.md", b"likes green tea", source="user", at=AT)
    before = parse_checkpoint(parse_note(checkpoint(log_place, KEY)).text)
    proofs = [
        prove_memory(store, log_place, key, seq=seq, disclose=True).text
        for key, seq in (("tea.md", 1), ("tea.md", 2), ("name.md", 0))
    ]
    with Recorder(store, log_place) as recorder:
        recorder.erase("tea.md", source="user", at=AT)
    checkpoint(log_place, KEY)
    for text in proofs:
        assert verify_entry(text, VERIFIER).checkpoint == before
    found = audit_store(store, log_place, at=AT, verifiers=[VERIFIER], witnessed=[before])
    assert (found.ok, found.score) == (1, 1.0)
    again = prove_memory(store, log_place, "tea.md", seq=2, disclose=True).text
    proved = verify_entry(again, VERIFIER)
    assert (proved.disclosure.salt, proved.holds(b"likes green tea")) == ("", None)
    with open_log(log_place) as log:
        assert log.keys("directory") == ["name.md"]


def test_a_fork_of_the_log_is_not_what_the_witness_remembers(
    tmp_path: Path, log_place: LogPlace, store: DirectoryStore
) -> None:
    fork = DirectoryStore(tmp_path / "fork")
    other = tmp_path / "fork.sqlite3"
    seed(fork, other, {"tea.md": b"likes tea", "name.md": b"Ada"}, origin=ORIGIN, at=AT)
    record(store, log_place, "tea.md", b"honest", source="agent", at=AT)
    record(fork, other, "tea.md", b"forged", source="agent", at=AT)
    remembered = parse_checkpoint(parse_note(checkpoint(log_place, KEY)).text)
    checkpoint(other, KEY)
    found = audit_store(fork, other, at=AT, verifiers=[VERIFIER], witnessed=[remembered])
    assert (found.score, "root at size 3" in str(found.proof_failed)) == (0.0, True)


def test_an_old_checkpoint_is_no_proof_of_entries_after_it(
    log_place: LogPlace, store: DirectoryStore
) -> None:
    checkpoint(log_place, KEY)
    record(store, log_place, "new.md", b"later", source="agent", at=AT)
    with pytest.raises(NotFoundError, match="no signed checkpoint covers entry 2"):
        prove_memory(store, log_place, "new.md")


def test_a_log_larger_than_what_is_held_at_once_is_audited_in_shares(
    log_place: LogPlace, store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Recorder(store, log_place) as recorder:
        recorder.record_all([put(f"k{n}", b"%d" % n) for n in range(30)], at=AT)
    (store.path / "k3").write_bytes(b"changed")
    (store.path / "k4").unlink()
    (store.path / "planted").write_bytes(b"new")
    whole = audit_store(store, log_place, at=AT)
    monkeypatch.setattr(memory_auditor, "KEYS_AT_ONCE", 7)
    assert audit_store(store, log_place, at=AT) == whole
    assert (whole.ok, whole.altered, whole.missing, whole.unlogged) == (
        30,
        ("k3",),
        ("k4",),
        ("planted",),
    )
    sampled = audit_store(store, log_place, at=AT, sample=500)
    assert (sampled.ok, sampled.altered, sampled.missing) == (30, ("k3",), ("k4",))


def test_contents_the_log_kept_no_more_come_from_a_backup_if_they_are_what_was_logged(
    tmp_path: Path, log_place: LogPlace, store: DirectoryStore
) -> None:
    backup = DirectoryStore(tmp_path / "backup")
    backup.put("tea.md", b"likes tea")
    backup.put("name.md", b"not what was logged")
    with open_log(log_place) as log, log.transaction():
        log._database.all("DELETE FROM contents")
    for key in ("tea.md", "name.md"):
        (store.path / key).write_bytes(b"poison")
    made = plan(store, log_place, Past())
    assert (made.restore, made.impossible) == ({}, ["name.md", "tea.md"])
    done = roll_back(store, log_place, Past(), at=AT, policy_ref="ops: x", backup=backup)
    assert (list(done.plan.restore), done.plan.impossible) == (["tea.md"], ["name.md"])
    assert store.get("tea.md") == b"likes tea"


class Surprised(DirectoryStore):
    """A directory in which a folder is put in the way of a memory at the last moment."""

    def put(self, key: str, content: bytes) -> None:
        (self.path / key / "in-the-way").mkdir(parents=True, exist_ok=True)
        super().put(key, content)


def test_a_roll_back_that_is_refused_when_it_is_logged_is_told_and_catches_up(
    log_place: LogPlace, store: DirectoryStore
) -> None:
    with Recorder(store, log_place) as recorder:
        recorder.record_all([put("a/one.md"), put("two.md")], at=AT)
    (store.path / "name.md").unlink()
    live = Surprised(store.path)
    done = roll_back(live, log_place, Past(2), at=AT, policy_ref="ops: x")
    assert (list(done.plan.restore), list(done.plan.remove)) == (
        ["name.md"],
        ["a/one.md", "two.md"],
    )
    assert len(done.stuck) == 1
    assert "'name.md' cannot be written" in done.stuck[0]
    notes = audit_store(store, log_place, at=AT).notes
    assert any("logged, not in the store yet" in note for note in notes)
    (store.path / "name.md" / "in-the-way").rmdir()
    (store.path / "name.md").rmdir()
    assert audit_store(store, log_place, at=AT).score == 1.0
    assert store.get("name.md") == b"Ada"


def test_a_log_that_does_not_hold_is_rolled_back_to_nothing(
    log_place: LogPlace, store: DirectoryStore
) -> None:
    checkpoint(log_place, KEY)
    with open_log(log_place) as log, log.transaction():
        log._database.all("DELETE FROM nodes")
        log._database.all("INSERT INTO nodes VALUES (1, 0, ?)", (b"f" * 32,))
    with pytest.raises(MemoryLogError, match="root at size 2"):
        plan(store, log_place, Past())


class Counting(DirectoryStore):
    """A directory that counts the contents that were read one after the other."""

    n_read = 0

    def read(self, *, after: str | None = None) -> Iterator[tuple[str, bytes | Unreadable]]:
        for one in super().read(after=after):
            type(self).n_read += 1
            yield one


def test_an_interrupted_audit_goes_on_where_it_was(
    tmp_path: Path, log_place: LogPlace, store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_auditor, "BATCH", 4)
    with Recorder(store, log_place) as recorder:
        recorder.record_all([put(f"k{n:02}", b"%d" % n) for n in range(20)], at=AT)
    (store.path / "k01").write_bytes(b"changed")
    live, left = Counting(store.path), tmp_path / "left.json"
    seen = 0

    def interrupt(n: int) -> None:
        nonlocal seen
        seen += n
        if seen >= 22 + 12:  # the log's 22 entries, then 12 memories
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit_store(live, log_place, at=AT, resume=left, on_progress=interrupt)
    assert left.exists()
    record(store, log_place, "k02", b"written since", source="agent", at=AT)
    (store.path / "k03").unlink()
    (store.path / "k00a").write_bytes(b"planted where the audit had been")
    Counting.n_read = 0
    resumed: list[Resumed] = []
    later = AT + timedelta(days=1)
    found = audit_store(live, log_place, at=later, resume=left, on_resumed=resumed.append)
    assert resumed == [Resumed(compared=9, size=22, begun_at=AT)]
    assert Counting.n_read == 10
    assert found == audit_store(store, log_place, at=later)
    assert (found.ok, found.altered, found.missing, found.unlogged) == (
        20,
        ("k01",),
        ("k03",),
        ("k00a",),
    )
    assert not left.exists()


def test_a_file_of_another_audit_is_refused_and_a_rewritten_log_is_found(
    tmp_path: Path, log_place: LogPlace, store: DirectoryStore
) -> None:
    left = tmp_path / "left.json"
    left.write_text("{}")
    with pytest.raises(UsageError, match="it cannot be read"):
        audit_store(store, log_place, at=AT, resume=left)
    state = LeftOff(
        store="directory",
        origin=ORIGIN,
        begun_at=AT,
        size=2,
        root="sha256:" + "0" * 64,
        share=0,
        shares=1,
        after="tea.md",
    )
    left.write_text(state.model_dump_json())
    found = audit_store(store, log_place, at=AT, resume=left)
    assert "root at size 2" in str(found.proof_failed)
