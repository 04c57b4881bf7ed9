"""What a charge point does all day: it reports, charges, meters, starts again, and loses link and power.

These are for any charge point with hands on it, simulated or real. Each waits for what the charge point says, in
whatever order it says it, and leaves it free.
"""

from collections.abc import Callable
from typing import Any

import trio

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import RECONNECT, RESTART, Attended, attended
from ocpp_actors.testbench.steps.links import lose_link_in_peace
from ocpp_actors.testbench.steps.records import expect_connector
from ocpp_actors.testbench.steps.registration import expect_accepted_boot
from ocpp_actors.testbench.steps.transactions import expect_no_transaction, expect_recorded
from ocpp_actors.testbench.wire import Exchange

HANDS = {Feature.PLUG, Feature.TAP}

LONG = 2 * RESTART
"""Seconds of a scenario with a restart or a reconnection in it."""

IN_A_TRANSACTION = {"Charging", "SuspendedEV", "SuspendedEVSE"}

METERING = 20.0
"""Seconds in which a meter has moved, at a sample a second."""


@scenario(needs={Need.STATION})
async def boots_and_reports_its_connectors(bench: Bench) -> None:
    """A charge point has booted, was Accepted, and reported the status of every connector (OCPP 1.6 §4.2, §4.9).

    Looked for from its first connection on. Where the record can be looked at, it is online there, with its connectors.
    """
    async with attended(bench) as charger:
        wire = charger.station.wire
        with trio.fail_after(RESTART):
            boot = await wire.exchange("BootNotification")
            reports = [
                await wire.exchange("StatusNotification", where=_of(each)) for each in charger.connectors
            ]
        expect_accepted_boot(bench, boot)
        for report in reports:
            expect_equal(report.result, {}, "StatusNotification.conf")
        for connector_id in charger.connectors:
            await expect_connector(bench, charger.identity, connector_id, "Available")
        if bench.operator_or_none is not None:
            known = await bench.operator_or_none.charge_point(charger.identity)
            expect_equal(
                (known["online"], known["registration"]), (True, "Accepted"), "online, and registration"
            )
            expect_equal(known["vendor"], boot.payload["chargePointVendor"], "the vendor on record")


def _of(connector_id: int) -> Callable[[Any], object]:
    return lambda said: said["connectorId"] == connector_id


@scenario(features=HANDS)
async def card_before_the_plug(bench: Bench) -> None:
    """A driver presents a card, plugs in and charges; the same card ends it (OCPP 1.6 §3.6, §4.1, §4.8, §4.10)."""
    card = await bench.id_tag()
    async with attended(bench) as charger:
        await charger.tap(card)
        await charger.authorizes(card, "Accepted")
        await charger.plug_in()
        await _charges_and_ends(bench, charger, card)


@scenario(features=HANDS)
async def plug_before_the_card(bench: Bench) -> None:
    """A driver plugs in, presents a card and charges; the same card ends it (OCPP 1.6 §3.6, §4.1, §4.8, §4.10).

    The connector reports Preparing, Charging and Finishing on its way from Available to Available.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        await charger.plug_in()
        await charger.reports("Preparing")
        await charger.tap(card)
        await _charges_and_ends(bench, charger, card)


async def _charges_and_ends(bench: Bench, charger: Attended, card: str) -> None:
    started = await charger.starts(card)
    await charger.reports("Charging")
    await expect_recorded(bench, charger.identity, started)
    await charger.tap(card)
    await _ended(bench, charger, started, "Local")


async def _ended(bench: Bench, charger: Attended, started: Exchange, reason: str) -> None:
    """Wait for the end of a transaction, and unplug; the record has to agree."""
    stopped = await charger.stops(started, reason=reason)
    await charger.reports("Finishing")
    await charger.leaves()
    await expect_recorded(bench, charger.identity, started, stopped, reason=reason)
    await expect_connector(bench, charger.identity, 1, "Available")


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
        await _ended(bench, charger, started, "Local")
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


@scenario(needs={Need.OPERATOR}, features={Feature.PLUG})
async def operator_starts_and_stops(bench: Bench) -> None:
    """The operator starts a transaction at a plugged-in vehicle, and ends it (OCPP 1.6 §5.11, §5.12)."""
    card = await bench.id_tag()
    async with attended(bench) as charger:
        await charger.plug_in()
        await charger.reports("Preparing")
        await charger.ask("RemoteStartTransaction", {"connectorId": 1, "idTag": card}, "Accepted")
        started = await charger.starts(card)
        await charger.reports("Charging")
        ending = {"transactionId": started.result["transactionId"]}
        await charger.ask("RemoteStopTransaction", ending, "Accepted")
        await _ended(bench, charger, started, "Remote")


@scenario(needs={Need.OPERATOR, Need.STATION}, seconds=LONG)
async def reset_brings_it_back(bench: Bench) -> None:
    """The operator resets a free charge point: it comes back, boots and reports its connectors (OCPP 1.6 §5.14)."""
    async with attended(bench) as charger:
        since = charger.station.wire.mark()
        await charger.ask("Reset", {"type": "Soft"}, "Accepted")
        await _boots(bench, charger, since)


async def _boots(bench: Bench, charger: Attended, since: int) -> dict[int, str]:
    """Wait until it has booted since a mark, and return the status that each connector reports then."""
    boot = await charger.says("BootNotification", since=since, within=RESTART)
    expect_accepted_boot(bench, boot)
    reports = {
        each: await charger.says(
            "StatusNotification", connector_id=each, since=boot.asked.number, within=RESTART
        )
        for each in charger.connectors
    }
    return {each: report.payload["status"] for each, report in reports.items()}


@scenario(features=HANDS | {Feature.LINK}, seconds=LONG)
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
        await _recorded_once(bench, charger, card, started, stopped)


@scenario(features=HANDS | {Feature.LINK}, seconds=LONG)
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
        await _recorded_once(bench, charger, card, started, stopped)


async def _recorded_once(
    bench: Bench, charger: Attended, card: str, started: Exchange, stopped: Exchange
) -> None:
    await expect_recorded(
        bench, charger.identity, started, stopped, reason=stopped.payload.get("reason", "Local")
    )
    if bench.operator_or_none is not None:
        kept = await bench.operator_or_none.transactions(charger.identity, idTag=card)
        expect_equal(
            [each["id"] for each in kept], [started.result["transactionId"]], f"transactions of {card}"
        )


@scenario(features=HANDS | {Feature.POWER}, seconds=LONG)
async def power_is_cut_while_charging(bench: Bench) -> None:
    """The power is cut in a transaction; when it is back the charge point boots, and the transaction has one end.

    Some charge points end it by themselves, with the reason PowerLoss (OCPP 1.6 §4.10, §7.36); others go on with it,
    until the driver ends it.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        started = await charger.charges(card)
        await charger.lose_power()
        since = charger.station.wire.mark()
        await charger.regain_power()
        statuses = await _boots(bench, charger, since)
        if statuses[1] in IN_A_TRANSACTION:
            await charger.tap(card)
        stopped = await charger.stops(started, within=RESTART)
        await charger.unplug()
        await _recorded_once(bench, charger, card, started, stopped)
