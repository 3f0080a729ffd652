"""The browser of the tests that walk through pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from pytest_django.live_server_helper import LiveServer

from tests.e2e.walk import NARROW, WIDE, Walk


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


@pytest.fixture(params=[WIDE, NARROW], ids=["wide", "narrow"])
def walk(
    request: pytest.FixtureRequest, chromium: Browser, live_server: LiveServer, code: str
) -> Iterator[Walk]:
    """Somebody signed in by the link `code` of the module, in a wide window and in a narrow one."""
    context = chromium.new_context(viewport=request.param)
    found = Walk(context.new_page(), live_server.url)
    found.sign_in(code)
    yield found
    context.close()
    assert found.complaints == []
