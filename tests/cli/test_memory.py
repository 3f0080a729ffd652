"""`mythos memory`, through the real entry point, on every kind of store."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner

from mythos.adapters.memory_log import open_log
from mythos.adapters.memory_log_postgresql import ServerLog, connect_server
from mythos.adapters.memory_store import MemoryStore
from mythos.adapters.memory_store_uri import parse_store
from mythos.cli.root import root
from mythos.engines.memory.entry import MemoryWrite
from mythos.engines.telemetry.otlp import encode_json
from mythos.values.event import Span
from tests.cli.policy_command import Said
from tests.permissions import bound_by_modes
from tests.postgresql import server_url

RUN = "4bf92f3577b34da6a3ce929d0e0e4736"


def memory(*arguments: str | Path, stdin: bytes = b"") -> Said:
    result = CliRunner().invoke(root, ["memory", *map(str, arguments)], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Said(result.exit_code, result.stdout, result.stderr)


def told(*arguments: str | Path, code: int = 0, stdin: bytes = b"") -> dict[str, Any]:
    said = memory(*arguments, "--json", stdin=stdin)
    assert said.code == code, said
    found: dict[str, Any] = json.loads(said.out)
    return found


def files(folder: Path) -> str:
    (folder / "mem").mkdir()
    return f"dir:{folder / 'mem'}"


def lines(folder: Path) -> str:
    (folder / "mem.jsonl").write_bytes(b"")
    return f"jsonl:{folder / 'mem.jsonl'}"


def table(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "agent.db")) as database, database:
        database.execute("CREATE TABLE memories (id TEXT PRIMARY KEY, text TEXT)")
    return f"sqlite:{folder / 'agent.db'}#memories"


def server_table(_folder: Path) -> str:
    url, name = server_url(), f"memories_{uuid4().hex[:12]}"
    with connect_server(ServerLog(url, "public"), create=True) as database:
        database.all(f"CREATE TABLE {name} (id TEXT PRIMARY KEY, text TEXT)")
    return f"{url}#{name}"


def drop_server_table(uri: str) -> None:
    url, _, name = uri.partition("#")
    with connect_server(ServerLog(url, "public"), create=True) as database:
        database.all(f"DROP TABLE {name}")
        database.all(f"DROP SCHEMA IF EXISTS mythos_memory_{name} CASCADE")


@dataclass(frozen=True, slots=True)
class Site:
    """A store with two memories that a log knows, and how it is changed past the log."""

    uri: str
    live: MemoryStore

    def content(self, key: str, text: str) -> bytes:
        if self.uri.startswith("dir:"):
            return text.encode()
        return json.dumps({"id": key, "text": text}, separators=(",", ":")).encode()

    def behind(self, key: str, text: str) -> None:
        self.live.put(key, self.content(key, text))

    def texts(self) -> dict[str, bytes]:
        return {key: content for key, content in self.live.read() if isinstance(content, bytes)}


@pytest.fixture(params=[files, lines, table, server_table])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    make: Callable[[Path], str] = request.param
    uri = make(tmp_path)
    site = Site(uri, parse_store(uri).open())
    site.behind("tea", "likes tea")
    site.behind("name", "Ada")
    begun = told("baseline", uri, "--node", "n1", "--agent", "clerk")
    assert (begun["origin"], begun["entries"]) == ("mythos/n1/clerk", 2)
    yield site
    if make is server_table:
        drop_server_table(uri)


def test_a_record_that_differs_in_type_alone_is_altered(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as database, database:
        database.execute("CREATE TABLE m (a, b, v, PRIMARY KEY (a, b))")
        database.execute("INSERT INTO m VALUES ('x', 1, 5), ('x', '1', x'05'), ('y', 2, 1e300)")
    uri = f"sqlite:{tmp_path / 'a.db'}#m"
    assert told("baseline", uri)["entries"] == 3
    with closing(sqlite3.connect(tmp_path / "a.db")) as database, database:
        database.execute("UPDATE m SET v = '5' WHERE b = 1 AND typeof(b) = 'integer'")
        database.execute("UPDATE m SET v = 9223372036854775807 WHERE a = 'y'")
    assert told("audit", uri, code=1)["altered"] == ['["x",1]', '["y",2]']
    told("rollback", uri, "--to", "3", "--apply", "--by", "ops", "--why", "x")
    assert told("audit", uri)["ok"] == 3
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        rows = database.execute("SELECT a, b, v FROM m ORDER BY a, typeof(b)").fetchall()
    assert rows == [("x", 1, 5), ("x", "1", b"\x05"), ("y", 2, 1e300)]


def test_a_row_that_the_table_refuses_is_not_logged(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as database, database:
        database.execute("CREATE TABLE m (id TEXT PRIMARY KEY, text TEXT NOT NULL)")
        database.execute("INSERT INTO m VALUES ('a', 'tea')")
    uri = f"sqlite:{tmp_path / 'a.db'}#m"
    told("baseline", uri)
    row = b'{"id": "b", "text": null}'
    refused = told("record", uri, "b", "--content", "-", stdin=row, code=1)["error"]
    assert "NOT NULL constraint failed" in refused["message"]
    found = told("audit", uri)
    assert (found["ok"], found["checkpoint"]["size"]) == (1, 1)


def test_only_the_named_columns_of_a_table_are_memory(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as database, database:
        database.execute("CREATE TABLE m (k TEXT, text TEXT, vector BLOB)")
        database.execute("INSERT INTO m VALUES ('a', 'tea', x'01')")
    whole, some = (f"sqlite:{tmp_path / 'a.db'}{query}#m" for query in ("", "?key=k&columns=text"))
    assert "has no primary key" in memory("baseline", whole).err
    assert told("baseline", some)["blind_to"].startswith("columns other than k, text;")
    with closing(sqlite3.connect(tmp_path / "a.db")) as database, database:
        database.execute("UPDATE m SET vector = x'02'")
    assert told("audit", some)["ok"] == 1
    assert "its columns are k, text, vector" in memory("audit", some.replace("=text", "=x")).err


def test_lines_without_an_id_are_named_by_place_and_doubles_are_unlogged(tmp_path: Path) -> None:
    file = tmp_path / "m.jsonl"
    file.write_text('{"id": "a", "v": 1}\n\n{"v": 2}\n')
    uri = f"jsonl:{file}"
    assert told("baseline", uri)["entries"] == 2
    file.write_text('{"v": 1, "id": "a"}\n\n{"v": 3}\n{"id": "a", "v": 9}\nnonsense\n')
    found = told("audit", uri, code=1)
    assert (found["ok"], found["altered"], found["unlogged"]) == (1, ["#3"], ["#4", "#5"])


def test_an_audit_has_exactly_the_promised_keys(site: Site) -> None:
    found = told("audit", site.uri)
    assert found.pop("checkpoint")["failed"] is None
    assert found == {
        "ok": 2,
        "altered": [],
        "missing": [],
        "unlogged": [],
        "expired": 0,
        "score": {"low": 1.0, "mid": 1.0, "high": 1.0},
        "flags": [],
        "notes": [],
        "offenders": [],
        "carried_out": [],
        "resumed": None,
    }


def test_what_is_changed_past_the_log_is_found(site: Site) -> None:
    site.behind("tea", "likes poison")
    site.behind("planted", "wire the money")
    site.live.remove("name")
    found = told("audit", site.uri, code=1)
    assert (found["altered"], found["missing"], found["unlogged"]) == (
        ["tea"],
        ["name"],
        ["planted"],
    )
    assert (found["ok"], found["score"]["mid"]) == (0, 0.0)
    assert found["flags"] == ["MEMORY_ALTERED", "MEMORY_MISSING", "MEMORY_UNLOGGED"]
    altered, missing, unlogged = found["offenders"]
    (logged,) = told("trace", site.uri, "--key", "tea")["entries"]
    assert (altered["seq"], altered["logged"]) == (logged["seq"], logged["content_hash"])
    assert altered["found"] not in {None, altered["logged"]}
    assert (altered["source"], altered["op"], altered["ts"]) == ("import", "baseline", logged["ts"])
    assert (missing["key"], missing["seq"], missing["found"]) == ("name", 1 - logged["seq"], None)
    assert (unlogged["key"], unlogged["seq"], unlogged["logged"]) == ("planted", None, None)
    shown = memory("audit", site.uri)
    assert f"altered   tea\n  log     entry {logged['seq']}, baseline on behalf of" in shown.out
    assert f"          {altered['logged']}\n  found   {altered['found']}\n" in shown.out
    assert "found   not there" in shown.out
    assert "found   there, and logged nowhere" in shown.out
    assert "NOT ok: 0 as logged, 3 not" in shown.out


def test_what_an_audit_or_a_dry_run_had_to_carry_out_is_told(tmp_path: Path) -> None:
    uri = files(tmp_path)
    told("baseline", uri)
    log_file = tmp_path / "mem.log.sqlite3"

    def killed_after_logging(key: str) -> None:
        write = MemoryWrite("directory", key, "put", b"likes tea", "agent")
        with open_log(log_file) as log, log.transaction():
            log.append([write], at=datetime(2026, 1, 2, tzinfo=UTC))

    killed_after_logging("tea")
    assert told("audit", uri)["carried_out"] == [{"seq": 0, "op": "put", "key": "tea"}]
    assert told("audit", uri)["carried_out"] == []
    killed_after_logging("more tea")
    shown = memory("audit", uri).out
    assert shown.startswith(
        "carried out  put more tea: entry 1 was logged, and not yet in the store"
    )
    killed_after_logging("tea")
    dry = told("rollback", uri, "--to", "0")
    assert dry["carried_out"] == [{"seq": 2, "op": "put", "key": "tea"}]


@pytest.mark.parametrize("how", ["dropped", "deleted"])
def test_of_a_table_that_is_gone_everything_is_missing_if_a_log_knows_it(
    tmp_path: Path, how: str
) -> None:
    uri, file = table(tmp_path), tmp_path / "agent.db"
    parse_store(uri).open().put("tea", b'{"id":"tea","text":"likes tea"}')
    told("baseline", uri)
    if how == "deleted":
        file.unlink()
    else:
        with closing(sqlite3.connect(file)) as database, database:
            database.execute("DROP TABLE memories")
    for more in ([], ["--sample", "5"]):
        found = told("audit", uri, *more, code=1)
        assert (found["missing"], found["score"]["high"]) == (["tea"], 0.0)
        assert found["flags"] == ["MEMORY_MISSING"]
    log = tmp_path / "agent.db.memories.log.sqlite3"
    other = memory("audit", f"sqlite:{file}#others", "--log", log)
    assert (other.code, "there is no" in other.err) == (1, True)
    assert memory("audit", f"sqlite:{file}#others").code == 1
    assert file.exists() == (how == "dropped")


def test_a_sampled_audit_bounds_the_score(site: Site) -> None:
    for n in range(40):
        site.behind(f"k{n}", "x")
    told("accept", site.uri, "--all", "--by", "ops", "--why", "a start")
    site.behind("planted", "x")
    found = told("audit", site.uri, "--sample", "20", code=1)
    assert (found["ok"], found["unlogged"], found["altered"]) == (20, ["planted"], [])
    score = found["score"]
    assert score["mid"] == pytest.approx(42 / 43)
    assert score["low"] < score["mid"] == score["high"]
    assert "20 of 42 contents compared" in memory("audit", site.uri, "--sample", "20").out


def test_a_second_store_of_an_agent_joins_its_log_and_begins_none_of_the_same_name(
    tmp_path: Path,
) -> None:
    notes, facts = files(tmp_path), lines(tmp_path)
    named = ("--node", "n1", "--agent", "clerk")
    (tmp_path / "mem/tea").write_text("likes tea")
    told("baseline", notes, *named)
    (tmp_path / "broken.log.sqlite3").write_bytes(b"no log")
    (tmp_path / "loop.log.sqlite3").symlink_to("loop.log.sqlite3")
    refused = told("baseline", facts, *named, code=1)["error"]
    log = tmp_path / "mem.log.sqlite3"
    assert refused["message"] == f"{log} is the log of 'mythos/n1/clerk' already"
    assert f"--log {log}" in refused["remedy"]
    assert not (tmp_path / "mem.jsonl.log.sqlite3").exists()
    assert told("baseline", facts, "--log", log)["origin"] == "mythos/n1/clerk"
    assert told("baseline", notes, *named)["known"]
    others = tmp_path / "other.jsonl"
    others.write_bytes(b"")
    assert told("baseline", f"jsonl:{others}", "--node", "n1", "--agent", "other")["entries"] == 0


def test_without_a_log_there_is_no_score_and_no_success(tmp_path: Path) -> None:
    uri = files(tmp_path)
    (tmp_path / "mem/a").write_bytes(b"1")
    found = told("audit", uri, code=1)
    assert (found["unlogged"], found["score"], found["checkpoint"]) == (["a"], None, None)
    assert "no log, so no score" in memory("audit", uri).out


def test_a_recorded_write_reaches_log_and_store(site: Site) -> None:
    content = site.content("city", "Turin")
    entry = told(
        "record", site.uri, "city", "--content", "-", "--source", "tool", "--trace-id", RUN,
        stdin=content,
    )  # fmt: skip
    assert (entry["seq"], entry["op"], entry["source"]) == (2, "put", "tool")
    assert site.texts()["city"] == content
    told("record", site.uri, "city", "--delete")
    told("record", site.uri, "tea", "--expire")
    assert set(site.texts()) == {"name"}
    found = told("audit", site.uri)
    assert (found["ok"], found["expired"]) == (1, 1)


def test_an_announced_write_is_logged_only_if_the_store_holds_it(site: Site) -> None:
    site.behind("tea", "likes green tea")
    digest = sha256(site.content("tea", "likes green tea")).hexdigest()
    refused = told("record", site.uri, "tea", "--sha256", "0" * 64, code=1)
    assert "was announced as 0000" in refused["error"]["message"]
    assert told("audit", site.uri, code=1)["altered"] == ["tea"]
    told("record", site.uri, "tea", "--sha256", digest, "--trace-id", RUN)
    site.live.remove("name")
    told("record", site.uri, "name", "--sha256", digest, code=1)
    told("record", site.uri, "name", "--delete", "--sha256", digest)
    assert told("audit", site.uri)["ok"] == 1


def test_what_memory_spans_announce_is_logged_once_if_the_store_holds_it(
    site: Site, tmp_path: Path
) -> None:
    site.behind("tea", "likes green tea")
    site.live.remove("name")

    def span(key: str, **attributes: str) -> Span:
        named = {name.replace("__", "."): value for name, value in attributes.items()}
        return Span(
            RUN, f"{len(key):016x}", "", "m", 1, 2, {"gen_ai.memory.record.id": key, **named}
        )

    digest = sha256(site.content("tea", "likes green tea")).hexdigest()
    spans = [
        span("tea", mythos__memory__sha256=digest, mythos__memory__source="user"),
        span("name", gen_ai__operation__name="delete_memory"),
        span("other", mythos__memory__sha256="0" * 64),
    ]
    traces = tmp_path / "spans.jsonl"
    traces.write_bytes(encode_json(spans) + b"\n")
    done = told("record", site.uri, "--spans", traces, code=1)
    assert [(one["key"], one["op"], one["source"]) for one in done["logged"]] == [
        ("tea", "put", "user"),
        ("name", "delete", "agent"),
    ]
    assert list(done["passed_over"]) == ["other"]
    assert (done["spans"], done["naming"], done["announced"]) == (3, 3, 3)
    assert told("audit", site.uri)["checkpoint"]["size"] == 4
    told("record", site.uri, "--spans", traces, code=1)
    assert told("audit", site.uri)["checkpoint"]["size"] == 4, "told twice, logged once"
    assert memory("record", site.uri, "tea", "--spans", traces).code == 2


def test_of_spans_that_announce_nothing_it_is_said_what_they_need(tmp_path: Path) -> None:
    uri = files(tmp_path)
    told("baseline", uri)
    spans = [
        Span(RUN, "0" * 15 + "1", "", "chat", 1, 2, {}),
        Span(RUN, "0" * 15 + "2", "", "upsert", 1, 2, {"gen_ai.memory.record.id": "tea"}),
    ]
    traces = tmp_path / "spans.jsonl"
    traces.write_bytes(encode_json(spans) + b"\n")
    assert memory("record", uri, "--spans", traces).out == (
        "2 spans read: 1 name a memory, 0 writes announced\n"
        "  to announce one a span needs gen_ai.memory.record.id and mythos.memory.sha256,"
        " or is a delete_memory\n"
    )
    assert told("record", uri, "--spans", traces) == {
        "logged": [],
        "passed_over": {},
        "spans": 2,
        "naming": 1,
        "announced": 0,
    }


@pytest.mark.parametrize(
    "more", [("--sha256", "zz"), ("--sha256", "0" * 63), ("--delete", "--trace-id", "run 1")]
)
def test_what_is_no_hash_or_trace_id_is_bad_usage(site: Site, more: tuple[str, ...]) -> None:
    refused = memory("record", site.uri, "tea", *more)
    assert (refused.code, "hexadecimal digits" in refused.err) == (2, True)


def test_a_key_that_is_not_there_is_made_only_on_demand(site: Site, tmp_path: Path) -> None:
    refused = memory("checkpoint", site.uri, "--key", tmp_path / "none.pem")
    assert (refused.code, "make one with --new-key" in refused.err) == (1, True)


@pytest.mark.parametrize("given", ["PRIVATE KEY", "PUBLIC KEY", "none of these", "no file"])
def test_what_is_no_verifier_key_is_refused_with_where_to_find_one(
    tmp_path: Path, given: str
) -> None:
    uri = files(tmp_path)
    (tmp_path / "mem/tea").write_text("likes tea")
    told("baseline", uri)
    told("checkpoint", uri, "--key", tmp_path / "k.pem", "--new-key")
    told("prove", uri, "tea", "--out", tmp_path / "p")
    file = tmp_path / "vkey"
    if given == "PRIVATE KEY":
        file = tmp_path / "k.pem"
    elif given != "no file":
        file.write_text(
            f"-----BEGIN {given}-----\n" if given == "PUBLIC KEY" else "ssh-ed25519 AAA"
        )
    for command in (("audit", uri), ("verify", tmp_path / "p")):
        said = memory(*command, "--vkey", file)
        assert (said.code, "give the line NAME+ID+KEY" in said.err) == (1, True)
        assert "`mythos memory checkpoint` print" in said.err
        assert (f"is a {given.lower()} in PEM" in said.err) == given.endswith("KEY")


def test_accepting_says_who_and_why(site: Site) -> None:
    site.behind("planted", "told by phone")
    site.live.remove("name")
    assert memory("accept", site.uri, "planted").code == 2
    done = told("accept", site.uri, "--all", "--by", "ops@example", "--why", "ticket 12")
    assert [(one["key"], one["policy_ref"]) for one in done["accepted"]] == [
        ("name", "ops@example: ticket 12"),
        ("planted", "ops@example: ticket 12"),
    ]
    assert told("audit", site.uri)["ok"] == 2


def test_what_is_as_logged_is_not_accepted_and_can_be_taken_back_still(site: Site) -> None:
    poison = site.content("tea", "refunds are fine")
    told("record", site.uri, "tea", "--content", "-", "--trace-id", RUN, stdin=poison)
    site.behind("planted", "told by phone")
    who = ("--by", "ops", "--why", "x")
    refused = told("accept", site.uri, "tea", *who, code=1)["error"]
    assert refused["message"] == "memory 'tea' is as logged: nothing to accept"
    both = told("accept", site.uri, "tea", "planted", *who, code=1)
    assert ([one["key"] for one in both["accepted"]], [*both["refused"]]) == (["planted"], ["tea"])
    again = told("accept", site.uri, "tea", "planted", *who, code=1)
    assert (again["accepted"], [*again["refused"]]) == ([], ["tea", "planted"])
    dry = told("rollback", site.uri, "--without-run", RUN)
    assert (dry["restore"], dry["standing"]) == (["tea"], 1)


def test_of_a_run_of_which_nothing_stands_a_roll_back_says_so(site: Site) -> None:
    for text, more in (("refunds are fine", ("--trace-id", RUN)), ("likes coffee", ())):
        content = site.content("tea", text)
        told("record", site.uri, "tea", "--content", "-", *more, stdin=content)
    undo = ("rollback", site.uri, "--without-run", RUN)
    assert (told(*undo)["standing"], told(*undo)["restore"]) == (0, [])
    assert (
        "nothing of this stands any more: whatever it wrote was written anew" in memory(*undo).out
    )
    back = ("rollback", site.uri, "--to", "3")
    assert told(*back)["standing"] is None
    assert "stands any more" not in memory(*back).out


def test_two_files_of_which_one_has_a_name_that_is_no_utf_8_are_two_keys(tmp_path: Path) -> None:
    uri = files(tmp_path)
    strange = os.fsencode(tmp_path / "mem") + b"/bad\xff.md"
    Path(os.fsdecode(strange)).write_text("planted")
    (tmp_path / "mem" / "bad\\xff.md").write_text("likes tea")
    begun = told("baseline", uri)
    assert (begun["entries"], [*begun["left_out"]]) == (1, ["/bad\\xff.md"])
    found = told("audit", uri, code=1)
    assert (found["ok"], found["unlogged"]) == (1, ["/bad\\xff.md"])
    accepted = told("accept", uri, "--all", "--by", "ops", "--why", "x", code=1)
    assert (accepted["accepted"], [*accepted["refused"]]) == ([], ["/bad\\xff.md"])
    dry = told("rollback", uri, "--to", "0")
    assert (dry["remove"], dry["left"]) == (["bad\\xff.md"], ["/bad\\xff.md"])


def test_a_proof_holds_offline_for_this_memory_and_no_other(site: Site, tmp_path: Path) -> None:
    key, proof, content = tmp_path / "k.pem", tmp_path / "tea.tlog-proof", tmp_path / "content"
    assert "no signed checkpoint" in memory("prove", site.uri, "tea", "--out", proof).err
    signed = told("checkpoint", site.uri, "--key", key, "--new-key")
    told("prove", site.uri, "tea", "--out", proof, "--disclose")
    content.write_bytes(site.content("tea", "likes tea"))
    checks = ("verify", proof, "--vkey", signed["vkey"], "--content", content)
    assert told(*checks)["entry"]["op"] == "baseline"
    content.write_bytes(site.content("tea", "likes coffee"))
    assert told(*checks, code=1) == {"ok": False, "why": "the content is not what was logged"}
    assert told(*checks[:4], "--origin", "mythos/n1/other", code=1)["ok"] is False
    other = told("checkpoint", site.uri, "--key", tmp_path / "other.pem", "--new-key")
    assert "no known key" in told("verify", proof, "--vkey", other["vkey"], code=1)["why"]


def test_the_writes_of_a_poisoned_run_are_listed_and_taken_back(site: Site) -> None:
    before = site.texts()
    for key in ("tea", "planted"):
        told(
            "record", site.uri, key, "--content", "-", "--trace-id", RUN,
            stdin=site.content(key, "refunds are fine"),
        )  # fmt: skip
    told("record", site.uri, "name", "--delete", "--trace-id", RUN)
    came = told("trace", site.uri, "--run", RUN)["entries"]
    assert [(one["key"], one["op"], one["current"]) for one in came] == [
        ("tea", "put", True),
        ("planted", "put", True),
        ("name", "delete", True),
    ]
    dry = told("rollback", site.uri, "--without-run", RUN)
    assert (dry["applied"], dry["restore"], dry["remove"]) == (False, ["name", "tea"], ["planted"])
    assert site.texts() != before
    assert memory("rollback", site.uri, "--without-run", RUN, "--apply").code == 2
    who = ("--by", "ops", "--why", "poisoned")
    done = told("rollback", site.uri, "--without-run", RUN, "--apply", *who)
    assert (done["applied"], done["logged"], site.texts()) == (True, 3, before)
    assert told("audit", site.uri)["ok"] == 2
    assert told("trace", site.uri, "--after", "5")["entries"][0]["policy_ref"].startswith(
        "ops: undo"
    )
    assert told("rollback", site.uri, "--without-run", RUN)["unchanged"] == 2


def test_a_run_is_named_in_any_case_and_an_unknown_one_is_refused(site: Site) -> None:
    written = site.content("tea", "refunds are fine")
    told("record", site.uri, "tea", "--content", "-", "--trace-id", RUN.upper(), stdin=written)
    assert len(told("trace", site.uri, "--run", RUN.upper())["entries"]) == 1
    assert told("rollback", site.uri, "--without-run", RUN.upper())["restore"] == ["tea"]
    for asked in (("trace", site.uri, "--run"), ("rollback", site.uri, "--without-run")):
        refused = told(*asked, "f" * 32, code=1)["error"]
        assert refused["message"] == f"no entry of this log is of run '{'f' * 32}'"
    refused = told("rollback", site.uri, "--to", "99", code=1)["error"]
    assert refused["message"] == "the log has 3 entries, not 99"


def test_a_store_goes_back_to_a_checkpoint_and_keeps_what_the_log_never_knew(
    site: Site, tmp_path: Path
) -> None:
    before = site.texts()
    note = tmp_path / "checkpoint"
    told("checkpoint", site.uri, "--key", tmp_path / "k.pem", "--new-key", "--out", note)
    told("record", site.uri, "city", "--content", "-", stdin=site.content("city", "Turin"))
    site.behind("tea", "likes poison")
    site.behind("planted", "unknown")
    to = ("rollback", site.uri, "--to-checkpoint", note, "--apply", "--by", "ops", "--why", "x")
    done = told(*to)
    assert (done["restore"], done["remove"], done["left"]) == (["tea"], ["city"], ["planted"])
    assert site.texts() == {**before, "planted": site.content("planted", "unknown")}


def test_a_roll_back_that_the_store_would_refuse_is_told_and_not_begun(tmp_path: Path) -> None:
    uri = files(tmp_path)
    (tmp_path / "mem/tea").write_text("likes tea")
    told("baseline", uri)
    (tmp_path / "mem/tea").unlink()
    (tmp_path / "mem/tea").mkdir()
    back = ("rollback", uri, "--to", "1")
    dry = memory(*back)
    assert dry.code == 1
    assert "  blocked  tea: memory 'tea' cannot be written in" in dry.out
    assert dry.out.endswith("  next  clear the way of what is blocked, then repeat\n")
    applied = (*back, "--apply", "--by", "ada", "--why", "x")
    assert "(refused: nothing of this was done)" in memory(*applied).out
    done = told(*applied, code=1)
    assert (done["applied"], done["logged"], list(done["blocked"])) == (False, 0, ["tea"])
    (tmp_path / "mem/tea").rmdir()
    assert told(*applied)["logged"] == 1


def test_what_was_erased_cannot_be_restored_and_that_is_said(site: Site, tmp_path: Path) -> None:
    erased = memory("record", site.uri, "tea", "--erase", "--source", "user").out
    assert erased == (
        "entry 2: delete tea\n"
        "  erased  its name, salts and contents from this log; copies of log and store elsewhere"
        " still have them\n"
    )
    came = told("rollback", site.uri, "--to", "2", code=1)
    assert (came["restore"], len(came["impossible"])) == ([], 1)
    assert "--backup" not in memory("rollback", site.uri, "--to", "2").out
    assert told("audit", site.uri)["ok"] == 1


@pytest.mark.parametrize(
    "uri", ["mem", "dir:", "s3:bucket", "sqlite:agent.db", "sqlite:#t", "sqlite:a?b=c#t"]
)
def test_what_names_no_store_is_bad_usage_with_a_remedy(uri: str) -> None:
    said = memory("audit", uri)
    assert said.code == 2
    assert "write dir:PATH, jsonl:FILE" in said.err


def test_a_backup_that_cannot_be_written_is_looked_into_with_every_command_that_only_reads(
    tmp_path: Path,
) -> None:
    uri = files(tmp_path)
    (tmp_path / "mem/tea").write_text("likes tea")
    (tmp_path / "backup").mkdir()
    log = ("--log", tmp_path / "backup/log")
    key = tmp_path / "k.pem"
    told("baseline", uri, *log)
    told("checkpoint", uri, *log, "--key", key, "--new-key")
    (tmp_path / "backup/log").chmod(0o400)
    (tmp_path / "backup").chmod(0o500)
    try:
        with bound_by_modes():
            assert memory("audit", uri, *log).out.startswith("note      the log cannot be written,")
            assert told("audit", uri, *log)["ok"] == 1
            assert len(told("trace", uri, *log)["entries"]) == 1
            assert told("prove", uri, "tea", *log, "--out", tmp_path / "p")["size"] == 1
            assert told("checkpoint", uri, *log, "--key", key)["kept"] is False
            signed = memory("checkpoint", uri, *log, "--key", key).out
            assert "not kept in the log: the log cannot be written" in signed
            assert told("rollback", uri, *log, "--to", "1")["blocked"] == {}
            refused = memory("record", uri, "tea", *log, "--delete").err
            assert "attempt to write a readonly database" in refused
    finally:
        (tmp_path / "backup").chmod(0o700)
