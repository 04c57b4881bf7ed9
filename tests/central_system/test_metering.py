"""MeterValues: kept as sent, energy and power derived (OCPP 1.6 §4.7, §7.33)."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.central import open_central
from tests.support.messages import AT, meter_values, start, stop

from ocpp_actors.central_system.metering import last_readings
from ocpp_actors.ledger.port import FindTransaction, ListMeterValues
from ocpp_actors.observer import Flagged, MeterValuesRecorded
from ocpp_actors.protocol.messages import MeterValues
from ocpp_actors.protocol.validation import decode

ENERGY = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"


def derived(*samples: dict[str, Any]) -> tuple[float | None, float | None]:
    values = decode(MeterValues, meter_values(*samples)).meter_value
    register, power = last_readings(values)
    return None if register is None else register[0], power


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([{"value": "1234"}], 1234, id="what is left out means energy in Wh at the outlet"),
        pytest.param([{"value": "1.5", "measurand": ENERGY, "unit": "kWh"}], 1500, id="kWh"),
        pytest.param([{"value": "12", "unit": "Wh", "location": "Outlet"}], 12, id="outlet"),
        pytest.param([{"value": "12", "location": "Inlet"}], None, id="not at the outlet"),
        pytest.param([{"value": "12", "location": "EV"}], None, id="in the vehicle"),
        pytest.param([{"value": "A1B2", "format": "SignedData"}], None, id="signed data is no number"),
        pytest.param([{"value": "12", "format": "SignedData"}], None, id="even where it looks like one"),
        pytest.param([{"value": "n/a"}], None, id="not a number"),
        pytest.param([{"value": ""}], None, id="empty"),
        pytest.param([{"value": "NaN"}], None, id="NaN"),
        pytest.param([{"value": "inf"}], None, id="infinite"),
        pytest.param([{"value": "12", "unit": "varh"}], None, id="a unit of something else"),
        pytest.param([{"value": "7", "measurand": "Energy.Active.Export.Register"}], None, id="export"),
        pytest.param([{"value": "7", "measurand": "Energy.Active.Import.Interval"}], None, id="interval"),
        pytest.param([{"value": "oops"}, {"value": "5"}], 5, id="the next sample that can be read"),
        pytest.param(
            [{"value": str(n), "phase": f"L{n}"} for n in (1, 2, 3)], 6, id="the sum of the three phases"
        ),
        pytest.param(
            [{"value": str(n), "phase": f"L{n}-N"} for n in (1, 2, 3)],
            6,
            id="the sum of the phases to neutral",
        ),
        pytest.param(
            [{"value": "1", "phase": "L1"}, {"value": "9", "phase": "L1-N"}], 1, id="not both kinds of phases"
        ),
        pytest.param(
            [{"value": "1", "phase": "L1"}, {"value": "7"}, {"value": "2", "phase": "L2"}],
            7,
            id="the whole before its phases",
        ),
        pytest.param([{"value": "4", "phase": "L1-L2"}], None, id="between phases there is no energy"),
        pytest.param([{"value": "4", "phase": "N"}], None, id="nor in the neutral conductor"),
    ],
)
def test_energy_is_the_register_of_imported_active_energy(
    samples: list[dict[str, Any]], expected: float
) -> None:
    assert derived(*samples) == (expected, None)


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ({"value": "3700"}, 3700),
        ({"value": "11", "unit": "kW"}, 11_000),
        ({"value": "7.4", "unit": "kW", "location": "Outlet"}, 7400),
        ({"value": "7.4", "unit": "Wh"}, None),
        ({"value": "7.4", "location": "Body"}, None),
    ],
)
def test_power_is_the_imported_active_power(sample: dict[str, Any], expected: float | None) -> None:
    assert derived(sample | {"measurand": POWER}) == (None, expected)


def test_the_last_reading_counts_wherever_it_stands() -> None:
    def at(minute: int, value: str) -> dict[str, Any]:
        return {"timestamp": f"2026-03-01T12:{minute:02}:00Z", "sampledValue": [{"value": value}]}

    payload = {"connectorId": 1, "meterValue": [at(1, "10"), at(5, "50"), at(3, "30"), at(9, "nothing")]}
    register, _ = last_readings(decode(MeterValues, payload).meter_value)
    assert register == (50, datetime(2026, 3, 1, 12, 5, tzinfo=UTC))


async def test_values_are_kept_as_sent_and_linked_to_their_transaction(autojump_clock: Any) -> None:
    samples = [
        {"value": "0150.50", "unit": "Wh"},
        {"value": "16.0", "measurand": "Current.Import", "phase": "L1"},
    ]
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        transaction_id = (await charger.result("StartTransaction", start()))["transactionId"]
        assert await charger.result("MeterValues", meter_values(*samples, transactionId=transaction_id)) == {}
        [record] = await central.ledger.ask(ListMeterValues(transaction_id=transaction_id))
        transaction = await central.ledger.ask(FindTransaction(transaction_id))
        [told] = central.told(MeterValuesRecorded)
        assert central.told(Flagged) == []
    assert record.meter_values[0]["sampledValue"] == samples
    assert record.energy_wh == 150.5
    assert transaction is not None
    assert transaction.energy_wh == 50.5
    assert (told.connector_id, told.transaction_id, told.energy_wh) == (1, transaction_id, 150.5)


async def test_a_repetition_is_confirmed_and_kept_once(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        for _ in range(3):
            assert await charger.result("MeterValues", meter_values()) == {}
        await charger.result("MeterValues", meter_values({"value": "151"}))
        assert len(await central.ledger.ask(ListMeterValues())) == 2
        assert len(central.told(MeterValuesRecorded)) == 2


async def test_equal_values_of_two_chargers_are_both_kept(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as one, central.charger("CP2") as other:
        for charger in (one, other):
            await charger.boot()
            await charger.result("MeterValues", meter_values())
        assert len(await central.ledger.ask(ListMeterValues())) == 2


async def test_values_of_an_unknown_transaction_are_confirmed_kept_and_flagged(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        assert await charger.result("MeterValues", meter_values(transactionId=99)) == {}
        [record] = await central.ledger.ask(ListMeterValues())
        assert record.transaction_id is None
        assert [event.quirk for event in central.told(Flagged)] == ["unknown transaction"]
        assert [event.transaction_id for event in central.told(MeterValuesRecorded)] == [None]


async def test_values_after_the_stop_do_not_change_the_energy(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        transaction_id = (await charger.result("StartTransaction", start()))["transactionId"]
        await charger.result("StopTransaction", stop(transaction_id))
        await charger.result("MeterValues", meter_values({"value": "999"}, transactionId=transaction_id))
        transaction = await central.ledger.ask(FindTransaction(transaction_id))
    assert transaction is not None
    assert transaction.energy_wh == 250


async def test_values_that_cannot_be_read_are_kept_all_the_same(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        payload = meter_values({"value": "A1B2C3", "format": "SignedData"}, {"value": "broken"})
        assert await charger.result("MeterValues", payload) == {}
        [record] = await central.ledger.ask(ListMeterValues())
    assert record.energy_wh is None
    assert record.meter_values[0]["sampledValue"] == payload["meterValue"][0]["sampledValue"]


async def test_the_values_of_several_moments_are_kept_together(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        values = [{"timestamp": AT, "sampledValue": [{"value": "1"}]}] * 2
        assert await charger.result("MeterValues", {"connectorId": 0, "meterValue": values}) == {}
        [record] = await central.ledger.ask(ListMeterValues())
    assert len(record.meter_values) == 2


async def test_readings_that_come_late_do_not_move_the_energy_backwards(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        transaction_id = (await charger.result("StartTransaction", start(meterStart=100)))["transactionId"]
        for timestamp, value in [("2026-03-01T13:00:00Z", "900"), ("2026-03-01T12:30:00Z", "500")]:
            values = [{"timestamp": timestamp, "sampledValue": [{"value": value}]}]
            payload = {"connectorId": 1, "transactionId": transaction_id, "meterValue": values}
            assert await charger.result("MeterValues", payload) == {}
        transaction = await central.ledger.ask(FindTransaction(transaction_id))
        assert transaction is not None
        assert transaction.energy_wh == 800
