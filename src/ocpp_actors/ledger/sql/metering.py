"""Meter values: one row a message, its samples inside (OCPP 1.6 §4.7)."""

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Dialect, bindparam, select, tuple_, update
from sqlalchemy.dialects import sqlite

from ocpp_actors.ledger.port import (
    ListMeterValues,
    MeterValuesKept,
    MeterValuesRecord,
    RecordMeterValues,
    RecordStop,
)
from ocpp_actors.ledger.repetition import transaction_data_hash
from ocpp_actors.ledger.samples import KEPT, METER_VALUES, TRANSACTION_DATA, sampled_at
from ocpp_actors.ledger.sql.dispatch import all_of, carry_out, insert_into
from ocpp_actors.ledger.sql.many_rows import InsertMany, driver_of, in_chunks
from ocpp_actors.ledger.tables import meter_values, transactions

Key = tuple[str, str, bytes]
"""When the first sample was taken, a casefolded identity and a content hash."""

_KEY: Final = (meter_values.c.sampled_at, meter_values.c.charge_point, meter_values.c.content_hash)
_earlier = select(*_KEY, meter_values.c.transaction_id).where(
    tuple_(*_KEY).in_(bindparam("keys", expanding=True))
)

_NAMED: Final = 3
"""Where a row has the transaction that it names."""


@carry_out.register
def _record(request: RecordMeterValues, connection: Connection) -> MeterValuesKept:
    (kept,) = record_all([request], connection)
    return kept


def record_all(requests: Sequence[RecordMeterValues], connection: Connection) -> list[MeterValuesKept]:
    """Record messages in their order, with few statements, and return the answer to each.

    A message is linked to the transaction that it names if that is one of the charge point's.
    """
    if not requests:
        return []
    rows = [_row(request) for request in requests]
    keys: list[Key] = [
        (row[-1], row[0], request.content_hash) for row, request in zip(rows, requests, strict=True)
    ]
    insert = _insert_on_sqlite if connection.dialect.name == "sqlite" else _insert_on_postgresql
    linked = insert(rows, keys, connection)
    new = set(linked)
    earlier = set(keys) - new
    if earlier:
        linked |= _linked(connection.execute(_earlier, {"keys": list(earlier)}))
    answers = []
    for key in keys:
        answers.append(KEPT[key not in new, linked[key]])
        new.discard(key)
    return answers


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
        sampled_at(request.meter_values),
    )


Rows = Sequence[tuple[Any, ...]]


def _insert_on_postgresql(rows: Rows, _keys: object, connection: Connection) -> dict[Key, bool]:
    """Insert what is not there yet; return its keys, and whether it is linked."""
    insert = _insert_linked(connection.dialect)
    linked: dict[Key, bool] = {}
    for chunk in in_chunks(rows):
        linked |= _linked(insert.execute(chunk, connection))
    return linked


_LAST: Final = "SELECT coalesce(max(id), 0) FROM meter_values"
_INSERTED: Final = (
    "SELECT sampled_at, charge_point, content_hash, transaction_id FROM meter_values WHERE id > ?"
)
_LINKS: Final = (
    "SELECT group_concat(linked, '') "
    "FROM (SELECT transaction_id IS NOT NULL AS linked FROM meter_values WHERE id > ? ORDER BY id)"
)


def _insert_on_sqlite(rows: Rows, keys: Sequence[Key], connection: Connection) -> dict[Key, bool]:
    """Do the same without a row that comes back, where nothing is repeated.

    The driver gives up the interpreter for each row that it fetches, and has to wait until it gets it back.
    """
    insert, driver = _insert_linked(connection.dialect), driver_of(connection)
    (last,) = driver.execute(_LAST).fetchone()
    inserted = sum(insert.execute(chunk, connection).rowcount for chunk in in_chunks(rows))
    if inserted < len(rows):
        return _linked(driver.execute(_INSERTED, (last,)))
    if all(row[_NAMED] is None for row in rows):
        return dict.fromkeys(keys, False)
    (links,) = driver.execute(_LINKS, (last,)).fetchone()
    return dict(zip(keys, map("1".__eq__, links), strict=True))


def _linked(rows: Iterable[Any]) -> dict[Key, bool]:
    return {tuple(key): transaction_id is not None for *key, transaction_id in rows}


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
            "sampled_at": sampled_at(request.transaction_data),
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
    return insert_into(meter_values, dialect).on_conflict_do_nothing(index_elements=_KEY)


@lru_cache(maxsize=2)
def _insert_linked(dialect: Dialect) -> InsertMany:
    insert = _insert(dialect.name).values(_parameters())
    if dialect.name == "sqlite":
        return InsertMany.of(insert, dialect)
    return InsertMany.of(insert.returning(*_KEY, meter_values.c.transaction_id), dialect)


def _parameters() -> dict[str, ColumnElement[Any]]:
    """Name the parameters of a row; the compiler puts them in the order of the table's columns, as ``_row`` does."""
    own = (
        select(transactions.c.id)
        .where(
            transactions.c.id == bindparam("own_id"),
            transactions.c.charge_point == bindparam("own_charge_point"),
        )
        .scalar_subquery()
    )
    parameters = {
        column.name: bindparam(column.name, type_=column.type)
        for column in meter_values.c
        if not column.primary_key
    }
    return parameters | {"transaction_id": own}


@carry_out.register
def _list(request: ListMeterValues, connection: Connection) -> list[MeterValuesRecord]:
    conditions = [meter_values.c.id > request.after]
    if request.transaction_id is not None:
        conditions.append(meter_values.c.transaction_id == request.transaction_id)
    ids = select(meter_values.c.id).where(all_of(conditions)).order_by(meter_values.c.id).limit(request.limit)
    query = select(meter_values).where(meter_values.c.id.in_(ids)).order_by(meter_values.c.id)
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
