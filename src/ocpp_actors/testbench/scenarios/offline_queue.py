"""Charge points keep what they have to tell while they have no connection, and tell it in order."""

from typing import Any

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import RECONNECT, RESTART, attended
from ocpp_actors.testbench.steps.links import lose_link_in_peace
from ocpp_actors.testbench.steps.transactions import expect_recorded
from ocpp_actors.testbench.wire import Exchange, Mark, Wire

HANDS_AND_LINK = {Feature.PLUG, Feature.TAP, Feature.LINK}

LONG = 2 * RESTART
"""Seconds of a scenario with a reconnection in it, and what follows."""


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
        await expect_recorded(
            bench, charger.identity, started, stopped, reason=stopped.payload.get("reason", "Local")
        )
        expect(_once(charger.station.wire, since, started), "the end was told more than once")


def _once(wire: Wire, since: Mark, started: Exchange) -> bool:
    transaction_id = started.result["transactionId"]
    ended = [each.payload["transactionId"] for each in wire.answered("StopTransaction", since=since)]
    return ended.count(transaction_id) == 1
