"""JSON lines as a store: our own changes move no line that is named by its place."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.adapters.memory_auditor import audit_store
from mythos.adapters.memory_baseline import adopt
from mythos.adapters.memory_recorder import Recorder, record
from mythos.adapters.memory_rollback import roll_back
from mythos.adapters.memory_store_jsonl import JsonLinesStore
from mythos.engines.memory.live import Unreadable
from mythos.engines.memory.rollback import Past
from mythos.errors import MemoryLogError, MythosError, UnavailableError
from tests.adapters.memory.conftest import AT

MARK = b"\xef\xbb\xbf"
_LINES = st.sampled_from([b'{"id":"a","v":1}', b'{"v": 2}', b'{"id":"b"}', b"", b'{"v": 3}'])


def kept(folder: Path, content: bytes) -> tuple[JsonLinesStore, Path]:
    (folder / "m.jsonl").write_bytes(content)
    store, log = JsonLinesStore(folder / "m.jsonl"), folder / "log.db"
    adopt(store, log, origin="mythos/n1/clerk", at=AT)
    return store, log


@given(
    st.lists(_LINES, max_size=6, unique=True).map(b"\n".join),
    st.sampled_from([b"", MARK]),
    st.lists(
        st.tuples(st.sampled_from("wrb"), st.sampled_from(["a", "b", "c", "#1", "#2", "#3", "#4"])),
        max_size=8,
    ),
)
def test_after_any_changes_of_our_own_every_memory_is_as_logged(
    tmp_path_factory: pytest.TempPathFactory,
    content: bytes,
    mark: bytes,
    changes: list[tuple[str, str]],
) -> None:
    store, log = kept(tmp_path_factory.mktemp("m"), mark + content)
    begun = dict(store.read())
    with Recorder(store, log) as recorder:
        for n, (what, key) in enumerate(changes):
            if what == "w" and key[0] != "#":
                record = json.dumps({"id": key, "v": n}).encode()
                recorder.record(key, record, source="agent", at=AT)
            elif what == "r":
                recorder.forget(key, source="agent", at=AT)
            else:
                roll_back(store, log, Past(len(begun)), at=AT, policy_ref="ada: x")
                assert dict(store.read()) == begun
            assert audit_store(store, log, at=AT).score == 1.0
    assert store.path.read_bytes().startswith(mark)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=6,
    )
)
@example(1e20)
@example(2.0**69)
@example(2**53 + 1)
def test_a_record_is_read_back_as_it_was_logged_or_refused_and_not_logged(
    tmp_path_factory: pytest.TempPathFactory, value: JsonValue
) -> None:
    store, log = kept(tmp_path_factory.mktemp("m"), b"")
    line = json.dumps({"id": "a", "v": value}).encode()
    try:
        record(store, log, "a", line, source="agent", at=AT)
    except MythosError:
        n_logged = 0
    else:
        n_logged = 1
    audit = audit_store(store, log, at=AT)
    assert (audit.size, audit.ok, audit.score) == (n_logged, n_logged, 1.0)


def test_empty_lines_line_ends_and_other_lines_stay_as_they_are(tmp_path: Path) -> None:
    before = MARK + b'{"id":"a", "v": 1}\r\n\r\n{"v":2}\r\n  \r\n{"id":"b"}'
    store, _ = kept(tmp_path, before)
    store.put("a", b'{"id":"a","v":9}')
    assert store.path.read_bytes() == before.replace(b'"a", "v": 1', b'"a","v":9')
    store.put("c", b'{"id":"c"}')
    assert store.path.read_bytes().endswith(b'  \r\n{"id":"b"}\r\n{"id":"c"}\r\n')
    store.remove("b")
    assert store.path.read_bytes().endswith(b'  \r\n{"id":"c"}\r\n')


def test_a_record_is_not_put_back_where_another_stands(tmp_path: Path) -> None:
    store, log = kept(tmp_path, b'{"v": 1}\n{"v": 2}\n')
    store.path.write_bytes(b'{"v": 1}\n{"id": "planted"}\n')
    done = roll_back(store, log, Past(2), at=AT, policy_ref="ada: x")
    assert done.plan.blocked["#2"].startswith("line 2 holds another record now")
    assert done.logged == 0
    assert store.get("planted") is not None


def test_a_memory_that_stands_on_two_lines_is_changed_only_when_one_is_left(tmp_path: Path) -> None:
    store, log = kept(tmp_path, b'{"id":"a","v":1}\n{"id":"b"}\n')
    planted = b'{"id":"a","v":1}\n{"id":"b"}\n{"id":"a","v":"poison"}\n{"v":4}\n'
    store.path.write_bytes(planted)
    with Recorder(store, log) as recorder:
        changes: list[Callable[[], object]] = [
            lambda: recorder.record("a", b'{"id":"a","v":2}', source="agent", at=AT),
            lambda: recorder.forget("a", source="agent", at=AT),
            lambda: recorder.erase("a", source="agent", at=AT),
        ]
        for change in changes:
            with pytest.raises(UnavailableError, match="'a' stands on line 3 again") as refused:
                change()
            assert "'#3' is the key of that line" in refused.value.remedy
        assert store.path.read_bytes() == planted
        recorder.record("b", b'{"id":"b","v":2}', source="agent", at=AT)
        recorder.forget("#3", source="operator", at=AT)
        recorder.record("a", b'{"id":"a","v":2}', source="agent", at=AT)
    assert dict(store.read()) == {
        "a": b'{"id":"a","v":2}',
        "b": b'{"id":"b","v":2}',
        "#4": b'{"v":4}',
    }
    assert audit_store(store, log, at=AT).unlogged == ("#4",)


def test_a_roll_back_leaves_no_line_out_without_a_word(tmp_path: Path) -> None:
    store, log = kept(tmp_path, b'{"id":"a","v":1}\n')
    store.path.write_bytes(b'{"id":"a","v":2}\n{"id":"a","v":3}\n')
    done = roll_back(store, log, Past(1), at=AT, policy_ref="ada: x")
    assert done.plan.blocked["a"].startswith("memory 'a' stands on line 2 again")
    assert (done.plan.left, done.logged, len(list(store.keys()))) == (["#2"], 0, 2)


def test_a_link_is_neither_read_nor_written(tmp_path: Path) -> None:
    store, _ = kept(tmp_path, b'{"id":"a"}\n')
    linked = JsonLinesStore(tmp_path / "link.jsonl")
    linked.path.symlink_to(store.path)
    for use in (
        lambda: list(linked.read()),
        lambda: linked.put("a", b'{"id":"a","v":1}'),
        lambda: linked.remove("a"),
    ):
        with pytest.raises(UnavailableError, match="a symbolic link is not followed"):
            use()
    assert linked.path.is_symlink()
    assert store.path.read_bytes() == b'{"id":"a"}\n'


def test_a_pipe_is_no_store_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnavailableError, match="not a regular file"):
        list(JsonLinesStore(tmp_path / "pipe").read())


def test_a_changed_file_keeps_its_mode_and_owner(tmp_path: Path) -> None:
    store, _ = kept(tmp_path, b'{"id":"a"}\n')
    store.path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(store.path, 65534, 65534)
    before = store.path.stat()
    store.put("a", b'{"id":"a","v":1}')
    after = store.path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )


@pytest.mark.parametrize("start", [b"", MARK])
@pytest.mark.parametrize("padded", [bytes.ljust, bytes.rjust])
def test_a_line_that_is_too_long_is_one_unreadable_line_and_no_other_moves(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    start: bytes,
    padded: Callable[[bytes, int], bytes],
) -> None:
    monkeypatch.setattr("mythos.adapters.memory_store_lines.MAX_LINE_BYTES", 64)
    for size in (65, 128, 130, 1_000):
        long = padded(b'{"id":"evil"}', size)
        store = JsonLinesStore(tmp_path / "m.jsonl")
        store.path.write_bytes(start + long + b'\n{"v":2}\n' + long)
        found = dict(store.read())
        assert list(found) == ["#1", "#2", "#3"]
        assert found["#2"] == b'{"v":2}'
        for key in ("#1", "#3"):
            unreadable = found[key]
            assert isinstance(unreadable, Unreadable)
            assert "the line is over" in unreadable.reason
        store.put("a", b'{"id":"a"}')
        assert store.path.read_bytes() == start + long + b'\n{"v":2}\n' + long + b'\n{"id":"a"}\n'
        store.remove("#1")
        assert list(store.read()) == [("#2", b'{"v":2}'), ("#3", unreadable), ("a", b'{"id":"a"}')]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_line_as_long_as_may_be_is_read_whatever_comes_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes
) -> None:
    monkeypatch.setattr("mythos.adapters.memory_store_lines.MAX_LINE_BYTES", 64)
    store = JsonLinesStore(tmp_path / "m.jsonl")
    store.path.write_bytes(MARK + b'{"id":"a"}'.ljust(64) + end)
    assert [key for key, _ in store.read()] == ["a"]
    store.put("b", b'{"id":"b"}')
    assert [key for key, _ in store.read()] == ["a", "b"]


def test_a_carriage_return_too_many_ends_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mythos.adapters.memory_store_lines.MAX_LINE_BYTES", 64)
    store = JsonLinesStore(tmp_path / "m.jsonl")
    for long in (b"\r\r", b"\r" * 70, b"x\r", b"\rx"):
        store.path.write_bytes(b'{"id":"a"}'.ljust(64) + long + b'\n{"v":2}\n')
        assert dict(store.read())["#2"] == b'{"v":2}'


@pytest.mark.parametrize(("depth", "read"), [(255, True), (256, False), (975, False)])
@pytest.mark.parametrize("nest", ["[", '{"x":'])
def test_how_deep_a_record_may_nest_does_not_depend_on_who_reads_it(
    tmp_path: Path, nest: str, depth: int, read: bool
) -> None:
    line = f'{{"id":"a","v":{nest * depth}1{("]" if nest == "[" else "}") * depth}}}'.encode()
    store, log = kept(tmp_path, line)

    def deeper(n: int) -> bool:
        return deeper(n - 1) if n else isinstance(dict(store.read()).get("a"), bytes)

    assert (deeper(0), deeper(300)) == (read, read)
    (tmp_path / "m.jsonl").write_bytes(b"")
    if read:
        record(store, log, "a", line, source="agent", at=AT)
        return
    with pytest.raises(MemoryLogError, match="nests too deep"):
        record(store, log, "a", line, source="agent", at=AT)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_record_that_would_not_be_read_again_is_refused_and_not_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes
) -> None:
    monkeypatch.setattr("mythos.adapters.memory_store_lines.MAX_LINE_BYTES", 64)
    store, log = kept(tmp_path, b'{"id":"a"}' + end)
    longest = b'{"id":"b","v":"%s"}' % (b"x" * 47)
    with Recorder(store, log) as recorder:
        recorder.record("b", longest, source="agent", at=AT)
        with pytest.raises(MemoryLogError, match="a line of 65 bytes, at most 64") as refused:
            recorder.record("b", longest.replace(b"x", b"xx", 1), source="agent", at=AT)
    assert refused.value.remedy == "split it into several records"
    audit = audit_store(store, log, at=AT)
    assert (audit.size, audit.score) == (2, 1.0)
    assert store.get("b") == longest


def test_a_short_line_that_has_a_long_canonical_form_is_not_written_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mythos.adapters.memory_store_lines.MAX_LINE_BYTES", 64)
    store, log = kept(tmp_path, b'{"id":"a","v":[1e20,1e20,1e20]}\n')
    content = store.get("a")
    assert isinstance(content, bytes)
    assert len(content) > 64
    with Recorder(store, log) as recorder:
        recorder.forget("a", source="agent", at=AT)
    with pytest.raises(MemoryLogError, match="at most 64"):
        store.put("a", content)
    assert store.path.read_bytes() == b""
