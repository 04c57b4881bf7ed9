"""The operator takes connectors out of service, and gives them back."""

import trio

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import RESTART, Attended, attended
from ocpp_actors.testbench.steps.records import expect_connector

LONG = 2 * RESTART
"""Seconds of a scenario with a restart in it."""


async def change(charger: Attended, connector_id: int, kind: str, answer: str = "Accepted") -> None:
    """Let the operator make a connector Operative or Inoperative; it is Operative when the scenario is over."""
    wanted = {"connectorId": connector_id, "type": kind}
    charger.afterwards("ChangeAvailability", {**wanted, "type": "Operative"})
    await charger.ask("ChangeAvailability", wanted, answer)


@scenario(needs={Need.OPERATOR, Need.STATION})
async def connector_is_taken_out_of_service(bench: Bench) -> None:
    """The operator makes a connector inoperative, then operative: it reports Unavailable, then Available.

    The record has the status each time (OCPP 1.6 §4.9, §5.2).
    """
    async with attended(bench) as charger:
        await change(charger, 1, "Inoperative")
        await charger.reports("Unavailable")
        await expect_connector(bench, charger.identity, 1, "Unavailable")
        await change(charger, 1, "Operative")
        await charger.reports("Available")
        await expect_connector(bench, charger.identity, 1, "Available")


@scenario(needs={Need.OPERATOR}, features={Feature.PLUG, Feature.TAP})
async def busy_connector_is_taken_out_of_service_later(bench: Bench) -> None:
    """The operator makes a connector inoperative at which a vehicle charges: Scheduled, and done after the transaction.

    OCPP 1.6 §5.2.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        started = await charger.charges(card)
        await change(charger, 1, "Inoperative", "Scheduled")
        await charger.tap(card)
        await charger.stops(started, reason="Local")
        await charger.unplug()
        await charger.reports("Unavailable")
        await change(charger, 1, "Operative")
        await charger.reports("Available")


@scenario(needs={Need.OPERATOR}, features={Feature.POWER}, seconds=LONG)
async def availability_outlives_a_power_cut(bench: Bench) -> None:
    """A connector that was made inoperative still is when the power was cut and is back (OCPP 1.6 §5.2)."""
    async with attended(bench) as charger:
        await change(charger, 1, "Inoperative")
        await charger.reports("Unavailable")
        await charger.lose_power()
        since = charger.station.wire.mark()
        await charger.regain_power()
        with trio.fail_after(RESTART):
            await charger.says("BootNotification", since=since, within=RESTART)
            await charger.reports("Unavailable", since=since, within=RESTART)
        await change(charger, 1, "Operative")
        await charger.reports("Available", within=RESTART)
