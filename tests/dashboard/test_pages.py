"""Every page: no fault in the browser, no sideways scrolling on a phone, names for all that can be used."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.dashboard.charger import Charger, charger
from tests.dashboard.conftest import DESK, PHONE, Watched
from tests.dashboard.running import Running, running_server

pytestmark = pytest.mark.heavy

LONG = "A-RATHER-LONG-IDENTITY-OF-A-CHARGE-POINT-48-CHAR"
POINT = f"charge-points/{LONG}"
PAGES = (
    "",
    "charge-points",
    "new-charge-point",
    POINT,
    *(
        f"{POINT}/{section}"
        for section in (
            "commands", "messages", "records", "configuration", "profiles", "local-list", "settings",
        )
    ),
    f"{POINT}/commands?action=SetChargingProfile",
    f"{POINT}/commands?action=SignedUpdateFirmware",
    "transactions",
    "transactions/1",
    "id-tags",
    "id-tags/TAG-1",
    "new-id-tag",
    "reservations",
    "new-reservation",
    "charging-profiles",
    "charging-profiles/Night",
    "new-charging-profile",
    "calls",
    "calls/1",
    "security-events",
    "changes",
)  # fmt: skip
UNNAMED = """() => {
  const shown = (element) => element.checkVisibility();
  const labelled = (element) => element.labels?.length > 0 || element.ariaLabel;
  const named = (element) => element.textContent.trim() || element.ariaLabel;
  return [
    ...[...document.querySelectorAll("input, select, textarea")].filter((e) => shown(e) && !labelled(e)),
    ...[...document.querySelectorAll("button, a, summary")].filter((e) => shown(e) && !named(e)),
    ...[...document.querySelectorAll("table")].filter((e) => !e.caption?.textContent),
    ...[...document.querySelectorAll("th")].filter((e) => !e.scope),
    ...[...document.querySelectorAll("[aria-describedby], [aria-labelledby]")].filter((e) =>
      `${e.getAttribute("aria-describedby") ?? ""} ${e.getAttribute("aria-labelledby") ?? ""}`.trim().split(/\\s+/)
        .some((id) => !document.getElementById(id))),
  ].map((element) => element.outerHTML);
}"""
HEADINGS = """() => [...document.querySelectorAll("h1, h2, h3, h4")]
  .filter((element) => element.checkVisibility()).map((element) => Number(element.tagName[1]))"""
TWICE = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  return ids.filter((id, index) => ids.indexOf(id) !== index);
}"""


@pytest.fixture(scope="module")
def point(server: Running) -> Iterator[Charger]:
    """A charge point that has done something of everything."""
    with charger(server.url, LONG) as made:
        made.boot()
        made.status(0, "Unavailable", "OtherError")
        made.meter(made.start("TAG-1", 0), 700, 7000)
        made.call(
            "SecurityEventNotification", {"type": "InvalidTLSVersion", "timestamp": "2026-03-01T12:00:00Z"}
        )
        made.answers["GetConfiguration"] = {
            "configurationKey": [{"key": "MeterValuesSampledData", "value": "A," * 120, "readonly": False}]
        }
        yield made


@pytest.fixture(scope="module", autouse=True)
def contents(server: Running, point: Charger, browser: Browser) -> None:
    """Something to see on every page, put there by the dashboard's own forms."""
    page = browser.new_page()
    page.goto(f"{server.dashboard}/#/new-id-tag")
    page.get_by_label("Id tag", exact=True).fill("TAG-1")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("link", name="TAG-1")).to_be_visible()
    page.goto(f"{server.dashboard}/#/new-charging-profile")
    page.get_by_label("Name", exact=True).fill("Night")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", name="Night")).to_be_visible()
    page.get_by_label("Charge point").fill(LONG)
    page.get_by_role("button", name="Send", exact=True).click()
    assert point.next_call()[0] == "SetChargingProfile"
    page.goto(f"{server.dashboard}/#/new-reservation?chargePoint={LONG}")
    page.get_by_label("Id tag", exact=True).fill("TAG-1")
    page.get_by_role("button", name="Reserve").click()
    assert point.next_call()[0] == "ReserveNow"
    expect(page.get_by_role("button", name="Cancel reservation 1")).to_be_visible()
    page.goto(f"{server.dashboard}/#/{POINT}/commands?action=GetConfiguration")
    page.get_by_role("button", name="Send", exact=True).click()
    assert point.next_call()[0] == "GetConfiguration"
    page.goto(f"{server.dashboard}/#/{POINT}/local-list")
    page.get_by_role("button", name="Send the full list").click()
    assert point.next_call()[0] == "SendLocalList"
    page.close()


def open_page(page: Page, server: Running, place: str) -> None:
    """Go there within the dashboard, as a click on a link does."""
    page.evaluate("document.querySelector('main').setAttribute('aria-busy', 'true')")
    page.goto(f"{server.dashboard}/#/{place}")
    expect(page.locator("main:not([aria-busy]) h1")).to_be_visible()


@pytest.fixture(scope="module")
def opened(browser: Browser, server: Running) -> Iterator[Watched]:
    """One page for all places: what it loads is loaded once."""
    watched = Watched(browser.new_page(viewport=DESK))
    watched.watch()
    watched.page.goto(f"{server.dashboard}/#/no-such-page")
    expect(watched.page.get_by_role("heading", name="There is no such page")).to_be_visible()
    yield watched
    watched.page.close()


@pytest.mark.parametrize("place", PAGES)
def test_page_has_no_fault_and_a_name_for_everything(server: Running, opened: Watched, place: str) -> None:
    page = opened.page
    page.set_viewport_size(DESK)
    open_page(page, server, place)
    assert page.evaluate(UNNAMED) == []
    assert page.evaluate(TWICE) == []
    levels = page.evaluate(HEADINGS)
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels
    assert "Not found" not in page.inner_text("h1")
    assert (opened.faults, opened.refusals) == ([], [])


@pytest.mark.parametrize("place", PAGES)
def test_page_does_not_scroll_sideways_on_a_phone(server: Running, opened: Watched, place: str) -> None:
    page = opened.page
    page.set_viewport_size(PHONE)
    open_page(page, server, place)
    wide = page.evaluate(
        """() => { window.scrollTo(1000, 0);
          return [window.scrollX, Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)] }"""
    )
    assert wide[0] == 0
    assert wide[1] <= PHONE["width"]


def test_overview_without_charge_points_tells_where_they_connect(tmp_path: Path, page: Page) -> None:
    with running_server(tmp_path) as empty:
        page.goto(empty.dashboard)
        expect(page.get_by_text("No charge point has connected yet.")).to_be_visible()
        expect(page.get_by_text(f"{empty.url}/IDENTITY", exact=True)).to_be_visible()
        expect(page.get_by_text("ocpp1.6", exact=True)).to_be_visible()
        with charger(empty.url, "VERY-FIRST") as first:
            first.boot()
            expect(page.get_by_text("No transaction is running.")).to_be_visible()
        page.goto("about:blank")


def test_unknown_charge_point_says_so(server: Running, page: Page) -> None:
    page.goto(f"{server.dashboard}/#/charge-points/NOBODY")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()


def test_everything_comes_from_the_server_itself(server: Running, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.dashboard)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    assert len(asked) > 20
    assert [url for url in asked if not url.startswith(server.dashboard)] == []
