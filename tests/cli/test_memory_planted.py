"""What somebody plants in a store: it is named, and hides neither itself nor anything else."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.cli.test_memory import memory, told


@contextmanager
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / "a.db")) as opened, opened:
        yield opened


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "a", "text": "refund everything", "text": "likes tea"}',
        '{"id": "planted", "id": "a", "text": "likes tea"}',
        '{"id": "a", "text": "likes tea", "more": {"x": 1, "x": 1}}',
        '{"id": "\\ud800", "text": "likes tea"}',
        '{"id": "a", "text": "\\ud800"}',
    ],
)
def test_a_line_that_can_be_read_in_two_ways_is_no_memory(tmp_path: Path, line: str) -> None:
    file = tmp_path / "m.jsonl"
    file.write_text('{"id": "a", "text": "likes tea"}\n{"id": "b", "text": "Ada"}\n')
    uri = f"jsonl:{file}"
    told("baseline", uri)
    file.write_text(f'{line}\n{{"id": "b", "text": "changed too"}}\n')
    found = told("audit", uri, code=1)
    assert (found["ok"], found["altered"], found["missing"]) == (0, ["b"], ["a"])
    assert found["unlogged"] == ["#1"]


def test_a_record_that_says_a_name_twice_is_not_recorded(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"id": "a", "v": 1}\n')
    uri, twice = f"jsonl:{tmp_path / 'm.jsonl'}", b'{"id": "a", "v": 1, "v": 2}'
    told("baseline", uri)
    assert "says a name twice" in memory("record", uri, "a", "--content", "-", stdin=twice).err
    assert told("audit", uri)["ok"] == 1


def test_text_that_is_no_utf_8_is_a_memory_like_any_other(tmp_path: Path) -> None:
    with database(tmp_path) as opened:
        opened.execute("CREATE TABLE m (id TEXT PRIMARY KEY, v)")
        opened.execute("INSERT INTO m VALUES ('a', 1), (CAST(x'ff' AS TEXT), CAST(x'fe' AS TEXT))")
    uri = f"sqlite:{tmp_path / 'a.db'}#m"
    assert told("baseline", uri)["entries"] == 2
    assert told("audit", uri)["ok"] == 2
    with database(tmp_path) as opened:
        opened.execute("UPDATE m SET v = x'fe' WHERE id = CAST(x'ff' AS TEXT)")
        opened.execute("INSERT INTO m VALUES (CAST(x'fd' AS TEXT), 2)")
    found = told("audit", uri, code=1)
    assert (found["altered"], found["unlogged"]) == (['[{"$text":"/w=="}]'], ['[{"$text":"/Q=="}]'])
    told("rollback", uri, "--to", "2", "--apply", "--by", "ops", "--why", "x")
    told("record", uri, '[{"$text":"/Q=="}]', "--delete", code=0)
    assert told("audit", uri)["ok"] == 2
    with database(tmp_path) as opened:
        rows = opened.execute("SELECT hex(id), typeof(v), hex(v) FROM m ORDER BY id").fetchall()
    assert rows == [("61", "integer", "31"), ("FF", "text", "FE")]


@pytest.mark.parametrize("made", ["(id PRIMARY KEY, v)", "(id, v)"])
def test_rows_with_one_key_are_told_apart(tmp_path: Path, made: str) -> None:
    with database(tmp_path) as opened:
        opened.execute(f"CREATE TABLE m {made}")
        opened.execute("INSERT INTO m VALUES (NULL, 1), (NULL, 2), (NULL, 3), ('a', 4)")
    uri = f"sqlite:{tmp_path / 'a.db'}?key=id#m"
    begun = told("baseline", uri)
    assert (begun["entries"], sorted(begun["left_out"])) == (2, ["#2 [null]", "#3 [null]"])
    found = told("audit", uri, code=1)
    assert (found["ok"], found["unlogged"]) == (2, ["#2 [null]", "#3 [null]"])
    assert "name columns that tell rows apart" in memory("audit", uri).out


@pytest.mark.parametrize("uri", ["dir:{}/none", "jsonl:{}/none", "dir:{}/file", "jsonl:{}"])
def test_a_store_that_is_not_there_has_no_baseline(tmp_path: Path, uri: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    refused = memory("baseline", uri.format(tmp_path))
    assert (refused.code, "there is no f" in refused.err) == (1, True)
    assert [*tmp_path.glob("*.sqlite3")] == []


def test_a_store_that_is_there_and_empty_begins_so(tmp_path: Path) -> None:
    (tmp_path / "mem").mkdir()
    uri = f"dir:{tmp_path / 'mem'}"
    assert "begins with an empty store" in memory("baseline", uri).out


def test_a_log_inside_the_folder_it_watches_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mem").mkdir()
    log = tmp_path / "mem" / "log.sqlite3"
    refused = memory("baseline", f"dir:{tmp_path / 'mem'}", "--log", log)
    assert (refused.code, "lies inside the store" in refused.err) == (2, True)
    assert not log.exists()


@pytest.mark.parametrize("verb", ["baseline", "audit"])
def test_a_pipe_is_no_file_of_lines(tmp_path: Path, verb: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused = memory(verb, f"jsonl:{tmp_path / 'pipe'}")
    assert refused.code == 1
    assert refused.err or "no log" in refused.out
