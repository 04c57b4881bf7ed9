from datetime import datetime

import pytest
import trio
from attrs import evolve
from sqlalchemy import text
from structlog.testing import capture_logs
from tests.ledger.facts import NOON, later, start

from ocpp_actors.ledger.bridge import open_ledger
from ocpp_actors.ledger.database import open_engine, parse_url
from ocpp_actors.ledger.port import (
    AddReservation,
    ExpireReservations,
    FindReservation,
    Ledger,
    ListReservations,
    RecordStart,
    RequestFailed,
    Reservation,
    ReservationState,
    ReservationTaken,
    SetReservationState,
)

S = ReservationState
IN_TEN_MINUTES = later(600)
ENDED = [
    S.FAULTED,
    S.OCCUPIED,
    S.REJECTED,
    S.UNAVAILABLE,
    S.CANCELLED,
    S.USED,
    S.EXPIRED,
]


def add(
    identity: str = "CP-1",
    *,
    connector_id: int = 1,
    id_tag: str = "TAG",
    parent_id_tag: str | None = None,
    expiry_date: datetime = IN_TEN_MINUTES,
    at: datetime = NOON,
    reservation_id: int | None = None,
    state: ReservationState = S.REQUESTED,
) -> AddReservation:
    return AddReservation(
        identity, connector_id, id_tag, parent_id_tag, expiry_date, at, reservation_id, state
    )


async def used(ledger: Ledger) -> Reservation:
    added = await ledger.ask(add(state=S.ACCEPTED))
    await ledger.ask(start(reservation_id=added.reservation_id))
    found = await ledger.ask(FindReservation(added.reservation_id))
    assert found is not None
    assert found.state is S.USED
    return found


async def test_a_reservation_comes_back_as_it_was_added(ledger: Ledger) -> None:
    added = await ledger.ask(add(connector_id=0, parent_id_tag="PARENT"))
    assert added == Reservation(
        added.reservation_id, "CP-1", 0, "TAG", "PARENT", later(600), S.REQUESTED, NOON, NOON
    )
    assert added.reservation_id >= 1
    assert await ledger.ask(FindReservation(added.reservation_id)) == added
    assert await ledger.ask(FindReservation(added.reservation_id + 1)) is None


async def test_an_id_is_never_given_twice(ledger: Ledger) -> None:
    first = (await ledger.ask(add())).reservation_id
    taken = [first + 1, first + 3, first + 4]
    for reservation_id in taken:
        await ledger.ask(add(reservation_id=reservation_id))
    given = [(await ledger.ask(add("CP-2"))).reservation_id for _ in range(4)]
    assert given == [first + 2, first + 5, first + 6, first + 7]


@pytest.mark.parametrize("chosen", [2**31 - 1, 2**40, 0, -5])
async def test_an_id_that_somebody_chose_does_not_use_up_those_that_are_given(
    ledger: Ledger, chosen: int
) -> None:
    assert (await ledger.ask(add(reservation_id=chosen))).reservation_id == chosen
    assert [(await ledger.ask(add())).reservation_id for _ in range(2)] == [1, 2]


async def test_two_ledgers_on_one_database_give_different_ids(database_url: str) -> None:
    given: list[int] = []

    async def give(ledger: Ledger) -> None:
        for _ in range(20):
            added = await ledger.ask(add())
            given.append(added.reservation_id)

    async with (
        open_ledger(database_url) as one,
        open_ledger(database_url) as other,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(give, one)
        nursery.start_soon(give, other)
    assert sorted(given) == list(range(1, 41))


async def test_ids_are_given_as_long_as_they_fit_an_integer_of_31_bits(database_url: str) -> None:
    async with open_ledger(database_url) as ledger:
        await ledger.ask(add())
    with open_engine(parse_url(database_url), synced=False).begin() as connection:
        connection.execute(text("UPDATE reservations SET id = 2147483646"))
    async with open_ledger(database_url) as ledger:
        assert (await ledger.ask(add())).reservation_id == 2**31 - 1
        with capture_logs(), pytest.raises(RequestFailed, match="AddReservation cannot be stored"):
            await ledger.ask(add())


async def test_the_same_id_of_the_same_charge_point_replaces_the_reservation(ledger: Ledger) -> None:
    first = await ledger.ask(add(parent_id_tag="PARENT"))
    await ledger.ask(SetReservationState("CP-1", first.reservation_id, S.CANCELLED, later(1)))
    again = await ledger.ask(
        add(
            "cp-1",
            connector_id=2,
            id_tag="OTHER",
            expiry_date=later(900),
            at=later(2),
            reservation_id=first.reservation_id,
            state=S.ACCEPTED,
        )
    )
    assert again == Reservation(
        first.reservation_id, "cp-1", 2, "OTHER", None, later(900), S.ACCEPTED, NOON, later(2)
    )
    assert await ledger.ask(ListReservations()) == [again]


async def test_the_id_of_another_charge_point_is_refused(ledger: Ledger) -> None:
    first = await ledger.ask(add())
    with pytest.raises(ReservationTaken, match=f"id {first.reservation_id} is another charge point's"):
        await ledger.ask(add("CP-2", reservation_id=first.reservation_id))
    assert await ledger.ask(ListReservations()) == [first]


async def test_a_reservation_becomes_used_by_a_start_of_its_charge_point(ledger: Ledger) -> None:
    added = await ledger.ask(add())
    await ledger.ask(start("CP-2", reservation_id=added.reservation_id))
    assert await ledger.ask(FindReservation(added.reservation_id)) == added
    begin: RecordStart = start("cp-1", reservation_id=added.reservation_id, received_at=later(5))
    started = await ledger.ask(begin)
    found = await ledger.ask(FindReservation(added.reservation_id))
    assert found == evolve(added, state=S.USED, transaction_id=started.transaction_id, changed_at=later(5))


async def test_a_reservation_that_was_used_stays_used(ledger: Ledger) -> None:
    kept = await used(ledger)
    for state in (S.CANCELLED, S.UNKNOWN, S.EXPIRED):
        assert await ledger.ask(SetReservationState("CP-1", kept.reservation_id, state, later(9))) == kept
    assert await ledger.ask(ExpireReservations(later(10_000))) == []
    assert await ledger.ask(FindReservation(kept.reservation_id)) == kept


@pytest.mark.parametrize("late", [S.ACCEPTED, S.UNKNOWN])
async def test_what_became_of_the_request_does_not_hide_that_it_was_used_meanwhile(
    ledger: Ledger, late: ReservationState
) -> None:
    kept = await used(ledger)
    outcome = add(reservation_id=kept.reservation_id, state=late, at=later(30))
    assert await ledger.ask(outcome) == kept
    assert await ledger.ask(FindReservation(kept.reservation_id)) == kept
    with pytest.raises(ReservationTaken):
        await ledger.ask(evolve(outcome, identity="CP-2"))


async def test_the_id_of_a_used_reservation_may_be_used_for_another(ledger: Ledger) -> None:
    kept = await used(ledger)
    other = await ledger.ask(
        add(reservation_id=kept.reservation_id, expiry_date=later(9000), state=S.ACCEPTED, at=later(99))
    )
    assert other == evolve(
        kept, expiry_date=later(9000), state=S.ACCEPTED, transaction_id=None, changed_at=later(99)
    )


@pytest.mark.parametrize("state", [S.REQUESTED, S.ACCEPTED, S.UNKNOWN])
async def test_a_reservation_without_an_end_changes(ledger: Ledger, state: ReservationState) -> None:
    added = await ledger.ask(add(state=state))
    changed = await ledger.ask(SetReservationState("cp-1", added.reservation_id, S.CANCELLED, later(3)))
    assert changed == evolve(added, state=S.CANCELLED, changed_at=later(3))
    assert await ledger.ask(FindReservation(added.reservation_id)) == changed


@pytest.mark.parametrize("state", ENDED)
async def test_a_reservation_that_ended_stays_as_it_is(ledger: Ledger, state: ReservationState) -> None:
    added = await ledger.ask(add(state=state))
    assert await ledger.ask(SetReservationState("CP-1", added.reservation_id, S.ACCEPTED, later(3))) == added
    assert await ledger.ask(ExpireReservations(later(10_000))) == []


async def test_a_reservation_of_another_charge_point_is_none(ledger: Ledger) -> None:
    added = await ledger.ask(add())
    assert await ledger.ask(SetReservationState("CP-2", added.reservation_id, S.CANCELLED, NOON)) is None
    assert await ledger.ask(SetReservationState("CP-1", 999, S.CANCELLED, NOON)) is None
    assert await ledger.ask(ListReservations()) == [added]


async def test_reservations_expire_once_their_date_has_passed(ledger: Ledger) -> None:
    added = [
        await ledger.ask(add(state=state, expiry_date=later(seconds)))
        for state, seconds in [
            (S.REQUESTED, 10),
            (S.ACCEPTED, 20),
            (S.UNKNOWN, 10),
            (S.REJECTED, 10),
            (S.ACCEPTED, 21),
        ]
    ]
    expired = await ledger.ask(ExpireReservations(later(20)))
    assert expired == [evolve(each, state=S.EXPIRED, changed_at=later(20)) for each in added[:3]]
    assert await ledger.ask(ExpireReservations(later(20))) == []
    assert await ledger.ask(ListReservations()) == [added[4], added[3], *reversed(expired)]


async def test_reservations_are_listed_newest_first_in_pages(ledger: Ledger) -> None:
    states = [S.REQUESTED, S.ACCEPTED, S.UNKNOWN, S.USED, S.REQUESTED]
    added = [
        await ledger.ask(add("CP-1" if number % 2 else "CP-2", state=state))
        for number, state in enumerate(states)
    ]

    async def found(request: ListReservations) -> list[int]:
        return [added.index(each) for each in await ledger.ask(request)]

    assert await found(ListReservations()) == [4, 3, 2, 1, 0]
    assert await found(ListReservations(limit=2)) == [4, 3]
    assert await found(ListReservations(limit=2, before=added[3].reservation_id)) == [2, 1]
    assert await found(ListReservations(identity="cp-2")) == [4, 2, 0]
    assert await found(ListReservations(active=True)) == [4, 1, 0]
    assert await found(ListReservations(identity="CP-1", active=False)) == [3]
