"""Meter values: one row a message, its samples inside (OCPP 1.6 §4.7)."""

from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects import sqlite

from ocpp_actors.ledger.port import (
    ListMeterValues,
    MeterValuesKept,
    MeterValuesRecord,
    RecordMeterValues,
    RecordStop,
)
from ocpp_actors.ledger.repetition import transaction_data_hash
from ocpp_actors.ledger.samples import METER_VALUES, TRANSACTION_DATA
from ocpp_actors.ledger.sql.dispatch import all_of, carry_out, insert_into
from ocpp_actors.ledger.tables import meter_values, transactions


@carry_out.register
def _record(request: RecordMeterValues, connection: Connection) -> MeterValuesKept:
    charge_point = request.identity.casefold()
    values = {
        "own_charge_point": charge_point,
        "own_id": request.transaction_id,
        "charge_point": charge_point,
        "identity": request.identity,
        "connector_id": request.connector_id,
        "sent_transaction_id": request.transaction_id,
        "source": METER_VALUES,
        "meter_values": request.meter_values,
        "content_hash": request.content_hash,
        "energy_wh": request.energy_wh,
        "energy_at": None if request.energy_wh is None else request.energy_at or request.received_at,
        "power_w": request.power_w,
        "received_at": request.received_at,
    }
    kept = connection.execute(_insert_linked(connection.dialect.name), values).one_or_none()
    if kept is not None:
        return MeterValuesKept(repeated=False, linked=kept.transaction_id is not None)
    first = select(meter_values.c.transaction_id).where(
        meter_values.c.charge_point == charge_point,
        meter_values.c.content_hash == request.content_hash,
    )
    return MeterValuesKept(repeated=True, linked=connection.execute(first).scalar_one() is not None)


def keep_transaction_data(
    request: RecordStop, transaction_id: int | None, connector_id: int | None, connection: Connection
) -> None:
    """Keep the sampled values that came with a stop, if any."""
    if not request.transaction_data:
        return
    connection.execute(
        _insert(connection.dialect.name),
        {
            "charge_point": request.identity.casefold(),
            "identity": request.identity,
            "connector_id": connector_id,
            "transaction_id": transaction_id,
            "sent_transaction_id": request.transaction_id,
            "source": TRANSACTION_DATA,
            "meter_values": request.transaction_data,
            "content_hash": transaction_data_hash(request),
            "received_at": request.received_at,
        },
    )


def unlink_guessed_data(transaction_id: int, connection: Connection) -> None:
    """Take from a transaction the sampled values of a stop that was only guessed to be its end."""
    connection.execute(
        update(meter_values)
        .where(
            meter_values.c.transaction_id == transaction_id,
            meter_values.c.source == TRANSACTION_DATA,
            meter_values.c.sent_transaction_id != transaction_id,
        )
        .values(transaction_id=None, connector_id=None)
    )


@cache
def _insert(dialect: str) -> sqlite.Insert:
    return insert_into(meter_values, dialect).on_conflict_do_nothing(
        index_elements=[meter_values.c.charge_point, meter_values.c.content_hash]
    )


@cache
def _insert_linked(dialect: str) -> Any:
    """Insert a message; it is linked to the transaction that it names if that is one of the charge point's."""
    own = (
        select(transactions.c.id)
        .where(
            transactions.c.id == bindparam("own_id"),
            transactions.c.charge_point == bindparam("own_charge_point"),
        )
        .scalar_subquery()
    )
    return _insert(dialect).values(transaction_id=own).returning(meter_values.c.transaction_id)


@carry_out.register
def _list(request: ListMeterValues, connection: Connection) -> list[MeterValuesRecord]:
    conditions = []
    if request.transaction_id is not None:
        conditions.append(meter_values.c.transaction_id == request.transaction_id)
    if request.identity is not None:
        conditions.append(meter_values.c.charge_point == request.identity.casefold())
    if request.after:
        conditions.append(meter_values.c.id > request.after)
    query = select(meter_values).where(all_of(conditions)).order_by(meter_values.c.id).limit(request.limit)
    return [
        MeterValuesRecord(
            identity=row.identity,
            connector_id=row.connector_id,
            transaction_id=row.transaction_id,
            meter_values=row.meter_values,
            energy_wh=row.energy_wh,
            power_w=row.power_w,
            received_at=row.received_at,
            source=row.source,
            sent_transaction_id=row.sent_transaction_id,
            record_id=row.id,
        )
        for row in connection.execute(query)
    ]
