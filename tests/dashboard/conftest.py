"""A server with its dashboard, and Chromium to look at it."""

import os
import shutil
from collections.abc import Iterator

import pytest
from attrs import define, field
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from tests.dashboard.running import Running, running_server

PHONE: ViewportSize = {"width": 360, "height": 780}
DESK: ViewportSize = {"width": 1280, "height": 900}


@define
class Watched:
    """A page of which everything that goes wrong in the browser is noted."""

    page: Page
    faults: list[str] = field(factory=list)
    refusals: list[str] = field(factory=list)
    """Answers of the server that are errors; the browser's console tells of them too."""

    def watch(self) -> None:
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda message: self._heard(message.type, message.text))

    def _heard(self, kind: str, text: str) -> None:
        if "Failed to load resource: the server responded with a status" in text:
            self.refusals.append(text)
        elif kind in {"error", "warning"}:
            self.faults.append(text)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        if "CI" in os.environ:
            pytest.fail("Chromium is missing")
        pytest.skip("Chromium is missing, so the dashboard cannot be looked at")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A page; the test fails if a script failed or the Content-Security-Policy was broken on it."""
    context = browser.new_context(viewport=DESK, locale="en-GB", timezone_id="Europe/Berlin")
    made = Watched(context.new_page())
    made.watch()
    yield made
    context.close()
    assert made.faults == []


@pytest.fixture
def page(watched: Watched) -> Page:
    return watched.page
