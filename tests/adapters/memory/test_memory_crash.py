"""kill -9, a full disk: what was acknowledged is there, and no crash looks like tampering."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mythos.adapters.memory_log import open_log
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.adapters.memory_store_jsonl import JsonLinesStore
from mythos.errors import MemoryLogError, UnavailableError
from tests.adapters.memory.conftest import Place

WRITER = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from mythos.adapters import memory_store_files, memory_log, memory_recorder
from mythos.adapters.memory_store_directory import DirectoryStore

store, log, point = DirectoryStore(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]
recorder = memory_recorder.Recorder(store, log) if sys.argv[4] == "kept open" else None
at = datetime(2026, 1, 2, tzinfo=UTC)

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def put(n):
    key, content = f"k{n % 7}", str(n).encode() * 99
    if recorder is None:
        memory_recorder.record(store, log, key, content, source="agent", at=at)
    else:
        recorder.record(key, content, source="agent", at=at)

put(0)
if point == "entry not committed":
    memory_log.MemoryLog._insert = die
if point == "entry committed":
    memory_recorder.settle_alone = die
if point == "file half written":
    memory_store_files.os.replace = die
if point == "file in place":
    memory_log.MemoryLog.settle = die
for n in range(1, 10**9):
    print(n, flush=True)
    put(n)
"""


WAYS = pytest.mark.parametrize("way", ["opened each time", "kept open"])


def start(place: Place, point: str, way: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(place.store), str(place.log), point, way],
        stdout=subprocess.PIPE,
        text=True,
    )


@WAYS
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
    place: Place, point: str, arrived: bool, way: str
) -> None:
    with start(place, point, way) as writer:
        assert writer.wait(timeout=30) == -signal.SIGKILL
    found = place.audit()
    assert (found.score, found.size) == (1.0, 6 if arrived else 5)
    assert (place.store / "k1").exists() == arrived
    assert not (place.store / ".mythos-pending").exists()


@WAYS
@pytest.mark.parametrize("n_announced", [1, 9, 40])
def test_a_writer_killed_at_any_moment_loses_nothing_it_acknowledged(
    place: Place, n_announced: int, way: str
) -> None:
    before = place.audit().size
    with start(place, "any", way) as writer:
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
    ways = ("opened each time", "kept open")
    with start(place, "any", ways[0]) as one, start(place, "any", ways[1]) as other:
        scores = set()
        for writer in (one, other):
            assert writer.stdout is not None
            assert writer.stdout.readline() == "1\n", "it writes by now"
            scores |= {place.audit().score for _ in range(20)}
        one.kill()
        other.kill()
    assert scores == {1.0}
    assert place.audit().score == 1.0


BULK = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from mythos.adapters.memory_log import open_log
from mythos.engines.memory.entry import MemoryWrite

at, name = datetime(2026, 1, 2, tzinfo=UTC), sys.argv[2]
for n in range(10**9):
    print(n, flush=True)
    keys = [f"{name}{n}-{i}" for i in range(1100)]
    writes = [MemoryWrite("other", key, "put", b"x" * 9, "agent") for key in keys]
    with open_log(Path(sys.argv[1])) as log, log.transaction():
        log.extend(writes, at=at)
"""

ROLLBACK = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from mythos.adapters import memory_store_files, memory_rollback
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.engines.memory.rollback import Past

replace, n_replaced = memory_store_files.os.replace, 0

def die_at_the_third(*args, **kwargs):
    global n_replaced
    n_replaced += 1
    if n_replaced == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*args, **kwargs)

memory_store_files.os.replace = die_at_the_third
memory_rollback.roll_back(DirectoryStore(Path(sys.argv[1])), Path(sys.argv[2]),
    Past(14), at=datetime(2026, 1, 2, tzinfo=UTC), policy_ref="ops: back")
"""


def test_bulk_appends_of_two_killed_writers_are_whole_or_absent(place: Place) -> None:
    before = place.audit().size
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", BULK, str(place.log), name], stdout=subprocess.PIPE, text=True
        )
        for name in ("a", "b")
    ]
    acknowledged = 0
    for writer in writers:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(3)]
        writer.kill()
        said += writer.stdout.readlines()
        acknowledged += int(said[-1])
        writer.stdout.close()
        assert writer.wait(timeout=30) == -signal.SIGKILL
    found = place.audit()
    assert found.score == 1.0
    whole, cut = divmod(found.size - before, 1100)
    assert (whole - acknowledged in {0, 1, 2}, cut) == (True, 0)


def test_a_roll_back_that_is_killed_half_way_is_finished_by_whoever_looks_next(
    place: Place,
) -> None:
    for n in range(10):
        place.record(f"k{n}", b"before")
    for n in range(10):
        place.record(f"k{n}", b"poison")
    killed = subprocess.run(
        [sys.executable, "-c", ROLLBACK, str(place.store), str(place.log)], check=False, timeout=60
    )
    assert killed.returncode == -signal.SIGKILL
    contents = [(place.store / f"k{n}").read_bytes() for n in range(10)]
    assert sorted(set(contents)) == [b"before", b"poison"], "killed half way"
    with open_log(place.log) as log:
        assert len(list(log.pending("directory"))) == 10, "and the log knows"
    assert place.audit().score == 1.0
    assert {(place.store / f"k{n}").read_bytes() for n in range(10)} == {b"before"}


def test_a_log_is_for_its_owner_alone(place: Place) -> None:
    with open_log(place.log) as log, log.transaction():
        files = [*place.log.parent.glob(f"{place.log.name}*")]
        assert len(files) > 1
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_disk_that_takes_no_more_is_told_as_such_and_nothing_is_lost(place: Place) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(UnavailableError, match="the disk refuses memory log") as caught:
            place.record("big.md", b"x" * 200_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "what was logged is kept" in caught.value.remedy
    found = place.audit()
    assert (found.ok, found.size, found.score) == (3, 4, 1.0)


@pytest.mark.parametrize("live", [DirectoryStore, JsonLinesStore])
def test_a_store_without_room_says_so(
    tmp_path: Path, live: type[DirectoryStore | JsonLinesStore]
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    try:
        with pytest.raises(UnavailableError) as caught:
            live(tmp_path / "m").put("a", b'{"id":"a"}'.ljust(2_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "free space" in caught.value.remedy


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_a_log_that_is_no_file_is_not_blamed_on_the_disk(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "log")
    with pytest.raises(MemoryLogError, match="is no regular file"), open_log(tmp_path / "log"):
        pass


def test_a_log_that_may_not_be_read_is_told_as_that(place: Place) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read anything")
    place.log.chmod(0)
    with pytest.raises(UnavailableError, match="Permission denied") as caught:
        place.audit()
    assert "space" not in caught.value.remedy
