"""The pages of memory logs: what audits found over time, and what the witness remembers."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import datetime, timedelta
from html import unescape
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

import click
import pytest
from click.testing import CliRunner, Result
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mythos.adapters.memory_baseline import adopt
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.cli.root import root
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.memory.checkpoint import log_origin, parse_checkpoint
from mythos.engines.memory.cosignature import CosignatureVerifier, verify_cosignature
from mythos.node.home import NodeHome
from mythos.server.deployment.models import MythOSDeploymentPacket
from mythos.server.memories.pages.on_the_host import commands_of, keys_of
from mythos.server.resilience.commands import accept_envelope
from mythos.server.resilience.log_models import MemoryCheckpoint
from mythos.server.resilience.models import IntakeFinding, NewestAudit
from mythos.values.memory import BadClass, GrowthProof, Offender
from tests.server import fleet
from tests.server.fleet import Host
from tests.server.outpost import Outpost
from tests.server.test_witness import ORIGIN, TRUE, Log

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def at() -> datetime:
    return timezone.now().replace(second=0, microsecond=0)


@pytest.fixture
def packet() -> MythOSDeploymentPacket:
    return fleet.file_example()


@pytest.fixture
def host(packet: MythOSDeploymentPacket, at: datetime) -> Host:
    return Host(fleet.enrol("eu-1", fleet.environment("eu"), at=at, packet=packet), packet)


def _page(browser: Client, node: str = "eu-1", log: str = "mythos/eu-1/refunds") -> str:
    response = browser.get(f"/memories/{quote(node)}/log/{quote(log)}")
    assert response.status_code == 200
    return unescape(response.content.decode())


def _audited(host: Host, *, at: datetime, keys: dict[str, BadClass] | None = None) -> None:
    fleet.report(host, [fleet.audited(host, at=at, keys=keys)], at=at)


def _says(
    outpost: Outpost, size: int, *growth: GrowthProof, nth: int, at: datetime, log: Log = TRUE
) -> None:
    """The node tells how large its log is, in its envelope number `nth`."""
    then = at + nth * MINUTE
    sealed = outpost.sealed(
        sent_at=int(then.timestamp()), counter=nth, growth=growth,
        checkpoints=(log.note(outpost.key, size),),
    )  # fmt: skip
    assert accept_envelope(sealed, at=then).counted


def test_an_empty_control_plane_says_what_to_do_next(browser: Client) -> None:
    page = browser.get("/memories").content.decode()
    assert "No memory log yet" in page
    assert "mythos memory audit" in page


def test_the_list_shows_every_log_the_worst_first(
    browser: Client, packet: MythOSDeploymentPacket, host: Host, at: datetime
) -> None:
    other = Host(fleet.enrol("eu-2", host.node.environment, at=at, packet=packet), packet)
    _audited(host, at=at)
    _audited(other, at=at, keys={"a": "unlogged"})
    rows = browser.get("/memories?format=json").json()["rows"]
    assert [(row["host"], row["standing"]["name"]) for row in rows] == [
        ("eu-2", "disordered"),
        ("eu-1", "as_logged"),
    ]
    assert rows[0]["standing"]["mid"] == pytest.approx(12 / 13)
    page = browser.get("/memories").content.decode()
    assert 'href="/memories/eu-2/log/mythos/eu-2/refunds"' in page


def test_an_audit_that_is_told_again_is_counted_once_and_says_what_is_new(
    browser: Client, host: Host, at: datetime
) -> None:
    before = at - timedelta(hours=2)
    _audited(host, at=before)
    taken = fleet.audited(host, at=before)
    assert isinstance(taken.body, MemoryBody)
    body = replace(taken.body, size=15, ok=10, written_since=3)
    again = replace(taken, key=replace(taken.key, cell=int(at.timestamp())), body=body)
    fleet.report(host, [again], at=at)
    (row,) = browser.get("/memories?format=json").json()["rows"]
    standing = row["standing"]
    assert standing["reason"] == "10 keys as logged, 3 written since the audit"
    assert [standing[name] for name in ("low", "mid", "high")] == [pytest.approx(10 / 13), 1.0, 1.0]
    page = browser.get("/memories/eu-1/log/mythos/eu-1/refunds?format=json").json()
    assert [each["audits"] for each in page["spells"]] == [1]
    assert page["size"] == 15
    assert "3 keys written since" in _page(browser)


def test_the_audit_of_a_host_that_fell_silent_is_listed_and_is_not_green(
    browser: Client, packet: MythOSDeploymentPacket, host: Host, at: datetime
) -> None:
    other = Host(fleet.enrol("eu-2", host.node.environment, at=at, packet=packet), packet)
    _audited(host, at=at)
    _audited(other, at=at - timedelta(hours=3))
    rows = browser.get("/memories?format=json").json()["rows"]
    found = {row["host"]: (row["standing"]["name"], row["ok"]) for row in rows}
    assert found == {"eu-1": ("as_logged", 12), "eu-2": ("overdue", 12)}


def test_the_queries_of_the_list_do_not_grow_with_the_fleet(
    browser: Client, packet: MythOSDeploymentPacket, host: Host, at: datetime
) -> None:
    def audited_before(number: int) -> None:
        node = fleet.enrol(f"eu-{number}", host.node.environment, at=at, packet=packet)
        _audited(Host(node, packet), at=at - number * 7 * MINUTE)

    _audited(host, at=at)
    audited_before(2)
    few = _queries(browser)
    for number in range(3, 30):
        audited_before(number)
    assert _queries(browser) == few


def _queries(browser: Client) -> int:
    with CaptureQueriesContext(connection) as queries:
        response = browser.get("/memories")
    assert response.status_code == 200
    assert len(response.content) < 100_000
    return len(queries)


def test_integrity_is_told_over_time(browser: Client, host: Host, at: datetime) -> None:
    for minutes, keys in ((120, None), (100, None), (60, {"a": "altered"}), (0, None)):
        bad: dict[str, BadClass] | None = {"a": "altered"} if keys else None
        _audited(host, at=at - minutes * MINUTE, keys=bad)
    page = browser.get("/memories/eu-1/log/mythos/eu-1/refunds?format=json").json()
    spells = [(each["audits"], each["ok"], each["altered"]) for each in page["spells"]]
    assert spells == [(1, 12, 0), (1, 12, 1), (2, 12, 0)]
    kinds = [each["kind"] for each in page["strip"]]
    assert kinds.count("degraded") == 1
    assert kinds[-1] == "ok"
    assert kinds[0] == "before"
    assert "silent" in kinds
    assert page["here"]["standing"]["name"] == "as_logged"


def test_wrong_keys_are_named_with_commands_that_exist(
    browser: Client, host: Host, at: datetime
) -> None:
    keys: dict[str, BadClass] = {"customers/o'hara $(id)": "altered", "-n": "unlogged"}
    _audited(host, at=at, keys=keys)
    page = _page(browser)
    commands = [line for line in _lines(page) if line.startswith("mythos ")]
    accepted = [words for words in map(shlex.split, commands) if "accept" in words]
    assert {words[-1] for words in accepted} == {"customers/o'hara $(id)", "-n", "KEY"}
    assert all(words[words.index("--by") + 1] == "operator" for words in accepted)
    for words in map(shlex.split, commands):
        _parse(words[1:], root)


def test_the_reason_names_everything_that_is_wrong(
    browser: Client, host: Host, at: datetime
) -> None:
    _audited(host, at=at, keys={"a": "altered", "b": "missing", "c": "unlogged"})
    page = browser.get("/memories/eu-1/log/mythos/eu-1/refunds?format=json").json()
    reason = page["here"]["standing"]["reason"]
    assert reason == "1 key differs from what was logged, 1 missing, 1 unlogged"


def _lines(page: str) -> list[str]:
    return [line.split("</span>")[0] for line in page.split("<span>")[1:]]


def _parse(words: list[str], command: click.Command) -> None:
    """Follow the nouns and verbs to the command, which must take the rest as it stands."""
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, words
        command, words = found, words[1:]
    command.make_parser(click.Context(command)).parse_args(list(words))


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "\u202egnp.exe", f"sha256:{'a' * 64}"])
def test_a_key_that_no_terminal_shows_as_it_is_gets_no_command(
    name: str, browser: Client, host: Host, at: datetime
) -> None:
    _audited(host, at=at, keys={name: "missing"})
    page = browser.get("/memories/eu-1/log/mythos/eu-1/refunds?format=json").json()
    assert [(key["name"], key["prove"], key["accept"]) for key in page["keys"]] == [(name, "", "")]
    assert "Run the audit on the host" in _page(browser)


def test_names_in_evidence_are_escaped(browser: Client, host: Host, at: datetime) -> None:
    _audited(host, at=at, keys={"<script>alert(1)</script>": "altered"})
    page = browser.get("/memories/eu-1/log/mythos/eu-1/refunds").content.decode()
    assert "<script>alert" not in page


def test_the_newest_checkpoint_is_downloaded_cosigned(
    browser: Client, outpost: Outpost, at: datetime
) -> None:
    _says(outpost, 4, nth=0, at=at)
    _says(outpost, 9, TRUE.grown(4, 9), nth=1, at=at)
    page = browser.get(f"/memories/lab-1/log/{ORIGIN}?format=json").json()
    assert (page["witness"]["size"], page["witness"]["cosigned"]["why_not"]) == (9, "")
    assert "Newest checkpoint, cosigned" in _page(browser, "lab-1", ORIGIN)
    response = browser.get(f"/memories/lab-1/checkpoint/{ORIGIN}")
    assert 'filename="mythos-lab-1-clerk.checkpoint"' in response.headers["Content-Disposition"]
    note = response.content.decode()
    verifier = CosignatureVerifier.parse(page["witness"]["cosigned"]["vkey"])
    assert verify_cosignature(note, verifier) == at + MINUTE
    assert parse_checkpoint(note.partition("\n\n")[0] + "\n").size == 9


def test_growth_that_was_not_proved_is_said(
    browser: Client, outpost: Outpost, at: datetime
) -> None:
    _says(outpost, 4, nth=0, at=at)
    _says(outpost, 9, nth=1, at=at)
    assert "9 entries claimed" in _page(browser, "lab-1", ORIGIN)
    (row,) = browser.get("/memories?format=json").json()["rows"]
    assert (row["witnessed_size"], row["unproved_size"]) == (4, 9)


def test_both_notes_of_a_fork_are_shown_and_downloaded(
    browser: Client, outpost: Outpost, at: datetime
) -> None:
    forged = Log(history="forged", shared=5)
    _says(outpost, 9, nth=0, at=at)
    _says(outpost, 12, forged.grown(9, 12), nth=1, at=at, log=forged)
    page = _page(browser, "lab-1", ORIGIN)
    for note in (TRUE.note(outpost.key, 9), forged.note(outpost.key, 12)):
        assert all(f"<span>{line}</span>" in page for line in note.splitlines() if line)
    assert "Contradicts itself" in page
    assert "mythos witness restart mythos/lab-1/clerk --by WHO --why WHY" in page
    document = browser.get(f"/memories/lab-1/contradictions/{ORIGIN}").json()
    (shown,) = document["evidence"]
    assert [GrowthProof(**proof) for proof in shown["growth"]] == [forged.grown(9, 12)]
    (row,) = browser.get("/memories?format=json").json()["rows"]
    assert (row["standing"]["name"], row["forked"]) == ("forked", True)
    assert IntakeFinding.objects.filter(resolved_at=None).count() == 1


@pytest.mark.parametrize("kind", ["log", "checkpoint", "proof/0", "contradictions"])
def test_what_is_not_there_is_404_with_what_to_do(
    kind: str, browser: Client, host: Host, at: datetime
) -> None:
    wrong = "mythos/eu-1/nobody" if kind == "log" else "mythos/eu-1/refunds"
    _audited(host, at=at)
    for node in ("eu-1", "eu-404"):
        response = browser.get(f"/memories/{node}/{kind}/{wrong}?format=json")
        assert response.status_code == 404
        assert response.json()["error"]["remedy"]


def test_a_log_of_another_host_is_not_shown_as_ones_own(
    browser: Client, packet: MythOSDeploymentPacket, host: Host, at: datetime
) -> None:
    fleet.enrol("eu-2", host.node.environment, at=at, packet=packet)
    _audited(host, at=at)
    assert browser.get("/memories/eu-2/log/mythos/eu-1/refunds").status_code == 404


def test_an_agent_with_an_odd_name_has_a_page(browser: Client, host: Host, at: datetime) -> None:
    log = "mythos/eu-1/a%2Fb%20c"
    row = host.row("memory", fleet.audited(host, at=at).body, at=at, subject=log)
    fleet.report(host, [row], at=at)
    listed = browser.get("/memories").content.decode()
    assert f'href="/memories/eu-1/log/{quote(log)}"' in listed
    page = _page(browser, log=log)
    assert "Memory of a/b c" in page
    assert "mythos memory audit 'dir:mythos-node/memory/a%2Fb c'" in page


@pytest.mark.parametrize("agent", ["refunds", "a/b c", "x#y?z"])
def test_the_commands_do_on_the_host_what_they_say(
    agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = NodeHome(Path("mythos-node"))
    memory, log = home.memory(agent), home.memory_log(agent)
    memory.mkdir(parents=True)
    (memory / "notes.md").write_text("logged", "utf-8")
    now = timezone.now()
    adopt(DirectoryStore(memory), log, origin=log_origin("eu-1", agent), at=now)
    (memory / "notes.md").write_text("changed", "utf-8")
    (memory / "-n").write_text("planted", "utf-8")
    found = MemoryBody(altered=1, unlogged=1, keys={"notes.md": "altered", "-n": "unlogged"})
    whole = commands_of(agent, by="ada", vkey="")
    assert _run(whole.audit).exit_code == 1
    for key in keys_of(found, agent, by="ada", orders={}):
        assert _run(key.accept).exit_code == 0
    assert _run(whole.audit).exit_code == 0
    assert _run(whole.trace).output.count("accept") == 2


def _run(line: str) -> Result:
    return CliRunner().invoke(root, shlex.split(line)[1:])


def test_a_log_whose_name_is_a_trap_for_a_shell_is_quoted(
    browser: Client, outpost: Outpost, at: datetime
) -> None:
    """No such name is taken, but older versions took it."""
    origin = "mythos/lab-1/';reboot;'"
    _says(outpost, 4, nth=0, at=at, log=TRUE)
    _says(outpost, 4, nth=1, at=at, log=Log(history="forged"))
    MemoryCheckpoint.objects.update(origin=origin)
    IntakeFinding.objects.update(subject=origin)
    page = browser.get(f"/memories/lab-1/log/{quote(origin)}?format=json").json()
    words = shlex.split(page["witness"]["restart"])
    assert words == ["mythos", "witness", "restart", origin, "--by", "WHO", "--why", "WHY"]
    verify = shlex.split(page["on_host"]["verify"])
    assert verify[-2:] == ["--vkey", page["log_vkey"]]


def test_the_page_of_the_host_leads_there(browser: Client, host: Host, at: datetime) -> None:
    _audited(host, at=at)
    page = browser.get("/system/resilience/eu-1").content.decode()
    assert 'href="/memories/eu-1/log/mythos/eu-1/refunds"' in page


def test_the_api_tells_the_same(browser: Client, host: Host, at: datetime) -> None:
    _audited(host, at=at, keys={"a": "altered"})
    (item,) = browser.get("/api/v1/memories").json()["items"]
    assert (item["log"], item["altered"]) == ("mythos/eu-1/refunds", 1)
    where = f"/api/v1/memories/eu-1/log?log={quote(item['log'])}"
    whole = browser.get(where).json()
    (key,) = whole["keys"]
    assert (key["name"], key["kind"], key["log_says"]) == ("a", "altered", None)
    assert (
        key["accepting"]["barred"]
        == "the host has not told of this key yet; it tells of 8 at a time"
    )


def test_a_wrong_key_stands_beside_what_was_logged_of_it(
    browser: Client, host: Host, at: datetime
) -> None:
    row = fleet.audited(host, at=at, keys={"a": "altered", "b": "missing", "c": "unlogged"})
    told = (
        Offender(
            key="a", kind="altered", seq=7, op="put", logged=f"salted-sha256:{'1' * 64}",
            found=f"salted-sha256:{'2' * 64}", source="tool", trace_id="d" * 32,
            policy_ref="care-rules/ask-first", ts=1_893_456_000_000,
        ),
        Offender(
            key="b", kind="missing", seq=3, op="baseline", source="import", ts=0,
            logged=f"salted-sha256:{'3' * 64}",
        ),
    )  # fmt: skip
    assert isinstance(row.body, MemoryBody)
    fleet.report(host, [EvidenceRow(row.key, replace(row.body, offenders=told))], at=at)
    page = _page(browser)
    for shown in (
        "entry 7, put on behalf of tool, 1 Jan 2030 00:00:00 UTC", f"salted-sha256:{'1' * 64}",
        f"salted-sha256:{'2' * 64}", "d" * 32, ">care-rules/ask-first<",
        f"salted-sha256:{'3' * 64}", "not there", "Of 2 it says what was logged",
    ):  # fmt: skip
        assert shown in page
    whole = browser.get("/api/v1/memories/eu-1/log?log=mythos/eu-1/refunds").json()
    first, second, third = (each["log_says"] for each in whole["keys"])
    assert (first["seq"], first["found"][-64:]) == (7, "2" * 64)
    assert (second["logged"][-64:], second["found"]) == ("3" * 64, "not there")
    assert third is None
    assert [each["altered"] for each in whole["spells"]] == [1]
    assert browser.get("/api/v1/memories/eu-1/log?log=none").status_code == 404


def test_a_log_that_the_newest_report_lacks_shows_its_last_audit_and_is_not_green(
    browser: Client, host: Host, at: datetime
) -> None:
    dropped = "mythos/eu-1/dropped"
    before = at - timedelta(hours=3)
    _audited(host, at=before)
    last = host.row("memory", fleet.audited(host, at=before, ok=5).body, at=before, subject=dropped)
    fleet.report(host, [last], at=before)
    _audited(host, at=at)
    rows = browser.get("/memories?format=json").json()["rows"]
    (row,) = (each for each in rows if each["log"] == dropped)
    assert (row["standing"]["name"], row["ok"]) == ("overdue", 5)
    assert row["standing"]["reason"].startswith("the host's newest report lacks this log")
    listed = browser.get("/memories").content.decode()
    assert "3 h ago" in listed
    page = _page(browser, log=dropped)
    assert "the host's newest report lacks this log" in page
    (here,) = (each for each in rows if each["log"] != dropped)
    assert here["standing"]["name"] == "as_logged"


def test_a_report_that_comes_late_is_not_the_newest(
    browser: Client, outpost: Outpost, at: datetime
) -> None:
    """Envelopes are told apart by their number, whatever the clock said and whenever they came."""
    for counter, ok, clock in ((7, 7, 2), (6, 6, 9), (8, 8, 1)):
        then = at - clock * MINUTE
        body = MemoryBody(size=ok, audited_at=int(then.timestamp()), ok=ok)
        row = outpost.row("memory", body, subject=ORIGIN, at=then)
        envelope = outpost.sealed([row], counter=counter, sent_at=int(then.timestamp()))
        assert accept_envelope(envelope, at=at).counted
        shown = max(counter, 7)
        assert browser.get("/memories?format=json").json()["rows"][0]["ok"] == shown


def test_audits_that_were_stored_before_an_upgrade_are_shown_after_it(
    browser: Client, host: Host, at: datetime
) -> None:
    for minutes, keys in ((120, None), (60, {"a": "altered"}), (0, None)):
        bad: dict[str, BadClass] | None = {"a": "altered"} if keys else None
        _audited(host, at=at - minutes * MINUTE, keys=bad)

    def shown() -> tuple[object, object]:
        listed = browser.get("/memories?format=json").json()["rows"]
        page = browser.get("/memories/eu-1/log/mythos/eu-1/refunds?format=json").json()
        return listed, page["spells"]

    before = shown()
    NewestAudit.objects.all().delete()
    assert browser.get("/memories?format=json").json()["rows"] == []
    import_module("mythos.server.resilience.migrations.0007_told_audits").fill(apps, None)
    assert shown() == before
