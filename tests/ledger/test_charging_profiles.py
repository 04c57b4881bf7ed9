from typing import Any

import pytest
from tests.ledger.facts import NOON, later

from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    FindNamedProfile,
    InstalledProfile,
    Ledger,
    ListInstalledProfiles,
    ListNamedProfiles,
    NamedProfile,
    PutNamedProfile,
    RecordClearedProfiles,
    RecordInstalledProfile,
    RemoveNamedProfile,
    RequestFailed,
    VersionConflict,
)


def profile(
    number: int = 1, stack_level: int = 0, purpose: str = "TxDefaultProfile", **more: Any
) -> dict[str, Any]:
    return {
        "chargingProfileId": number,
        "stackLevel": stack_level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": []},
        **more,
    }


def installed(
    connector_id: int, content: dict[str, Any], identity: str = "CP-1", seconds: float = 0
) -> InstalledProfile:
    return InstalledProfile(identity, connector_id, content, later(seconds))


# --- named -----------------------------------------------------------------------------------------------------------


async def test_a_named_profile_is_kept_replaced_and_forgotten(ledger: Ledger) -> None:
    assert await ledger.ask(FindNamedProfile("night")) is None
    assert await ledger.ask(PutNamedProfile("night", profile(1))) == NamedProfile("night", profile(1), 1)
    assert await ledger.ask(PutNamedProfile("night", profile(2))) == NamedProfile("night", profile(2), 2)
    assert await ledger.ask(FindNamedProfile("night")) == NamedProfile("night", profile(2), 2)
    assert await ledger.ask(RemoveNamedProfile("night")) is True
    assert await ledger.ask(RemoveNamedProfile("night")) is False
    assert await ledger.ask(FindNamedProfile("night")) is None


async def test_names_are_compared_exactly_and_listed_in_order(ledger: Ledger) -> None:
    for name in ("b", "B", "ä", "a_0", "a-2"):
        await ledger.ask(PutNamedProfile(name, profile()))
    names = [named.name for named in await ledger.ask(ListNamedProfiles())]
    assert names == ["B", "a-2", "a_0", "b", "ä"]
    page = await ledger.ask(ListNamedProfiles(after="a-2", limit=2))
    assert [named.name for named in page] == ["a_0", "b"]


async def test_of_two_who_change_the_same_version_the_second_is_told_the_present_one(ledger: Ledger) -> None:
    await ledger.ask(PutNamedProfile("night", profile(1)))
    second = await ledger.ask(PutNamedProfile("night", profile(2), expected_version=1))
    assert second.version == 2
    for request in (
        PutNamedProfile("night", profile(3), expected_version=1),
        PutNamedProfile("night", profile(3), expected_version=0),
        RemoveNamedProfile("night", expected_version=1),
    ):
        with pytest.raises(VersionConflict, match="it has version 2 by now") as conflict:
            await ledger.ask(request)
        assert conflict.value.version == 2
    assert await ledger.ask(FindNamedProfile("night")) == second
    assert await ledger.ask(RemoveNamedProfile("night", expected_version=2)) is True


async def test_a_version_that_is_gone_conflicts_too(ledger: Ledger) -> None:
    for request in (
        PutNamedProfile("night", profile(), expected_version=1),
        RemoveNamedProfile("night", expected_version=1),
    ):
        with pytest.raises(VersionConflict, match="it does not exist") as conflict:
            await ledger.ask(request)
        assert conflict.value.version == 0
    added = await ledger.ask(PutNamedProfile("night", profile(), expected_version=0))
    assert added.version == 1


async def test_a_profile_that_is_no_json_changes_nothing(ledger: Ledger) -> None:
    with pytest.raises(RequestFailed):
        await ledger.ask(PutNamedProfile("night", {"x": object()}))
    assert await ledger.ask(ListNamedProfiles()) == []


async def test_nobody_shares_a_profile_with_the_ledger(ledger: Ledger) -> None:
    mine = profile()
    answered = await ledger.ask(PutNamedProfile("night", mine))
    mine["stackLevel"] = answered.profile["stackLevel"] = 9
    assert (await ledger.ask(ListNamedProfiles()))[0].profile == profile()


# --- installed -------------------------------------------------------------------------------------------------------


@pytest.fixture
async def known(ledger: Ledger) -> Ledger:
    await ledger.ask(AdmitChargePoint("CP-1", NOON))
    await ledger.ask(AdmitChargePoint("CP-2", NOON))
    return ledger


async def install(ledger: Ledger, *profiles: InstalledProfile) -> None:
    for each in profiles:
        await ledger.ask(RecordInstalledProfile(each))


async def numbers(ledger: Ledger, identity: str = "CP-1") -> list[int]:
    return [each.profile["chargingProfileId"] for each in await ledger.ask(ListInstalledProfiles(identity))]


async def test_installed_profiles_are_listed_by_connector_and_id(known: Ledger) -> None:
    kept = [
        installed(0, profile(9, purpose="ChargePointMaxProfile"), identity="cp-1"),
        installed(1, profile(2), seconds=1),
        installed(1, profile(10, stack_level=1, transactionId=5)),
    ]
    await install(known, *reversed(kept), installed(1, profile(2), "CP-2"))
    assert await known.ask(ListInstalledProfiles("CP-1")) == kept


async def test_a_profile_replaces_that_of_the_same_id_wherever_it_was(known: Ledger) -> None:
    again = installed(2, profile(1, stack_level=7, purpose="TxProfile"), seconds=1)
    await install(known, installed(1, profile(1)), again)
    assert await known.ask(ListInstalledProfiles("CP-1")) == [again]


async def test_a_profile_replaces_that_of_the_same_connector_level_and_purpose(known: Ledger) -> None:
    others = [
        installed(2, profile(2)),
        installed(1, profile(3, stack_level=1)),
        installed(1, profile(4, purpose="TxProfile")),
    ]
    await install(known, installed(1, profile(1)), *others, installed(1, profile(1), "CP-2"))
    await install(known, installed(1, profile(5)))
    assert await numbers(known) == [3, 4, 5, 2]
    assert await numbers(known, "CP-2") == [1]


async def test_a_profile_may_replace_two_others(known: Ledger) -> None:
    await install(known, installed(1, profile(1)), installed(2, profile(2)), installed(1, profile(2)))
    assert await known.ask(ListInstalledProfiles("CP-1")) == [installed(1, profile(2))]


@pytest.mark.parametrize(
    ("cleared", "left"),
    [
        (RecordClearedProfiles("cp-1"), []),
        (RecordClearedProfiles("CP-1", profile_id=2), [0, 1, 3, 4]),
        (RecordClearedProfiles("CP-1", connector_id=0), [1, 2, 3, 4]),
        (RecordClearedProfiles("CP-1", purpose="TxProfile"), [0, 1, 2, 4]),
        (RecordClearedProfiles("CP-1", stack_level=1), [0, 1, 3, 4]),
        (RecordClearedProfiles("CP-1", connector_id=1, stack_level=0), [0, 2, 4]),
        (RecordClearedProfiles("CP-1", profile_id=4, connector_id=1), [0, 1, 2, 3, 4]),
    ],
)
async def test_what_matches_all_that_is_named_is_cleared(
    known: Ledger, cleared: RecordClearedProfiles, left: list[int]
) -> None:
    await install(
        known,
        installed(0, profile(0, purpose="ChargePointMaxProfile")),
        installed(1, profile(1)),
        installed(1, profile(2, stack_level=1)),
        installed(1, profile(3, purpose="TxProfile")),
        installed(2, profile(4)),
        installed(1, profile(1), "CP-2"),
    )
    await known.ask(cleared)
    assert await numbers(known) == left
    assert await numbers(known, "CP-2") == [1]


async def test_of_an_unknown_charge_point_no_profile_is_kept(ledger: Ledger) -> None:
    await install(ledger, installed(1, profile()))
    await ledger.ask(RecordClearedProfiles("CP-1"))
    await ledger.ask(AdmitChargePoint("CP-1", NOON))
    assert await ledger.ask(ListInstalledProfiles("CP-1")) == []
