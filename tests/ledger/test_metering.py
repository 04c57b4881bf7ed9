from datetime import datetime
from typing import Any

import pytest
from attrs import evolve
from tests.ledger.facts import NOON, later, meter_values, samples, start, stop

from ocpp_actors.ledger.port import (
    FindTransaction,
    Ledger,
    ListMeterValues,
    MeterValuesKept,
    MeterValuesRecord,
)

VALUES = samples("1.50", unit="kWh", format="Raw", context="Sample.Periodic") + samples("µ\u0000")


async def test_meter_values_are_kept_as_sent(ledger: Ledger) -> None:
    started = await ledger.ask(start())
    kept = await ledger.ask(
        meter_values(
            started.transaction_id, values=VALUES, energy_wh=1500.25, power_w=-7.5, received_at=later(5)
        )
    )
    assert kept == MeterValuesKept(repeated=False, linked=True)
    (record,) = await ledger.ask(ListMeterValues())
    assert record.record_id > 0
    assert evolve(record, record_id=0) == (
        MeterValuesRecord(
            identity="CP-1",
            connector_id=1,
            transaction_id=started.transaction_id,
            meter_values=VALUES,
            energy_wh=1500.25,
            power_w=-7.5,
            received_at=later(5),
            source="meterValues",
            sent_transaction_id=started.transaction_id,
        )
    )


async def test_repeated_meter_values_change_nothing(ledger: Ledger) -> None:
    started = await ledger.ask(start())
    await ledger.ask(meter_values(started.transaction_id))
    again = await ledger.ask(
        meter_values(started.transaction_id, "cp-1", energy_wh=9.0, received_at=later(60))
    )
    assert again == MeterValuesKept(repeated=True, linked=True)
    assert (await ledger.ask(meter_values(None))).linked, "as the first was"
    (record,) = await ledger.ask(ListMeterValues())
    assert (record.energy_wh, record.received_at) == (1500.0, NOON)


async def test_the_same_content_of_another_charge_point_is_no_repetition(ledger: Ledger) -> None:
    assert not (await ledger.ask(meter_values(None))).repeated
    assert not (await ledger.ask(meter_values(None, "CP-2"))).repeated


@pytest.mark.parametrize(
    "values",
    [[], ["no object"], [{}], [{"timestamp": 5}], [{"timestamp": "2024\0"}], [{"timestamp": "2024" * 1000}]],
    ids=["none", "no object", "no timestamp", "a number", "NUL", "long"],
)
async def test_whatever_a_lenient_charge_point_took_for_a_timestamp_is_known_again(
    ledger: Ledger, values: list[Any]
) -> None:
    assert not (await ledger.ask(meter_values(None, values=values))).repeated
    assert (await ledger.ask(meter_values(None, values=values))).repeated
    (record,) = await ledger.ask(ListMeterValues())
    assert record.meter_values == values


async def test_meter_values_without_or_of_a_foreign_transaction_are_not_linked(ledger: Ledger) -> None:
    started = await ledger.ask(start("CP-2"))
    unlinked = MeterValuesKept(repeated=False, linked=False)
    foreign = [None, 0, -1, 10**12, started.transaction_id]
    for number, sent in enumerate(foreign):
        assert await ledger.ask(meter_values(sent, content_hash=bytes([number]))) == unlinked
    assert (await ledger.ask(meter_values(-1, content_hash=b"\2"))) == MeterValuesKept(
        repeated=True, linked=False
    )
    records = await ledger.ask(ListMeterValues())
    assert [record.transaction_id for record in records] == [None] * 5
    assert [record.sent_transaction_id for record in records] == foreign
    assert await ledger.ask(ListMeterValues(transaction_id=started.transaction_id)) == []


async def test_meter_values_of_a_stopped_transaction_are_linked(ledger: Ledger) -> None:
    started = await ledger.ask(start())
    await ledger.ask(stop(started.transaction_id))
    assert (await ledger.ask(meter_values(started.transaction_id))).linked
    transaction = await ledger.ask(FindTransaction(started.transaction_id))
    assert transaction is not None
    assert transaction.energy_wh == 4000.0


async def test_the_energy_of_a_running_transaction_is_its_last_register_less_its_first(
    ledger: Ledger,
) -> None:
    started = await ledger.ask(start(meter_start=1000))

    async def energy() -> float | None:
        transaction = await ledger.ask(FindTransaction(started.transaction_id))
        assert transaction is not None
        return transaction.energy_wh

    assert await energy() is None
    for number, (register, expected) in enumerate([(1500.5, 500.5), (None, 500.5), (2500.0, 1500.0)]):
        await ledger.ask(
            meter_values(started.transaction_id, content_hash=bytes([number]), energy_wh=register)
        )
        assert await energy() == expected


async def test_late_meter_values_do_not_move_the_energy_backwards(ledger: Ledger) -> None:
    started = await ledger.ask(start(meter_start=1000))

    async def energy_after(register: float, read_at: datetime | None, received_at: datetime) -> float | None:
        await ledger.ask(
            meter_values(
                started.transaction_id,
                content_hash=str(register).encode(),
                energy_wh=register,
                energy_at=read_at,
                received_at=received_at,
            )
        )
        transaction = await ledger.ask(FindTransaction(started.transaction_id))
        assert transaction is not None
        return transaction.energy_wh

    assert await energy_after(2000.0, later(60), later(61)) == 1000.0
    assert await energy_after(1500.0, later(30), later(62)) == 1000.0
    assert await energy_after(2500.0, later(60), later(63)) == 1500.0, "of the same moment the last is taken"
    assert await energy_after(1600.0, None, later(59)) == 1500.0
    assert await energy_after(3000.0, None, later(64)) == 2000.0


async def test_transaction_data_is_kept_in_the_order_of_receipt(ledger: Ledger) -> None:
    started = await ledger.ask(start())
    await ledger.ask(meter_values(started.transaction_id))
    await ledger.ask(stop(started.transaction_id, transaction_data=VALUES))
    records = await ledger.ask(ListMeterValues(transaction_id=started.transaction_id))
    assert [record.source for record in records] == ["meterValues", "transactionData"]
    assert records[1].meter_values == VALUES
    assert (records[1].energy_wh, records[1].power_w, records[1].received_at) == (None, None, later(3601))
    assert await ledger.ask(ListMeterValues(limit=1)) == records[:1]


async def test_a_stop_without_transaction_data_keeps_none(ledger: Ledger) -> None:
    started = await ledger.ask(start())
    await ledger.ask(stop(started.transaction_id, transaction_data=[]))
    assert await ledger.ask(ListMeterValues()) == []


async def test_clockless_stops_of_different_transactions_keep_their_equal_data(ledger: Ledger) -> None:
    for _ in range(2):
        started = await ledger.ask(start())
        await ledger.ask(stop(started.transaction_id, transaction_data=samples()))
    assert len(await ledger.ask(ListMeterValues())) == 2


async def test_meter_values_are_paged_by_their_numbers(ledger: Ledger) -> None:
    started = await ledger.ask(start())
    for number in range(5):
        sent = None if number == 2 else started.transaction_id
        await ledger.ask(meter_values(sent, content_hash=bytes([number]), energy_wh=float(number)))
    pages, last = [], 0
    for _ in range(3):
        page = await ledger.ask(ListMeterValues(transaction_id=started.transaction_id, limit=3, after=last))
        pages.append([record.energy_wh for record in page])
        last = page[-1].record_id if page else last
    assert pages == [[0.0, 1.0, 3.0], [4.0], []]
