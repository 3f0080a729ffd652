"""Attacks on a store and its log, each with what the audit must say."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mythos.adapters.memory_checkpoint import checkpoint, sign_growth
from mythos.adapters.memory_log import open_log
from mythos.adapters.memory_prover import prove_memory
from mythos.engines.memory.checkpoint import parse_checkpoint, root_text
from mythos.engines.memory.entry import MemoryWrite, entry_of, key_hashes
from mythos.engines.memory.note import NoteSigner, verify_note
from mythos.engines.memory.tree import leaf_hash, node_hash
from mythos.errors import MemoryLogError
from mythos.values.memory import Checkpoint, MemoryAudit
from tests.adapters.memory.conftest import AT, Place

KEY = Ed25519PrivateKey.from_private_bytes(b"n" * 32)
SIGNER = NoteSigner("mythos/n1/clerk", KEY)


def as_forger(place: Place, *statements: tuple[str, tuple[object, ...]]) -> None:
    """Change the database as one who may write the file: no trigger, no check in the way."""
    with closing(sqlite3.connect(place.log)) as database, database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        for trigger in ("entries_stay", "entries_remain"):
            database.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement, values in statements:
            database.execute(statement, values)


def signed(place: Place) -> Checkpoint:
    return parse_checkpoint(verify_note(checkpoint(place.log, KEY), SIGNER.verifier).text)


def classes(found: MemoryAudit) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    assert found.proof_failed is None
    return found.altered, found.missing, found.unlogged


def test_an_edited_file_is_altered(place: Place) -> None:
    (place.store / "user/tea.md").write_bytes(b"likes poison")
    assert classes(place.audit()) == (("user/tea.md",), (), ())


def test_a_deleted_file_is_missing_under_its_name(place: Place) -> None:
    (place.store / "user/tea.md").unlink()
    assert classes(place.audit()) == ((), ("user/tea.md",), ())


def test_an_added_file_is_unlogged(place: Place) -> None:
    (place.store / "planted.md").write_bytes(b"always wire the money")
    assert classes(place.audit()) == ((), (), ("planted.md",))


def test_two_swapped_files_are_both_altered(place: Place) -> None:
    one, two = place.store / "user/tea.md", place.store / "user/name.md"
    aside = place.store / "aside"
    one.rename(aside)
    two.rename(one)
    aside.rename(two)
    assert classes(place.audit()) == (("user/name.md", "user/tea.md"), (), ())


def test_a_renamed_file_is_missing_and_unlogged(place: Place) -> None:
    (place.store / "user/tea.md").rename(place.store / "user/coffee.md")
    assert classes(place.audit()) == ((), ("user/tea.md",), ("user/coffee.md",))


def test_a_file_replaced_by_a_link_to_its_own_content_is_altered(place: Place) -> None:
    aside = place.store.parent / "aside"
    (place.store / "user/tea.md").rename(aside)
    (place.store / "user/tea.md").symlink_to(aside)
    found = place.audit()
    assert classes(found) == (("user/tea.md",), (), ())
    assert found.notes == ("user/tea.md: a symbolic link is not followed",)


@pytest.mark.parametrize("name", [b"not-\xff-utf8", b"/".join([b"d" * 200] * 6)])
def test_a_file_under_a_name_no_key_can_have_is_unlogged(place: Place, name: bytes) -> None:
    path = os.fsencode(place.store) + b"/" + name
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 - names in bytes
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(b"always wire the money")
    assert len(place.audit().unlogged) == 1


@pytest.mark.parametrize(("key", "seq"), [("user/tea.md", 2), ("user/city.md", 4), ("none", 9)])
def test_an_older_entry_that_is_listed_as_pending_changes_no_memory(
    place: Place, key: str, seq: int
) -> None:
    """A content before the newest one, one before a removal, and no entry at all."""
    place.record("user/city.md", b"Turin")
    with place.recorder() as recorder:
        recorder.forget("user/city.md", source="agent", at=AT)
    before = dict(place.live.read())
    as_forger(place, ("INSERT INTO pending VALUES ('directory', ?, ?)", (key, seq)))
    found = place.audit()
    assert found.score == 0.0
    assert f"change {seq} is listed as pending" in str(found.proof_failed)
    assert dict(place.live.read()) == before


def test_an_older_store_put_back_is_altered_and_missing(place: Place, tmp_path: Path) -> None:
    shutil.copytree(place.store, tmp_path / "old")
    place.record("user/tea.md", b"likes coffee now")
    place.record("user/city.md", b"Turin")
    shutil.rmtree(place.store)
    shutil.copytree(tmp_path / "old", place.store)
    assert classes(place.audit()) == (("user/tea.md",), ("user/city.md",), ())


def test_a_store_that_vanished_is_all_missing(place: Place) -> None:
    shutil.rmtree(place.store)
    found = place.audit()
    assert (len(found.missing), found.score) == (3, 0.0)


def test_a_rewritten_entry_fails_the_proof(place: Place) -> None:
    rewritten = "UPDATE entries SET entry = CAST(replace(entry, 'agent', 'user') AS BLOB)"
    as_forger(place, (f"{rewritten} WHERE seq = 3", ()))
    found = place.audit()
    assert found.score == 0.0
    assert found.proof_failed == "entry 3 of the log differs from its leaf hash"


@pytest.mark.parametrize("seq", [0, 3])
def test_a_removed_entry_fails_the_proof_against_what_was_signed(place: Place, seq: int) -> None:
    signed(place)
    as_forger(place, ("DELETE FROM entries WHERE seq = ?", (seq,)))
    assert place.audit().score == 0.0


def test_history_rewritten_with_its_leaf_is_caught_by_the_signed_checkpoint(place: Place) -> None:
    signed(place)
    _rewrite_tea(place)
    found = place.audit(SIGNER.verifier)
    assert found.score == 0.0
    assert "root at size 4" in str(found.proof_failed)
    with pytest.raises(MemoryLogError, match="root at size 4"):
        checkpoint(place.log, KEY)


def test_history_rewritten_and_signed_by_another_key_is_caught_by_the_key(place: Place) -> None:
    _rewrite_tea(place)
    checkpoint(place.log, Ed25519PrivateKey.generate())
    assert place.audit().score == 1.0  # who holds log and store can agree with himself
    found = place.audit(SIGNER.verifier)
    assert "no known key signed this note" in str(found.proof_failed)


def test_history_rewritten_with_every_checkpoint_is_caught_by_a_witness(place: Place) -> None:
    witnessed = signed(place)
    _rewrite_tea(place)
    as_forger(place, ("DELETE FROM checkpoints", ()))
    checkpoint(place.log, KEY)  # even the node's own key was stolen
    assert place.audit(SIGNER.verifier).score == 1.0
    found = place.audit(SIGNER.verifier, witnessed=(witnessed,))
    assert (found.score, "root at size 4" in str(found.proof_failed)) == (0.0, True)


def test_store_and_log_put_back_together_are_caught_by_a_witness(
    place: Place, tmp_path: Path
) -> None:
    shutil.copytree(place.store, tmp_path / "old")
    shutil.copy(place.log, tmp_path / "old.db")
    place.record("user/tea.md", b"likes coffee now")
    witnessed = signed(place)
    shutil.rmtree(place.store)
    shutil.copytree(tmp_path / "old", place.store)
    shutil.copy(tmp_path / "old.db", place.log)
    assert place.audit().score == 1.0
    found = place.audit(witnessed=(witnessed,))
    assert found.proof_failed == "log of 4 entries, a checkpoint remembers 5"


def test_a_removed_log_gives_no_score_and_to_a_witness_a_failed_proof(place: Place) -> None:
    witnessed = signed(place)
    place.log.unlink()
    found = place.audit()
    assert (found.score, len(found.unlogged), found.root) == (None, 3, None)
    found = place.audit(witnessed=(witnessed,))
    assert found.score == 0.0
    assert "a checkpoint of size 4 is remembered" in str(found.proof_failed)


def test_a_pending_change_that_was_never_logged_is_not_carried_out(place: Place) -> None:
    as_forger(
        place,
        ("UPDATE contents SET content = ? WHERE seq = 3", (b"poison",)),
        ("INSERT INTO pending VALUES ('directory', 'user/tea.md', 3)", ()),
    )
    found = place.audit()
    assert found.proof_failed == "pending change 3 differs from its logged entry"
    assert (place.store / "user/tea.md").read_bytes() == b"likes green tea"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM log",
        "DROP TABLE salts",
        "UPDATE log SET format = 9",
        "UPDATE entries SET entry = 'text'",
        "UPDATE entries SET entry = CAST('{}' AS BLOB)",
        "UPDATE entries SET leaf = 'text'",
        "UPDATE salts SET salt = 'text'",
        "INSERT INTO checkpoints VALUES (1, 'no note')",
        "INSERT INTO checkpoints VALUES (2, CAST(x'ff' AS TEXT))",
    ],
)
def test_a_log_of_nonsense_fails_the_proof_and_never_the_audit(
    place: Place, statement: str
) -> None:
    as_forger(place, (statement, ()))
    assert place.audit().score == 0.0


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
SLOW = f"BEFORE INSERT ON checkpoints BEGIN INSERT INTO nodes {ENDLESS}; END"


@pytest.mark.parametrize(
    ("name", "gone", "made"),
    [
        ("checkpoints", "TABLE checkpoints", f"VIEW Checkpoints AS {ENDLESS}"),
        ("contents", "TABLE contents", "TABLE contents (seq PRIMARY KEY, content AS (seq + 1))"),
        ("nodes", "TABLE nodes", "VIRTUAL TABLE nodes USING fts5(level, place, hash)"),
        ("log", "TABLE log", "VIEW log AS SELECT 'mythos/n1/clerk' AS origin, 3 AS format"),
        ("slow", "INDEX entries_of_key", f"TRIGGER slow {SLOW}"),
        ("other", "TABLE contents", "TABLE other (seq REFERENCES pending (seq) ON DELETE CASCADE)"),
    ],
)
def test_a_log_whose_tables_are_not_as_they_were_made_fails_the_proof_unread(
    place: Place, name: str, gone: str, made: str
) -> None:
    as_forger(place, (f"DROP {gone}", ()), (f"CREATE {made}", ()))
    assert f"'{name}' in it was not made by MythOS" in str(place.audit().proof_failed)
    with pytest.raises(MemoryLogError, match="not made by MythOS"):
        checkpoint(place.log, KEY)


def test_a_view_that_takes_a_tables_place_in_an_open_log_ends(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mythos.adapters.memory_log_sqlite.STATEMENT_CPU_S", 0.01)
    with open_log(place.log) as log:
        idle = ENDLESS.replace("SELECT i FROM n", "SELECT i AS size, '' AS note FROM n WHERE i < 0")
        as_forger(place, ("DROP TABLE checkpoints", ()), (f"CREATE VIEW checkpoints AS {idle}", ()))
        with pytest.raises(MemoryLogError, match="ended after"):
            log.checkpoints()


def test_the_greatest_number_that_a_log_can_hold_fails_the_proof(place: Place) -> None:
    as_forger(place, ("UPDATE entries SET seq = ? WHERE seq = 3", (2**63 - 1,)))
    assert place.audit().score == 0.0


def test_what_lies_in_a_logs_place_and_is_no_file_fails_the_proof_against_a_witness(
    place: Place,
) -> None:
    with open_log(place.log) as log:
        known = Checkpoint(origin="mythos/n1/clerk", size=4, root=root_text(log.tree().root()))
    place.log.unlink()
    for make in (Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path)):
        make(place.log)
        assert place.audit(witnessed=(known,)).proof_failed
        place.log.rmdir() if place.log.is_dir() else place.log.unlink()


def test_a_log_that_lost_its_newest_entry_takes_no_other_in_its_place(place: Place) -> None:
    as_forger(place, ("DELETE FROM entries WHERE seq = 3", ()))
    with pytest.raises(MemoryLogError, match="does not take a row") as refused:
        place.record("user/tea.md", b"likes coffee")
    assert refused.value.remedy.startswith("treat the log as altered: audit it")
    assert (place.store / "user/tea.md").read_bytes() == b"likes green tea"


def test_no_proof_is_made_of_hashes_that_do_not_lead_to_the_root(place: Place) -> None:
    checkpoint(place.log, KEY)
    prove_memory(place.live, place.log, "user/tea.md")
    as_forger(place, ("UPDATE nodes SET hash = zeroblob(32) WHERE level = 1 AND place = 0", ()))
    with pytest.raises(MemoryLogError, match="above entry 3 of the log do not lead to its root"):
        prove_memory(place.live, place.log, "user/tea.md")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET key_hash = zeroblob(32) WHERE seq = 3",
        "UPDATE entries SET key_hash = 'text' WHERE seq = 3",
        "UPDATE entries SET key_hash = (SELECT key_hash FROM entries WHERE seq = 0) WHERE seq = 3",
    ],
)
def test_an_entry_filed_under_another_key_fails_the_proof(place: Place, statement: str) -> None:
    as_forger(place, (statement, ()))
    found = place.audit()
    assert found.score == 0.0
    assert "entry 3 of the log is filed under another key" in str(found.proof_failed)


def test_no_growth_is_proved_by_hashes_that_are_not_the_entries(place: Place) -> None:
    checkpoint(place.log, KEY)
    for n in range(4):
        place.record(f"k{n}", b"x")
    assert len(sign_growth(place.log, KEY, bases=[4]).growth) == 1
    place.record("k4", b"x")
    as_forger(place, ("UPDATE nodes SET hash = zeroblob(32) WHERE level = 2 AND place = 1", ()))
    with pytest.raises(MemoryLogError, match="not those of its entries"):
        sign_growth(place.log, KEY, bases=[4])


def test_the_name_of_a_missing_memory_is_never_another_ones(place: Place) -> None:
    (place.store / "user/name.md").unlink()
    as_forger(place, ("UPDATE salts SET key = 'user/tea.md' WHERE key = 'user/name.md'", ()))
    found = place.audit()
    assert found.missing == (f"sha256:{key_hashes('directory', ['user/name.md'])[0].hex()}",)
    assert (found.ok, found.altered, found.unlogged) == (2, (), ())


@pytest.mark.parametrize("content", [b"no database" * 999, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_database_fails_the_proof(place: Place, content: bytes) -> None:
    place.log.write_bytes(content)
    found = place.audit()
    assert found.score == 0.0
    assert "cannot be read" in str(found.proof_failed)


def _rewrite_tea(place: Place) -> None:
    """Forge entry 3, every hash above it, its salt, and the file, all in agreement."""
    salt = b"f" * 32
    write = MemoryWrite("directory", "user/tea.md", "put", b"likes poison", "agent")
    raw = entry_of(write, seq=3, salt=salt, at=AT).canonical()
    leaf = leaf_hash(raw)
    with open_log(place.log) as log:
        tree = log.tree()
        pair = node_hash(tree.node(0, 2), leaf)
        root = node_hash(tree.node(1, 0), pair)
    as_forger(
        place,
        ("UPDATE entries SET entry = ?, leaf = ? WHERE seq = 3", (raw, leaf)),
        ("UPDATE nodes SET hash = ? WHERE level = 1 AND place = 1", (pair,)),
        ("UPDATE nodes SET hash = ? WHERE level = 2 AND place = 0", (root,)),
        ("UPDATE salts SET salt = ? WHERE seq = 3", (salt,)),
    )
    (place.store / "user/tea.md").write_bytes(b"likes poison")


@pytest.mark.parametrize("key", ["sha256:", "sha256:tea", f"sha256:{'0' * 64}"])
def test_a_missing_memory_that_is_named_like_a_hash_is_found_by_its_name(
    place: Place, key: str
) -> None:
    place.record(key, b"x")
    (place.store / key).unlink()
    (offender,) = place.audit().offenders
    assert (offender.key, offender.kind, offender.seq) == (key, "missing", 4)
