"""Charge points lose their link while vehicles charge or come to charge, and tell afterwards what they kept."""

from datetime import timedelta
from typing import Any

import trio

from ocpp_actors.protocol.timestamps import write
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import RECONNECT, RESTART, attended
from ocpp_actors.testbench.steps.links import lose_link_in_peace
from ocpp_actors.testbench.steps.scripted import told
from ocpp_actors.testbench.steps.transactions import expect_recorded, expect_recorded_once, start, stop
from ocpp_actors.testbench.wire import Exchange, Mark, Wire

HANDS_AND_LINK = {Feature.PLUG, Feature.TAP, Feature.LINK}

LONG = 2 * RESTART
"""Seconds of a scenario with a reconnection in it, and what follows."""


@scenario(
    case="TC_037_1",
    needs={Need.OPERATOR},
    features=HANDS_AND_LINK,
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
    features=HANDS_AND_LINK,
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


@scenario(features=HANDS_AND_LINK, seconds=LONG)
async def link_is_lost_while_charging(bench: Bench) -> None:
    """The link is lost in a transaction, which the driver ends meanwhile: told when the link is back (OCPP 1.6 §3.7).

    It is stopped once, and the record has it once, with the end that the charge point said.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        started = await charger.charges(card)
        await lose_link_in_peace(bench, charger)
        await charger.tap(card)
        await charger.unplug()
        await charger.regain_link()
        stopped = await charger.stops(started, within=RECONNECT)
        await expect_recorded_once(bench, charger.identity, started, stopped)


@scenario(features=HANDS_AND_LINK, seconds=LONG)
async def link_comes_back_while_charging(bench: Bench) -> None:
    """The link is lost in a transaction and comes back, and the transaction goes on (OCPP-J 1.6 §5.4).

    The charge point need not boot again; the driver ends the transaction afterwards.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        started = await charger.charges(card)
        await lose_link_in_peace(bench, charger)
        since = charger.station.wire.mark()
        await charger.regain_link()
        with trio.fail_after(RECONNECT):
            await charger.station.wire.change("opened", since=since)
        await expect_recorded(bench, charger.identity, started)
        await charger.tap(card)
        stopped = await charger.stops(started, reason="Local", within=RECONNECT)
        await charger.unplug()
        await expect_recorded_once(bench, charger.identity, started, stopped)


@scenario(needs={Need.OPERATOR}, features=HANDS_AND_LINK, seconds=LONG)
async def transactions_at_all_connectors_while_offline(bench: Bench) -> None:
    """Drivers begin to charge at every connector while the charge point is offline; all is told when it is back.

    Each StartTransaction is confirmed with a transactionId of its own, and each StopTransaction has the one that it was
    given (OCPP 1.6 §3.7). The operator has cards accepted offline before.
    """
    async with attended(bench) as charger:
        await charger.configure("AllowOfflineTxForUnknownId", "true")
        cards = {connector_id: await bench.id_tag() for connector_id in charger.connectors}
        await charger.lose_link()
        for connector_id, card in cards.items():
            await charger.plug_in(connector_id)
            await charger.tap(card, connector_id)
        await charger.regain_link()
        started = {
            connector_id: await charger.starts(card, connector_id=connector_id, within=RECONNECT)
            for connector_id, card in cards.items()
        }
        ids = {each.result["transactionId"] for each in started.values()}
        expect_equal(len(ids), len(cards), "the number of different transactionIds")
        for connector_id, card in cards.items():
            await charger.tap(card, connector_id)
            stopped = await charger.stops(started[connector_id], within=RECONNECT)
            await charger.leaves(connector_id)
            await expect_recorded(bench, charger.identity, started[connector_id], stopped)


@scenario(needs={Need.OPERATOR}, features=HANDS_AND_LINK, seconds=LONG)
async def messages_of_a_transaction_keep_their_order(bench: Bench) -> None:
    """A transaction is metered every second and loses its link: its messages come in their order.

    StartTransaction first, StopTransaction last, the meter values between them by their times (OCPP 1.6 §3.7.1). All
    that was confirmed is on record.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        wire, since = charger.station.wire, charger.station.wire.mark()
        await charger.configure("MeterValueSampleInterval", "1")
        started = await charger.charges(card)
        transaction_id = started.result["transactionId"]

        def of_it(payload: dict[str, Any]) -> bool:
            return bool(payload.get("transactionId") == transaction_id)

        await charger.says("MeterValues", of_it, within=RECONNECT)
        await lose_link_in_peace(bench, charger)
        await charger.regain_link()
        await charger.says("MeterValues", of_it, within=RECONNECT)
        await charger.tap(card)
        stopped = await charger.stops(started, within=RECONNECT)
        await charger.leaves()
        values = [each for each in wire.answered("MeterValues", since=since) if of_it(each.payload)]
        places = [each.asked.number for each in (started, *values, stopped)]
        expect_equal(places, sorted(places), "the places of start, meter values and stop")
        expect_equal(_times(values), sorted(_times(values)), "the times of the meter values")
        await expect_recorded(bench, charger.identity, started, stopped)
        await _all_kept(bench, transaction_id, values)


def _times(values: list[Exchange]) -> list[str]:
    return [value["timestamp"] for each in values for value in each.payload["meterValue"]]


async def _all_kept(bench: Bench, transaction_id: int, values: list[Exchange]) -> None:
    kept = await bench.operator.items(f"/transactions/{transaction_id}/meter-values", limit=1000)
    times = [
        value["timestamp"]
        for each in kept
        if each["source"] == "meterValues"
        for value in each["meterValues"]
    ]
    expect_equal(sorted(times), sorted(set(_times(values))), "the times of the meter values on record")


@scenario(needs={Need.OPERATOR}, features=HANDS_AND_LINK | {Feature.POWER}, seconds=LONG)
async def power_fails_before_the_end_is_told(bench: Bench) -> None:
    """A transaction ends while the charge point is offline, and then its power fails; the end is told all the same.

    It is kept over the failure, and comes after the BootNotification with the time at which it was (OCPP 1.6 §3.7.1).
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        started = await charger.charges(card)
        await lose_link_in_peace(bench, charger)
        await charger.tap(card)
        await charger.unplug()
        await charger.lose_power()
        since = charger.station.wire.mark()
        await charger.regain_power()
        await charger.regain_link()
        await charger.says("BootNotification", since=since, within=RESTART)
        stopped = await charger.stops(started, within=RESTART)
        await expect_recorded(bench, charger.identity, started, stopped)
        expect(_once(charger.station.wire, since, started), "the end was told more than once")


def _once(wire: Wire, since: Mark, started: Exchange) -> bool:
    transaction_id = started.result["transactionId"]
    ended = [each.payload["transactionId"] for each in wire.answered("StopTransaction", since=since)]
    return ended.count(transaction_id) == 1
