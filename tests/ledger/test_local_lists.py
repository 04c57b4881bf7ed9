from typing import Any

import pytest
from tests.ledger.facts import NOON, later

from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    FindLocalList,
    Ledger,
    LocalList,
    RecordLocalList,
    RecordLocalListVersion,
)

A = {"idTag": "Aa", "idTagInfo": {"status": "Accepted"}}
B = {"idTag": "B\0", "idTagInfo": {"status": "Blocked", "parentIdTag": "ä"}}
A_BLOCKED = {"idTag": "aA", "idTagInfo": {"status": "Blocked"}}
NO_A = {"idTag": "AA"}


def full(version: int, *entries: dict[str, Any], seconds: float = 0) -> RecordLocalList:
    return RecordLocalList("CP-1", version, full=True, entries=entries, at=later(seconds))


def differential(version: int, *entries: dict[str, Any], seconds: float = 0) -> RecordLocalList:
    return RecordLocalList("cp-1", version, full=False, entries=entries, at=later(seconds))


@pytest.fixture
async def known(ledger: Ledger) -> Ledger:
    await ledger.ask(AdmitChargePoint("CP-1", NOON))
    return ledger


async def test_a_full_update_replaces_what_was_known(known: Ledger) -> None:
    assert await known.ask(FindLocalList("CP-1")) is None
    await known.ask(full(1, A))
    await known.ask(full(2, B, seconds=1))
    assert await known.ask(FindLocalList("cp-1")) == LocalList("CP-1", 2, {"b\0": B}, later(1))


async def test_a_differential_update_adds_changes_and_removes(known: Ledger) -> None:
    await known.ask(full(1, A))
    await known.ask(differential(2, B, A_BLOCKED))
    assert await known.ask(FindLocalList("CP-1")) == LocalList("cp-1", 2, {"aa": A_BLOCKED, "b\0": B}, NOON)
    await known.ask(differential(3, NO_A, {"idTag": "never seen"}, seconds=9))
    assert await known.ask(FindLocalList("CP-1")) == LocalList("cp-1", 3, {"b\0": B}, later(9))


async def test_entries_that_are_not_known_stay_so_until_a_full_update(known: Ledger) -> None:
    await known.ask(differential(7, A))
    assert await known.ask(FindLocalList("CP-1")) == LocalList("cp-1", 7, None, NOON)
    await known.ask(full(8))
    await known.ask(differential(9, A))
    assert await known.ask(FindLocalList("CP-1")) == LocalList("cp-1", 9, {"aa": A}, NOON)


async def test_the_version_that_was_known_changes_nothing(known: Ledger) -> None:
    await known.ask(full(3, A))
    await known.ask(RecordLocalListVersion("cp-1", 3, later(5)))
    assert await known.ask(FindLocalList("CP-1")) == LocalList("CP-1", 3, {"aa": A}, NOON)


@pytest.mark.parametrize(("version", "entries"), [(4, None), (-1, None), (0, {})])
async def test_another_version_tells_that_the_entries_are_not_known_but_0_that_there_are_none(
    known: Ledger, version: int, entries: dict[str, Any] | None
) -> None:
    await known.ask(full(3, A))
    await known.ask(RecordLocalListVersion("CP-1", version, later(5)))
    assert await known.ask(FindLocalList("CP-1")) == LocalList("CP-1", version, entries, later(5))


async def test_of_an_unknown_charge_point_no_list_is_kept(ledger: Ledger) -> None:
    await ledger.ask(full(1, A))
    await ledger.ask(differential(2, A))
    await ledger.ask(RecordLocalListVersion("CP-1", 3, NOON))
    await ledger.ask(AdmitChargePoint("CP-1", NOON))
    assert await ledger.ask(FindLocalList("CP-1")) is None


async def test_nobody_shares_the_entries_with_the_ledger(known: Ledger) -> None:
    await known.ask(full(1, A))
    found = await known.ask(FindLocalList("CP-1"))
    assert found is not None
    assert found.entries is not None
    found.entries["aa"]["idTagInfo"]["status"] = "Blocked"
    assert await known.ask(FindLocalList("CP-1")) == LocalList("CP-1", 1, {"aa": A}, NOON)
    assert A["idTagInfo"] == {"status": "Accepted"}
