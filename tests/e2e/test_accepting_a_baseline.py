"""Accepting and withdrawing a baseline, as people do it, and what pages say of changed runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from playwright.sync_api import Browser, ViewportSize, expect
from pytest_django.live_server_helper import LiveServer

from mythos.server.resilience.models import AcceptedBaseline, BaselineWithdrawal
from mythos.server.web.commands import make_login_link
from tests.e2e.walk import NARROW, WIDE, Walk
from tests.server import fleet
from tests.server.fleet import Host

DAY = timedelta(days=1)
WHY = "reviewed with the refunds team"


@pytest.mark.parametrize("screen", [WIDE, NARROW], ids=["wide", "narrow"])
def test_an_operator_accepts_a_week_and_sees_what_changed_since(
    screen: ViewportSize, transactional_db: None, chromium: Browser, live_server: LiveServer
) -> None:
    at = timezone.now()
    packet, where = fleet.file_example(), fleet.environment("eu")
    host = Host(fleet.enrol("eu-1", where, at=at - 9 * DAY, packet=packet), packet)
    fleet.report(host, fleet.work_day(host, until=at - DAY, runs=30), at=at)
    ada = User.objects.create_user("ada")
    ada.groups.add(Group.objects.get_or_create(name="operator")[0])
    context = chromium.new_context(viewport=screen)
    walk = Walk(context.new_page(), live_server.url)
    walk.sign_in(make_login_link(ada, at=at))
    walk.sees("/system/resilience/eu-1", "No baseline yet")
    panel = walk.page.locator("#drift")
    panel.get_by_text("Accept as baseline…").click()
    panel.get_by_label("Why these runs are as they should be").fill(WHY)
    panel.get_by_label("to", exact=True).fill(f"{at - DAY:%Y-%m-%dT%H:%M}")
    panel.get_by_role("button", name="Accept as baseline").click()
    walk.page.wait_for_url("**/system/resilience/eu-1#drift")
    expect(panel).to_contain_text(WHY)
    assert AcceptedBaseline.objects.get().made_by == "ada"
    fleet.report(host, fleet.work_day(host, until=at, runs=30, violated=range(15)), at=at)
    walk.sees("/system/resilience/eu-1", "skip:confirm")
    expect(panel).to_contain_text("drifted")
    expect(panel).to_contain_text("50.0 %")
    assert walk.complaints == []
    context.close()


@pytest.mark.parametrize("screen", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_operator_accepts_and_withdraws_on_the_page_of_the_workflow(
    theme: Literal["light", "dark"],
    screen: ViewportSize,
    transactional_db: None,
    chromium: Browser,
    live_server: LiveServer,
) -> None:
    at = timezone.now()
    packet, where = fleet.file_example(), fleet.environment("eu")
    host = Host(fleet.enrol("eu-1", where, at=at - 9 * DAY, packet=packet), packet)
    fleet.report(host, fleet.work_day(host, until=at, runs=30), at=at)
    ada = User.objects.create_user("ada")
    ada.groups.add(Group.objects.get_or_create(name="operator")[0])
    context = chromium.new_context(viewport=screen, color_scheme=theme)
    walk = Walk(context.new_page(), live_server.url)
    walk.sign_in(make_login_link(ada, at=at))
    path = f"/workflows/{host.workflow_digest}"
    walk.sees(path, "No baseline of this version stands")
    panel = walk.page.locator("#drift")
    panel.get_by_text("Accept as baseline…").click()
    panel.get_by_label("Why these runs are as they should be").fill(WHY)
    panel.get_by_role("button", name="Accept as baseline").click()
    walk.page.wait_for_url(f"**{path}#drift")
    expect(panel).to_contain_text(WHY)
    assert AcceptedBaseline.objects.get().node_id == "eu-1"
    panel.get_by_text("Withdraw…").click()
    panel.get_by_label("Why these runs are no measure").fill("those were test runs")
    panel.get_by_role("button", name="Withdraw").click()
    expect(panel).to_contain_text("withdrawn by ada")
    walk.sees(path, "those were test runs")
    assert BaselineWithdrawal.objects.get().made_by == "ada"
    assert walk.complaints == []
    context.close()
