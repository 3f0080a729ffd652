"""The node's store: nothing acknowledged is lost, nothing is told twice, whatever dies when."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from mythos.errors import UnavailableError
from mythos.node.store import KEPT_ENVELOPES, NodeStore, StoredEnvelope

TRACE = "ab" * 16
WRITER = """
import json, sys
from pathlib import Path
from mythos.node.store import NodeStore, StoredEnvelope

store = NodeStore(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    number += 1
    store.add_spans([("ab" * 16, f"{number:016x}", b"{}")], rows=[str(number)])
    print("row", number, flush=True)
    if number % 3 == 0:
        waiting = store.pending()
        counter = store.next_counter()
        body = json.dumps([int(row) for _, row in waiting]).encode()
        store.seal([StoredEnvelope(counter, body)], pending=[key for key, _ in waiting], beat_s=1.0)
        print("sealed", counter, flush=True)
    if number % 5 == 0:
        store.close_trace("ab" * 16, attempts=(), rows=[str(-number)], at_ns=number)
        print("row", -number, flush=True)
"""


def _store(folder: Path) -> NodeStore:
    return NodeStore(folder / "node.sqlite3")


def _seal(store: NodeStore, body: bytes = b"{}") -> int:
    counter = store.next_counter()
    waiting = store.pending()
    store.seal([StoredEnvelope(counter, body)], pending=[key for key, _ in waiting], beat_s=1.0)
    return counter


def _killed_writer(file: Path, first: int, *, after_s: float) -> list[tuple[str, int]]:
    """Run a writer, kill it without warning, and give what it had acknowledged."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file), str(first)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    lines = [writer.stdout.readline()]
    timer = threading.Timer(after_s, lambda: os.kill(writer.pid, signal.SIGKILL))
    timer.start()
    lines += writer.stdout.readlines()
    assert writer.wait() == -signal.SIGKILL
    writer.stdout.close()
    whole = [line.split() for line in lines if line.endswith("\n")]
    return [(word, int(number)) for word, number in whole]


def test_killed_anywhere_the_store_loses_and_repeats_nothing(tmp_path: Path) -> None:
    file = tmp_path / "node.sqlite3"
    told: list[int] = []
    counters: list[int] = []
    for turn in range(5):
        first = max([abs(number) for number in told], default=0) + 10
        acknowledged = _killed_writer(file, first, after_s=0.05 + 0.03 * turn)
        told += [number for word, number in acknowledged if word == "row"]
        counters += [number for word, number in acknowledged if word == "sealed"]
    store = NodeStore(file)
    kept = Counter(int(row) for _, row in store.pending())
    envelopes = store.unsent(limit=10**6)
    for envelope in envelopes:
        kept.update(json.loads(envelope.body))
    assert set(told) <= set(kept)
    assert set(kept.values()) == {1}
    assert len(told) > 50
    assert counters == sorted(set(counters)), "a counter was used twice"
    assert set(counters) <= {envelope.counter for envelope in envelopes}


def test_the_state_is_for_its_owner_alone_and_its_secrets_are_drawn_once(tmp_path: Path) -> None:
    store = NodeStore(tmp_path / "node.sqlite3")
    secret, other = store.secret("one"), store.secret("two")
    files = [*tmp_path.glob("node.sqlite3*")]
    assert len(files) > 1
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    store.close()
    store = NodeStore(tmp_path / "node.sqlite3")
    assert (store.secret("one"), len(secret)) == (secret, 32)
    assert secret != other
    store.close()


def test_an_epoch_belongs_to_a_state_folder(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    first = _store(one).epoch
    assert _store(one).epoch == first
    assert _store(other).epoch != first
    assert len(first) == 32


def test_counters_rise_over_restarts_and_after_old_envelopes_are_dropped(tmp_path: Path) -> None:
    store = _store(tmp_path)
    assert _seal(store) == 1
    assert _seal(store) == 2
    store.mark_sent(1)
    store.mark_sent(2)
    store.close()
    with sqlite3.connect(tmp_path / "node.sqlite3") as db:
        db.execute("DELETE FROM envelope")
    assert _store(tmp_path).next_counter() == 3


def test_a_counter_can_be_sealed_once_only(tmp_path: Path) -> None:
    store = _store(tmp_path)
    _seal(store)
    store.add_spans([], rows=["row"])
    with pytest.raises(UnavailableError):
        store.seal([StoredEnvelope(1, b"other")], pending=[1], beat_s=2.0)
    assert [row for _, row in store.pending()] == ["row"]
    assert store.newest_beat_s == 1.0
    assert _seal(store) == 2


def test_several_envelopes_of_one_beat_are_sealed_together_or_not_at_all(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.add_spans([], rows=["a", "b"])
    both = [StoredEnvelope(1, b"1"), StoredEnvelope(1, b"again")]
    with pytest.raises(UnavailableError):
        store.seal(both, pending=[1, 2], beat_s=1.0)
    assert store.unsent() == []
    assert len(store.pending()) == 2


def test_sealing_waits_for_the_disk_and_taking_spans_does_not(tmp_path: Path) -> None:
    """A power cut may take back spans the exporter repeats, but never a counter that was sent."""
    store = _store(tmp_path)
    statements: list[str] = []
    store._db.set_trace_callback(statements.append)
    store.add_spans([(TRACE, "1" * 16, b"{}")], rows=[])
    assert not any("synchronous" in statement for statement in statements)
    _seal(store)
    modes = [statement for statement in statements if "synchronous" in statement]
    assert modes == ["PRAGMA synchronous=FULL", "PRAGMA synchronous=NORMAL"]
    assert statements.index("COMMIT", statements.index(modes[0])) < statements.index(modes[1])
    store.close()


def test_closing_a_trace_takes_its_spans_and_attempts_and_gives_its_rows(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.add_spans([(TRACE, "1" * 16, b"{}"), ("cd" * 16, "2" * 16, b"{}")], rows=[])
    store.add_attempt(TRACE, 5, "{}")
    ((key, *_),) = store.attempts()
    store.close_trace(TRACE, attempts=[key], rows=["row"], at_ns=7)
    assert store.spans(TRACE) == []
    assert len(store.spans()) == 1
    assert store.attempts() == []
    assert store.closed_ids() == {TRACE: 7}
    assert [row for _, row in store.pending()] == ["row"]


def test_a_trace_is_lonely_when_only_old_attempts_are_known_of_it(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.add_attempt(TRACE, 5, "{}")
    store.add_attempt(TRACE, 9, "{}")
    store.add_attempt("cd" * 16, 5, "{}")
    store.add_spans([("cd" * 16, "2" * 16, b"{}")], rows=[])
    assert store.lonely(before_ns=8) == []
    assert store.lonely(before_ns=9) == [TRACE]


def test_attempts_may_be_settled_without_closing_their_trace(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.add_attempt(TRACE, 5, "{}")
    store.settle_attempts([1], rows=["row"])
    assert store.attempts() == []
    assert store.closed_ids() == {}


def test_closed_ids_are_forgotten_by_time(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.close_trace("aa" * 16, attempts=(), rows=(), at_ns=1)
    store.close_trace("bb" * 16, attempts=(), rows=(), at_ns=2)
    store.forget_closed(before_ns=2)
    assert store.closed_ids() == {"bb" * 16: 2}


def test_a_refused_envelope_is_kept_with_its_reason_and_not_sent_again(tmp_path: Path) -> None:
    store = _store(tmp_path)
    _seal(store)
    store.mark_refused(1, "too old")
    assert store.unsent() == []
    assert store.backlog() == {"spans": 0, "rows": 0, "unsent": 0, "refused": 1}
    assert [one.counter for one in store.unexported(everything=False)] == [1]


def test_the_newest_answer_says_whether_evidence_is_refused(tmp_path: Path) -> None:
    store = _store(tmp_path)
    for _ in range(3):
        _seal(store)
    assert store.last_refusal() == ""
    store.mark_refused(1, "another key")
    assert store.last_refusal() == "another key"
    store.mark_sent(2)
    assert store.last_refusal() == ""


def test_only_told_envelopes_are_ever_dropped(tmp_path: Path) -> None:
    store = _store(tmp_path)
    for _ in range(3):
        _seal(store)
    store.mark_sent(1)
    store.mark_exported([2])
    high = KEPT_ENVELOPES + 10
    store.seal([StoredEnvelope(high, b"{}")], pending=[], beat_s=1.0)
    assert [one.counter for one in store.unexported(everything=True)] == [3, high]


def test_many_threads_may_write_at_once(tmp_path: Path) -> None:
    store = _store(tmp_path)

    def write(worker: int) -> None:
        for number in range(30):
            name = f"{worker * 1000 + number:016x}"
            store.add_spans([(TRACE, name, b"{}")], rows=[name])

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.backlog()["spans"] == 180
    assert len({row for _, row in store.pending()}) == 180


def test_another_process_may_export_while_the_node_runs(tmp_path: Path) -> None:
    store, exporter = _store(tmp_path), _store(tmp_path)
    _seal(store)
    exporter.mark_exported([1])
    _seal(store)
    assert [one.counter for one in exporter.unexported(everything=False)] == [2]


def test_a_folder_that_is_no_folder_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "node.sqlite3").write_bytes(b"this is no database" * 100)
    with pytest.raises(UnavailableError, match="cannot open the node's state"):
        _store(tmp_path)


def test_a_store_that_was_closed_says_so_instead_of_breaking(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.close()
    for ask in (store.spans, store.pending, store.attempts, store.backlog, store.unsent):
        with pytest.raises(UnavailableError, match="cannot be read"):
            ask()
    with pytest.raises(UnavailableError, match="cannot be written"):
        store.mark_sent(1)


def test_looking_for_lonely_traces_does_not_read_spans(tmp_path: Path) -> None:
    """The main loop looks several times a second, with thousands of spans held."""
    store = _store(tmp_path)
    many = [(f"{n:032x}", f"{n:016x}", b"x" * 2_000) for n in range(5_000)]
    store.add_spans(many, rows=[])
    store.add_attempt(f"{7:032x}", 1, "{}")
    began = time.process_time()
    for _ in range(50):
        assert store.lonely(before_ns=10) == []
    assert time.process_time() - began < 0.5
