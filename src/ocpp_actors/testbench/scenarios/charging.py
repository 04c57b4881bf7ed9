"""Drivers charge: with a card, in either order, at every connector, are metered, and leave."""

from typing import Any

import trio

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import attended
from ocpp_actors.testbench.steps.records import expect_connector
from ocpp_actors.testbench.steps.scripted import status, told
from ocpp_actors.testbench.steps.transactions import expect_no_transaction, expect_recorded

HANDS = {Feature.PLUG, Feature.TAP}

CONNECTION_TIMEOUT = 2
"""Seconds that a driver gets to plug in, where a scenario waits for their end."""

METERING = 20.0
"""Seconds in which a meter has moved, at a sample a second."""


@scenario(case="TC_003", features=HANDS)
async def plug_in_first_then_present_a_card(bench: Bench) -> None:
    """A driver plugs in, presents a card, charges, presents it again, and leaves.

    Checks: the card is Accepted, the transactionId above 0 and nobody else's; every StatusNotification is confirmed,
    and so is the StopTransaction; the record agrees with what was said (OCPP 1.6 §4.1, §4.8, §4.9, §4.10).

    Not known: whether the original wants an Authorize before the start, which a charge point may leave out.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        await charger.plug_in()
        await charger.reports("Preparing")
        await charger.tap(card)
        started = await charger.starts(card)
        await charger.reports("Charging")
        await expect_recorded(bench, charger.identity, started)
        await charger.tap(card)
        stopped = await charger.stops(started, reason="Local")
        await charger.reports("Finishing")
        await charger.leaves()
        await expect_recorded(bench, charger.identity, started, stopped, reason="Local")
        await expect_connector(bench, charger.identity, 1, "Available")


@scenario(case="TC_004_1", features=HANDS)
async def present_a_card_first_then_plug_in(bench: Bench) -> None:
    """A driver presents a card, plugs in, charges, presents it again, and leaves.

    Checks: as after plugging in first; nothing has begun before the vehicle is there (OCPP 1.6 §4.1, §4.8, §4.10).

    Not known: which status the connector has between the card and the plug in the original.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        await charger.tap(card)
        await charger.reports("Preparing")
        await charger.says_nothing_of("StartTransaction")
        await charger.plug_in()
        started = await charger.starts(card)
        await charger.reports("Charging")
        await charger.tap(card)
        stopped = await charger.stops(started, reason="Local")
        await charger.leaves()
        await expect_recorded(bench, charger.identity, started, stopped)


@scenario(case="TC_004_2", needs={Need.OPERATOR}, features={Feature.TAP})
async def present_a_card_and_never_plug_in(bench: Bench) -> None:
    """A driver presents a card and walks away: the connector is free again after ConnectionTimeOut.

    Checks: the operator sets ConnectionTimeOut; the card is Accepted; both StatusNotifications are confirmed; there is
    no transaction on record (OCPP 1.6 §4.1, §9.1.4).

    Not known: the ConnectionTimeOut of the original.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        await charger.configure("ConnectionTimeOut", str(CONNECTION_TIMEOUT))
        await charger.tap(card)
        await charger.reports("Preparing")
        await charger.reports("Available", within=CONNECTION_TIMEOUT + bench.patience)
        await charger.says_nothing_of("StartTransaction")
        await expect_no_transaction(bench, charger.identity, card)
        await expect_connector(bench, charger.identity, 1, "Available")


@scenario(case="TC_005_1", features=HANDS)
async def vehicle_side_is_unplugged_while_charging(bench: Bench) -> None:
    """A driver takes the cable out of the vehicle while it charges: the transaction ends, and the connector is free.

    Checks: the StopTransaction is confirmed; the record has the reason EVDisconnected (OCPP 1.6 §4.10, §7.36).

    Not known: whether the original sets StopTransactionOnEVSideDisconnect and UnlockConnectorOnEVSideDisconnect
    itself; here the former is set where there is an operator.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        if bench.operator_or_none is not None:
            await charger.configure("StopTransactionOnEVSideDisconnect", "true")
        started = await charger.charges(card)
        await charger.unplug()
        stopped = await charger.stops(started, reason="EVDisconnected")
        await charger.reports("Available")
        await expect_recorded(bench, charger.identity, started, stopped, reason="EVDisconnected")


@scenario(case="TC_024")
async def connector_lock_fails(bench: Bench) -> None:
    """A driver is authorized, but the lock of the connector fails: nothing is charged, and the fault is reported.

    Checks: Authorize is Accepted; the StatusNotification with ConnectorLockFailure is confirmed and on record; there
    is no transaction on record (OCPP 1.6 §4.1, §4.9, §7.6).

    Not known: whether the connector is Faulted or goes on Preparing in the original.
    """
    card = await bench.id_tag()
    async with bench.client(boot=True) as client:
        await status(bench, client, "Preparing")
        answer = await told(bench, client, "Authorize", {"idTag": card})
        expect_equal(answer["idTagInfo"]["status"], "Accepted", "the status in Authorize.conf")
        await status(bench, client, "Faulted", error_code="ConnectorLockFailure")
        await expect_connector(bench, client.identity, 1, "Faulted", errorCode="ConnectorLockFailure")
        await expect_no_transaction(bench, client.identity, card)


@scenario(features=HANDS)
async def every_connector_charges(bench: Bench) -> None:
    """Vehicles charge at all connectors at once, each in a transaction of its own; the last to come leaves first."""
    async with attended(bench) as charger:
        cards = {connector_id: await bench.id_tag() for connector_id in charger.connectors}
        started = {
            connector_id: await charger.charges(card, connector_id) for connector_id, card in cards.items()
        }
        ids = {each.result["transactionId"] for each in started.values()}
        expect_equal(len(ids), len(started), "the number of different transactionIds")
        for connector_id in reversed(cards):
            await charger.tap(cards[connector_id], connector_id)
            stopped = await charger.stops(started[connector_id], reason="Local")
            await charger.leaves(connector_id)
            await expect_recorded(bench, charger.identity, started[connector_id], stopped, reason="Local")


@scenario(features=HANDS)
async def blocked_card_does_not_charge(bench: Bench) -> None:
    """A blocked card is presented at a plugged-in vehicle and charges nothing; a good one does then (OCPP 1.6 §4.1)."""
    blocked, good = await bench.id_tag("Blocked"), await bench.id_tag()
    async with attended(bench) as charger:
        await charger.plug_in()
        await charger.reports("Preparing")
        await charger.tap(blocked)
        await charger.authorizes(blocked, "Blocked")
        await charger.tap(good)
        started = await charger.starts(good)
        said = [each.payload["idTag"] for each in charger.station.wire.answered("StartTransaction")]
        expect(blocked not in said, "the charge point charged with a blocked card")
        await charger.reports("Charging")
        await charger.tap(good)
        stopped = await charger.stops(started, reason="Local")
        await charger.leaves()
        await expect_recorded(bench, charger.identity, started, stopped, reason="Local")
        await expect_no_transaction(bench, charger.identity, blocked)


@scenario(needs={Need.OPERATOR}, features=HANDS, seconds=60)
async def meter_values_arrive_and_grow(bench: Bench) -> None:
    """A vehicle draws energy: meter values come in the transaction, and the register grows (OCPP 1.6 §3.16, §4.7).

    The operator has it sample every second. All of them are on record.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        await charger.configure("MeterValueSampleInterval", "1")
        started = await charger.charges(card)
        transaction_id = started.result["transactionId"]
        registers: list[float] = []
        with trio.fail_after(METERING):
            while len(registers) < 3 or registers[-1] <= registers[0]:
                values = await charger.says(
                    "MeterValues", lambda said: said.get("transactionId") == transaction_id, within=METERING
                )
                registers.append(_register(values.payload))
        expect_equal(registers, sorted(registers), "the registers, which may not go back")
        await charger.tap(card)
        stopped = await charger.stops(started, reason="Local")
        await charger.leaves()
        expect(
            stopped.payload["meterStop"] >= int(registers[-1]) >= started.payload["meterStart"],
            f"the register went from {started.payload['meterStart']} over {registers} "
            f"to {stopped.payload['meterStop']}",
        )
        await expect_recorded(bench, charger.identity, started, stopped, reason="Local")
        kept = await bench.operator.items(f"/transactions/{transaction_id}/meter-values")
        missing = set(registers) - {each["energyWh"] for each in kept}
        expect(not missing, f"registers that were reported and are not on record: {sorted(missing)}")


def _register(payload: dict[str, Any]) -> float:
    """Return the last register of imported energy among meter values, in Wh."""
    found = [
        float(sample["value"]) * (1000 if sample.get("unit") == "kWh" else 1)
        for value in payload["meterValue"]
        for sample in value["sampledValue"]
        if sample.get("measurand", "Energy.Active.Import.Register") == "Energy.Active.Import.Register"
    ]
    expect(found, f"meter values without a register of energy: {payload}")
    return found[-1]
