"""Pages of a control plane that knows little yet, and of one that knows many hosts."""

from __future__ import annotations

import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import click
import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mythos.adapters.bundle_source import read_source
from mythos.cli.root import root
from mythos.engines.bundle.plan import assemble
from mythos.engines.evidence.time import TimeBody
from mythos.server.catalog.models import Assistant, SwarmCodex
from mythos.server.deployment.models import MythOSDeploymentPacket
from mythos.server.resilience.models import SymbolicResilienceMonitor
from mythos.values.memory import BadClass
from tests.server import fleet
from tests.server.fleet import CELL_S, Host


@pytest.fixture
def at() -> datetime:
    return timezone.now()


@pytest.fixture
def packet(db: None) -> MythOSDeploymentPacket:
    return fleet.file_example()


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("/system/resilience", "mythos demo"),
        ("/deploy/packet", "mythos bundle build"),
        ("/deploy/strategy", "mythos strategy recommend"),
    ],
)
def test_an_empty_control_plane_says_what_to_do_next(
    path: str, command: str, browser: Client
) -> None:
    response = browser.get(path)
    assert response.status_code == 200
    assert command in response.content.decode()


@pytest.mark.parametrize(
    "path", ["/system/resilience", "/memories", "/deploy/packet", "/deploy/strategy"]
)
def test_every_command_a_page_names_exists(path: str, browser: Client, db: None) -> None:
    pages = [browser.get(path)]
    environment = fleet.environment("eu")
    pages.append(browser.get(path))
    fleet.enrol("eu-1", environment, at=timezone.now())
    pages.append(browser.get(path))
    fleet.file_example()
    pages.append(browser.get(path))
    named = {line for page in pages for line in _commands(page.content.decode())}
    assert named
    for line in named:
        _check_command(line.split()[1:], root)


def _commands(page: str) -> list[str]:
    return re.findall(r"(?:<span>|\$ )(mythos [^<]+)<", page)


def _check_command(words: list[str], command: click.Command) -> None:
    """Follow the nouns and verbs, then hold every option against the command's own."""
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, words
        command, words = found, words[1:]
    options = {name for each in command.params for name in each.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_hosts_that_never_reported_are_told_to(browser: Client, at: datetime) -> None:
    fleet.enrol("eu-1", fleet.environment("eu"), at=at)
    page = browser.get("/system/resilience").content.decode()
    assert "mythos node run" in page
    assert "enrolled, no evidence yet" in page


def test_the_number_of_queries_does_not_grow_with_the_fleet(
    browser: Client, packet: MythOSDeploymentPacket, at: datetime
) -> None:
    environment = fleet.environment("eu")
    fleet.roll_out(packet, environment, at=at)
    first = Host(fleet.enrol("eu-000", environment, at=at, packet=packet), packet)
    fleet.report(first, fleet.work_day(first, until=at, runs=10), at=at)
    few = {path: _queries(browser, path) for path in _grown()}
    reading = SymbolicResilienceMonitor.objects.get()
    for number in range(1, 200):
        fleet.enrol(f"eu-{number:03}", environment, at=at, packet=packet, last_beat_at=at)
        reading.pk, reading.node_id = None, f"eu-{number:03}"
        reading.save()
    many = {path: _queries(browser, path) for path in _grown()}
    assert many == few
    assert max(many.values()) <= 25


def _grown() -> tuple[str, ...]:
    return ("/system/resilience", "/system/resilience/eu-000", "/deploy/packet", "/deploy/strategy")


def _queries(browser: Client, path: str) -> int:
    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        response = browser.get(path)
    assert response.status_code == 200
    assert len(response.content) < 100_000
    return len(queries)


def test_a_host_page_names_what_is_wrong_in_memory(
    browser: Client, packet: MythOSDeploymentPacket, at: datetime
) -> None:
    environment = fleet.environment("eu")
    each = Host(fleet.enrol("eu-9", environment, at=at, packet=packet), packet)
    rows = fleet.work_day(each, until=at, runs=10)
    keys: dict[str, BadClass] = {"customers/acme": "altered", "notes/old": "missing"}
    fleet.report(each, [*rows, fleet.audited(each, at=at, keys=keys)], at=at)
    page = browser.get("/system/resilience/eu-9").content.decode()
    assert '<code><bdi dir="ltr">customers/acme</bdi></code> <small>altered</small>' in page
    assert '<code><bdi dir="ltr">notes/old</bdi></code> <small>missing</small>' in page


@pytest.mark.parametrize("path", ["/system/resilience?host=eu-9", "/system/resilience/eu-9"])
def test_a_policy_set_that_this_version_cannot_read_stops_no_page(
    path: str, browser: Client, packet: MythOSDeploymentPacket, at: datetime
) -> None:
    environment = fleet.environment("eu")
    each = Host(fleet.enrol("eu-9", environment, at=at, packet=packet), packet)
    fleet.report(each, fleet.work_day(each, until=at, runs=10, violated={1}), at=at)
    for stored in SwarmCodex.objects.all():
        odd = {**stored.document, "policy_set": "a/b"}
        SwarmCodex.objects.filter(pk=stored.pk).update(document=odd)
    assert browser.get(path).status_code == 200


def test_the_busiest_fleet_page_weighs_less_than_100_kb(
    browser: Client, packet: MythOSDeploymentPacket, at: datetime
) -> None:
    for number in range(30):
        name, digest = f"agent-{number:02}", f"sha256:{number:064x}"
        document = {"name": name, "policies": ["a", "b"], "workflows": ["c"]}
        agent = Assistant.objects.create(
            name=name, specialty="acts", document=document, digest=digest
        )
        packet.included_assistants.add(agent)
    restless = TimeBody(cell_s=CELL_S, active=2**60 - 1, bad=0x555555555555555, covered=2**60 - 1)
    for number in range(24):
        where = fleet.environment(f"environment-{number:02}")
        fleet.roll_out(packet, where, at=at)
        long_ago = at - timedelta(days=1)
        host = Host(fleet.enrol(f"a-host-{number:02}", where, at=long_ago, packet=packet), packet)
        rows = [*fleet.work_day(host, until=at, runs=6, violated={1}), fleet.audited(host, at=at)]
        rows.append(host.row("time", restless, at=at - timedelta(hours=1)))
        fleet.report(host, rows, at=at)
    response = browser.get("/system/resilience?range=1h")
    assert response.content.count(b'<svg class="beats"') == 15
    assert len(response.content) < 100_000


def test_a_new_version_shows_what_changed_line_by_line(
    browser: Client, packet: MythOSDeploymentPacket, tmp_path: Path
) -> None:
    tree = shutil.copytree(fleet.EXAMPLE, tmp_path / "tree")
    _replace(tree / "bundle.yaml", "version: 1", "version: 2")
    _replace(tree / "policies" / "refund-rules.yaml", "> 20000 }", "> 50000 }")
    _replace(tree / "agents" / "refunds.yaml", "more than 200.00", "more than 500.00")
    newer = fleet.file_bundle(assemble(read_source(tree)))
    bundle = browser.get("/deploy/packet?format=json").json()["bundle"]
    assert (bundle["digest"], bundle["against"]) == (newer.digest, "v1")
    changed = {each["name"]: each["lines"] for each in bundle["differences"]}
    assert changed.keys() == {"refunds", "refund-rules"}
    marked = [line["text"].strip() for line in changed["refund-rules"] if line["mark"] in "+-"]
    assert marked == [
        "when { context.input.amount_cents > 20000 };",
        "when { context.input.amount_cents > 50000 };",
    ]
    page = browser.get("/deploy/packet").content.decode()
    assert page.count('<span class="chip risk">changed</span>') == 2
    assert '<span class="add">' in page


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")
