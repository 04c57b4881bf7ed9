"""Meter values: one record a message, its samples inside (OCPP 1.6 §4.7)."""

from ocpp_actors.ledger import port
from ocpp_actors.ledger.memory.dispatch import carry_out
from ocpp_actors.ledger.memory.facts import Facts, Metered, as_json, own_transaction, some
from ocpp_actors.ledger.repetition import transaction_data_hash
from ocpp_actors.ledger.samples import KEPT, METER_VALUES, TRANSACTION_DATA


@carry_out.register
def _record(request: port.RecordMeterValues, facts: Facts) -> port.MeterValuesKept:
    key = request.identity.casefold(), request.content_hash
    kept = facts.meter_values.get(key)
    if kept is not None:
        return KEPT[True, kept.transaction_id is not None]
    transaction = own_transaction(request.identity, request.transaction_id, facts)
    facts.meter_values[key] = Metered(
        len(facts.meter_values) + 1,
        request.identity,
        request.connector_id,
        transaction.transaction_id if transaction else None,
        request.transaction_id,
        request.energy_wh,
        request.power_w,
        request.received_at,
        METER_VALUES,
        as_json(request.meter_values),
    )
    if transaction and transaction.stopped_at is None and request.energy_wh is not None:
        read_at = request.energy_at or request.received_at
        last = facts.registers.get(transaction.transaction_id)
        if last is None or read_at >= last[0]:
            facts.registers[transaction.transaction_id] = read_at, request.energy_wh
    return KEPT[False, transaction is not None]


def keep_transaction_data(stop: port.RecordStop, transaction: port.Transaction | None, facts: Facts) -> None:
    """Keep the sampled values that came with a stop, if any."""
    if stop.transaction_data:
        facts.meter_values.setdefault(
            (stop.identity.casefold(), transaction_data_hash(stop)),
            Metered(
                record_id=len(facts.meter_values) + 1,
                identity=stop.identity,
                connector_id=transaction.connector_id if transaction else None,
                transaction_id=transaction.transaction_id if transaction else None,
                sent_transaction_id=stop.transaction_id,
                energy_wh=None,
                power_w=None,
                received_at=stop.received_at,
                source=TRANSACTION_DATA,
                samples=as_json(stop.transaction_data),
            ),
        )


def unlink_guessed_data(transaction_id: int, facts: Facts) -> None:
    """Take from a transaction the sampled values of a stop that was only guessed to be its end."""
    for kept in facts.meter_values.values():
        if (
            kept.transaction_id == transaction_id != kept.sent_transaction_id
            and kept.source == TRANSACTION_DATA
        ):
            kept.transaction_id = kept.connector_id = None


@carry_out.register
def _list(request: port.ListMeterValues, facts: Facts) -> list[port.MeterValuesRecord]:
    kept = some(
        facts.meter_values.values(),
        request.limit,
        lambda kept: kept.record_id > request.after and request.transaction_id in (None, kept.transaction_id),
    )
    return [each.record() for each in kept]
