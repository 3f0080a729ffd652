"""The pages in a real browser: sign in by a one-time link and walk through all of them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from mythos.server.catalog.models import EncodedRitualBlueprint, SwarmCodex
from mythos.server.strategy.commands import refresh as recommend
from mythos.server.web.commands import make_login_link
from tests.e2e.walk import Walk, one_broken_rule


@pytest.fixture
def code(transactional_db: None) -> str:
    """A fleet with one broken rule, and a link for its operator."""
    now = timezone.now()
    recommend(one_broken_rule(at=now), at=now)
    return make_login_link(User.objects.create_user("operator"), at=now)


def test_every_page_is_walked_without_a_complaint(walk: Walk) -> None:
    walk.sees("/system/resilience", "Agents × environments")
    walk.sees("/system/resilience", "The rule it broke")
    walk.sees("/system/resilience/eu-1", "Runs against workflows")
    walk.sees("/policies", "What judges, where, and what it found")
    walk.sees("/workflows", "What runs should do")
    flow = EncodedRitualBlueprint.objects.get(name="return-order")
    walk.sees(f"/workflows/{flow.digest}", "Worst runs")
    care = SwarmCodex.objects.get(title="care-rules")
    walk.sees(f"/policies/{care.digest}", "Holds when a yes of the user came")
    walk.sees("/memories", "whether it is what was logged")
    walk.sees("/memories/eu-1/log/mythos/eu-1/refunds", "Every audited key is as logged")
    walk.sees("/deploy/packet", "Passport")
    walk.sees("/deploy/strategy", "Recommendation as an argument")


def test_every_place_is_reached_without_scrolling_sideways(walk: Walk) -> None:
    walk.sees("/system/actions", "Who did what, and why")
    places = walk.page.get_by_role("navigation", name="Main").get_by_role("link")
    boxes = [place.bounding_box() for place in places.all()]
    assert len(boxes) == 7
    width = walk.page.viewport_size["width"] if walk.page.viewport_size else 0
    assert all(box and box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
    places.last.click()
    walk.page.wait_for_url("**/system/actions")


def test_a_page_refreshes_itself_until_it_is_paused(walk: Walk) -> None:
    walk.page.clock.install()
    walk.page.goto(f"{walk.root}/deploy/packet")
    with walk.page.expect_response("**/deploy/packet") as live:
        walk.page.clock.run_for(5_500)
    assert live.value.request.headers["hx-request"] == "true"
    assert walk.page.locator("main").count() == 1
    walk.page.goto(f"{walk.root}/deploy/packet?paused=1")
    asked: list[str] = []
    walk.page.on("request", lambda request: asked.append(request.url))
    walk.page.clock.run_for(11_000)
    assert [url for url in asked if "/deploy/" in url] == []


def test_a_host_is_found_with_the_keyboard(walk: Walk) -> None:
    walk.page.keyboard.press("/")
    walk.page.keyboard.type("eu-1")
    walk.page.keyboard.press("Enter")
    walk.page.wait_for_url("**/system/resilience?q=eu-1")
    assert "1 of 1 shown" in walk.page.inner_text("main")
