"""What is sent to bring a local authorization list up to date."""

from datetime import timedelta
from typing import Any

import pytest
from tests.support.central import START

from ocpp_actors.central_system.rules import breach
from ocpp_actors.ledger.port import ConfigurationKey, IdTag, LocalList
from ocpp_actors.operator.local_list import UnknownList, longest_request, requests
from ocpp_actors.protocol.codec import encode
from ocpp_actors.protocol.messages import AuthorizationStatus, UpdateType

FULL, DIFFERENTIAL = UpdateType.FULL, UpdateType.DIFFERENTIAL


def tags(*names: str) -> list[IdTag]:
    return [IdTag(name, AuthorizationStatus.ACCEPTED) for name in names]


def entry(name: str, status: str | None = "Accepted", **info: Any) -> dict[str, Any]:
    return {"idTag": name} | ({"idTagInfo": {"status": status, **info}} if status else {})


def known(version: int, *entries: dict[str, Any]) -> LocalList:
    return LocalList("CP1", version, {each["idTag"].casefold(): each for each in entries}, START)


def sent(*how: Any) -> list[tuple[int, str, list[Any]]]:
    made = requests(*how)
    for request in made:
        assert breach(request) is None
    return [
        (each["listVersion"], each["updateType"], each["localAuthorizationList"])
        for each in map(encode, made)
    ]


def test_a_full_list_has_all_that_is_known_of_each_tag() -> None:
    tag = IdTag("A", AuthorizationStatus.BLOCKED, START + timedelta(days=1), "PARENT", 3)
    assert sent(FULL, [tag], None, None) == [
        (1, "Full", [entry("A", "Blocked", expiryDate="2026-03-02T12:00:00Z", parentIdTag="PARENT")])
    ]


@pytest.mark.parametrize(("present", "version"), [(None, 1), (-1, 1), (0, 1), (1, 2), (41, 42)])
def test_versions_follow_the_known_one_and_are_never_0_or_less(present: Any, version: int) -> None:
    found = None if present is None else known(present)
    assert [each[0] for each in sent(FULL, tags("A"), found, None)] == [version]


def test_an_empty_list_is_sent_too() -> None:
    assert sent(FULL, [], known(4, entry("A")), 2) == [(5, "Full", [])]


def test_a_long_list_goes_on_with_differential_updates() -> None:
    assert sent(FULL, tags("A", "B", "C", "D", "E"), known(1), 2) == [
        (2, "Full", [entry("A"), entry("B")]),
        (3, "Differential", [entry("C"), entry("D")]),
        (4, "Differential", [entry("E")]),
    ]


def test_a_difference_removes_adds_and_changes() -> None:
    present = known(7, entry("a"), entry("B"), entry("C", "Blocked"), entry("GONE"))
    assert sent(DIFFERENTIAL, tags("A", "B", "C", "NEW"), present, None) == [
        (8, "Differential", [entry("GONE", None), entry("A"), entry("C"), entry("NEW")])
    ]


def test_no_difference_is_sent_as_such() -> None:
    assert sent(DIFFERENTIAL, tags("A"), known(7, entry("A")), 5) == [(8, "Differential", [])]


@pytest.mark.parametrize("present", [None, LocalList("CP1", 3, None, START)])
def test_a_difference_to_what_is_not_known_cannot_be_told(present: Any) -> None:
    with pytest.raises(UnknownList):
        requests(DIFFERENTIAL, tags("A"), present, None)


@pytest.mark.parametrize(
    ("key", "value", "longest"),
    [
        ("SendLocalListMaxLength", "25", 25),
        ("sendlocallistmaxlength", " 25 ", 25),
        ("SendLocalListMaxLength", "0", None),
        ("SendLocalListMaxLength", "many", None),
        ("SendLocalListMaxLength", "-3", None),
        ("SendLocalListMaxLength", "²", None),
        ("SendLocalListMaxLength", None, None),
        ("LocalAuthListMaxLength", "25", None),
    ],
)
def test_the_charge_point_tells_how_much_it_takes(key: str, value: str, longest: int | None) -> None:
    told = ConfigurationKey(key, value, readonly=True, reboot_required=False, seen_at=START)
    assert longest_request([told]) == longest
