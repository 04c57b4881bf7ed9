"""Charge points start: cold, after a reset, and after the power failed."""

from collections.abc import Callable
from typing import Any

import trio

from ocpp_actors.testbench.bench import BOOT, Bench
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import RESTART, Attended, attended
from ocpp_actors.testbench.steps.records import expect_connector
from ocpp_actors.testbench.steps.registration import expect_accepted_boot
from ocpp_actors.testbench.steps.scripted import status
from ocpp_actors.testbench.steps.transactions import expect_recorded, expect_recorded_once, start, stop

HANDS = {Feature.PLUG, Feature.TAP}

LONG = 2 * RESTART
"""Seconds of a scenario with a restart in it."""

IN_A_TRANSACTION = {"Charging", "SuspendedEV", "SuspendedEVSE"}


async def starts_again(bench: Bench, charger: Attended) -> None:
    """Wait until a charge point has booted and all its connectors are Available; the record has to agree."""
    boot = await charger.says("BootNotification", within=RESTART)
    expect_accepted_boot(bench, boot)
    for connector_id in charger.connectors:
        await charger.reports("Available", connector_id, since=boot.asked.number)
        await expect_connector(bench, charger.identity, connector_id, "Available")
    if bench.operator_or_none is not None:
        kept = await bench.operator_or_none.charge_point(charger.identity)
        expect(kept["online"], "the charge point is not online on record")
        expect_equal(kept["registration"], "Accepted", "the registration on record")


@scenario(case="TC_001", features={Feature.POWER}, seconds=LONG)
async def cold_boot(bench: Bench) -> None:
    """A charge point gets its power, connects and boots.

    Checks: the BootNotification is Accepted, with an interval above 0 and the time in UTC; the StatusNotification of
    every connector is confirmed and on record; the charge point is online (OCPP 1.6 §4.2, §4.9).

    Not known: whether the original waits for the first Heartbeat.
    """
    async with attended(bench) as charger:
        await charger.lose_power()
        await charger.regain_power()
        await starts_again(bench, charger)


@scenario(case="TC_013", needs={Need.OPERATOR, Need.STATION}, seconds=LONG)
async def hard_reset(bench: Bench) -> None:
    """The operator resets a charge point the hard way: it starts again.

    Checks: Reset comes with the type Hard, its answer reaches the operator; the charge point boots again as from cold
    (OCPP 1.6 §4.2, §5.14).

    Not known: whether a transaction runs in the original; here none does.
    """
    async with attended(bench) as charger:
        await charger.ask("Reset", {"type": "Hard"}, "Accepted")
        await starts_again(bench, charger)


@scenario(case="TC_014", needs={Need.OPERATOR}, features=HANDS, seconds=LONG)
async def soft_reset(bench: Bench) -> None:
    """The operator resets a charge point gracefully while it charges: it ends the transaction and starts again.

    Checks: Reset comes with the type Soft, its answer reaches the operator; the StopTransaction is confirmed, the
    record has the reason SoftReset; the charge point boots again as from cold (OCPP 1.6 §4.2, §4.10, §5.14).

    Not known: whether a transaction runs in the original; here one does.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        started = await charger.charges(card)
        await charger.ask("Reset", {"type": "Soft"}, "Accepted")
        stopped = await charger.stops(started, reason="SoftReset", within=RESTART)
        await charger.unplug()
        await starts_again(bench, charger)
        await expect_recorded(bench, charger.identity, started, stopped, reason="SoftReset")


@scenario(case="TC_032_1")
async def power_fails_and_transactions_are_stopped(bench: Bench) -> None:
    """The power fails while a vehicle charges; when it is back the charge point boots and ends the transaction.

    Checks: the BootNotification is Accepted; the StopTransaction that comes after it is confirmed, the record has the
    reason PowerLoss and the time that the charge point says (OCPP 1.6 §4.2, §4.10, §7.36).

    Not known: in which order the original sends StopTransaction and StatusNotification after the boot.
    """
    card = await bench.id_tag()
    async with bench.client(boot=True) as client:
        started = await start(bench, client, card)
        await status(bench, client, "Charging")
        identity = client.identity
        await client.drop()
    async with bench.client(identity) as client:
        with bench.patient():
            boot = await client.call("BootNotification", BOOT)
        expect_accepted_boot(bench, boot)
        stopped = await stop(bench, client, started, reason="PowerLoss")
        await status(bench, client, "Available")
        await expect_recorded(bench, identity, started, stopped, reason="PowerLoss")
        await expect_connector(bench, identity, 1, "Available")


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


@scenario(needs={Need.OPERATOR, Need.STATION}, seconds=LONG)
async def reset_brings_it_back(bench: Bench) -> None:
    """The operator resets a free charge point: it comes back, boots and reports its connectors (OCPP 1.6 §5.14)."""
    async with attended(bench) as charger:
        await charger.ask("Reset", {"type": "Soft"}, "Accepted")
        await starts_again(bench, charger)


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
        await expect_recorded_once(bench, charger.identity, started, stopped)


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
