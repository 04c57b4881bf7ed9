"""Charge points decide by the list that the operator sends them, also without a connection."""

from typing import Any

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import RECONNECT, RESTART, Attended, attended
from ocpp_actors.testbench.steps.transactions import expect_recorded

LONG = 2 * RESTART
"""Seconds of a scenario with a restart or a reconnection in it."""


async def listed(charger: Attended, card: str, status: str = "Accepted") -> int:
    """Let the operator send a list with this card alone; it is empty when the scenario is over. Return its version."""
    await charger.configure("LocalAuthListEnabled", "true")
    version: int = max(0, (await charger.ask("GetLocalListVersion"))["listVersion"])
    empty: dict[str, Any] = {"listVersion": version + 2, "updateType": "Full", "localAuthorizationList": []}
    charger.afterwards("SendLocalList", empty)
    entry = {"idTag": card, "idTagInfo": {"status": status}}
    full = {"listVersion": version + 1, "updateType": "Full", "localAuthorizationList": [entry]}
    await charger.ask("SendLocalList", full, "Accepted")
    return version + 1


@scenario(
    needs={Need.OPERATOR},
    features={Feature.LOCAL_LIST, Feature.PLUG, Feature.TAP, Feature.LINK},
    seconds=LONG,
)
async def listed_card_charges_while_offline(bench: Bench) -> None:
    """A card on the list begins to charge while the charge point is offline, and is told of when it is back.

    OCPP 1.6 §3.5.2, §3.5.3, §3.7.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        await charger.configure("LocalAuthorizeOffline", "true")
        await listed(charger, card)
        await charger.lose_link()
        await charger.plug_in()
        await charger.tap(card)
        await charger.regain_link()
        started = await charger.starts(card, within=RECONNECT)
        await charger.tap(card)
        stopped = await charger.stops(started, within=RECONNECT)
        await charger.leaves()
        await expect_recorded(bench, charger.identity, started, stopped)


@scenario(needs={Need.OPERATOR}, features={Feature.LOCAL_LIST, Feature.POWER}, seconds=LONG)
async def list_outlives_a_power_cut(bench: Bench) -> None:
    """The list that the operator has sent is still there after a power cut (OCPP 1.6 §3.5.3, §5.10)."""
    async with attended(bench) as charger:
        version = await listed(charger, await bench.id_tag())
        await charger.lose_power()
        since = charger.station.wire.mark()
        await charger.regain_power()
        await charger.says("BootNotification", since=since, within=RESTART)
        told = await charger.ask("GetLocalListVersion")
        expect_equal(told["listVersion"], version, "the version of the list after a power cut")
