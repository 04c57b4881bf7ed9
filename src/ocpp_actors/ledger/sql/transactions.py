"""Transactions and their ends, each recorded once (OCPP 1.6 §4.8, §4.10)."""

from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, case, delete, func, or_, select, update

from ocpp_actors.ledger.port import (
    FindTransaction,
    ListOrphanStops,
    ListTransactions,
    OrphanStop,
    RecordStart,
    RecordStop,
    ReservationState,
    Started,
    StopMatch,
    Stopped,
    Transaction,
)
from ocpp_actors.ledger.repetition import same_end
from ocpp_actors.ledger.sql.dispatch import all_of, carry_out, insert_into
from ocpp_actors.ledger.sql.metering import keep_transaction_data, unlink_guessed_data
from ocpp_actors.ledger.tables import (
    installed_profiles,
    may_change,
    meter_values,
    reservations,
    stray_stops,
    transactions,
    unfinished,
    unfinished_start,
)
from ocpp_actors.protocol.messages import ChargingProfilePurposeType


@cache
def _insert_start(dialect: str) -> Any:
    """Insert a transaction; one that is there under its natural key counts the repetition instead."""
    return (
        insert_into(transactions, dialect)
        .on_conflict_do_update(
            index_elements=list(unfinished_start.columns),
            index_where=unfinished,
            set_={"start_repeats": transactions.c.start_repeats + 1},
        )
        .returning(transactions.c.id, transactions.c.start_repeats)
    )


_others_active = select(func.count()).where(
    transactions.c.id_tag_key == bindparam("id_tag_key"), unfinished, transactions.c.id != bindparam("id")
)

_use_reservation = (
    update(reservations)
    .where(
        reservations.c.id == bindparam("own_reservation"),
        reservations.c.charge_point == bindparam("own_charge_point"),
        may_change,
    )
    .values(state=ReservationState.USED.value)
)


@carry_out.register
def _record_start(request: RecordStart, connection: Connection) -> Started:
    id_tag_key = request.id_tag.casefold()
    kept = connection.execute(
        _insert_start(connection.dialect.name),
        {
            "charge_point": request.identity.casefold(),
            "identity": request.identity,
            "connector_id": request.connector_id,
            "id_tag": request.id_tag,
            "id_tag_key": id_tag_key,
            "meter_start": request.meter_start,
            "started_at": request.timestamp,
            "start_received_at": request.received_at,
            "start_repeats": 0,
            "reservation_id": request.reservation_id,
        },
    ).one()
    used = False
    if request.reservation_id is not None and not kept.start_repeats:
        reserved = connection.execute(
            _use_reservation,
            {
                "own_charge_point": request.identity.casefold(),
                "own_reservation": request.reservation_id,
                "transaction_id": kept.id,
                "changed_at": request.received_at,
            },
        )
        used = reserved.rowcount > 0
    others = connection.execute(_others_active, {"id_tag_key": id_tag_key, "id": kept.id})
    return Started(kept.id, kept.start_repeats > 0, others.scalar_one(), reservation_used=used)


_own = and_(
    transactions.c.charge_point == bindparam("own_charge_point"), transactions.c.id == bindparam("own_id")
)
_find_own = select(transactions).where(_own)
_stop = update(transactions).returning(transactions.c.id, transactions.c.connector_id)
_stop_own = _stop.where(_own, unfinished)
_remove_profiles = delete(installed_profiles).where(
    installed_profiles.c.charge_point == bindparam("own_charge_point"),
    installed_profiles.c.purpose == ChargingProfilePurposeType.TX_PROFILE.value,
    or_(
        installed_profiles.c.transaction_id == bindparam("own_id"),
        and_(
            installed_profiles.c.transaction_id.is_(None),
            installed_profiles.c.connector_id == bindparam("own_connector_id"),
        ),
    ),
)


@carry_out.register
def _record_stop(request: RecordStop, connection: Connection) -> Stopped:
    own = {"own_charge_point": request.identity.casefold(), "own_id": request.transaction_id}
    stopped = connection.execute(_stop_own, own | _end(request)).one_or_none()
    if stopped is not None:
        _settle(request, stopped, connection)
        return Stopped(StopMatch.BY_ID, stopped.id, repeated=False)
    ended = connection.execute(_find_own, own).one_or_none()
    if ended is not None:
        return _stop_again(request, ended, connection)
    return _record_foreign_stop(request, connection)


def _stop_again(request: RecordStop, ended: Row[Any], connection: Connection) -> Stopped:
    """Record a stop of a stopped transaction: only an end that was guessed gives way to it."""
    keep_transaction_data(request, ended.id, ended.connector_id, connection)
    guessed = connection.execute(
        update(stray_stops).where(stray_stops.c.transaction_id == ended.id).values(transaction_id=None)
    )
    if guessed.rowcount:
        unlink_guessed_data(ended.id, connection)
        connection.execute(_stop.where(transactions.c.id == ended.id), _end(request))
        return Stopped(StopMatch.BY_ID, ended.id, repeated=False)
    if same_end(request, ended.meter_stop, ended.stopped_at, ended.stop_reason, ended.stop_id_tag):
        return Stopped(StopMatch.BY_ID, ended.id, repeated=True)
    repeated = _keep_stray(request, connection) is None
    return Stopped(StopMatch.BY_ID, ended.id, repeated, conflicting=True)


def _record_foreign_stop(request: RecordStop, connection: Connection) -> Stopped:
    """Record a stop whose id is not one of the charge point's."""
    stray_id = _keep_stray(request, connection)
    if stray_id is None:
        first = select(stray_stops.c.transaction_id).where(
            *(stray_stops.c[name] == value for name, value in _stray_key(request).items())
        )
        return _foreign(connection.execute(first).scalar_one(), repeated=True)
    if request.id_tag is None:
        keep_transaction_data(request, None, None, connection)
        return _foreign(None, repeated=False)
    stopped = connection.execute(
        _stop.where(transactions.c.id == _only_fit(request, request.id_tag)), _end(request)
    ).one_or_none()
    if stopped is None:
        keep_transaction_data(request, None, None, connection)
        return _foreign(None, repeated=False)
    connection.execute(
        update(stray_stops).where(stray_stops.c.id == stray_id).values(transaction_id=stopped.id)
    )
    _settle(request, stopped, connection)
    return _foreign(stopped.id, repeated=False)


def _settle(request: RecordStop, stopped: Row[Any], connection: Connection) -> None:
    """Keep what came with a stop, and remove the charging profiles that end with the transaction."""
    keep_transaction_data(request, stopped.id, stopped.connector_id, connection)
    connection.execute(
        _remove_profiles,
        {
            "own_charge_point": request.identity.casefold(),
            "own_id": stopped.id,
            "own_connector_id": stopped.connector_id,
        },
    )


def _stray_key(request: RecordStop) -> dict[str, Any]:
    return {
        "charge_point": request.identity.casefold(),
        "sent_transaction_id": request.transaction_id,
        "id_tag_key": (request.id_tag or "").casefold(),
        "meter_stop": request.meter_stop,
        "stopped_at": request.timestamp,
        "reason": str(request.reason),
    }


def _keep_stray(request: RecordStop, connection: Connection) -> int | None:
    """Keep a stop by itself and return its id there; None where it is a repetition."""
    key = _stray_key(request)
    kept: int | None = connection.execute(
        insert_into(stray_stops, connection.dialect.name)
        .values(**key, identity=request.identity, id_tag=request.id_tag, received_at=request.received_at)
        .on_conflict_do_nothing(index_elements=list(key))
        .returning(stray_stops.c.id)
    ).scalar_one_or_none()
    return kept


def _foreign(transaction_id: int | None, *, repeated: bool) -> Stopped:
    return Stopped(
        StopMatch.ORPHAN if transaction_id is None else StopMatch.GUESSED, transaction_id, repeated=repeated
    )


def _end(request: RecordStop) -> dict[str, Any]:
    return {
        "meter_stop": request.meter_stop,
        "stopped_at": request.timestamp,
        "stop_received_at": request.received_at,
        "stop_reason": str(request.reason),
        "stop_id_tag": request.id_tag,
    }


def _only_fit(request: RecordStop, id_tag: str) -> Any:
    """Select the id of the unfinished transaction that the stop fits, if there is exactly one."""
    candidates = transactions.alias()
    fits = [
        candidates.c.charge_point == request.identity.casefold(),
        candidates.c.id_tag_key == id_tag.casefold(),
        candidates.c.stopped_at.is_(None),
        candidates.c.started_at <= request.timestamp,
        candidates.c.meter_start <= request.meter_stop,
    ]
    return select(case((func.count() == 1, func.min(candidates.c.id)))).where(*fits).scalar_subquery()


_last_register = (
    select(meter_values.c.energy_wh)
    .where(meter_values.c.transaction_id == transactions.c.id, meter_values.c.energy_at.is_not(None))
    .order_by(meter_values.c.energy_at.desc(), meter_values.c.id.desc())
    .limit(1)
    .correlate(transactions)
    .scalar_subquery()
)
_with_energy = select(transactions, case((unfinished, _last_register)).label("last_register"))


@carry_out.register
def _find(request: FindTransaction, connection: Connection) -> Transaction | None:
    row = connection.execute(_with_energy.where(transactions.c.id == request.transaction_id)).one_or_none()
    return None if row is None else _transaction(row)


@carry_out.register
def _list(request: ListTransactions, connection: Connection) -> list[Transaction]:
    conditions = []
    if request.identity is not None:
        conditions.append(transactions.c.charge_point == request.identity.casefold())
    if request.id_tag is not None:
        conditions.append(transactions.c.id_tag_key == request.id_tag.casefold())
    if request.active is not None:
        conditions.append(unfinished if request.active else transactions.c.stopped_at.is_not(None))
    if request.before is not None:
        conditions.append(transactions.c.id < request.before)
    query = _with_energy.where(all_of(conditions)).order_by(transactions.c.id.desc()).limit(request.limit)
    return [_transaction(row) for row in connection.execute(query)]


@carry_out.register
def _list_orphans(request: ListOrphanStops, connection: Connection) -> list[OrphanStop]:
    query = select(stray_stops).where(stray_stops.c.transaction_id.is_(None))
    if request.identity is not None:
        query = query.where(stray_stops.c.charge_point == request.identity.casefold())
    rows = connection.execute(query.order_by(stray_stops.c.id).limit(request.limit))
    return [
        OrphanStop(
            identity=row.identity,
            transaction_id=row.sent_transaction_id,
            id_tag=row.id_tag,
            meter_stop=row.meter_stop,
            timestamp=row.stopped_at,
            reason=row.reason,
            received_at=row.received_at,
        )
        for row in rows
    ]


def _transaction(row: Row[Any]) -> Transaction:
    register = row.last_register if row.stopped_at is None else row.meter_stop
    return Transaction(
        transaction_id=row.id,
        identity=row.identity,
        connector_id=row.connector_id,
        id_tag=row.id_tag,
        meter_start=row.meter_start,
        started_at=row.started_at,
        start_received_at=row.start_received_at,
        reservation_id=row.reservation_id,
        meter_stop=row.meter_stop,
        stopped_at=row.stopped_at,
        stop_received_at=row.stop_received_at,
        stop_reason=row.stop_reason,
        stop_id_tag=row.stop_id_tag,
        energy_wh=None if register is None else float(register - row.meter_start),
    )
