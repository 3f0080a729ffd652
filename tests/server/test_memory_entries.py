"""The entries of a memory log on its page: what changed, who it came from, and proofs of it."""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mythos.cli.root import root
from mythos.engines.evidence.memory import MemoryBody
from mythos.server.resilience.commands import accept_envelope
from mythos.server.resilience.log_models import MemoryTail
from tests.server import fleet
from tests.server.fleet import Host
from tests.server.outpost import Outpost
from tests.server.told_log import ToldLog, hash_of

pytestmark = pytest.mark.django_db
ORIGIN = "mythos/lab-1/clerk"
PAGE = f"/memories/lab-1/log/{ORIGIN}"
RUN, OTHER = "a" * 32, "ab" * 16


@pytest.fixture
def log(outpost: Outpost) -> ToldLog:
    at = timezone.now().replace(microsecond=0)
    return ToldLog(outpost, ORIGIN, at=at)


def _json(browser: Client, **query: str | int) -> dict[str, object]:
    response = browser.get(PAGE, {"format": "json", **query})
    assert response.status_code == 200, response.content
    found: dict[str, object] = response.json()
    return found


def _seqs(browser: Client, **query: str | int) -> list[int]:
    entries = _json(browser, **query)["entries"]
    assert isinstance(entries, dict)
    return [row["seq"] for row in entries["rows"]]


def _html(browser: Client, **query: str | int) -> str:
    response = browser.get(PAGE, query)
    assert response.status_code == 200
    return unescape(response.content.decode())


def test_entries_are_shown_newest_first_with_where_they_came_from(
    browser: Client, log: ToldLog
) -> None:
    log.write("user/tea.md", "baseline", "import")
    log.write("user/tea.md", source="user", run=RUN, why="care-rules/ask-first")
    log.write("gone.md", "delete", "tool", named=False)
    log.report()
    entries = _json(browser)["entries"]
    assert isinstance(entries, dict)
    gone, tea, first = entries["rows"]
    assert (gone["seq"], gone["op"], gone["key"], gone["content_hash"]) == (2, "delete", None, None)
    assert gone["key_hash"] == hash_of("gone.md")
    assert (tea["key"], tea["source"], tea["trace_id"]) == ("user/tea.md", "user", RUN)
    assert (tea["policy_ref"], tea["content_hash"]) == (
        "care-rules/ask-first", log.entries[1].content_hash,
    )  # fmt: skip
    assert datetime.fromisoformat(tea["at"]) == log.at + timedelta(seconds=1)
    assert [each["stands"] for each in (gone, tea, first)] == [True, True, False]
    page = _html(browser)
    for shown in ("user/tea.md", "care-rules/ask-first", "aaaaaaaa…", "all 3, newest first"):
        assert shown in page
    assert f'title="{log.entries[1].content_hash}"' in page
    assert hash_of("gone.md").removeprefix("sha256:")[:8] in page


def test_a_page_holds_25_and_says_where_the_older_ones_are(browser: Client, log: ToldLog) -> None:
    for number in range(70):
        log.write(f"note-{number}")
    log.report(60)
    assert _seqs(browser) == [*range(69, 44, -1)]
    assert _seqs(browser, page=3) == [*range(19, 9, -1)]
    assert _seqs(browser, page=4) == []
    page = _html(browser)
    assert "the newest 60 of 70" in page
    assert "25 of 60 shown" in page
    assert "The 10 older ones stay on the host: " in page
    assert "mythos memory trace dir:mythos-node/memory/clerk" in page
    assert 'href="?page=2#entries"' in page


def test_entries_are_picked_by_source_operation_run_and_key(browser: Client, log: ToldLog) -> None:
    log.write("user/tea.md", source="user", run=RUN)
    log.write("user/TEA-2.md", source="agent", run=OTHER)
    log.write("notes.md", "delete", "agent", run=RUN)
    log.write("hidden", source="tool", named=False)
    log.report()
    assert _seqs(browser, source="agent") == [2, 1]
    assert _seqs(browser, op="delete") == [2]
    assert _seqs(browser, trace=RUN) == [2, 0]
    assert _seqs(browser, trace=OTHER.upper()) == [1]
    assert _seqs(browser, trace="a") == [2, 1, 0]
    assert _seqs(browser, key="tea") == [1, 0]
    assert _seqs(browser, key=hash_of("user/tea.md")) == [0]
    assert _seqs(browser, key=hash_of("hidden").removeprefix("sha256:")[:8]) == [3]
    assert _seqs(browser, key="tea", source="user", trace=RUN, op="put") == [0]
    assert _seqs(browser, source="", op="", trace="", key="") == [3, 2, 1, 0]
    assert "None of the 4 entries here is of that kind" in _html(browser, key="coffee")


def test_what_came_from_a_run_is_one_link_away_and_says_what_still_stands(
    browser: Client, log: ToldLog
) -> None:
    log.write("a", run=RUN)
    log.write("b", run=RUN)
    log.write("a", run=OTHER)
    log.report()
    assert f'href="?trace={RUN}#entries"' in _html(browser, source="agent")
    assert "2 entries of this run, 1 still stands" in _html(browser, trace=RUN)


def test_the_command_gives_what_the_page_shows(browser: Client, log: ToldLog) -> None:
    for number in range(60):
        log.write(f"o'hara & {number}", run=RUN)
    log.report()
    page = _json(browser, source="agent", trace=RUN, key="o'hara &", page=2, range="7d")
    command = page["command"]
    assert isinstance(command, str)
    address = shlex.split(command)[-1].removeprefix("$MYTHOS")
    again = browser.get(address).json()
    assert again["entries"] == page["entries"]
    assert again["span"] == "7d"


@pytest.mark.parametrize(
    "query", ["source=nobody", "op=write", "trace=xyz", f"trace={'a' * 33}", "page=0"]
)
def test_a_choice_that_does_not_exist_is_refused_with_a_remedy(
    query: str, browser: Client, log: ToldLog
) -> None:
    log.write("a")
    log.report()
    response = browser.get(f"{PAGE}?{query}&format=json")
    assert response.status_code == 400
    assert response.json()["error"]["remedy"]


def test_keys_that_are_not_as_logged_are_marked_and_lead_to_their_entries(
    browser: Client, log: ToldLog
) -> None:
    log.write("a")
    log.write("b")
    erased = log.write("c", named=False)
    log.report()
    at = timezone.now()
    body = MemoryBody(
        size=3, audited_at=int(at.timestamp()), altered=1, missing=1, unlogged=1,
        keys={"a": "altered", erased.key_hash: "missing", "planted": "unlogged"},
    )  # fmt: skip
    row = log.outpost.row("memory", body, subject=ORIGIN, at=at)
    assert accept_envelope(log.outpost.sealed([row], sent_at=int(at.timestamp())), at=at).counted
    page = _json(browser)
    entries, keys = page["entries"], page["keys"]
    assert isinstance(entries, dict)
    assert isinstance(keys, list)
    assert [row["wrong"] for row in entries["rows"]] == ["missing", None, "altered"]
    assert {key["name"]: key["key_hash"] for key in keys} == {
        "a": hash_of("a"), erased.key_hash: erased.key_hash, "planted": "",
    }  # fmt: skip
    assert f'href="?key={quote(hash_of("a"), safe="")}#entries"' in _html(browser).replace(
        "key=sha256:", "key=sha256%3A"
    )


def _verified(text: str, *vkeys: str, folder: Path) -> tuple[int, str]:
    file = folder / "some.tlog-proof"
    file.write_text(text, "utf-8")
    keys = [word for vkey in vkeys for word in ("--vkey", vkey)]
    done = CliRunner().invoke(root, ["memory", "verify", str(file), *keys])
    return done.exit_code, done.output


def test_a_proof_is_downloaded_and_holds_under_the_key_of_the_log(
    browser: Client, log: ToldLog, tmp_path: Path
) -> None:
    for number in range(75):
        log.write(f"note-{number}", run=RUN, named=number % 2 == 0)
    log.report(60)
    page = _json(browser)
    vkey, witness = page["log_vkey"], page["witness"]
    assert isinstance(vkey, str)
    assert isinstance(witness, dict)
    cosigner = witness["cosigned"]["vkey"]
    for seq in (15, 16, 44, 74):
        response = browser.get(f"/memories/lab-1/proof/{seq}/{ORIGIN}")
        name = f'filename="mythos-lab-1-clerk.{seq}.tlog-proof"'
        assert name in response.headers["Content-Disposition"]
        code, output = _verified(response.content.decode(), vkey, folder=tmp_path)
        assert (code, output.splitlines()[0]) == (0, f"proved: entry {seq} of 75 in {ORIGIN}.")
        assert (f"note-{seq}" in output) == (seq % 2 == 0)
        code, output = _verified(response.content.decode(), vkey, cosigner, folder=tmp_path)
        assert (code, "cosigned" in output) == (0, True)
    assert f'href="/memories/lab-1/proof/74/{ORIGIN}"' in _html(browser)


def test_an_entry_that_is_not_here_is_proved_on_the_host(browser: Client, log: ToldLog) -> None:
    for number in range(9):
        log.write(f"note-{number}")
    log.report(5)
    for seq in (3, 9, 10**30):
        response = browser.get(f"/memories/lab-1/proof/{seq}/{ORIGIN}?format=json")
        assert response.status_code == 404
        assert f"mythos memory prove STORE KEY --seq {seq}" in response.json()["error"]["remedy"]


def test_entries_that_the_checkpoint_has_outgrown_are_not_shown_until_the_next_come(
    browser: Client, log: ToldLog
) -> None:
    log.write("a")
    log.report()
    log.write("b")
    log.report_without_entries()
    assert "No entries came with the newest checkpoint" in _html(browser)
    assert browser.get(f"/memories/lab-1/proof/0/{ORIGIN}").status_code == 404
    log.write("c")
    log.report()
    assert _seqs(browser) == [2, 1, 0]


def test_entries_that_are_not_those_of_the_checkpoint_are_said_and_not_proved(
    browser: Client, log: ToldLog
) -> None:
    log.write("a")
    log.write("b")
    log.report()
    kept = MemoryTail.objects.get()
    kept.tail["entries"][0]["source"] = "user"
    kept.save()
    page = _html(browser)
    assert "Do not hold" in page
    assert "/proof/" not in page
    assert browser.get(f"/memories/lab-1/proof/0/{ORIGIN}").status_code == 404


def test_a_node_that_tells_no_entries_is_to_be_updated(browser: Client, log: ToldLog) -> None:
    log.write("a")
    log.report_without_entries()
    assert "Its node tells no entries: update it" in _html(browser)
    assert browser.get(f"/memories/lab-1/proof/0/{ORIGIN}").status_code == 404


def test_an_empty_log_says_so(browser: Client, log: ToldLog) -> None:
    log.report()
    assert "The log is empty" in _html(browser)


HOSTILE = ("<script>alert(1)</script>", "a\x1b[2Jb", "\u202egnp.exe", "x\u200b\ny", '"onload="', "")


def test_whatever_a_key_or_a_reason_holds_is_shown_and_changes_nothing(
    browser: Client, log: ToldLog
) -> None:
    for name in HOSTILE:
        log.write(name, "accept", "operator", why=f"ada: {name}")
    log.write("👩\u200d💻/مرحبا")
    log.report()
    page = browser.get(PAGE).content.decode()
    main = page.partition("<main")[2]
    assert "<script" not in main
    for mark in ("\x1b", "\u202e", "\u200b"):
        assert mark not in main.partition('id="entries"')[2]
    for named in ("U+001B", "U+202E", "U+200B", "U+000A"):
        assert f'<span class="unseen">{named}</span>' in main
    assert '<bdi dir="ltr">👩\u200d💻/مرحبا</bdi>' in page
    assert _seqs(browser, key="\u202egnp") == [2]


def test_a_wrong_key_turns_nothing_around_either(browser: Client, log: ToldLog) -> None:
    at, name = timezone.now(), "\u202egnp.exe"
    body = MemoryBody(size=1, audited_at=int(at.timestamp()), unlogged=1, keys={name: "unlogged"})
    row = log.outpost.row("memory", body, subject=ORIGIN, at=at)
    assert accept_envelope(log.outpost.sealed([row], sent_at=int(at.timestamp())), at=at).counted
    keys = browser.get(PAGE).content.decode().partition('id="keys"')[2].partition("</section>")[0]
    assert '<bdi dir="ltr"><span class="unseen">U+202E</span>gnp.exe</bdi>' in keys


def test_the_queries_do_not_grow_with_the_entries(browser: Client, log: ToldLog) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert len(browser.get(PAGE).content) < 100_000
        return len(seen)

    log.write("a")
    log.report()
    few = queries()
    for number in range(520):
        log.write(f"customers/{number}/preferences.md", run=RUN, why="care-rules/ask-first")
    log.report()
    assert queries() == few


def test_the_api_tells_the_same(browser: Client, log: ToldLog, tmp_path: Path) -> None:
    for number in range(7):
        log.write(f"note-{number}", source="user" if number % 2 else "tool", run=RUN)
    log.report()
    where = f"/api/v1/memories/lab-1/entries?log={ORIGIN}"
    first = browser.get(f"{where}&source=tool&limit=3").json()
    assert [each["seq"] for each in first["items"]] == [6, 4, 2]
    assert (first["next"], first["found"], first["size"], first["start"]) == (2, 4, 7, 0)
    second = browser.get(f"{where}&source=tool&limit=3&page=2").json()
    assert ([each["seq"] for each in second["items"]], second["next"]) == ([0], None)
    assert browser.get(f"{where}&op=delete").json()["items"] == []
    assert browser.get("/api/v1/memories/lab-1/entries?log=none").status_code == 404
    answer = browser.get(f"/api/v1/memories/lab-1/proof?log={ORIGIN}&seq=4")
    assert answer.headers["Content-Type"].startswith("text/plain")
    vkey = browser.get(f"/api/v1/memories/lab-1/log?log={ORIGIN}").json()["log_vkey"]
    assert _verified(answer.content.decode(), vkey, folder=tmp_path)[0] == 0


def test_the_api_tells_a_log_without_entries_apart_from_an_empty_one(
    browser: Client, log: ToldLog
) -> None:
    log.write("a")
    log.report_without_entries()
    told = browser.get(f"/api/v1/memories/lab-1/entries?log={ORIGIN}").json()
    assert (told["items"], told["size"], told["found"]) == ([], None, None)


def test_a_call_leads_to_what_its_run_wrote_into_memory(browser: Client) -> None:
    at = timezone.now().replace(second=0, microsecond=0)
    packet = fleet.file_example()
    outpost = Outpost("eu-1", "eu")
    node = fleet.enrol("eu-1", fleet.environment("eu"), at=at, packet=packet)
    node.public_key, node.key_id = outpost.key.public.pem, outpost.key.key_id
    node.save()
    host = Host(node, packet)
    fleet.report(host, fleet.work_day(host, until=at, runs=6, violated={2}), at=at)
    run = fleet.identity("trace", "eu-1", 2)[:32]
    drawer = "/system/resilience?host=eu-1"
    assert "into memory" not in browser.get(drawer).content.decode()
    log = ToldLog(outpost, "mythos/eu-1/refunds", at=at)
    for key, wrote in (("tea", run), ("name", OTHER), ("limits", run)):
        log.write(key, run=wrote)
    log.report()
    page = browser.get(drawer).content.decode()
    where = f"/memories/eu-1/log/mythos/eu-1/refunds?trace={run}#entries"
    assert f'<a href="{where}">wrote into memory 2 times</a>' in page
    assert "2 entries of this run" in browser.get(where).content.decode()
