"""Charge points charge while they have no connection, and tell afterwards."""

from datetime import timedelta

from ocpp_actors.protocol.timestamps import write
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import RECONNECT, attended
from ocpp_actors.testbench.steps.scripted import told
from ocpp_actors.testbench.steps.transactions import expect_recorded, start, stop

LONG = 2 * RECONNECT
"""Seconds of a scenario with a reconnection in it."""


@scenario(
    case="TC_037_1",
    needs={Need.OPERATOR},
    features={Feature.PLUG, Feature.TAP, Feature.LINK},
    seconds=LONG,
)
async def offline_start_with_a_valid_card(bench: Bench) -> None:
    """A driver begins to charge while the charge point is offline; the card turns out to be valid, and it goes on.

    Checks: the StartTransaction that comes after the reconnection is Accepted; the record has the time at which the
    transaction began; it goes on until the driver ends it (OCPP 1.6 §3.5, §3.7, §4.8). The operator sets
    AllowOfflineTxForUnknownId before.

    Not known: why the charge point of the original lets the card charge: it may be in its cache or local list.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        await charger.configure("AllowOfflineTxForUnknownId", "true")
        await charger.lose_link()
        await charger.plug_in()
        await charger.tap(card)
        await charger.regain_link()
        started = await charger.starts(card, within=RECONNECT)
        await expect_recorded(bench, charger.identity, started)
        await charger.tap(card)
        stopped = await charger.stops(started, reason="Local")
        await charger.leaves()
        await expect_recorded(bench, charger.identity, started, stopped)


@scenario(
    case="TC_037_3",
    needs={Need.OPERATOR},
    features={Feature.PLUG, Feature.TAP, Feature.LINK},
    seconds=LONG,
)
async def offline_start_with_an_invalid_card(bench: Bench) -> None:
    """A driver begins to charge while the charge point is offline; the card turns out to be invalid, and it ends.

    Checks: the StartTransaction that comes after the reconnection gets a transactionId and the status Invalid; the
    StopTransaction is confirmed, the record has the reason DeAuthorized (OCPP 1.6 §3.5, §4.8, §4.10). The operator
    sets AllowOfflineTxForUnknownId and StopTransactionOnInvalidId before.

    Not known: why the charge point of the original lets the card charge.
    """
    card = await bench.id_tag("Invalid")
    async with attended(bench) as charger:
        await charger.configure("AllowOfflineTxForUnknownId", "true")
        await charger.configure("StopTransactionOnInvalidId", "true")
        await charger.lose_link()
        await charger.plug_in()
        await charger.tap(card)
        await charger.regain_link()
        started = await charger.starts(card, status="Invalid", within=RECONNECT)
        stopped = await charger.stops(started, reason="DeAuthorized")
        await charger.leaves()
        await expect_recorded(bench, charger.identity, started, stopped, reason="DeAuthorized")


@scenario(case="TC_039")
async def offline_transaction(bench: Bench) -> None:
    """A whole transaction took place while the charge point was offline, and is told when it is back.

    Checks: StartTransaction, MeterValues and StopTransaction, sent in this order after a reconnection without a
    BootNotification, are confirmed; the record has the times and meter values of the charge point (OCPP 1.6 §3.7,
    §4.7, §4.8, §4.10).

    Not known: how long the original keeps the charge point offline.
    """
    card = await bench.id_tag()
    async with bench.client(boot=True) as client:
        identity = client.identity
        await client.drop()
    back = bench.clock.now()
    begun, between, ended = (write(back - timedelta(minutes=minutes)) for minutes in (30, 20, 10))
    async with bench.client(identity) as client:
        started = await start(bench, client, card, timestamp=begun)
        values = {
            "connectorId": 1,
            "transactionId": started.result["transactionId"],
            "meterValue": [{"timestamp": between, "sampledValue": [{"value": "1250", "unit": "Wh"}]}],
        }
        expect_equal(await told(bench, client, "MeterValues", values), {}, "MeterValues.conf")
        stopped = await stop(bench, client, started, idTag=card, timestamp=ended)
        await expect_recorded(bench, identity, started, stopped)
        if bench.operator_or_none is not None:
            path = f"/transactions/{started.result['transactionId']}/meter-values"
            kept = await bench.operator_or_none.items(path)
            energy = [each["energyWh"] for each in kept]
            expect_equal(energy, [1250.0], "the meter values on record")
