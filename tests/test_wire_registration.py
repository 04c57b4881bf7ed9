"""Who may say what before it is accepted, seen by the charge point (OCPP 1.6 §4.2, OCPP-J errata 3.8)."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import trio

from ocpp_actors.protocol.messages import (
    ExtendedMessageTrigger,
    ExtendedTriggerMessage,
    MessageTrigger,
    RegistrationStatus,
    TriggerMessage,
)
from tests.support.call_errors import STATUS, VALID, code_for
from tests.support.central import Central, Charger, open_central
from tests.support.known import central_with, introduce

NOT_REGISTERED = pytest.mark.parametrize(
    "registration", [RegistrationStatus.PENDING, RegistrationStatus.REJECTED]
)


@NOT_REGISTERED
async def test_who_is_not_accepted_gets_a_security_error_for_everything_but_its_boot(
    autojump_clock: trio.abc.Clock, registration: RegistrationStatus
) -> None:
    async with open_central() as central:
        await introduce(central.ledger, registration=registration)
        async with central.charger() as charger:
            for action, payload in VALID.items():
                assert await code_for(charger, action, payload) == "SecurityError"
            assert (await charger.boot())["status"] == registration
            assert await code_for(charger, "Heartbeat", {}) == "SecurityError"


@NOT_REGISTERED
async def test_who_never_booted_is_treated_as_its_first_boot_would_be(
    autojump_clock: trio.abc.Clock, registration: RegistrationStatus
) -> None:
    async with open_central(first_boot=str(registration)) as central, central.charger() as charger:
        assert await code_for(charger, "Heartbeat", {}) == "SecurityError"
        assert (await charger.boot())["status"] == registration


async def test_who_is_accepted_may_say_everything(autojump_clock: trio.abc.Clock) -> None:
    async with central_with(lenient=False) as central, central.charger() as charger:
        for action, payload in VALID.items():
            assert (await charger.call(action, payload))[0] == 3


async def trigger(central: Central, charger: Charger, request: Any, status: str = "Accepted") -> None:
    command = central.fleet.submit("CP1", request)
    await charger.send([3, (await charger.receive())[1], {"status": status}])
    await command.wait()


def pending() -> AbstractAsyncContextManager[Central]:
    return open_central(first_boot="Pending")


async def test_what_was_triggered_is_let_through_once_while_pending(autojump_clock: trio.abc.Clock) -> None:
    async with pending() as central, central.charger() as charger:
        await charger.boot()
        await trigger(central, charger, TriggerMessage(requested_message=MessageTrigger.HEARTBEAT))
        assert await code_for(charger, "StatusNotification", STATUS) == "SecurityError"
        assert (await charger.call("Heartbeat", {}))[0] == 3
        assert await code_for(charger, "Heartbeat", {}) == "SecurityError"


async def test_a_message_that_was_triggered_has_to_be_valid_all_the_same(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with pending() as central, central.charger() as charger:
        await charger.boot()
        await trigger(
            central,
            charger,
            TriggerMessage(requested_message=MessageTrigger.STATUS_NOTIFICATION, connector_id=1),
        )
        assert await code_for(charger, "StatusNotification", {}) == "OccurenceConstraintViolation"


async def test_a_message_may_come_before_the_answer_to_its_trigger(autojump_clock: trio.abc.Clock) -> None:
    async with pending() as central, central.charger() as charger:
        await charger.boot()
        central.fleet.submit("CP1", TriggerMessage(requested_message=MessageTrigger.HEARTBEAT))
        await charger.receive()
        assert (await charger.call("Heartbeat", {}))[0] == 3


async def test_a_message_that_was_triggered_for_every_connector_comes_more_than_once(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Without a connectorId it is "for all allowed connectorId values" (OCPP 1.6 §5.17)."""
    async with pending() as central, central.charger() as charger:
        await charger.boot()
        await trigger(central, charger, TriggerMessage(requested_message=MessageTrigger.STATUS_NOTIFICATION))
        for connector in range(3):
            answer = await charger.call("StatusNotification", STATUS | {"connectorId": connector})
            assert answer[0] == 3


@pytest.mark.parametrize("status", ["Rejected", "NotImplemented"])
async def test_a_trigger_that_was_declined_lets_nothing_through(
    autojump_clock: trio.abc.Clock, status: str
) -> None:
    async with pending() as central, central.charger() as charger:
        await charger.boot()
        await trigger(central, charger, TriggerMessage(requested_message=MessageTrigger.HEARTBEAT), status)
        assert await code_for(charger, "Heartbeat", {}) == "SecurityError"


@pytest.mark.parametrize(
    ("requested", "action"),
    [
        (ExtendedMessageTrigger.HEARTBEAT, "Heartbeat"),
        (ExtendedMessageTrigger.LOG_STATUS_NOTIFICATION, "LogStatusNotification"),
        (ExtendedMessageTrigger.FIRMWARE_STATUS_NOTIFICATION, "SignedFirmwareStatusNotification"),
        (ExtendedMessageTrigger.SIGN_CHARGE_POINT_CERTIFICATE, "SignCertificate"),
    ],
)
async def test_what_an_extended_trigger_asked_for_is_let_through_under_its_own_name(
    autojump_clock: trio.abc.Clock, requested: ExtendedMessageTrigger, action: str
) -> None:
    """Two names of MessageTriggerEnumType are not those of the messages (security whitepaper §6.14)."""
    async with pending() as central, central.charger() as charger:
        await charger.boot()
        await trigger(central, charger, ExtendedTriggerMessage(requested_message=requested))
        assert (await charger.call(action, VALID[action]))[0] == 3
