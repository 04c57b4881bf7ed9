"""Reservations: each change is one statement that holds only in the right state (OCPP 1.6 §5.2, §5.13)."""

from itertools import count
from typing import Any

from sqlalchemy import Connection, Row, and_, func, not_, select, update

from ocpp_actors.ledger.port import (
    AddReservation,
    ExpireReservations,
    FindReservation,
    ListReservations,
    Reservation,
    ReservationState,
    ReservationTaken,
    SetReservationState,
)
from ocpp_actors.ledger.sql.dispatch import all_of, carry_out, insert_into
from ocpp_actors.ledger.tables import active, may_change, reservations

_last_given = select(func.coalesce(func.max(reservations.c.id), 0)).where(reservations.c.given_here)


@carry_out.register
def _add(request: AddReservation, connection: Connection) -> Reservation:
    if request.reservation_id is None:
        return _add_with_new_id(request, connection)
    insert = insert_into(reservations, connection.dialect.name).values(
        **_columns(request), id=request.reservation_id, given_here=False
    )
    new, kept = insert.excluded, reservations.c
    was_used = and_(
        kept.state == ReservationState.USED.value,
        kept.connector_id == new.connector_id,
        kept.id_tag == new.id_tag,
        kept.parent_id_tag.is_not_distinct_from(new.parent_id_tag),
        kept.expiry_date == new.expiry_date,
    )
    replaced = [name for name in _columns(request) if name not in ("charge_point", "created_at")]
    row = connection.execute(
        insert.on_conflict_do_update(
            index_elements=[kept.id],
            set_={name: new[name] for name in replaced} | {"transaction_id": None},
            where=and_(kept.charge_point == new.charge_point, not_(was_used)),
        ).returning(reservations)
    ).one_or_none()
    if row is not None:
        return _reservation(row)
    used = _find(FindReservation(request.reservation_id), connection)
    if used is None or used.identity.casefold() != request.identity.casefold():
        raise ReservationTaken(f"the reservation id {request.reservation_id} is another charge point's")
    return used


def _add_with_new_id(request: AddReservation, connection: Connection) -> Reservation:
    """Take the next id that nobody else chose meanwhile."""
    insert = (
        insert_into(reservations, connection.dialect.name)
        .values(**_columns(request), given_here=True)
        .on_conflict_do_nothing(index_elements=[reservations.c.id])
        .returning(reservations)
    )
    tries = (
        connection.execute(insert, {"id": reservation_id}).one_or_none()
        for reservation_id in count(connection.execute(_last_given).scalar_one() + 1)
    )
    return _reservation(next(row for row in tries if row is not None))


def _columns(request: AddReservation) -> dict[str, Any]:
    return {
        "charge_point": request.identity.casefold(),
        "identity": request.identity,
        "connector_id": request.connector_id,
        "id_tag": request.id_tag,
        "parent_id_tag": request.parent_id_tag,
        "expiry_date": request.expiry_date,
        "state": request.state.value,
        "created_at": request.at,
        "changed_at": request.at,
    }


@carry_out.register
def _set_state(request: SetReservationState, connection: Connection) -> Reservation | None:
    own = and_(
        reservations.c.id == request.reservation_id,
        reservations.c.charge_point == request.identity.casefold(),
    )
    connection.execute(
        update(reservations).where(own, may_change).values(state=request.state.value, changed_at=request.at)
    )
    row = connection.execute(select(reservations).where(own)).one_or_none()
    return None if row is None else _reservation(row)


@carry_out.register
def _expire(request: ExpireReservations, connection: Connection) -> list[Reservation]:
    rows = connection.execute(
        update(reservations)
        .where(may_change, reservations.c.expiry_date <= request.now)
        .values(state=ReservationState.EXPIRED.value, changed_at=request.now)
        .returning(reservations)
    )
    return sorted(map(_reservation, rows), key=lambda reservation: reservation.reservation_id)


@carry_out.register
def _find(request: FindReservation, connection: Connection) -> Reservation | None:
    row = connection.execute(
        select(reservations).where(reservations.c.id == request.reservation_id)
    ).one_or_none()
    return None if row is None else _reservation(row)


@carry_out.register
def _list(request: ListReservations, connection: Connection) -> list[Reservation]:
    conditions = []
    if request.identity is not None:
        conditions.append(reservations.c.charge_point == request.identity.casefold())
    if request.active is not None:
        conditions.append(active if request.active else not_(active))
    if request.before is not None:
        conditions.append(reservations.c.id < request.before)
    query = (
        select(reservations).where(all_of(conditions)).order_by(reservations.c.id.desc()).limit(request.limit)
    )
    return [_reservation(row) for row in connection.execute(query)]


def _reservation(row: Row[Any]) -> Reservation:
    return Reservation(
        reservation_id=row.id,
        identity=row.identity,
        connector_id=row.connector_id,
        id_tag=row.id_tag,
        parent_id_tag=row.parent_id_tag,
        expiry_date=row.expiry_date,
        state=ReservationState(row.state),
        created_at=row.created_at,
        changed_at=row.changed_at,
        transaction_id=row.transaction_id,
    )
