"""Marking a violation benign, as people do it: with a reason, an end, a name, and a way back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from mythos.engines.policy.document import load_policy_set
from mythos.server.catalog.models import SwarmCodex
from mythos.server.resilience.models import BenignMark
from mythos.server.web.commands import make_login_link
from tests.e2e.walk import NARROW, WIDE, Walk, one_broken_rule

WHY = "the yearly audit refunds itself"
Enter = Callable[..., Walk]


@pytest.fixture(params=[WIDE, NARROW], ids=["wide", "narrow"])
def enter(
    request: pytest.FixtureRequest,
    transactional_db: None,
    chromium: Browser,
    live_server: LiveServer,
) -> Iterator[Enter]:
    """Sign somebody in, who is in the groups given, to a fleet with one broken rule."""
    context = chromium.new_context(viewport=request.param, accept_downloads=True)
    one_broken_rule(at=timezone.now())

    def signed_in(name: str, *groups: str) -> Walk:
        user = User.objects.create_user(name)
        for group in groups:
            user.groups.add(Group.objects.get_or_create(name=group)[0])
        found = Walk(context.new_page(), live_server.url)
        found.sign_in(make_login_link(user, at=timezone.now()))
        return found

    yield signed_in
    context.close()


def fill(walk: Walk, *, why: str, days: str = "3") -> None:
    walk.page.get_by_text("Mark benign…").click()
    walk.page.get_by_label("Why it is harmless").fill(why)
    walk.page.get_by_label("For", exact=True).fill(days)
    walk.page.get_by_role("button", name="Mark benign").click()


def test_an_operator_marks_a_violation_sees_who_why_and_until_and_takes_it_back(
    enter: Enter, tmp_path: Path
) -> None:
    walk = enter("ada", "operator")
    fill(walk, why=WHY)
    walk.page.wait_for_url(re.compile(r"/policies/sha256:[0-9a-f]{64}#marks$"))
    mark = BenignMark.objects.get()
    assert (mark.expires_at - mark.made_at).days == 3
    until = f"{mark.expires_at:%d %b %H:%M:%S}".lstrip("0")
    listed = walk.page.locator("#marks")
    for said in ("Standing", WHY, "ada", until, "explicit-yes"):
        expect(listed).to_contain_text(said)
    with walk.page.expect_download() as started:
        listed.get_by_role("link", name="Version 2 with this exception").click()
    started.value.save_as(tmp_path / "next.yaml")
    following = load_policy_set((tmp_path / "next.yaml").read_text("utf-8"), source="next.yaml")
    assert following.version == 2
    assert any("benign" in each.name for each in following.expect)
    walk.sees("/system/resilience?host=eu-1", "marked benign until")
    walk.page.goto(f"{walk.root}/policies/{mark.policy_set}#marks")
    listed.get_by_text("Revoke…").click()
    listed.get_by_label("Why it ends").fill("it was no audit after all")
    listed.get_by_role("button", name="Revoke").click()
    expect(listed).to_contain_text("Revoked")
    expect(listed).to_contain_text("revoked by ada")
    expect(listed).to_contain_text("it was no audit after all")
    assert walk.complaints == []


def test_a_form_without_a_reason_is_kept_back_and_says_so(enter: Enter) -> None:
    walk = enter("ada", "operator")
    fill(walk, why="")
    field = walk.page.get_by_label("Why it is harmless")
    assert field.evaluate("field => field.validationMessage")
    assert field.evaluate("field => field === document.activeElement")
    assert walk.complaints == []
    assert not BenignMark.objects.exists()


def test_a_reason_of_blanks_is_refused_with_a_message(enter: Enter) -> None:
    walk = enter("ada", "operator")
    fill(walk, why=" " * 12)
    expect(walk.page.locator("main")).to_contain_text("a reason of 0 characters")
    expect(walk.page.locator("main")).to_contain_text("What to do:")
    assert not BenignMark.objects.exists()


def test_a_viewer_reads_why_the_button_is_closed_to_them(enter: Enter) -> None:
    walk = enter("vic")
    button = walk.page.get_by_role("button", name="Mark benign")
    expect(button).to_be_disabled()
    expect(walk.page.locator("main")).to_contain_text("Needs an operator; you are a viewer.")
    care = SwarmCodex.objects.get(title="care-rules")
    walk.sees(f"/policies/{care.digest}", "No violation of this set was marked benign")
    expect(walk.page.get_by_role("button", name="Prove now")).to_be_disabled()
    assert walk.complaints == []
