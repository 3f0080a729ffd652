"""A visitor in a real browser, and the small fleet that is walked through."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from playwright.sync_api import Page, Request, ViewportSize

from mythos.server.deployment.models import MythOSDeploymentPacket
from tests.server import fleet
from tests.server.fleet import Host

WIDE: ViewportSize = {"width": 1440, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}


def one_broken_rule(*, at: datetime) -> MythOSDeploymentPacket:
    """The bundle that a host runs, on which one refund was made without the customer's yes."""
    packet, environment = fleet.file_example(), fleet.environment("eu")
    fleet.roll_out(packet, environment, at=at - timedelta(minutes=30))
    node = fleet.enrol("eu-1", environment, at=at - timedelta(hours=1), packet=packet)
    host = Host(node, packet)
    rows = fleet.work_day(host, until=at, runs=12, violated={2})
    fleet.report(host, [*rows, fleet.audited(host, at=at)], at=at)
    return packet


class Walk:
    """One visitor, who remembers what went wrong on the way."""

    def __init__(self, page: Page, root: str) -> None:
        self.page, self.root = page, root
        self.complaints: list[str] = []
        page.on("console", lambda said: self._note(said.type in {"error", "warning"}, said.text))
        page.on("pageerror", lambda error: self._note(True, str(error)))
        page.on("request", self._check)
        page.on("requestfailed", self._check_failure)

    def sign_in(self, code: str) -> None:
        """Use up a one-time link."""
        self.page.goto(f"{self.root}/login/once?code={code}")
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/system/resilience")

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
        """Open a page: it holds the text, and nothing is wider than the screen."""
        self.page.goto(self.root + path)
        assert text in self.page.inner_text("main"), path
        beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert self.page.evaluate(beyond) <= 0, path
