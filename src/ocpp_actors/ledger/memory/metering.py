"""Meter values: one record a message, its samples inside (OCPP 1.6 §4.7)."""

from datetime import datetime

from attrs import evolve

from ocpp_actors.ledger import port
from ocpp_actors.ledger.memory.dispatch import carry_out
from ocpp_actors.ledger.memory.facts import Facts, of, own_transaction, some, stored
from ocpp_actors.ledger.repetition import transaction_data_hash
from ocpp_actors.ledger.samples import METER_VALUES, TRANSACTION_DATA


@carry_out.register
def _record(request: port.RecordMeterValues, facts: Facts) -> port.MeterValuesKept:
    transaction = own_transaction(request.identity, request.transaction_id, facts)
    record = port.MeterValuesRecord(
        identity=request.identity,
        connector_id=request.connector_id,
        transaction_id=transaction.transaction_id if transaction else None,
        meter_values=stored(request.meter_values),
        energy_wh=request.energy_wh,
        power_w=request.power_w,
        received_at=request.received_at,
        source=METER_VALUES,
        sent_transaction_id=request.transaction_id,
        record_id=len(facts.meter_values) + 1,
    )
    kept = facts.meter_values.setdefault((request.identity.casefold(), request.content_hash), record)
    if (
        kept is record
        and transaction
        and transaction.stopped_at is None
        and request.energy_wh is not None
        and _is_newest_register(transaction.transaction_id, request.energy_at or request.received_at, facts)
    ):
        facts.transactions[transaction.transaction_id] = evolve(
            transaction, energy_wh=request.energy_wh - transaction.meter_start
        )
    return port.MeterValuesKept(repeated=kept is not record, linked=kept.transaction_id is not None)


def _is_newest_register(transaction_id: int, read_at: datetime, facts: Facts) -> bool:
    newest = read_at >= facts.registers_at.get(transaction_id, read_at)
    if newest:
        facts.registers_at[transaction_id] = read_at
    return newest


def keep_transaction_data(stop: port.RecordStop, transaction: port.Transaction | None, facts: Facts) -> None:
    """Keep the sampled values that came with a stop, if any."""
    if stop.transaction_data:
        record = port.MeterValuesRecord(
            identity=stop.identity,
            connector_id=transaction.connector_id if transaction else None,
            transaction_id=transaction.transaction_id if transaction else None,
            meter_values=stored(stop.transaction_data),
            energy_wh=None,
            power_w=None,
            received_at=stop.received_at,
            source=TRANSACTION_DATA,
            sent_transaction_id=stop.transaction_id,
            record_id=len(facts.meter_values) + 1,
        )
        facts.meter_values.setdefault((stop.identity.casefold(), transaction_data_hash(stop)), record)


def unlink_guessed_data(transaction_id: int, facts: Facts) -> None:
    """Take from a transaction the sampled values of a stop that was only guessed to be its end."""
    for key, record in facts.meter_values.items():
        if (
            record.transaction_id == transaction_id != record.sent_transaction_id
            and record.source == TRANSACTION_DATA
        ):
            facts.meter_values[key] = evolve(record, transaction_id=None, connector_id=None)


@carry_out.register
def _list(request: port.ListMeterValues, facts: Facts) -> list[port.MeterValuesRecord]:
    records = some(
        facts.meter_values.values(),
        request.limit,
        lambda record: (
            record.record_id > request.after
            and request.transaction_id in (None, record.transaction_id)
            and of(request.identity, record.identity)
        ),
    )
    return [evolve(record, meter_values=stored(record.meter_values)) for record in records]
