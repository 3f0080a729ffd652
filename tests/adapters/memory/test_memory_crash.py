"""kill -9: whatever was acknowledged is there, and no crash looks like tampering."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.adapters.memory.conftest import Place

WRITER = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from mythos.adapters import memory_directory, memory_log, memory_recorder
from mythos.adapters.memory_store_directory import DirectoryStore

store, log, point = DirectoryStore(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]
at = datetime(2026, 1, 2, tzinfo=UTC)

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def put(n):
    key, content = f"k{n % 7}", str(n).encode() * 99
    memory_recorder.record(store, log, key, content, source="agent", at=at)

put(0)
if point == "entry not committed":
    memory_log.MemoryLog._insert = die
if point == "entry committed":
    memory_recorder.settle = die
if point == "file half written":
    memory_directory.os.replace = die
if point == "file in place":
    memory_log.MemoryLog.settle = die
for n in range(1, 10**9):
    print(n, flush=True)
    put(n)
"""


def start(place: Place, point: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(place.store), str(place.log), point],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("point", "arrived"),
    [
        ("entry not committed", False),
        ("entry committed", True),
        ("file half written", True),
        ("file in place", True),
    ],
)
def test_a_write_killed_at_any_step_is_all_there_or_not_at_all(
    place: Place, point: str, arrived: bool
) -> None:
    with start(place, point) as writer:
        assert writer.wait(timeout=30) == -signal.SIGKILL
    found = place.audit()
    assert (found.score, found.size) == (1.0, 6 if arrived else 5)
    assert (place.store / "k1").exists() == arrived
    assert not (place.store / ".mythos-pending").exists()


@pytest.mark.parametrize("n_announced", [1, 9, 40])
def test_a_writer_killed_at_any_moment_loses_nothing_it_acknowledged(
    place: Place, n_announced: int
) -> None:
    before = place.audit().size
    with start(place, "any") as writer:
        assert writer.stdout is not None
        announced = [writer.stdout.readline() for _ in range(n_announced)]
        writer.kill()
        announced += writer.stdout.readlines()
    n_acknowledged = int(announced[-1])  # writes 0 to n - 1 came back before n was announced
    found = place.audit()
    assert found.score == 1.0
    assert found.size - before in {n_acknowledged, n_acknowledged + 1}
    place.record("after", b"the log goes on")
    assert place.audit().score == 1.0


def test_writers_and_an_audit_at_once_never_look_like_tampering(place: Place) -> None:
    with start(place, "any") as one, start(place, "any") as other:
        scores = set()
        for writer in (one, other):
            assert writer.stdout is not None
            assert writer.stdout.readline() == "1\n", "it writes by now"
            scores |= {place.audit().score for _ in range(20)}
        one.kill()
        other.kill()
    assert scores == {1.0}
    assert place.audit().score == 1.0
