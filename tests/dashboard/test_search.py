"""Thousands of charge points stay usable."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
from playwright.sync_api import Page, expect
from tests.dashboard.running import Running, running_server

from ocpp_actors.ledger.bridge import open_ledger
from ocpp_actors.ledger.port import RecordBoot
from ocpp_actors.protocol.messages import RegistrationStatus

pytestmark = pytest.mark.heavy

COUNT = 5000
AT_ONCE = 1000


async def fill(directory: Path) -> None:
    """Make charge points known, as if they had booted before."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    limit = trio.CapacityLimiter(AT_ONCE)
    async with (
        open_ledger(f"sqlite:///{directory / 'ledger.db'}") as ledger,
        trio.open_nursery() as nursery,
    ):

        async def add(number: int) -> None:
            identity = f"CP-{number:05}"
            boot = {
                "chargePointVendor": "Acme",
                "chargePointModel": f"Model {number % 7}",
                "chargePointSerialNumber": f"SN{number:05}",
            }
            async with limit:
                await ledger.ask(RecordBoot(identity, RegistrationStatus.ACCEPTED, boot, at))

        for number in range(COUNT):
            nursery.start_soon(add, number)


@pytest.fixture(scope="module")
def full_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("full")
    with ThreadPoolExecutor(1) as thread:
        thread.submit(trio.run, fill, directory).result()
    with running_server(directory) as running:
        yield running


def test_search_among_five_thousand_chargers_answers(full_server: Running, page: Page) -> None:
    page.goto(f"{full_server.dashboard}/#/charge-points")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    expect(page.get_by_role("link", name="CP-00000")).to_be_visible()

    began = time.perf_counter()
    page.get_by_label("Search").fill("sn04321")
    expect(rows).to_have_count(1)
    expect(page.get_by_role("link", name="CP-04321")).to_be_visible()
    print(
        f"search among {COUNT} charge points: {time.perf_counter() - began:.3f} s with the pause after typing"
    )
    assert page.url.endswith("?search=sn04321")

    page.get_by_label("Search").fill("CP-0432")
    expect(rows).to_have_count(10)
    page.get_by_label("Search").fill("nothing like it")
    expect(page.get_by_text("No charge point matches.")).to_be_visible()


def test_list_is_turned_page_by_page(full_server: Running, page: Page) -> None:
    page.goto(f"{full_server.dashboard}/#/charge-points")
    expect(page.get_by_role("link", name="CP-00000")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("link", name="CP-00050")).to_be_visible()
    expect(page.get_by_role("link", name="CP-00000")).to_have_count(0)
    page.get_by_role("button", name="Previous").click()
    expect(page.get_by_role("link", name="CP-00000")).to_be_visible()


def test_overview_shows_how_many_there_are(full_server: Running, page: Page) -> None:
    page.goto(full_server.dashboard)
    expect(page.get_by_text("of 5,000 charge points, 5,000 offline")).to_be_visible()
