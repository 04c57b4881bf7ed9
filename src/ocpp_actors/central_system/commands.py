"""What the central system may ask of a charge point now, and what asking changes (OCPP 1.6 §4.2, §5)."""

from collections.abc import Mapping
from typing import Any, Final

from ocpp_actors.central_system.charge_point import ChargePoint
from ocpp_actors.central_system.rules import is_authorization_key
from ocpp_actors.protocol.catalogue import ACTIONS, Role
from ocpp_actors.protocol.messages import RegistrationStatus

TRIGGERS = frozenset({"TriggerMessage", "ExtendedTriggerMessage"})
TRIGGERED_PER_CONNECTOR = frozenset({"MeterValues", "StatusNotification"})
TRIGGERED_UNDER_ANOTHER_NAME = {
    ("ExtendedTriggerMessage", "FirmwareStatusNotification"): "SignedFirmwareStatusNotification",
    ("ExtendedTriggerMessage", "SignChargePointCertificate"): "SignCertificate",
}
"""The actions that MessageTriggerEnumType calls otherwise (security whitepaper §6.14)."""
NOT_WHILE_PENDING = frozenset({"RemoteStartTransaction", "RemoteStopTransaction"})
MAX_NEXT_KEYS: Final = 3
"""Keys that may be in doubt, beside the one that is right: each is compared when the charge point connects."""

KEYS_IN_DOUBT: Final = (
    f"{MAX_NEXT_KEYS} AuthorizationKeys were sent and it is not known which of them the charge point took: wait until "
    "it has connected with one, or set or remove its key here"
)
"""With one more, one that the charge point may use would be wrong."""


def silenced(charge_point: ChargePoint) -> bool:
    """Whether nothing may be asked: while Rejected the central system "SHOULD NOT initiate any" message (§4.2)."""
    return charge_point.registration is RegistrationStatus.REJECTED


def refusal(charge_point: ChargePoint, action: str, payload: Mapping[str, Any]) -> str | None:
    """Say why this must not be asked of the charge point now; None if it may be."""
    if action not in ACTIONS or Role.CENTRAL_SYSTEM not in ACTIONS[action].senders:
        return f"{action} is no request of a central system"
    if silenced(charge_point):
        return "the charge point is Rejected: the central system asks nothing of it"
    if charge_point.registration is RegistrationStatus.PENDING and action in NOT_WHILE_PENDING:
        return f"{action} is not allowed while the charge point is Pending"
    if (
        action in TRIGGERS
        and payload.get("requestedMessage") == "BootNotification"
        and charge_point.record.registration is RegistrationStatus.ACCEPTED
    ):
        return "a BootNotification is not triggered after one was Accepted (errata 3.40)"
    if len(charge_point.record.next_keys) >= MAX_NEXT_KEYS and changes_key(action, payload):
        return KEYS_IN_DOUBT
    return None


def changes_key(action: str, payload: Mapping[str, Any]) -> bool:
    """Whether a CALL brings a new AuthorizationKey."""
    return action == "ChangeConfiguration" and is_authorization_key(payload["key"])


def sent(charge_point: ChargePoint, action: str, payload: Mapping[str, Any]) -> None:
    """Note that this was asked. A message that was triggered is let through while Pending, from now on."""
    if action in TRIGGERS:
        triggered = _triggered(action, payload)
        charge_point.triggered[triggered] = (
            triggered in TRIGGERED_PER_CONNECTOR and payload.get("connectorId") is None
        )


def ended(charge_point: ChargePoint, action: str, payload: Mapping[str, Any], response: Any) -> None:
    """Note what came of it; ``response`` is None where there was no valid answer."""
    if action in TRIGGERS and (response is None or response.status != "Accepted"):
        charge_point.triggered.pop(_triggered(action, payload), None)


def lost(charge_point: ChargePoint, action: str, payload: Mapping[str, Any]) -> None:
    """Note that the connection ended before it was asked, or answered: a missing boot is asked for again."""
    ended(charge_point, action, payload, None)
    if action in TRIGGERS and payload.get("requestedMessage") == "BootNotification":
        charge_point.boot_requested = False


def came(charge_point: ChargePoint, action: str) -> bool:
    """Whether this message was triggered; one that was asked for once counts once."""
    for_every_connector = charge_point.triggered.get(action)
    if for_every_connector is False:
        del charge_point.triggered[action]
    return for_every_connector is not None


def _triggered(action: str, payload: Mapping[str, Any]) -> str:
    requested = str(payload.get("requestedMessage"))
    return TRIGGERED_UNDER_ANOTHER_NAME.get((action, requested), requested)
