"""What may be asked of a charge point now (OCPP 1.6 §4.2; errata 3.40)."""

from typing import Any

import pytest

from ocpp_actors.central_system import commands
from ocpp_actors.central_system.charge_point import ChargePoint
from ocpp_actors.ledger.port import ChargePointRecord, KeyHash
from ocpp_actors.protocol.messages import RegistrationStatus

ACCEPTED, PENDING, REJECTED = (
    RegistrationStatus.ACCEPTED,
    RegistrationStatus.PENDING,
    RegistrationStatus.REJECTED,
)
BOOT = {"requestedMessage": "BootNotification"}


def charge_point(registration: RegistrationStatus | None) -> ChargePoint:
    return ChargePoint(ChargePointRecord(identity="CP1", registration=registration))


@pytest.mark.parametrize(
    ("registration", "action", "payload", "allowed"),
    [
        (ACCEPTED, "RemoteStartTransaction", {}, True),
        (None, "RemoteStartTransaction", {}, True),
        (PENDING, "RemoteStartTransaction", {}, False),
        (PENDING, "RemoteStopTransaction", {}, False),
        (PENDING, "ChangeConfiguration", {}, True),
        (PENDING, "TriggerMessage", BOOT, True),
        (REJECTED, "ChangeConfiguration", {}, False),
        (REJECTED, "TriggerMessage", BOOT, False),
        (None, "TriggerMessage", BOOT, True),
        (ACCEPTED, "TriggerMessage", BOOT, False),
        (ACCEPTED, "ExtendedTriggerMessage", BOOT, False),
        (ACCEPTED, "TriggerMessage", {"requestedMessage": "Heartbeat"}, True),
        (ACCEPTED, "DataTransfer", {}, True),
        (ACCEPTED, "Heartbeat", {}, False),
        (ACCEPTED, "Nonsense", {}, False),
    ],
)
def test_what_may_be_asked(
    registration: RegistrationStatus | None, action: str, payload: dict[str, Any], allowed: bool
) -> None:
    assert (commands.refusal(charge_point(registration), action, payload) is None) is allowed


def test_only_a_rejected_charger_is_asked_nothing_at_all() -> None:
    silenced = [each for each in (None, ACCEPTED, PENDING, REJECTED) if commands.silenced(charge_point(each))]
    assert silenced == [REJECTED]


@pytest.mark.parametrize("key", ["AuthorizationKey", "authorizationkey", "AuthorizationKey "])
def test_no_key_is_sent_while_it_is_not_known_which_of_several_was_taken(key: str) -> None:
    peer = charge_point(ACCEPTED)
    payload = {"key": key, "value": "a-key-of-the-charger"}
    peer.record.next_keys = tuple(KeyHash(str(number)) for number in range(commands.MAX_NEXT_KEYS))
    said = commands.refusal(peer, "ChangeConfiguration", payload)
    assert said is not None
    assert "until it has connected with one" in said
    assert commands.refusal(peer, "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "1"}) is None
    peer.record.next_keys = peer.record.next_keys[1:]
    assert commands.refusal(peer, "ChangeConfiguration", payload) is None
