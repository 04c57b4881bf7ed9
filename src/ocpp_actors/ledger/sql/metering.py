"""Meter values: one row a message, its samples inside (OCPP 1.6 §4.7)."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    bindparam,
    select,
    tuple_,
    update,
)
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
from ocpp_actors.ledger.sql.many_rows import SIZES, ManyRows, in_chunks
from ocpp_actors.ledger.tables import meter_values, transactions

Key = tuple[str, bytes]
"""A casefolded identity and a content hash."""

_key = tuple_(meter_values.c.charge_point, meter_values.c.content_hash)
_key_and_link = (meter_values.c.charge_point, meter_values.c.content_hash, meter_values.c.transaction_id)
_first = select(*_key_and_link)


@carry_out.register
def _record(request: RecordMeterValues, connection: Connection) -> MeterValuesKept:
    (kept,) = record_all([request], connection)
    return kept


def record_all(requests: Sequence[RecordMeterValues], connection: Connection) -> list[MeterValuesKept]:
    """Record messages in their order, with few statements, and return the answer to each.

    A message is linked to the transaction that it names if that is one of the charge point's.
    """
    rows = [_row(request) for request in requests]
    linked: dict[Key, bool] = {}
    for chunk in in_chunks(rows):
        inserted = _insert_linked(len(chunk), connection.dialect).execute(chunk, connection)
        linked.update(_linked(inserted))
    new = set(linked)
    keys = [(row[0], request.content_hash) for row, request in zip(rows, requests, strict=True)]
    earlier = set(keys) - new
    if earlier:
        linked.update(_linked(connection.execute(_first.where(_key.in_(earlier)))))
    answers = []
    for key in keys:
        answers.append(MeterValuesKept(repeated=key not in new, linked=linked[key]))
        new.discard(key)
    return answers


def _linked(rows: Iterable[Any]) -> Iterator[tuple[Key, bool]]:
    for charge_point, content_hash, transaction_id in rows:
        yield (charge_point, content_hash), transaction_id is not None


def _row(request: RecordMeterValues) -> tuple[Any, ...]:
    charge_point, transaction_id = request.identity.casefold(), request.transaction_id
    return (
        charge_point,
        request.identity,
        request.connector_id,
        transaction_id,
        charge_point,
        transaction_id,
        METER_VALUES,
        request.meter_values,
        request.content_hash,
        request.energy_wh,
        None if request.energy_wh is None else request.energy_at or request.received_at,
        request.power_w,
        request.received_at,
    )


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


@lru_cache(maxsize=2 * len(SIZES))
def _insert_linked(rows: int, dialect: Dialect) -> ManyRows:
    statement = _insert(dialect.name).values([_parameters(str(row)) for row in range(rows)])
    return ManyRows.of(statement.returning(*_key_and_link), rows, dialect)


def _parameters(row: str) -> dict[str, ColumnElement[Any]]:
    """Name the parameters of a row; the compiler puts them in the order of the table's columns, as ``_row`` does."""
    own = (
        select(transactions.c.id)
        .where(
            transactions.c.id == bindparam("own_id" + row),
            transactions.c.charge_point == bindparam("own_charge_point" + row),
        )
        .scalar_subquery()
    )
    parameters = {
        column.name: bindparam(column.name + row, type_=column.type)
        for column in meter_values.c
        if not column.primary_key
    }
    return parameters | {"transaction_id": own}


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
