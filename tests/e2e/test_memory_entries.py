"""The entries of a memory log in a real browser: whatever keys hold, picked, followed, proved."""

from __future__ import annotations

from datetime import timedelta

import pytest
from click.testing import CliRunner
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Locator

from mythos.cli.root import root
from mythos.server.catalog.commands import admit
from mythos.server.catalog.models import Environment
from mythos.server.web.commands import make_login_link
from tests.e2e.walk import Walk
from tests.server.outpost import Outpost
from tests.server.told_log import ToldLog

ORIGIN = "mythos/lab-1/clerk"
PAGE = f"/memories/lab-1/log/{ORIGIN}"
RUN, OTHER = "4bf92f3577b34da6a3ce929d0e0e4736", f"{1:032x}"
HOSTILE = (
    "<script>alert(1)</script>", "a\x1b[2Jb\tc", "\u202egnp.exe", "👩\u200d💻/مرحبا بالعالم/notes",
    "x" * 1_000, "日本語のとても長いキー" * 20, "z" + "\u0301" * 200, "\"'>&amp;", "",
)  # fmt: skip


@pytest.fixture
def code(transactional_db: None) -> str:
    """A log with entries of two runs and keys of every kind, and a link for its reader."""
    now = timezone.now().replace(microsecond=0)
    Environment.objects.create(name="lab")
    outpost = Outpost()
    admit(outpost.request, "lab")
    log = ToldLog(outpost, ORIGIN, at=now - timedelta(hours=1))
    for number in range(40):
        log.write(f"user/{number % 20}.md", source="user", run=RUN if number < 8 else OTHER)
    for name in HOSTILE:
        log.write(name, "accept", "operator", why=f"ada: {name[:200]}")
    log.report()
    return make_login_link(User.objects.create_user("operator"), at=now)


def _rows(walk: Walk) -> Locator:
    return walk.page.locator("#entries tbody tr")


def test_whatever_a_key_holds_stays_in_its_row(walk: Walk) -> None:
    walk.sees(PAGE, "all 49, newest first")
    for row in _rows(walk).all():
        outer, inner = row.bounding_box(), row.locator("th").bounding_box()
        assert outer
        assert inner
        assert outer["x"] <= inner["x"]
        assert inner["x"] + inner["width"] <= outer["x"] + outer["width"]
        assert outer["y"] <= inner["y"]
        assert inner["y"] + inner["height"] <= outer["y"] + outer["height"]
    reversing = _rows(walk).filter(has_text="gnp.exe").locator("th")
    assert "U+202E" in reversing.inner_text()


def test_a_window_of_any_width_scrolls_the_table_and_never_the_page(walk: Walk) -> None:
    for width in (1_000, 700, 641, 320):
        walk.page.set_viewport_size({"width": width, "height": 800})
        walk.sees(PAGE, "all 49, newest first")


def test_a_run_is_followed_and_a_key_is_picked(walk: Walk) -> None:
    walk.page.goto(f"{walk.root}{PAGE}?page=2&paused=1")
    walk.page.get_by_role("link", name=RUN[:8]).last.click()
    walk.page.wait_for_url(f"**?trace={RUN}#entries")
    assert _rows(walk).count() == 8
    assert "8 entries of this run, 0 still stand" in walk.page.inner_text("#entries")
    walk.page.get_by_role("textbox", name="Key").fill("USER/3.")
    walk.page.get_by_role("button", name="Show").click()
    walk.page.wait_for_url("**key=USER*")
    assert _rows(walk).count() == 1
    walk.page.get_by_role("link", name="show all").click()
    walk.page.get_by_label("Operation").select_option("accept")
    walk.page.get_by_role("button", name="Show").click()
    walk.page.wait_for_url("**op=accept*")
    assert _rows(walk).count() == len(HOSTILE)


def test_a_proof_is_downloaded_that_holds_offline(walk: Walk) -> None:
    walk.page.goto(f"{walk.root}{PAGE}?op=put&paused=1")
    vkey = walk.page.request.get(f"{walk.root}{PAGE}?format=json").json()["log_vkey"]
    with walk.page.expect_download() as loaded:
        walk.page.get_by_role("link", name="Proof of entry 39").click()
    assert loaded.value.suggested_filename == "mythos-lab-1-clerk.39.tlog-proof"
    proof = str(loaded.value.path())
    done = CliRunner().invoke(root, ["memory", "verify", proof, "--vkey", vkey])
    assert done.output.startswith(f"proved: entry 39 of 49 in {ORIGIN}.")
    assert "user/19.md" in done.output
