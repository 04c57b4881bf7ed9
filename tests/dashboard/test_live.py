"""What happens at charge points appears by itself."""

import re

import pytest
from playwright.sync_api import Page, expect
from tests.dashboard.charger import charger
from tests.dashboard.running import Running

pytestmark = pytest.mark.heavy


def test_charger_that_boots_appears_without_reload(server: Running, page: Page) -> None:
    page.goto(f"{server.dashboard}/#/charge-points")
    expect(page.get_by_role("heading", name="Charge points", level=1)).to_be_visible()
    page.evaluate("window.notReloaded = true")
    with charger(server.url, "APPEARS") as point:
        point.boot()
        row = page.get_by_role("row").filter(has_text="APPEARS")
        expect(row).to_contain_text("Acme Twin 22")
        expect(row).to_contain_text("Online")
        expect(row).to_contain_text("Available")
        point.status(1, "Faulted", "GroundFailure")
        expect(row).to_contain_text("Faulted")
    expect(row).to_contain_text("Offline")
    assert page.evaluate("window.notReloaded")


def test_overview_counts_without_reload(server: Running, page: Page) -> None:
    page.goto(server.dashboard)
    running = page.get_by_role("table", name="Running transactions")
    with charger(server.url, "COUNTED") as point:
        point.boot()
        transaction = point.start("TAG-1", 1000)
        point.meter(transaction, 1500, 7200)
        row = running.get_by_role("row").filter(has_text="COUNTED")
        expect(row).to_contain_text("7.2 kW")
        expect(row).to_contain_text("0.50 kWh")
        point.meter(transaction, 2500, 11000)
        expect(row).to_contain_text("11.0 kW")
        expect(row).to_contain_text("1.50 kWh")


def test_figures_that_change_leave_the_focus_where_it_is(server: Running, page: Page) -> None:
    with charger(server.url, "FOCUSED") as point:
        point.boot()
        transaction = point.start("TAG-4", 0)
        page.goto(server.dashboard)
        for name in ("Online", "FOCUSED"):
            link = page.get_by_role("link", name=name).first
            link.focus()
            power = 8000 + 1000 * len(name)
            point.meter(transaction, 10 * power, power)
            expect(page.get_by_role("row").filter(has_text="FOCUSED")).to_contain_text(f"{power / 1000} kW")
            expect(link).to_be_focused()


def test_overview_tells_which_charger_is_faulted(server: Running, page: Page) -> None:
    with charger(server.url, "BROKEN") as point:
        point.boot()
        point.status(1, "Faulted", "GroundFailure")
        page.goto(server.dashboard)
        row = page.get_by_role("table", name="Reported faults").get_by_role("row").filter(has_text="BROKEN")
        expect(row).to_contain_text("GroundFailure")
        point.status(1, "Available")
        expect(row).to_have_count(0, timeout=30_000)


def test_faulted_chargers_are_a_click_away_and_leave_the_list_when_they_are_mended(
    server: Running, page: Page
) -> None:
    with charger(server.url, "SOUND") as sound, charger(server.url, "HURT") as hurt:
        sound.boot()
        hurt.boot()
        page.goto(server.dashboard)
        hurt.status(1, "Available", "WeakSignal")
        expect(page.get_by_role("table", name="Reported faults")).to_contain_text("WeakSignal")
        page.get_by_role("link", name=re.compile("^Faulted")).click()
        expect(page.get_by_role("heading", name="Charge points", level=1)).to_be_visible()
        expect(page.get_by_label("Faults")).to_have_value("true")
        expect(page.get_by_role("link", name="HURT")).to_be_visible()
        expect(page.get_by_role("link", name="SOUND")).to_have_count(0)
        sound.status(0, "Faulted", "OtherError")
        expect(page.get_by_role("link", name="SOUND")).to_be_visible()
        hurt.status(1, "Available")
        expect(page.get_by_role("link", name="HURT")).to_have_count(0)
        page.get_by_label("Faults").select_option("No fault")
        expect(page.get_by_role("link", name="HURT")).to_be_visible()
        expect(page.get_by_role("link", name="SOUND")).to_have_count(0)
        assert page.url.endswith("?faulted=false")
        sound.status(0, "Available")
        expect(page.get_by_role("link", name="SOUND")).to_be_visible()


def test_remote_start_through_the_form_leads_to_a_live_plot(server: Running, page: Page) -> None:
    with charger(server.url, "STARTED") as point:
        point.boot()
        page.goto(f"{server.dashboard}/#/charge-points/STARTED")
        page.get_by_role("link", name="Start charging").click()
        page.get_by_label("Id tag").fill("TAG-2")
        page.get_by_role("button", name="Send", exact=True).click()
        action, payload = point.next_call()
        assert (action, payload) == ("RemoteStartTransaction", {"idTag": "TAG-2", "connectorId": 1})
        expect(page.get_by_text("The charge point accepted the command.")).to_be_visible()

        page.get_by_role("link", name="Now").click()
        expect(page.get_by_role("heading", name="Connector 1")).to_be_visible()
        transaction = point.start("TAG-2", 5000)
        expect(page.get_by_role("heading", name="Charging on connector 1")).to_be_visible()
        power = page.get_by_role("slider", name="Power: readings in time")
        for count, (energy, watts) in enumerate([(5000, 0), (5100, 3700), (5300, 7400)], start=1):
            point.meter(transaction, energy, watts)
            expect(power).to_have_attribute("aria-valuemax", str(count - 1))
        expect(page.locator(".plot-power .line")).to_be_visible()
        expect(page.locator(".plot-power")).to_contain_text("last 7.4 kW")
        expect(page.locator(".plot-energy")).to_contain_text("last 0.30 kWh")


def test_messages_can_be_followed_and_a_faulty_one_tells_why(server: Running, page: Page) -> None:
    with charger(server.url, "TALKS") as point:
        point.boot()
        page.goto(f"{server.dashboard}/#/charge-points/TALKS/messages")
        messages = page.locator(".message")
        expect(messages.filter(has_text="BootNotification").first).to_be_visible()
        point.call("DataTransfer", {"vendorId": "acme", "data": "<img src=x onerror=alert(1)>"})
        expect(messages.filter(has_text="DataTransfer").first).to_be_visible()
        expect(page.locator("main img")).to_have_count(0)
        expect(messages.get_by_text("Faulty", exact=True)).to_have_count(0)
        point.connection.send('[2,"77","StatusNotification",{"connectorId":1,"status":"Available"}]')
        marked = messages.filter(has=page.get_by_text("Faulty", exact=True))
        expect(marked).to_have_count(1)
        expect(marked).to_contain_text("Received")
        marked.locator("summary").click()
        expect(marked.locator(".callout")).to_contain_text("errorCode")


def test_plot_can_be_read_with_the_keyboard(server: Running, page: Page) -> None:
    with charger(server.url, "READ") as point:
        point.boot()
        transaction = point.start("TAG-3", 0)
        point.meter(transaction, 100, 1000)
        point.meter(transaction, 200, 2000)
        page.goto(f"{server.dashboard}/#/transactions/{transaction}")
        power = page.get_by_role("slider", name="Power: readings in time")
        power.focus()
        page.keyboard.press("Home")
        expect(power).to_have_attribute("aria-valuenow", "0")
        assert (power.get_attribute("aria-valuetext") or "").endswith("1.0 kW")
        page.keyboard.press("ArrowRight")
        assert (power.get_attribute("aria-valuetext") or "").endswith("2.0 kW")
        expect(page.locator(".plot-power .tip")).to_contain_text("2.0 kW")
