"""What an answered command changes, as facts for the ledger."""

from typing import Any

import pytest
from tests.support.central import START

from ocpp_actors.central_system.effects import Exchange, effects
from ocpp_actors.ledger.port import (
    AddReservation,
    CommandState,
    ConfigurationKey,
    InstalledProfile,
    KeyHash,
    RecordClearedProfiles,
    RecordConfiguration,
    RecordInstalledProfile,
    RecordLocalList,
    RecordLocalListVersion,
    ReservationState,
    SetKey,
    SetNextKeys,
    SetReservationState,
)
from ocpp_actors.protocol.catalogue import ACTIONS
from ocpp_actors.protocol.validation import decode

KEY = KeyHash("$sha256$salt$digest")
RESERVE = {"connectorId": 1, "expiryDate": "2026-03-01T12:00:00Z", "idTag": "TAG", "reservationId": 7}
PROFILE = {"chargingProfileId": 3, "stackLevel": 0}


def after(action: str, payload: dict[str, Any], answer: dict[str, Any], **keys: Any) -> list[Any]:
    response = decode(ACTIONS[action].response, answer)
    return effects(Exchange("CP1", action, payload, CommandState.ANSWERED, response, START, **keys))


def unanswered(action: str, payload: dict[str, Any], state: CommandState, **keys: Any) -> list[Any]:
    return effects(Exchange("CP1", action, payload, state, None, START, **keys))


def key(name: str, value: str | None, *, readonly: bool | None = False, reboot: bool = False) -> Any:
    return ConfigurationKey(name, value, readonly, reboot, START)


@pytest.mark.parametrize(("status", "reboot"), [("Accepted", False), ("RebootRequired", True)])
def test_a_value_that_was_set_is_kept(status: str, reboot: bool) -> None:
    facts = after("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}, {"status": status})
    expected = key("HeartbeatInterval", "60", readonly=None, reboot=reboot)
    assert facts == [RecordConfiguration("CP1", (expected,))]


NEW_KEY = {"key": "authorizationKey", "value": "0123456789abcdef0123456789abcdef01234567"}
FORMER = (KeyHash("$sha256$salt$former"),)


@pytest.mark.parametrize("status", ["Rejected", "NotSupported"])
def test_a_value_that_was_not_set_changes_nothing(status: str) -> None:
    payload = {"key": "HeartbeatInterval", "value": "60"}
    assert after("ChangeConfiguration", payload, {"status": status}) == []


@pytest.mark.parametrize(
    ("status", "fact"),
    [
        ("Accepted", SetKey("CP1", KEY)),
        ("RebootRequired", SetNextKeys("CP1", (KEY,))),
        ("Rejected", SetNextKeys("CP1", FORMER)),
        ("NotSupported", SetNextKeys("CP1", FORMER)),
    ],
)
def test_a_new_authorization_key_is_kept_as_a_hash_only(status: str, fact: Any) -> None:
    facts = after("ChangeConfiguration", NEW_KEY, {"status": status}, key=KEY, former_next_keys=FORMER)
    reboot = status == "RebootRequired"
    seen = RecordConfiguration("CP1", (key("authorizationKey", None, readonly=None, reboot=reboot),))
    assert facts == ([seen, fact] if status in {"Accepted", "RebootRequired"} else [fact])
    assert NEW_KEY["value"] not in repr(facts)


@pytest.mark.parametrize("state", [CommandState.CALL_ERROR, CommandState.TIMEOUT, CommandState.LOST])
def test_where_nothing_is_known_of_a_new_authorization_key_all_are_right(state: CommandState) -> None:
    facts = unanswered("ChangeConfiguration", NEW_KEY, state, key=KEY, former_next_keys=FORMER)
    assert facts == [SetNextKeys("CP1", (*FORMER, KEY))]


def test_all_keys_that_were_told_replace_what_was_known() -> None:
    answer = {
        "configurationKey": [
            {"key": "A", "readonly": True, "value": "1"},
            {"key": "AuthorizationKey", "readonly": False, "value": "secret"},
            {"key": "authorizationkey ", "readonly": False, "value": "secret"},
            {"key": "Url", "readonly": False, "value": "ftp://user:secret@host/"},
        ]
    }
    told = (
        key("A", "1", readonly=True),
        key("AuthorizationKey", None),
        key("authorizationkey ", None),
        key("Url", "ftp://user:***@host/"),
    )
    assert after("GetConfiguration", {}, answer) == [RecordConfiguration("CP1", told, (), complete=True)]


def test_some_keys_that_were_asked_for_leave_the_others() -> None:
    facts = after("GetConfiguration", {"key": ["A", "B"]}, {"unknownKey": ["A", "B"]})
    assert facts == [RecordConfiguration("CP1", (), ("A", "B"), complete=False)]


@pytest.mark.parametrize("status", ["Accepted", "Faulted", "Occupied", "Rejected", "Unavailable"])
def test_a_reservation_is_what_the_charge_point_says(status: str) -> None:
    (fact,) = after("ReserveNow", RESERVE, {"status": status})
    assert isinstance(fact, AddReservation)
    assert (fact.reservation_id, fact.state, fact.id_tag) == (7, status, "TAG")


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        (CommandState.CALL_ERROR, ReservationState.REJECTED),
        (CommandState.TIMEOUT, ReservationState.UNKNOWN),
        (CommandState.LOST, ReservationState.UNKNOWN),
        (CommandState.INVALID, ReservationState.UNKNOWN),
    ],
)
def test_a_reservation_without_an_answer(state: CommandState, kept: ReservationState) -> None:
    (fact,) = unanswered("ReserveNow", RESERVE, state)
    assert fact.state is kept


def test_a_status_that_a_lenient_charge_point_made_up_leaves_a_reservation_unknown() -> None:
    class Response:
        status = "Perhaps"

    (fact,) = effects(Exchange("CP1", "ReserveNow", RESERVE, CommandState.ANSWERED, Response(), START, KEY))
    assert isinstance(fact, AddReservation)
    assert fact.state is ReservationState.UNKNOWN


def test_a_cancelled_reservation() -> None:
    cancelled = SetReservationState("CP1", 7, ReservationState.CANCELLED, START)
    assert after("CancelReservation", {"reservationId": 7}, {"status": "Accepted"}) == [cancelled]
    assert after("CancelReservation", {"reservationId": 7}, {"status": "Rejected"}) == []


@pytest.mark.parametrize(("update", "full"), [("Full", True), ("Differential", False)])
def test_a_local_list_that_was_accepted(update: str, full: bool) -> None:
    entries = [{"idTag": "TAG", "idTagInfo": {"status": "Accepted"}}]
    payload = {"listVersion": 4, "updateType": update, "localAuthorizationList": entries}
    facts = after("SendLocalList", payload, {"status": "Accepted"})
    assert facts == [RecordLocalList("CP1", 4, full, tuple(entries), START)]


def test_an_empty_local_list() -> None:
    payload = {"listVersion": 4, "updateType": "Full"}
    assert after("SendLocalList", payload, {"status": "Accepted"}) == [
        RecordLocalList("CP1", 4, True, (), START)
    ]


@pytest.mark.parametrize("status", ["Failed", "NotSupported", "VersionMismatch"])
def test_a_local_list_that_was_not_accepted_changes_nothing(status: str) -> None:
    assert after("SendLocalList", {"listVersion": 4, "updateType": "Full"}, {"status": status}) == []


def test_the_version_of_a_local_list_is_kept_as_told() -> None:
    facts = after("GetLocalListVersion", {}, {"listVersion": 9})
    assert facts == [RecordLocalListVersion("CP1", 9, START)]


def test_a_charging_profile_is_kept_where_it_was_accepted() -> None:
    payload = {"connectorId": 2, "csChargingProfiles": PROFILE}
    installed = RecordInstalledProfile(InstalledProfile("CP1", 2, PROFILE, START))
    assert after("SetChargingProfile", payload, {"status": "Accepted"}) == [installed]
    assert after("SetChargingProfile", payload, {"status": "Rejected"}) == []
    assert after("SetChargingProfile", payload, {"status": "NotSupported"}) == []


@pytest.mark.parametrize("status", ["Accepted", "Unknown"])
def test_cleared_charging_profiles_are_forgotten(status: str) -> None:
    payload = {"id": 3, "connectorId": 1, "chargingProfilePurpose": "TxProfile", "stackLevel": 2}
    facts = after("ClearChargingProfile", payload, {"status": status})
    assert facts == [RecordClearedProfiles("CP1", 3, 1, "TxProfile", 2)]


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_an_unanswered_command_changes_nothing_but_a_reservation(action: str) -> None:
    if action != "ReserveNow":
        assert unanswered(action, {}, CommandState.TIMEOUT) == []
