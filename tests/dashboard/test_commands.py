"""Commands as forms: what was refused tells why, and no mouse is needed."""

import pytest
from playwright.sync_api import Page, expect
from tests.dashboard.charger import CallError, charger
from tests.dashboard.conftest import Watched
from tests.dashboard.running import Running

pytestmark = pytest.mark.heavy


def open_command(page: Page, server: Running, identity: str, action: str) -> None:
    page.goto(f"{server.dashboard}/#/charge-points/{identity}/commands?action={action}")
    expect(page.get_by_label("Command")).to_have_value(action)


def test_rejected_command_tells_what_is_known_of_the_reason(server: Running, page: Page) -> None:
    with charger(server.url, "REJECTS") as point:
        point.boot()
        point.status(1, "Faulted", "GroundFailure")
        point.answers["RemoteStartTransaction"] = {"status": "Rejected"}
        open_command(page, server, "REJECTS", "RemoteStartTransaction")
        page.get_by_label("Id tag").fill("TAG-1")
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.get_by_text("The charge point refused.")).to_be_visible()
        expect(page.get_by_text("Connector 1 is faulted, error GroundFailure.")).to_be_visible()


def test_call_error_tells_its_code_and_description(server: Running, watched: Watched) -> None:
    page = watched.page
    with charger(server.url, "FAILS") as point:
        point.boot()
        point.answers["UnlockConnector"] = CallError("InternalError", "the relay is stuck")
        open_command(page, server, "FAILS", "UnlockConnector")
        page.get_by_label("Connector id").fill("1")
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.get_by_text("The charge point answered with an error")).to_be_visible()
        expect(page.get_by_text("InternalError: the relay is stuck")).to_be_visible()
        expect(page.get_by_role("row").filter(has_text="Call error")).to_be_visible()
    assert len(watched.refusals) == 1


def test_command_that_is_not_allowed_tells_the_rule(server: Running, watched: Watched) -> None:
    page = watched.page
    with charger(server.url, "PENDING") as point:
        point.boot()
        page.goto(f"{server.dashboard}/#/charge-points/PENDING/settings")
        page.get_by_label("Registration").select_option("Pending")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("The settings of PENDING were saved.")).to_be_visible()
        open_command(page, server, "PENDING", "RemoteStartTransaction")
        page.get_by_label("Id tag").fill("TAG-1")
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.get_by_text("The command is not allowed now")).to_be_visible()
        expect(page.get_by_text("while the charge point is Pending")).to_be_visible()
    assert len(watched.refusals) == 1


def test_form_is_checked_in_place_before_anything_is_sent(server: Running, page: Page) -> None:
    with charger(server.url, "CHECKED") as point:
        point.boot()
        open_command(page, server, "CHECKED", "ChangeConfiguration")
        key = page.get_by_label("Key", exact=True)
        page.get_by_label("Value").fill("1")
        page.get_by_role("button", name="Send", exact=True).click()
        expect(key).to_be_focused()
        expect(key).to_have_attribute("aria-invalid", "true")
        expect(key).to_have_accessible_description("This is needed.")
        key.fill("K" * 51)
        key.press("Tab")
        expect(key).to_have_accessible_description("At most 50 characters; these are 51.")
        key.fill("HeartbeatInterval")
        page.get_by_role("button", name="Send", exact=True).click()
        assert point.next_call() == ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "1"})
        assert point.asked.empty()


def test_what_the_server_finds_wrong_is_shown_at_its_field(server: Running, watched: Watched) -> None:
    page = watched.page
    with charger(server.url, "RULES") as point:
        point.boot()
        open_command(page, server, "RULES", "RemoteStartTransaction")
        page.get_by_label("Id tag").fill("TAG-1")
        page.get_by_role("button", name="Add charging profile").click()
        page.get_by_label("Charging profile id").fill("1")
        page.get_by_label("Stack level").fill("0")
        page.get_by_label("Charging profile purpose").select_option("TxDefaultProfile")
        page.get_by_label("Charging profile kind").select_option("Relative")
        page.get_by_label("Charging rate unit").select_option("A")
        page.get_by_label("Start period").fill("0")
        page.get_by_label("Limit").fill("16")
        page.get_by_role("button", name="Send", exact=True).click()
        purpose = page.get_by_label("Charging profile purpose")
        expect(purpose).to_be_focused()
        expect(purpose).to_have_attribute("aria-invalid", "true")
        purpose.select_option("TxProfile")
        page.get_by_role("button", name="Send", exact=True).click()
        _, payload = point.next_call()
        assert payload["chargingProfile"]["chargingSchedule"] == {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}],
        }
    assert len(watched.refusals) == 1


def test_items_of_a_list_are_numbered_anew_when_one_is_removed(server: Running, page: Page) -> None:
    with charger(server.url, "LISTED") as point:
        point.boot()
        open_command(page, server, "LISTED", "GetConfiguration")
        for number, key in enumerate(["First", "Second", "Third"], start=1):
            page.get_by_role("button", name="Add Key").click()
            page.get_by_label(f"Key {number}", exact=True).fill(key)
        page.get_by_role("button", name="Remove Key 1").click()
        expect(page.get_by_label("Key 1", exact=True)).to_have_value("Second")
        expect(page.get_by_label("Key 2", exact=True)).to_have_value("Third")
        expect(page.get_by_label("Key 3", exact=True)).to_have_count(0)
        page.get_by_role("button", name="Remove Key 2").click()
        page.get_by_role("button", name="Add Key").click()
        page.get_by_label("Key 2", exact=True).fill("Fourth")
        page.get_by_role("button", name="Send", exact=True).click()
        assert point.next_call() == ("GetConfiguration", {"key": ["Second", "Fourth"]})


def test_command_for_an_offline_charger_is_kept_and_sent_when_it_connects(
    server: Running, page: Page
) -> None:
    with charger(server.url, "AWAY") as point:
        point.boot()
    open_command(page, server, "AWAY", "ClearCache")
    expect(page.get_by_text("AWAY is offline")).to_be_visible()
    page.get_by_role("button", name="Keep until it connects").click()
    expect(page.get_by_text("ClearCache waits for the charge point")).to_be_visible()
    with charger(server.url, "AWAY") as point:
        point.boot()
        assert point.next_call() == ("ClearCache", {})
        expect(page.get_by_role("row").filter(has_text="ClearCache")).to_contain_text("Answered")


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has the focus bears this name."""
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => { const e = document.activeElement; return (e.labels?.[0] ?? e).textContent.trim() }"
        )
        if focused.startswith(name):
            return
    pytest.fail(f"Tab does not reach {name}")


def test_command_can_be_sent_without_a_mouse(server: Running, page: Page) -> None:
    with charger(server.url, "KEYS") as point:
        point.boot()
        page.goto(server.dashboard)
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        tab_to(page, "Charge points")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Charge points")).to_be_focused()
        tab_to(page, "Search")
        page.keyboard.type("KEYS")
        expect(page.get_by_text("1 charge point", exact=True)).to_be_visible()
        tab_to(page, "KEYS")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="KEYS")).to_be_focused()
        tab_to(page, "Commands")
        page.keyboard.press("Enter")
        expect(page.get_by_label("Id tag")).to_be_visible()
        tab_to(page, "Command")
        page.keyboard.type("Reset")
        expect(page.get_by_label("Command")).to_have_value("Reset")
        tab_to(page, "Type")
        page.keyboard.type("Soft")
        tab_to(page, "Send")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        expect(page.get_by_role("button", name="Cancel")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert point.next_call() == ("Reset", {"type": "Soft"})
        expect(page.get_by_text("The charge point accepted the command.")).to_be_visible()


def test_click_is_not_lost_where_a_message_appears(server: Running, page: Page) -> None:
    with charger(server.url, "CLICKED") as point:
        point.boot()
        open_command(page, server, "CLICKED", "RemoteStartTransaction")
        page.get_by_label("Id tag").fill("T" * 21)
        page.get_by_role("button", name="Add charging profile").click()
        expect(page.get_by_label("Charging profile id")).to_be_focused()
        expect(page.get_by_text("At most 20 characters; these are 21.")).to_be_visible()
