"""Local list, cache, reservations, configuration, certificates: the rules by themselves."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ocpp_actors.protocol.messages import (
    AuthorizationData,
    AuthorizationStatus,
    ChargePointStatus,
    ConfigurationStatus,
    IdTagInfo,
    ReservationStatus,
    ReserveNow,
    SendLocalList,
    UpdateStatus,
    UpdateType,
)
from ocpp_actors.testbench.simulated import local_list as lists
from ocpp_actors.testbench.simulated.authorization import Cache, Policy, Verdict, decide, same_group
from ocpp_actors.testbench.simulated.configuration import Configuration
from ocpp_actors.testbench.simulated.local_list import LocalList
from ocpp_actors.testbench.simulated.reservations import Reservations

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER, EARLIER = NOW + timedelta(hours=1), NOW - timedelta(hours=1)
OK = IdTagInfo(status=AuthorizationStatus.ACCEPTED)
BLOCKED = IdTagInfo(status=AuthorizationStatus.BLOCKED)

# --- local list --------------------------------------------------------------------------------------------------


def send(version: int, kind: str, *entries: tuple[str, IdTagInfo | None]) -> SendLocalList:
    sent = [AuthorizationData(id_tag=tag, id_tag_info=info) for tag, info in entries]
    return SendLocalList(
        list_version=version, update_type=UpdateType(kind), local_authorization_list=sent or None
    )


def test_a_full_list_replaces_all() -> None:
    status, first = LocalList().updated(send(3, "Full", ("A", OK), ("B", BLOCKED)))
    assert (status, first.version) == (UpdateStatus.ACCEPTED, 3)
    assert (first.find("a"), first.find("B"), first.find("C")) == (OK, BLOCKED, None)
    status, second = first.updated(send(1, "Full", ("C", OK)))
    assert (status, second.version, set(second.entries)) == (UpdateStatus.ACCEPTED, 1, {"c"})


def test_an_empty_full_list_has_version_0() -> None:
    _, first = LocalList().updated(send(3, "Full", ("A", OK)))
    status, second = first.updated(send(4, "Full"))
    assert (status, second) == (UpdateStatus.ACCEPTED, LocalList())


def test_a_differential_list_adds_changes_and_removes() -> None:
    _, first = LocalList().updated(send(3, "Full", ("A", OK), ("B", OK)))
    status, second = first.updated(send(4, "Differential", ("a", None), ("B", BLOCKED), ("C", OK)))
    assert (status, second.version) == (UpdateStatus.ACCEPTED, 4)
    assert second.entries == {"b": BLOCKED, "c": OK}
    assert second.updated(send(5, "Differential", ("X", None)))[0] is UpdateStatus.ACCEPTED


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (send(3, "Differential", ("C", OK)), UpdateStatus.VERSION_MISMATCH),
        (send(2, "Differential", ("C", OK)), UpdateStatus.VERSION_MISMATCH),
        (send(0, "Full", ("C", OK)), UpdateStatus.FAILED),
        (send(-1, "Full", ("C", OK)), UpdateStatus.FAILED),
        (send(4, "Full", ("C", None)), UpdateStatus.FAILED),
        (send(4, "Full", ("C", OK), ("c", BLOCKED)), UpdateStatus.FAILED),
        (send(4, "Differential", ("C", OK), ("c", None)), UpdateStatus.FAILED),
        (send(4, "Full", *((f"T{n}", OK) for n in range(lists.MAX_SENT + 1))), UpdateStatus.FAILED),
    ],
)
def test_a_list_that_is_refused_changes_nothing(request_: SendLocalList, status: UpdateStatus) -> None:
    _, before = LocalList().updated(send(3, "Full", ("A", OK)))
    assert before.updated(request_) == (status, before)


def test_a_list_has_room_for_so_many() -> None:
    held = LocalList()
    for part in range(lists.MAX_ENTRIES // lists.MAX_SENT):
        entries = [(f"T{part}-{number}", OK) for number in range(lists.MAX_SENT)]
        status, held = held.updated(send(part + 1, "Differential", *entries))
        assert status is UpdateStatus.ACCEPTED
    assert held.updated(send(99, "Differential", ("one more", OK)))[0] is UpdateStatus.FAILED


# --- who may charge ----------------------------------------------------------------------------------------------

LISTED, CACHED, UNKNOWN = "listed", "cached", "unknown"
ASK, ACCEPT, REFUSE = Verdict.ASK, Verdict.ACCEPT, Verdict.REFUSE


def verdict(id_tag: str, *, online: bool, info: IdTagInfo = OK, **policy: bool) -> Verdict:
    chosen = Policy(
        **{
            "list_enabled": True,
            "cache_enabled": True,
            "pre_authorize": False,
            "authorize_offline": True,
            "unknown_offline": False,
            **policy,
        }
    )
    cache = Cache()
    cache.store(CACHED, info)
    cache.store(LISTED, BLOCKED if info is OK else OK)  # the list goes before it
    return decide(id_tag, LocalList(1, {LISTED: info}), cache, chosen, NOW, online=online)[0]


@pytest.mark.parametrize("id_tag", [LISTED, CACHED])
def test_known_id_tags(id_tag: str) -> None:
    assert verdict(id_tag, online=True) is ASK
    assert verdict(id_tag, online=True, pre_authorize=True) is ACCEPT
    assert verdict(id_tag, online=True, pre_authorize=True, info=BLOCKED) is ASK
    assert verdict(id_tag.upper(), online=False) is ACCEPT
    assert verdict(id_tag, online=False, authorize_offline=False) is REFUSE
    assert verdict(id_tag, online=False, info=BLOCKED) is REFUSE
    assert verdict(id_tag, online=False, info=BLOCKED, unknown_offline=True) is REFUSE
    gone = IdTagInfo(status=AuthorizationStatus.ACCEPTED, expiry_date=EARLIER)
    assert verdict(id_tag, online=False, info=gone, unknown_offline=True) is REFUSE
    good = IdTagInfo(status=AuthorizationStatus.ACCEPTED, expiry_date=LATER)
    assert verdict(id_tag, online=False, info=good) is ACCEPT


def test_unknown_id_tags() -> None:
    assert verdict(UNKNOWN, online=True, pre_authorize=True) is ASK
    assert verdict(UNKNOWN, online=False) is REFUSE
    assert verdict(UNKNOWN, online=False, unknown_offline=True) is ACCEPT


def test_what_is_switched_off_is_not_looked_at() -> None:
    assert verdict(CACHED, online=False, cache_enabled=False) is REFUSE
    assert verdict(LISTED, online=False, list_enabled=False) is REFUSE  # the cache says Blocked
    assert verdict(LISTED, online=False, list_enabled=False, cache_enabled=False) is REFUSE


def test_the_cache_gives_up_what_is_not_valid_and_then_the_oldest() -> None:
    cache = Cache(max_entries=3)
    for tag, info in (("A", OK), ("B", BLOCKED), ("C", OK), ("D", OK), ("A", OK), ("E", OK), ("A", OK)):
        cache.store(tag, info)
    assert [tag for tag in "ABCDE" if cache.find(tag, NOW)] == ["A", "D", "E"]
    cache.clear()
    assert len(cache) == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("P", "p", True), ("P", "Q", False), (None, None, False), ("P", None, False)],
)
def test_groups(one: str | None, other: str | None, same: bool) -> None:
    def info(parent: str | None) -> IdTagInfo:
        return IdTagInfo(status=AuthorizationStatus.ACCEPTED, parent_id_tag=parent)

    assert same_group(info(one), info(other)) is same
    assert not same_group(None, info(other))


# --- reservations ------------------------------------------------------------------------------------------------

S = ChargePointStatus
FREE = {1: S.AVAILABLE, 2: S.AVAILABLE}


def reserve(number: int, connector: int, id_tag: str = "A", **more: Any) -> ReserveNow:
    return ReserveNow(
        **{
            "connector_id": connector,
            "expiry_date": LATER,
            "id_tag": id_tag,
            "reservation_id": number,
            **more,
        }
    )


@pytest.mark.parametrize(
    ("connector", "statuses", "status"),
    [
        (1, FREE, "Accepted"),
        (0, FREE, "Accepted"),
        (3, FREE, "Rejected"),
        *((1, FREE | {1: each}, "Occupied") for each in (S.PREPARING, S.CHARGING, S.FINISHING, S.RESERVED)),
        *((1, FREE | {1: each}, "Occupied") for each in (S.SUSPENDED_EV, S.SUSPENDED_EVSE)),
        (1, FREE | {1: S.FAULTED}, "Faulted"),
        (1, FREE | {1: S.UNAVAILABLE}, "Unavailable"),
        (0, FREE | {1: S.FAULTED}, "Accepted"),
        (0, {1: S.FAULTED, 2: S.FAULTED}, "Faulted"),
        (0, {1: S.FAULTED, 2: S.UNAVAILABLE}, "Unavailable"),
        (0, {1: S.CHARGING, 2: S.FAULTED}, "Occupied"),
    ],
)
def test_what_can_be_reserved(connector: int, statuses: dict[int, ChargePointStatus], status: str) -> None:
    assert Reservations().reserve(reserve(1, connector), statuses, NOW) == status


def test_what_is_over_already_is_not_reserved() -> None:
    assert Reservations().reserve(reserve(1, 1, expiry_date=NOW), FREE, NOW) is ReservationStatus.REJECTED


def test_the_same_id_replaces_a_reservation() -> None:
    held = Reservations()
    held.reserve(reserve(1, 1), FREE, NOW)
    assert held.reserve(reserve(1, 1, "B"), FREE | {1: S.RESERVED}, NOW) == "Accepted"
    assert [each.id_tag for each in held] == ["B"]
    assert held.reserve(reserve(1, 2, "B"), FREE | {1: S.RESERVED}, NOW) == "Accepted"
    assert [each.connector_id for each in held] == [2]


def test_any_connector_is_kept_free() -> None:
    held = Reservations()
    assert held.reserve(reserve(1, 0), FREE, NOW) == "Accepted"
    assert not held.forbid("B", None, 1, FREE)
    assert held.forbid("B", None, 2, FREE | {1: S.CHARGING})
    assert not held.forbid("A", None, 2, FREE | {1: S.CHARGING})
    assert held.reserve(reserve(2, 0, "B"), FREE, NOW) == "Accepted"
    assert held.reserve(reserve(3, 0, "C"), FREE, NOW) == "Occupied"
    assert held.reserve(reserve(3, 1, "C"), FREE, NOW) == "Occupied"
    assert held.forbid("C", None, 1, FREE)


def test_who_may_use_a_reserved_connector() -> None:
    held = Reservations()
    held.reserve(reserve(5, 1, parent_id_tag="P"), FREE, NOW)
    statuses = FREE | {1: S.RESERVED}
    assert held.forbid("B", None, 1, statuses)
    assert held.forbid("B", "Q", 1, statuses)
    assert not held.forbid("a", None, 1, statuses)
    assert not held.forbid("B", "p", 1, statuses)
    assert not held.forbid("B", None, 2, statuses)
    used = held.used_by("B", "P", 1)
    assert used is not None
    assert used.reservation_id == 5
    assert held.used_by("A", None, 2) is None


def test_reservations_end() -> None:
    held = Reservations()
    held.reserve(reserve(1, 1), FREE, NOW)
    held.reserve(reserve(2, 2, expiry_date=LATER + timedelta(hours=1)), FREE | {1: S.RESERVED}, NOW)
    assert [each.reservation_id for each in held.expired(LATER)] == [1]
    assert held.cancel(1) is None
    assert held.cancel(2) is not None
    assert list(held) == []


# --- configuration -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("HeartbeatInterval", "60", "Accepted"),
        ("heartbeatinterval", " 60 ", "Accepted"),
        ("HeartbeatInterval", "0", "Rejected"),
        ("HeartbeatInterval", "-1", "Rejected"),
        ("HeartbeatInterval", "60.5", "Rejected"),
        ("HeartbeatInterval", "soon", "Rejected"),
        ("HeartbeatInterval", "", "Rejected"),
        ("HeartbeatInterval", str(2**31), "Rejected"),
        ("WebSocketPingInterval", "-1", "Rejected"),
        ("LocalPreAuthorize", "TRUE", "Accepted"),
        ("LocalPreAuthorize", "1", "Rejected"),
        ("MeterValuesSampledData", "Voltage, SoC", "Accepted"),
        ("MeterValuesSampledData", "", "Accepted"),
        ("MeterValuesSampledData", "Voltage,RPM", "Rejected"),
        ("StopTxnSampledData", "Colour", "Rejected"),
        ("NumberOfConnectors", "5", "Rejected"),
        ("SupportedFeatureProfiles", "Core", "Rejected"),
        ("AuthorizationKey", "0123456789abcdef", "Accepted"),
        ("AuthorizationKey", "short", "Rejected"),
        ("AuthorizationKey", "x" * 41, "Rejected"),
        ("DisplayLanguage", "nl", "RebootRequired"),
        ("NoSuchKey", "1", "NotSupported"),
    ],
)
def test_changing_a_key(key: str, value: str, status: str) -> None:
    configuration = Configuration(2)
    before = configuration.read(None)
    assert configuration.change(key, value) == ConfigurationStatus(status)
    if status in {"Rejected", "NotSupported", "RebootRequired"}:
        assert configuration.read(None) == before


def test_reading_keys() -> None:
    configuration = Configuration(2)
    keys, unknown = configuration.read(["numberofconnectors", "Nothing", "HeartbeatInterval"])
    assert [(key.key, key.value, key.readonly) for key in keys] == [
        ("NumberOfConnectors", "2", True),
        ("HeartbeatInterval", "300", False),
    ]
    assert unknown == ["Nothing"]
    everything, nothing = configuration.read([])
    assert len(everything) > 35
    assert nothing == []


def test_a_key_that_cannot_be_read() -> None:
    configuration = Configuration(1)
    configuration.change("AuthorizationKey", "0123456789abcdef")
    ((key,), _) = configuration.read(["AuthorizationKey"])
    assert key.value is None
    assert configuration.text("AuthorizationKey") == "0123456789abcdef"


def test_a_key_that_holds_after_a_reboot() -> None:
    configuration = Configuration(1)
    configuration.change("DisplayLanguage", "nl")
    assert configuration.text("DisplayLanguage") == "en"
    configuration.rebooted()
    assert configuration.text("DisplayLanguage") == "nl"


def test_keys_from_the_factory() -> None:
    configuration = Configuration(1)
    configuration.preset("supportedfeatureprofiles", "Core")
    assert configuration.text("SupportedFeatureProfiles") == "Core"
    with pytest.raises(ValueError, match="no configuration key 'Nothing'"):
        configuration.preset("Nothing", "1")
