"""The browser of the tests that walk through pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright


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
