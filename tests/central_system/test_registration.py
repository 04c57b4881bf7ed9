"""Who is registered, and what may be said before (OCPP 1.6 §4.2, §4.6; OCPP-J errata 3.8)."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import trio
from tests.support.central import BOOT, START, open_central
from tests.support.failing_ledger import FailingLedger
from tests.support.messages import hears_nothing, meter_values, serve_command, status

from ocpp_actors.central_system.registration import JITTER
from ocpp_actors.ledger.port import FindChargePoint, RecordBoot, RemoveChargePoint, SetRegistration
from ocpp_actors.observer import CommandEnded, Flagged
from ocpp_actors.protocol.messages import (
    ClearCache,
    ExtendedMessageTrigger,
    ExtendedTriggerMessage,
    MessageTrigger,
    RegistrationStatus,
    TriggerMessage,
)


@pytest.mark.parametrize("first_boot", ["Accepted", "Pending", "Rejected"])
async def test_a_charger_never_seen_is_registered_as_the_operator_set(
    autojump_clock: Any, first_boot: str
) -> None:
    async with open_central(first_boot=first_boot) as central, central.charger() as charger:
        answer = await charger.boot()
        assert answer["status"] == first_boot
        assert datetime.fromisoformat(answer["currentTime"]) == START
        record = await central.ledger.ask(FindChargePoint("CP1"))
    assert record is not None
    assert record.registration == first_boot
    assert record.boot == BOOT
    assert record.booted_at == START


async def test_the_same_boot_again_moves_the_time_of_the_last_one(autojump_clock: Any) -> None:
    async with open_central() as central:
        async with central.charger() as charger:
            await charger.boot()
        await trio.sleep(60)
        async with central.charger() as charger:
            await charger.boot()
        record = await central.ledger.ask(FindChargePoint("CP1"))
    assert record is not None
    assert record.booted_at == START + timedelta(seconds=60)


async def test_an_accepted_charger_is_given_the_heartbeat_interval(autojump_clock: Any) -> None:
    async with open_central(heartbeat_interval=77) as central, central.charger() as charger:
        assert (await charger.boot())["interval"] == 77


@pytest.mark.parametrize("first_boot", ["Pending", "Rejected"])
async def test_chargers_turned_away_together_are_told_to_return_at_different_times(
    autojump_clock: Any, first_boot: str
) -> None:
    intervals = []
    async with open_central(first_boot=first_boot, heartbeat_interval=1000) as central:
        for number in range(10):
            async with central.charger(f"CP{number}") as charger:
                intervals.append((await charger.boot())["interval"])
    assert len(set(intervals)) > 5
    assert all(1000 * (1 - JITTER) <= interval <= 1000 * (1 + JITTER) for interval in intervals)


async def test_the_interval_is_never_zero(autojump_clock: Any) -> None:
    async with (
        open_central(first_boot="Pending", heartbeat_interval=1) as central,
        central.charger() as charger,
    ):
        assert {(await charger.boot())["interval"] for _ in range(10)} == {1}


async def test_the_operators_decision_is_seen_at_the_next_boot_on_the_same_connection(
    autojump_clock: Any,
) -> None:
    async with open_central(first_boot="Pending") as central, central.charger() as charger:
        assert (await charger.boot())["status"] == "Pending"
        await central.ledger.ask(SetRegistration("CP1", RegistrationStatus.REJECTED))
        assert (await charger.boot())["status"] == "Rejected"
        await central.ledger.ask(SetRegistration("CP1", RegistrationStatus.ACCEPTED))
        assert (await charger.boot(firmwareVersion="2"))["status"] == "Accepted"
        await charger.result("Heartbeat", {})
        record = await central.ledger.ask(FindChargePoint("CP1"))
    assert record is not None
    assert record.registration is RegistrationStatus.ACCEPTED


async def test_an_accepted_charger_that_the_operator_rejects_is_turned_away_when_it_connects_again(
    autojump_clock: Any,
) -> None:
    async with open_central() as central:
        async with central.charger() as charger:
            await charger.boot()
        await central.ledger.ask(SetRegistration("CP1", RegistrationStatus.REJECTED))
        async with central.charger() as charger:
            assert (await charger.call("Heartbeat", {}))[:3] == [4, "m1", "SecurityError"]
            assert (await charger.boot())["status"] == "Rejected"


async def test_a_known_charger_that_connects_again_without_a_boot_keeps_its_registration(
    autojump_clock: Any,
) -> None:
    async with open_central(first_boot="Rejected") as central:
        async with central.charger() as charger:
            await charger.boot()
        await central.ledger.ask(SetRegistration("CP1", RegistrationStatus.ACCEPTED))
        async with central.charger() as charger:
            await charger.result("StatusNotification", status())
            assert await hears_nothing(charger, 60)
        assert central.told(Flagged) == []


async def test_a_charger_that_speaks_without_ever_having_booted_is_asked_for_a_boot_once(
    autojump_clock: Any,
) -> None:
    async with open_central(boot_grace=10.0) as central, central.charger() as charger:
        await charger.result("Heartbeat", {})
        await charger.result("Heartbeat", {})
        asked_at = trio.current_time()
        command = await serve_command(charger, {"status": "Accepted"})
        assert command == ("TriggerMessage", {"requestedMessage": "BootNotification"})
        assert trio.current_time() - asked_at == 10
        await charger.result("Heartbeat", {})
        assert await hears_nothing(charger, 60)
        assert [event.quirk for event in central.told(Flagged)] == ["no boot"]


@pytest.mark.parametrize("when", ["before it was asked", "before it answered"])
async def test_a_boot_that_was_not_asked_for_in_the_end_is_asked_for_on_the_next_connection(
    autojump_clock: Any, when: str
) -> None:
    async with open_central() as central:
        async with central.charger() as charger:
            await charger.result("Heartbeat", {})
            if when == "before it answered":
                assert (await charger.receive())[2] == "TriggerMessage"
        await trio.sleep(5)
        async with central.charger() as charger:
            await charger.result("Heartbeat", {})
            assert (await serve_command(charger, {"status": "Accepted"}))[0] == "TriggerMessage"


async def test_a_boot_that_finds_no_room_in_the_mailbox_is_asked_for_at_the_next_message(
    autojump_clock: Any,
) -> None:
    async with open_central(mailbox_size=1) as central, central.charger() as charger:
        in_the_way = central.fleet.submit("CP1", ClearCache())
        await charger.result("Heartbeat", {})
        assert (await serve_command(charger, {"status": "Accepted"}))[0] == "ClearCache"
        await in_the_way.wait()
        assert central.told(Flagged) == []
        await charger.send([2, "again", "Heartbeat", {}])
        frames = sorted([await charger.receive(), await charger.receive()])
        assert [frame[0] for frame in frames] == [2, 3]
        assert frames[0][2:] == ["TriggerMessage", {"requestedMessage": "BootNotification"}]
        assert [event.quirk for event in central.told(Flagged)] == ["no boot"]


async def test_a_boot_that_comes_by_itself_is_not_asked_for(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.result("StatusNotification", status())
        await charger.boot()
        assert await hears_nothing(charger, 60)
        assert [(event.action, event.outcome) for event in central.told(CommandEnded)] == [
            ("TriggerMessage", "lost")
        ]


@pytest.mark.parametrize("first_boot", ["Pending", "Rejected"])
@pytest.mark.parametrize("booted", [True, False])
async def test_nothing_but_a_boot_is_let_in_before_the_charger_is_accepted(
    autojump_clock: Any, first_boot: str, booted: bool
) -> None:
    async with open_central(first_boot=first_boot) as central, central.charger() as charger:
        if booted:
            await charger.boot()
        assert (await charger.call("StatusNotification", status()))[2] == "SecurityError"
        assert (await charger.call("MeterValues", {"no": "sense"}))[2] == "SecurityError"
        await charger.boot()


async def test_a_triggered_message_is_let_in_once_while_pending(autojump_clock: Any) -> None:
    async with open_central(first_boot="Pending") as central, central.charger() as charger:
        await charger.boot()
        central.fleet.submit("CP1", TriggerMessage(requested_message=MessageTrigger.HEARTBEAT))
        await serve_command(charger, {"status": "Accepted"})
        await charger.result("Heartbeat", {})
        assert (await charger.call("Heartbeat", {}))[2] == "SecurityError"


async def test_a_message_that_the_charger_would_not_send_when_triggered_is_not_let_in(
    autojump_clock: Any,
) -> None:
    async with open_central(first_boot="Pending") as central, central.charger() as charger:
        await charger.boot()
        command = central.fleet.submit("CP1", TriggerMessage(requested_message=MessageTrigger.HEARTBEAT))
        await serve_command(charger, {"status": "NotImplemented"})
        await command.wait()
        assert (await charger.call("Heartbeat", {}))[2] == "SecurityError"


async def test_statuses_triggered_for_every_connector_are_all_let_in_while_pending(
    autojump_clock: Any,
) -> None:
    """ "a request for multiple statusNotifications: the notification for the Charge Point itself and a notification
    for each of its connectors" (OCPP 1.6 §5.17)
    """
    async with open_central(first_boot="Pending") as central, central.charger() as charger:
        await charger.boot()
        central.fleet.submit("CP1", TriggerMessage(requested_message=MessageTrigger.STATUS_NOTIFICATION))
        await serve_command(charger, {"status": "Accepted"})
        for connector in range(3):
            await charger.result("StatusNotification", status(connector))
        assert (await charger.call("MeterValues", meter_values()))[2] == "SecurityError"


async def test_a_status_triggered_for_one_connector_is_let_in_once_while_pending(autojump_clock: Any) -> None:
    async with open_central(first_boot="Pending") as central, central.charger() as charger:
        await charger.boot()
        central.fleet.submit(
            "CP1", TriggerMessage(requested_message=MessageTrigger.STATUS_NOTIFICATION, connector_id=1)
        )
        await serve_command(charger, {"status": "Accepted"})
        await charger.result("StatusNotification", status())
        assert (await charger.call("StatusNotification", status()))[2] == "SecurityError"


@pytest.mark.parametrize(
    ("trigger", "action", "payload"),
    [
        (ExtendedMessageTrigger.SIGN_CHARGE_POINT_CERTIFICATE, "SignCertificate", {"csr": "PEM"}),
        (
            ExtendedMessageTrigger.FIRMWARE_STATUS_NOTIFICATION,
            "SignedFirmwareStatusNotification",
            {"status": "Idle"},
        ),
        (ExtendedMessageTrigger.LOG_STATUS_NOTIFICATION, "LogStatusNotification", {"status": "Idle"}),
    ],
)
async def test_what_an_extended_trigger_calls_otherwise_is_let_in_while_pending(
    autojump_clock: Any, trigger: ExtendedMessageTrigger, action: str, payload: dict[str, Any]
) -> None:
    async with open_central(first_boot="Pending") as central, central.charger() as charger:
        await charger.boot()
        central.fleet.submit("CP1", ExtendedTriggerMessage(requested_message=trigger))
        await serve_command(charger, {"status": "Accepted"})
        await charger.result(action, payload)


async def test_a_boot_is_stored_only_when_it_tells_something_new(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central, central.charger() as charger:
        await charger.boot()
        assert ledger.count(RecordBoot) == 1
        await trio.sleep(100)
        await charger.boot()
        assert ledger.count(RecordBoot) == 1
        await charger.boot(firmwareVersion="2")
        assert ledger.count(RecordBoot) == 2
        record = await ledger.ask(FindChargePoint("CP1"))
    assert record is not None
    assert record.last_seen_at == START + timedelta(seconds=100)


async def test_a_boot_that_tells_nothing_new_is_answered_without_the_ledger(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central, central.charger() as charger:
        await charger.boot()
        ledger.hangs()
        assert (await charger.boot())["status"] == "Accepted"


async def test_a_new_boot_that_cannot_be_stored_is_not_confirmed_and_succeeds_later(
    autojump_clock: Any,
) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central, central.charger() as charger:
        ledger.unavailable(RecordBoot, times=1)
        assert (await charger.call("BootNotification", BOOT))[2] == "InternalError"
        assert (await charger.boot())["status"] == "Accepted"


async def test_a_charger_that_was_forgotten_meanwhile_is_registered_anew(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger, first_boot="Pending") as central, central.charger() as charger:
        await charger.boot()
        await ledger.inner.ask(RemoveChargePoint("CP1", START))
        assert (await charger.boot())["status"] == "Pending"
        assert await ledger.ask(FindChargePoint("CP1")) is not None


async def test_a_heartbeat_is_answered_with_the_time_and_noted(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        await trio.sleep(600.5)
        answer = await charger.result("Heartbeat", {})
        assert answer["currentTime"].endswith("Z")
        assert datetime.fromisoformat(answer["currentTime"]) == START + timedelta(seconds=600.5)
        record = await central.ledger.ask(FindChargePoint("CP1"))
    assert record is not None
    assert record.last_seen_at == START + timedelta(seconds=600.5)
