"""What operators change: id tags, settings, keys, reservations; and what they take away as files."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.dashboard.charger import charger
from tests.dashboard.conftest import Watched
from tests.dashboard.running import Running
from websockets.exceptions import InvalidStatus

pytestmark = pytest.mark.heavy


def test_id_tag_is_added_changed_and_removed(server: Running, page: Page) -> None:
    page.goto(f"{server.dashboard}/#/id-tags")
    page.get_by_role("link", name="Add an id tag").click()
    page.get_by_label("Id tag", exact=True).fill("VISITOR")
    page.get_by_label("Expiry date").fill("2031-06-30T12:00")
    page.get_by_role("button", name="Add").click()
    row = page.get_by_role("row").filter(has_text="VISITOR")
    expect(row).to_contain_text("Accepted")
    stored = page.request.get(f"{server.dashboard}/api/v1/id-tags/VISITOR").json()
    assert stored["expiryDate"] == "2031-06-30T10:00:00.000Z"  # typed in Berlin's summer time

    page.get_by_role("link", name="VISITOR").click()
    expect(page.get_by_label("Expiry date")).to_have_value("2031-06-30T12:00")
    page.get_by_label("Status").select_option("Blocked")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Id tag VISITOR was saved.")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Id tag VISITOR was removed.")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="VISITOR")).to_have_count(0)
    page.get_by_role("link", name="Changes").click()
    expect(page.get_by_role("row").filter(has_text="VISITOR")).to_have_count(3)


def test_change_over_another_operators_change_is_asked_about(server: Running, watched: Watched) -> None:
    page = watched.page
    with charger(server.url, "SHARED") as point:
        point.boot()
    page.goto(f"{server.dashboard}/#/charge-points/SHARED/settings")
    page.get_by_label("Lenient").check()
    other = {"registration": "Accepted", "settings": {"pings": False}}
    page.request.patch(f"{server.dashboard}/api/v1/charge-points/SHARED", data=other)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Somebody else changed this meanwhile")).to_be_visible()
    page.get_by_role("button", name="Take theirs").click()
    expect(page.get_by_label("Lenient")).not_to_be_checked()
    expect(page.get_by_label("Pings")).not_to_be_checked()
    page.get_by_label("Lenient").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The settings of SHARED were saved.")).to_be_visible()
    stored = page.request.get(f"{server.dashboard}/api/v1/charge-points/SHARED").json()["settings"]
    assert stored == {"lenient": True, "pings": False, "abortOnShutdown": False, "securityProfile": 0}
    assert len(watched.refusals) == 1


def test_key_is_shown_once_and_lets_the_charger_in(server: Running, page: Page) -> None:
    with charger(server.url, "LOCKED") as point:
        point.boot()
    page.goto(f"{server.dashboard}/#/charge-points/LOCKED/settings")
    page.get_by_role("button", name="Set the key").click()
    key = page.get_by_label("The key", exact=True).inner_text()
    assert len(key) == 40
    with pytest.raises(InvalidStatus, match="401"), charger(server.url, "LOCKED", key="of somebody else"):
        pass
    with charger(server.url, "LOCKED", key=key) as point:
        point.boot()
    page.reload()
    expect(page.get_by_text("A key is set")).to_be_visible()
    assert key not in page.content()


def test_key_is_rotated_and_a_refusal_told(server: Running, page: Page) -> None:
    with charger(server.url, "ROTATED") as point:
        point.boot()
        page.goto(f"{server.dashboard}/#/charge-points/ROTATED/settings")
        page.get_by_label("Key hex").fill("00" * 15 + "0")
        page.get_by_role("button", name="Set the key").click()
        expect(page.get_by_text("32 to 40 hexadecimal digits, two for each byte")).to_be_visible()
        page.get_by_label("Key hex").fill("ab" * 16)
        page.get_by_role("button", name="Set the key").click()
        expect(page.get_by_text("The key was set")).to_be_visible()
        point.answers["ChangeConfiguration"] = {"status": "Rejected"}
        page.get_by_role("button", name="Send a new key to it").click()
        expect(page.get_by_text("The old key stays.")).to_be_visible()
        point.next_call()
        point.answers["ChangeConfiguration"] = {"status": "RebootRequired"}
        page.get_by_role("button", name="Send a new key to it").click()
        expect(page.get_by_text("A new key was sent and not used yet")).to_be_visible()
        key = point.next_call()[1]["value"]
    assert key not in page.content()
    with charger(server.url, "ROTATED", key=key) as point:
        point.boot()
    page.reload()
    expect(page.get_by_text("A key is set")).to_be_visible()
    expect(page.get_by_text("A new key was sent and not used yet")).to_have_count(0)


def test_security_events_are_found_by_who_told_them(server: Running, page: Page) -> None:
    with charger(server.url, "NOTICED") as point:
        point.boot()
        point.call(
            "SecurityEventNotification",
            {"type": "TamperDetectionActivated", "timestamp": "2026-03-01T12:00:00Z"},
        )
    page.request.put(f"{server.dashboard}/api/v1/charge-points/NOTICED/key", data={})
    with pytest.raises(InvalidStatus, match="401"), charger(server.url, "NOTICED", key="of somebody else"):
        pass
    page.goto(f"{server.dashboard}/#/security-events?chargePoint=NOTICED")
    rows = page.get_by_role("row").filter(has_text="NOTICED")
    expect(rows).to_have_count(2)
    page.get_by_label("Told by").select_option("centralSystem")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("FailedToAuthenticateAtCentralSystem")
    page.get_by_label("Told by").select_option("")
    expect(rows).to_have_count(2)
    page.get_by_label("Event", exact=True).fill("TamperDetectionActivated")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Charge point")


@pytest.mark.parametrize("answer", ["Accepted", "Occupied"])
def test_reservation_is_requested_and_cancelled(server: Running, page: Page, answer: str) -> None:
    identity = f"RESERVED-{answer}"
    with charger(server.url, identity) as point:
        point.boot()
        point.answers["ReserveNow"] = {"status": answer}
        page.goto(f"{server.dashboard}/#/new-reservation?chargePoint={identity}")
        page.get_by_label("Id tag", exact=True).fill("TAG-1")
        page.get_by_role("button", name="Reserve").click()
        assert point.next_call()[0] == "ReserveNow"
        if answer == "Occupied":
            expect(page.get_by_text("answered Occupied: nothing is reserved.")).to_be_visible()
            return
        row = page.get_by_role("row").filter(has_text=identity)
        expect(row).to_contain_text("Accepted")
        row.get_by_role("button", name="Cancel").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel the reservation").click()
        assert point.next_call()[0] == "CancelReservation"
        expect(row).to_contain_text("Cancelled")


def test_transactions_and_messages_are_taken_away_as_files(
    server: Running, page: Page, tmp_path: Path
) -> None:
    with charger(server.url, "EXPORTS") as point:
        point.boot()
        transaction = point.start("TAG-9", 0)
        point.meter(transaction, 1200, 7000)
    page.goto(f"{server.dashboard}/#/transactions?chargePoint=EXPORTS")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as CSV").click()
    download.value.save_as(tmp_path / "transactions.csv")
    lines = (tmp_path / "transactions.csv").read_text().splitlines()
    assert len(lines) == 2
    assert "EXPORTS" in lines[1]
    page.goto(f"{server.dashboard}/#/charge-points/EXPORTS/messages")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export", exact=True).click()
    download.value.save_as(tmp_path / "messages.jsonl")
    assert "BootNotification" in (tmp_path / "messages.jsonl").read_text().splitlines()[0]
