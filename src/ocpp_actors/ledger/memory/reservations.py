"""Reservations: their ids, and what became of them."""

from itertools import count

from attrs import evolve

from ocpp_actors.ledger import port
from ocpp_actors.ledger.memory.dispatch import carry_out
from ocpp_actors.ledger.memory.facts import Facts, of, some
from ocpp_actors.ledger.port import ReservationState

_ACTIVE = (ReservationState.REQUESTED, ReservationState.ACCEPTED)
_MAY_CHANGE = (*_ACTIVE, ReservationState.UNKNOWN)


@carry_out.register
def _add(request: port.AddReservation, facts: Facts) -> port.Reservation:
    reservation_id = request.reservation_id
    if reservation_id is None:
        following = count(facts.last_reservation_id + 1)
        reservation_id = next(number for number in following if number not in facts.reservations)
        facts.last_reservation_id = reservation_id
    added = port.Reservation(
        reservation_id=reservation_id,
        identity=request.identity,
        connector_id=request.connector_id,
        id_tag=request.id_tag,
        parent_id_tag=request.parent_id_tag,
        expiry_date=request.expiry_date,
        state=request.state,
        created_at=request.at,
        changed_at=request.at,
    )
    kept = facts.reservations.get(reservation_id)
    if kept is not None:
        if not of(request.identity, kept.identity):
            raise port.ReservationTaken(f"the reservation id {reservation_id} is another charge point's")
        if kept.state is ReservationState.USED and _reserves_the_same(kept, added):
            return kept
        added = evolve(added, created_at=kept.created_at)
    facts.reservations[reservation_id] = added
    return added


def _reserves_the_same(one: port.Reservation, other: port.Reservation) -> bool:
    return (one.connector_id, one.id_tag, one.parent_id_tag, one.expiry_date) == (
        other.connector_id,
        other.id_tag,
        other.parent_id_tag,
        other.expiry_date,
    )


@carry_out.register
def _set_state(request: port.SetReservationState, facts: Facts) -> port.Reservation | None:
    kept = facts.reservations.get(request.reservation_id)
    if kept is None or not of(request.identity, kept.identity):
        return None
    if kept.state in _MAY_CHANGE:
        kept = evolve(kept, state=request.state, changed_at=request.at)
        facts.reservations[kept.reservation_id] = kept
    return kept


@carry_out.register
def _expire(request: port.ExpireReservations, facts: Facts) -> list[port.Reservation]:
    expired = [
        evolve(kept, state=ReservationState.EXPIRED, changed_at=request.now)
        for _, kept in sorted(facts.reservations.items())
        if kept.state in _MAY_CHANGE and kept.expiry_date <= request.now
    ]
    facts.reservations.update((each.reservation_id, each) for each in expired)
    return expired


@carry_out.register
def _find(request: port.FindReservation, facts: Facts) -> port.Reservation | None:
    return facts.reservations.get(request.reservation_id)


@carry_out.register
def _list(request: port.ListReservations, facts: Facts) -> list[port.Reservation]:
    newest_first = sorted(facts.reservations.values(), key=lambda kept: kept.reservation_id, reverse=True)
    return some(
        newest_first,
        request.limit,
        lambda kept: (
            of(request.identity, kept.identity)
            and request.active in (None, kept.state in _ACTIVE)
            and (request.before is None or kept.reservation_id < request.before)
        ),
    )


def use_reservation(start: port.RecordStart, transaction_id: int, facts: Facts) -> bool:
    """Have a transaction use the reservation that its start names; returns whether it could."""
    kept = None if start.reservation_id is None else facts.reservations.get(start.reservation_id)
    if kept is None or not of(start.identity, kept.identity) or kept.state not in _MAY_CHANGE:
        return False
    facts.reservations[kept.reservation_id] = evolve(
        kept, state=ReservationState.USED, transaction_id=transaction_id, changed_at=start.received_at
    )
    return True
