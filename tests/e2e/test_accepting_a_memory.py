"""An operator accepts wrong keys of a memory log in a real browser, with and without scripts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from playwright.sync_api import Browser, ViewportSize, expect
from pytest_django.live_server_helper import LiveServer

from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.row import EvidenceRow
from mythos.server.resilience.log_models import MemoryOrder
from mythos.server.web.commands import make_login_link
from mythos.values.memory import Offender
from tests.e2e.walk import NARROW, WIDE, Walk
from tests.server import fleet
from tests.server.fleet import Host

ORIGIN = "mythos/eu-1/refunds"
WAS, IS = (f"salted-sha256:{digit * 64}" for digit in "12")
TOLD = (
    Offender(
        key="customers/o'hara.md", kind="altered", seq=7, op="put", logged=WAS, found=IS,
        source="tool", trace_id="d" * 32, policy_ref="care-rules/ask-first", ts=1_893_456_000_000,
    ),
    Offender(
        key="policy/limits.md", kind="missing", seq=3, op="baseline", source="import", ts=0,
        logged=WAS,
    ),
    Offender(key="planted.md", kind="unlogged", found=IS),
)  # fmt: skip
WHY = "pasted by hand during the outage, ticket 12"


@pytest.mark.parametrize(
    ("screen", "theme", "scripts"),
    [(WIDE, "light", True), (NARROW, "dark", True), (NARROW, "light", False)],
    ids=["wide", "narrow", "without scripts"],
)
def test_an_operator_accepts_what_is_there_and_sees_the_answer(
    screen: ViewportSize,
    theme: Literal["light", "dark"],
    scripts: bool,
    transactional_db: None,
    chromium: Browser,
    live_server: LiveServer,
) -> None:
    at = timezone.now()
    packet, where = fleet.file_example(), fleet.environment("eu")
    host = Host(fleet.enrol("eu-1", where, at=at - timedelta(days=1), packet=packet), packet)
    row = fleet.audited(host, at=at, keys={each.key: each.kind for each in TOLD})
    assert isinstance(row.body, MemoryBody)
    fleet.report(host, [EvidenceRow(row.key, replace(row.body, offenders=TOLD))], at=at)
    ada = User.objects.create_user("ada")
    ada.groups.add(Group.objects.get_or_create(name="operator")[0])
    context = chromium.new_context(viewport=screen, color_scheme=theme, java_script_enabled=scripts)
    walk = Walk(context.new_page(), live_server.url)
    walk.sign_in(make_login_link(ada, at=at))
    path = f"/memories/eu-1/log/{ORIGIN}"
    walk.page.goto(walk.root + path)
    panel = walk.page.locator("#keys")
    planted = panel.locator("tr", has_text="planted.md")
    planted.get_by_text("Accept…").click()
    expect(planted).to_contain_text("The log will say that ada took what is there now for right")
    planted.get_by_label("Why it is right").fill(WHY)
    planted.get_by_role("button", name="Accept", exact=True).click()
    walk.page.wait_for_url(f"**{path}#keys")
    expect(planted).to_contain_text("Waits for the host")
    expect(planted).to_contain_text(WHY)
    made = MemoryOrder.objects.get()
    assert (made.key, made.order["by"], made.order["why"]) == ("planted.md", "ada", WHY)
    MemoryOrder.objects.update(
        answered_at=at, outcome="refused", answer="it is another content by now"
    )
    walk.page.goto(walk.root + path)
    expect(planted).to_contain_text("The host says: it is another content by now")
    missing = panel.locator("tr", has_text="policy/limits.md")
    missing.get_by_text("Accept…").click()
    missing.get_by_label("Why it is right").fill(WHY)
    missing.get_by_role("button", name="Accept", exact=True).click()
    expect(missing).to_contain_text("Waits for the host")
    missing.get_by_role("button", name="Withdraw").click()
    walk.page.wait_for_url(f"**{path}#keys")
    expect(panel).to_contain_text("Withdrawn")
    MemoryOrder.objects.filter(key="planted.md").update(outcome="accepted", entry=12, answer="")
    walk.page.goto(walk.root + path)
    expect(planted).to_contain_text("entry 12 of the log")
    if scripts:
        walk.sees(path, "Earlier orders")
    assert walk.complaints == []
    context.close()
