"""What a transaction does to reservations and charging profiles when it starts and ends."""

from typing import Any

import pytest
from tests.ledger.facts import NOON, later, start, stop

from ocpp_actors.ledger.port import (
    AddReservation,
    AdmitChargePoint,
    FindReservation,
    InstalledProfile,
    Ledger,
    ListInstalledProfiles,
    RecordInstalledProfile,
    Reservation,
    ReservationState,
    StopMatch,
)


async def reserve(
    ledger: Ledger, state: ReservationState = ReservationState.ACCEPTED, identity: str = "CP-1"
) -> Reservation:
    return await ledger.ask(
        AddReservation(identity, 1, "TAG", None, later(600), NOON, reservation_id=7, state=state)
    )


async def reservation(ledger: Ledger) -> Reservation:
    found = await ledger.ask(FindReservation(7))
    assert found is not None
    return found


@pytest.mark.parametrize("state", ["Requested", "Accepted", "Unknown"])
async def test_a_start_uses_the_reservation_that_it_names(ledger: Ledger, state: str) -> None:
    await reserve(ledger, ReservationState(state))
    started = await ledger.ask(start("cp-1", reservation_id=7, received_at=later(9)))
    used = await reservation(ledger)
    assert (used.state, used.transaction_id) == (ReservationState.USED, started.transaction_id)
    assert (used.created_at, used.changed_at) == (NOON, later(9))


@pytest.mark.parametrize("state", ["Cancelled", "Expired", "Rejected"])
async def test_a_start_does_not_use_a_reservation_that_ended(ledger: Ledger, state: str) -> None:
    before = await reserve(ledger, ReservationState(state))
    await ledger.ask(start(reservation_id=7))
    assert await reservation(ledger) == before


async def test_a_start_uses_neither_anothers_reservation_nor_one_that_it_does_not_name(
    ledger: Ledger,
) -> None:
    before = await reserve(ledger, identity="CP-2")
    await ledger.ask(start(reservation_id=7))
    await ledger.ask(start("CP-2"))
    await ledger.ask(start("CP-2", connector_id=2, reservation_id=8))
    assert await reservation(ledger) == before


async def test_a_repeated_start_leaves_the_reservation_that_it_used(ledger: Ledger) -> None:
    await reserve(ledger)
    started = await ledger.ask(start(reservation_id=7))
    used = await reservation(ledger)
    again = await ledger.ask(start(reservation_id=7, received_at=later(60)))
    assert (again.repeated, again.transaction_id) == (True, started.transaction_id)
    assert await reservation(ledger) == used
    other = await ledger.ask(start(connector_id=2, reservation_id=7))
    assert not other.repeated
    assert await reservation(ledger) == used


def profile(number: int, purpose: str = "TxProfile", **more: Any) -> dict[str, Any]:
    return {"chargingProfileId": number, "stackLevel": number, "chargingProfilePurpose": purpose, **more}


async def install(ledger: Ledger, connector_id: int, content: dict[str, Any], identity: str = "CP-1") -> None:
    await ledger.ask(AdmitChargePoint(identity, NOON))
    await ledger.ask(RecordInstalledProfile(InstalledProfile(identity, connector_id, content, NOON)))


async def installed(ledger: Ledger, identity: str = "CP-1") -> list[int]:
    found = await ledger.ask(ListInstalledProfiles(identity))
    return [each.profile["chargingProfileId"] for each in found]


async def test_the_profiles_of_a_transaction_go_with_it(ledger: Ledger) -> None:
    started = await ledger.ask(start("cp-1"))
    other = await ledger.ask(start("cp-1", connector_id=2))
    await install(ledger, 1, profile(1, transactionId=started.transaction_id))
    await install(ledger, 1, profile(2))
    await install(ledger, 1, profile(3, "TxDefaultProfile"))
    await install(ledger, 2, profile(4))
    await install(ledger, 2, profile(5, transactionId=other.transaction_id))
    await install(ledger, 1, profile(6, transactionId=other.transaction_id))
    await install(ledger, 0, profile(7, "ChargePointMaxProfile"))
    await install(ledger, 1, profile(1), "CP-2")
    await ledger.ask(stop(started.transaction_id))
    assert await installed(ledger) == [7, 3, 6, 4, 5]
    assert await installed(ledger, "CP-2") == [1]


async def test_a_repeated_stop_leaves_the_profiles_of_the_next_transaction(ledger: Ledger) -> None:
    started = await ledger.ask(start())
    await ledger.ask(stop(started.transaction_id))
    await ledger.ask(start(timestamp=later(4000)))
    await install(ledger, 1, profile(2))
    await ledger.ask(stop(started.transaction_id))
    await ledger.ask(stop(started.transaction_id, reason="PowerLoss"))
    assert await installed(ledger) == [2]


async def test_a_guessed_stop_ends_the_profiles_too_and_an_orphan_does_not(ledger: Ledger) -> None:
    await install(ledger, 1, profile(2))
    orphan = await ledger.ask(stop(10**6, id_tag="TAG"))
    assert (orphan.match, await installed(ledger)) == (StopMatch.ORPHAN, [2])
    await ledger.ask(start())
    guessed = await ledger.ask(stop(10**6 + 1, id_tag="TAG"))
    assert (guessed.match, await installed(ledger)) == (StopMatch.GUESSED, [])
