"""The page is looked at in Chromium: nothing is fetched, nothing breaks the policy, everything can be read."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from tests.dashboard.conftest import DESK, PHONE, Watched, browser
from tests.testbench.report.documents import report

from ocpp_actors.testbench.report.page import page as page_of
from ocpp_actors.testbench.report.writing import write_report

__all__ = ["browser"]  # the fixture


def told(**changes: Any) -> dict[str, Any]:
    return report() | changes


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    context = browser.new_context(viewport=DESK, locale="en-GB")
    made = Watched(context.new_page())
    made.watch()
    requests: list[str] = []
    made.page.on("request", lambda request: requests.append(request.url))
    yield made
    context.close()
    assert made.faults == []
    assert [each for each in requests if not each.startswith("file:")] == []
    assert len(requests) == 1


@pytest.fixture
def page(watched: Watched, tmp_path: Path) -> Page:
    watched.page.goto(write_report(tmp_path, report()).as_uri())
    return watched.page


def test_it_says_what_came_of_it(page: Page) -> None:
    assert page.title() == "Failed: All & <everything>"
    assert page.locator("h1").inner_text() == "All & <everything>"
    assert page.locator(".verdict").inner_text() == "✗ Failed"
    assert page.locator("section h2").all_inner_texts() == [
        "Limits",
        "Scenarios",
        "Over time",
        "Response times of the central system",
        "Chargers",
        "Messages and books",
    ]
    assert page.locator("svg").count() == 6


def test_failures_stand_first_and_open_with_their_frames(page: Page) -> None:
    verdicts = [each.get_attribute("class") for each in page.locator(".scenario").all()]
    assert verdicts == ["scenario failed"] * 2 + ["scenario broken"] + ["scenario passed"] * 2 + [
        "scenario skipped"
    ]
    fails = page.locator(".scenario", has_text="It fails")
    assert fails.get_attribute("open") == ""
    assert fails.locator(".frames li").count() == 4
    assert "CALLRESULT Authorize m2" in fails.locator(".frames strong").all_inner_texts()
    assert '"chargePointVendor": "ocpp-actors"' in fails.locator("pre").first.inner_text()
    assert fails.get_by_text("expected the moon, got <b>cheese</b>").is_visible()


def test_a_traceback_keeps_its_lines(page: Page) -> None:
    assert "\n" in page.locator(".scenario.broken pre.reason").inner_text()


def test_what_strangers_sent_is_text(page: Page) -> None:
    assert page.locator(".scenario b").count() == 0
    assert "\u202e" not in page.content()
    assert "\\u202e" in page.content()


@pytest.mark.parametrize(
    ("verdict", "shown"), [("failed", 2), ("broken", 1), ("passed", 2), ("skipped", 1), ("all", 6)]
)
def test_scenarios_can_be_filtered_by_verdict(page: Page, verdict: str, shown: int) -> None:
    page.locator(f"label[for=show-{verdict}]").click()
    assert page.locator(".scenario:visible").count() == shown


def test_the_filter_works_from_the_keyboard(page: Page) -> None:
    page.locator("#show-all").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".scenario:visible").count() == 2


def test_it_fits_a_phone(watched: Watched, tmp_path: Path) -> None:
    page, many = watched.page, {"passed": 2579, "failed": 1, "broken": 0, "skipped": 3}
    page.goto(write_report(tmp_path, told(counts=many)).as_uri())
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("figcaption").first.is_visible()
    limits = page.locator(".limits")
    assert limits.locator("tr").count() > 3
    assert limits.evaluate("it => it.scrollWidth <= it.clientWidth")
    assert limits.get_by_text("connection stability").is_visible()
    for tile in page.locator(".tile b").all():
        text = tile.inner_text()
        assert tile.evaluate("it => it.scrollWidth <= it.clientWidth"), text
        assert tile.evaluate("it => it.clientHeight < 1.5 * parseFloat(getComputedStyle(it).fontSize)"), text


def test_it_tells_how_to_repeat_it_and_what_is_not_there(watched: Watched, tmp_path: Path) -> None:
    changed = told(frameFiles={"kept": True, "leftOut": 12345})
    next(each for each in changed["scenarios"] if each["name"] == "fails")["framesLeftOut"] = 70
    watched.page.goto(write_report(tmp_path, changed).as_uri())
    assert watched.page.locator("footer code").inner_text() == "ocpp-actors testbench run x.toml --seed 7"
    assert watched.page.get_by_text("12\u202f345 messages did not fit into the files of frames").is_visible()
    assert watched.page.get_by_text("4 frames, 70 before them are left out here").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    for selector in (
        ".muted",
        ".badge.passed",
        ".badge.failed",
        ".badge.skipped",
        "td",
        ".tile small",
        "p.reason",
    ):
        assert contrast(page, selector) >= 4.5, (scheme, selector)


def contrast(page: Page, selector: str) -> float:
    """The contrast of text to what is behind it (WCAG 2.1)."""
    colours = page.locator(selector).first.evaluate(
        """element => {
            let behind = element;
            while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
            return [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor];
        }"""
    )
    one, other = sorted(map(_luminance, colours))
    return (other + 0.05) / (one + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(each) / 255 for each in re.findall(r"\d+", colour)[:3]]
    linear = [each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_nothing_in_it_can_run_or_load() -> None:
    text = page_of(report())
    assert "default-src 'none'" in html.unescape(text)
    assert "<script" not in text
    assert not re.search(r"(src|href)=|url\(|@import|style=", text)


def test_a_session_without_anything(watched: Watched, tmp_path: Path) -> None:
    empty = told(
        scenarios=[], chargers=[], timelines=[], events=[], limits=[], commandTimes=[], callErrors=[], returned=[],
        connectedOverTime=[], verdict="passed", troubles=[], connectionStability=None,
        overTime={"width": 1, "slots": []},
    )  # fmt: skip
    empty["responseTimes"] = {
        "all": {"count": 0, "p50": 0, "p95": 0, "p99": 0, "max": 0},
        "byAction": [],
        "distribution": [],
    }
    empty["verdicts"] = {"judged": 0, "right": 0, "accuracy": None, "wrong": []}
    watched.page.goto(write_report(tmp_path, empty).as_uri())
    assert watched.page.locator(".verdict").inner_text() == "✓ Passed"


def test_troubles_losses_and_returns_are_told(watched: Watched, tmp_path: Path) -> None:
    returned = {"restart": 1, "how": "kill", "downSeconds": 5.5, "chargers": 9, "back": 8, "seconds": 12.34}
    books = {
        "confirmed": 9,
        "stopped": 8,
        "compared": True,
        "lost": ["CP1: gone"],
        "doubled": ["CP2: twice"],
        "unchecked": 0,
    }
    changed = told(troubles=["it burnt"], transactions=books, returned=[returned])
    watched.page.goto(write_report(tmp_path, changed).as_uri())
    for text in (
        "it burnt",
        "CP1: gone",
        "CP2: twice",
        "8 of 9 chargers were back 12.3 s after it listened again",
    ):
        assert watched.page.get_by_text(text).is_visible(), text


def test_many_chargers_are_folded(watched: Watched, tmp_path: Path) -> None:
    chargers = [report()["chargers"][0] | {"identity": f"CP{n}"} for n in range(2000)]
    timelines = [report()["timelines"][0] | {"identity": f"CP{n}"} for n in range(300)]
    path = write_report(tmp_path, told(chargers=chargers, timelines=timelines))
    watched.page.goto(path.as_uri())
    assert path.stat().st_size < 3_000_000
    assert watched.page.get_by_text("All 2\u202f000 chargers").is_visible()
    assert not watched.page.get_by_text("CP1999").first.is_visible()
