"""The pages in a real browser: sign in by a one-time link and walk through all of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser, Page, Request, ViewportSize, sync_playwright
from pytest_django.live_server_helper import LiveServer

from mythos.server.catalog.models import SwarmCodex
from mythos.server.strategy.commands import refresh as recommend
from mythos.server.web.commands import make_login_link
from tests.server import fleet
from tests.server.fleet import Host

WIDE: ViewportSize = {"width": 1440, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's browser. Playwright keeps an event loop in this thread, which Django must allow."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium on PATH: install Debian's (make test-deps)")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as running:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def code(transactional_db: None) -> str:
    """A fleet with one broken rule, and a link for its operator."""
    now = timezone.now()
    packet, environment = fleet.file_example(), fleet.environment("eu")
    fleet.roll_out(packet, environment, at=now - timedelta(minutes=30))
    node = fleet.enrol("eu-1", environment, at=now - timedelta(hours=1), packet=packet)
    host = Host(node, packet)
    rows = fleet.work_day(host, until=now, runs=12, violated={2})
    fleet.report(host, [*rows, fleet.audited(host, at=now)], at=now)
    recommend(packet, at=now)
    return make_login_link(User.objects.create_user("operator"), at=now)


class Walk:
    """One visitor, who remembers what went wrong on the way."""

    def __init__(self, page: Page, root: str) -> None:
        self.page, self.root = page, root
        self.complaints: list[str] = []
        page.on("console", lambda said: self._note(said.type in {"error", "warning"}, said.text))
        page.on("pageerror", lambda error: self._note(True, str(error)))
        page.on("request", self._check)
        page.on("requestfailed", self._check_failure)

    def _note(self, wrong: bool, text: str) -> None:
        if wrong:
            self.complaints.append(text)

    def _check_failure(self, failed: Request) -> None:
        """A load that the visitor left behind by going on is no failure."""
        self._note(failed.failure != "net::ERR_ABORTED", failed.url)

    def _check(self, request: Request) -> None:
        outside = urlsplit(request.url).netloc != urlsplit(self.root).netloc
        self._note(outside, f"left the host: {request.url}")

    def sees(self, path: str, text: str) -> None:
        self.page.goto(self.root + path)
        assert text in self.page.inner_text("main"), path
        beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert self.page.evaluate(beyond) <= 0, path


@pytest.fixture(params=[WIDE, NARROW], ids=["wide", "narrow"])
def walk(
    request: pytest.FixtureRequest, chromium: Browser, live_server: LiveServer, code: str
) -> Iterator[Walk]:
    context = chromium.new_context(viewport=request.param)
    found = Walk(context.new_page(), live_server.url)
    found.page.goto(f"{live_server.url}/login/once?code={code}")
    found.page.get_by_role("button", name="Sign in").click()
    found.page.wait_for_url("**/system/resilience")
    yield found
    context.close()
    assert found.complaints == []


def test_every_page_is_walked_without_a_complaint(walk: Walk) -> None:
    walk.sees("/system/resilience", "Agents × environments")
    walk.sees("/system/resilience", "The rule it broke")
    walk.sees("/system/resilience/eu-1", "Runs against workflows")
    walk.sees("/policies", "What judges, where, and what it found")
    care = SwarmCodex.objects.get(title="care-rules")
    walk.sees(f"/policies/{care.digest}", "Holds when a yes of the user came")
    walk.sees("/deploy/packet", "Passport")
    walk.sees("/deploy/strategy", "Recommendation as an argument")


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
