"""Rules of the specification that a request of the central system keeps beyond its schema."""

from typing import Any

import pytest

from ocpp_actors.central_system.rules import breach
from ocpp_actors.protocol import messages as m
from ocpp_actors.protocol.validation import decode

SCHEDULE = {
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}, {"startPeriod": 60, "limit": 8}],
}


def profile(**more: Any) -> dict[str, Any]:
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": SCHEDULE,
    } | more


def starting(*starts: int) -> dict[str, Any]:
    return {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": start, "limit": 16} for start in starts],
    }


def start(**more: Any) -> dict[str, Any]:
    return {"idTag": "TAG"} | more


def setting(connector_id: int = 1, **more: Any) -> dict[str, Any]:
    return {"connectorId": connector_id, "csChargingProfiles": profile(**{"transactionId": 5, **more})}


def local_list(*entries: Any, version: int = 1, update_type: str = "Full") -> dict[str, Any]:
    return {"listVersion": version, "updateType": update_type, "localAuthorizationList": list(entries)}


KNOWN = {"idTag": "TAG", "idTagInfo": {"status": "Accepted"}}
LATER = {"connectorId": 1, "expiryDate": "2026-03-01T12:00:00Z", "idTag": "TAG"}

KEPT = [
    (m.RemoteStartTransaction, start(connectorId=1, chargingProfile=profile())),
    (m.RemoteStartTransaction, start()),
    (m.RemoteStopTransaction, {"transactionId": 1}),
    (m.SetChargingProfile, setting()),
    (m.SetChargingProfile, setting(chargingProfileKind="Recurring", recurrencyKind="Daily")),
    (
        m.SetChargingProfile,
        {"connectorId": 0, "csChargingProfiles": profile(chargingProfilePurpose="ChargePointMaxProfile")},
    ),
    (
        m.SetChargingProfile,
        {"connectorId": 0, "csChargingProfiles": profile(chargingProfilePurpose="TxDefaultProfile")},
    ),
    (m.UnlockConnector, {"connectorId": 1}),
    (m.ReserveNow, LATER | {"reservationId": 1}),
    (m.ReserveNow, LATER | {"reservationId": 1, "connectorId": 0}),
    (m.SendLocalList, local_list(KNOWN)),
    (m.SendLocalList, local_list({"idTag": "TAG"}, update_type="Differential")),
    (m.SendLocalList, {"listVersion": 1, "updateType": "Full"}),
    (m.GetCompositeSchedule, {"connectorId": 0, "duration": 0}),
    (m.ChangeConfiguration, {"key": "AuthorizationKey", "value": "x" * 16}),
    (m.ChangeConfiguration, {"key": "HeartbeatInterval", "value": "1"}),
    (m.ClearCache, {}),
]


@pytest.mark.parametrize(("request_class", "payload"), KEPT)
def test_what_keeps_the_rules_may_be_sent(request_class: Any, payload: dict[str, Any]) -> None:
    assert breach(decode(request_class, payload)) is None


SCHEDULED = "/csChargingProfiles/chargingSchedule/chargingSchedulePeriod"
BROKEN = [
    (m.RemoteStartTransaction, start(connectorId=0), "/connectorId"),
    (
        m.RemoteStartTransaction,
        start(chargingProfile=profile(chargingProfilePurpose="TxDefaultProfile")),
        "/chargingProfile/chargingProfilePurpose",
    ),
    (
        m.RemoteStartTransaction,
        start(chargingProfile=profile(transactionId=1)),
        "/chargingProfile/transactionId",
    ),
    (m.RemoteStartTransaction, start(chargingProfile=profile(stackLevel=-1)), "/chargingProfile/stackLevel"),
    (m.RemoteStopTransaction, {"transactionId": 0}, "/transactionId"),
    (m.RemoteStopTransaction, {"transactionId": -1}, "/transactionId"),
    (m.SetChargingProfile, setting(connector_id=0), "/connectorId"),
    (
        m.SetChargingProfile,
        {"connectorId": 1, "csChargingProfiles": profile()},
        "/csChargingProfiles/transactionId",
    ),
    (m.SetChargingProfile, setting(chargingProfilePurpose="ChargePointMaxProfile"), "/connectorId"),
    (
        m.SetChargingProfile,
        setting(chargingProfilePurpose="TxDefaultProfile"),
        "/csChargingProfiles/transactionId",
    ),
    (
        m.SetChargingProfile,
        setting(chargingProfileKind="Recurring"),
        "/csChargingProfiles/recurrencyKind",
    ),
    (m.SetChargingProfile, setting(chargingSchedule=starting(60)), f"{SCHEDULED}/0/startPeriod"),
    (m.SetChargingProfile, setting(chargingSchedule=starting(0, 60, 60)), f"{SCHEDULED}/2/startPeriod"),
    (
        m.SetChargingProfile,
        setting(validFrom="2026-03-02T00:00:00Z", validTo="2026-03-01T00:00:00Z"),
        "/csChargingProfiles/validTo",
    ),
    (m.UnlockConnector, {"connectorId": 0}, "/connectorId"),
    (m.ReserveNow, LATER | {"reservationId": 0}, "/reservationId"),
    (m.SendLocalList, local_list(version=0), "/listVersion"),
    (m.SendLocalList, local_list(version=-1), "/listVersion"),
    (m.SendLocalList, local_list(KNOWN, {"idTag": "OTHER"}), "/localAuthorizationList/1/idTagInfo"),
    (m.SendLocalList, local_list(KNOWN, KNOWN | {"idTag": "tag"}), "/localAuthorizationList/1/idTag"),
    (m.GetCompositeSchedule, {"connectorId": 0, "duration": -1}, "/duration"),
    (m.ChangeConfiguration, {"key": "authorizationkey", "value": "x" * 15}, "/value"),
    (m.ChangeConfiguration, {"key": "AuthorizationKey", "value": "x" * 41}, "/value"),
]


@pytest.mark.parametrize(("request_class", "payload", "path"), BROKEN)
def test_what_breaks_a_rule_is_told_where(request_class: Any, payload: dict[str, Any], path: str) -> None:
    broken = breach(decode(request_class, payload))
    assert broken is not None
    assert broken.path == path
    assert broken.rule
