"""The operator manages the local authorization list of charge points, which decide by it, also without a connection."""

from typing import Any

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps import records
from ocpp_actors.testbench.steps.attending import RECONNECT, RESTART, Attended, attended
from ocpp_actors.testbench.steps.scripted import command
from ocpp_actors.testbench.steps.transactions import expect_recorded

LONG = 2 * RESTART
"""Seconds of a scenario with a restart or a reconnection in it."""


def entry(id_tag: str, status: str = "Accepted") -> dict[str, Any]:
    """Return an entry of a list."""
    return {"idTag": id_tag, "idTagInfo": {"status": status}}


async def version(charger: Attended) -> int:
    """Let the operator ask for the version of the list."""
    found: int = (await charger.ask("GetLocalListVersion"))["listVersion"]
    return found


async def send(charger: Attended, number: int, update_type: str, *entries: dict[str, Any]) -> None:
    """Let the operator send a list; the charge point has to take it."""
    wanted = {"listVersion": number, "updateType": update_type, "localAuthorizationList": list(entries)}
    await charger.ask("SendLocalList", wanted, "Accepted")


async def send_first(charger: Attended, *entries: dict[str, Any]) -> int:
    """Let the operator send a full list, to be emptied when the scenario is over; return its version."""
    first = max(0, await version(charger)) + 1
    charger.afterwards("SendLocalList", {"listVersion": first + 2, "updateType": "Full"})
    await send(charger, first, "Full", *entries)
    return first


@scenario(case="TC_042_1", needs={Need.OPERATOR})
async def local_list_version_where_lists_are_not_supported(bench: Bench) -> None:
    """The operator asks for the version of a list that the charge point does not support.

    Checks: GetLocalListVersion comes; the operator is told -1, which is on record (OCPP 1.6 §5.10, §6.28).

    Not known: whether the charge point of the original answers with a CALLERROR instead.
    """
    async with bench.client(boot=True) as client:
        await command(bench, client, "GetLocalListVersion", answer={"listVersion": -1})
        expect_equal((await records.local_list(bench, client.identity))[0], -1, "the version on record")


@scenario(case="TC_042_2", needs={Need.OPERATOR})
async def local_list_version_of_an_empty_list(bench: Bench) -> None:
    """The operator asks for the version of a list that is empty.

    Checks: GetLocalListVersion comes; the operator is told 0, which is on record (OCPP 1.6 §5.10, errata 3.52).

    Not known: whether the original sends an empty list before.
    """
    async with bench.client(boot=True) as client:
        await command(bench, client, "GetLocalListVersion", answer={"listVersion": 0})
        expect_equal((await records.local_list(bench, client.identity))[0], 0, "the version on record")


async def refused_list(bench: Bench, status: str) -> None:
    """Let the operator send a list, which the charge point refuses: the record stays as it was."""
    async with bench.client(boot=True) as client:
        await command(bench, client, "GetLocalListVersion", answer={"listVersion": 0})
        wanted = {
            "listVersion": 1,
            "updateType": "Full",
            "localAuthorizationList": [entry(await bench.id_tag())],
        }
        await command(bench, client, "SendLocalList", wanted, answer={"status": status})
        expect_equal((await records.local_list(bench, client.identity))[0], 0, "the version on record")


@scenario(case="TC_043_1", needs={Need.OPERATOR})
async def send_a_local_list_where_lists_are_not_supported(bench: Bench) -> None:
    """The operator sends a list to a charge point that does not support any.

    Checks: SendLocalList comes as asked for; the operator is told NotSupported; the list is not on record (OCPP
    1.6 §5.15, §7.47).

    Not known: whether the list of the original is full or differential.
    """
    await refused_list(bench, "NotSupported")


@scenario(case="TC_043_3", needs={Need.OPERATOR})
async def sending_a_local_list_fails(bench: Bench) -> None:
    """The operator sends a list, and the charge point fails to take it.

    Checks: SendLocalList comes as asked for; the operator is told Failed; the list is not on record (OCPP 1.6 §5.15,
    §7.47).

    Not known: whether the original wants the list to be sent again.
    """
    await refused_list(bench, "Failed")


@scenario(case="TC_043_4", needs={Need.OPERATOR}, features={Feature.LOCAL_LIST})
async def send_a_full_local_list(bench: Bench) -> None:
    """The operator replaces the list of a charge point.

    Checks: SendLocalList comes with the version, the type Full and the entries that were asked for; the charge point
    has that version then; the list is on record (OCPP 1.6 §5.10, §5.15).

    Not known: the entries of the original.
    """
    good, blocked = await bench.id_tag(), await bench.id_tag("Blocked")
    async with attended(bench) as charger:
        number = await send_first(charger, entry(good), entry(blocked, "Blocked"))
        expect_equal(await version(charger), number, "the version at the charge point")
        kept = await records.local_list(bench, charger.identity)
        expect_equal(kept, (number, {good: "Accepted", blocked: "Blocked"}), "the list on record")


@scenario(case="TC_043_5", needs={Need.OPERATOR}, features={Feature.LOCAL_LIST})
async def send_a_differential_local_list(bench: Bench) -> None:
    """The operator changes the list of a charge point: one idTag is added, one changed, one removed.

    Checks: SendLocalList comes with the version, the type Differential and the entries that were asked for; the charge
    point has that version then; the changed list is on record (OCPP 1.6 §5.10, §5.15, §7.1).

    Not known: the entries of the original.
    """
    added, changed, removed = [await bench.id_tag() for _ in range(3)]
    async with attended(bench) as charger:
        first = await send_first(charger, entry(changed), entry(removed))
        update = entry(added), entry(changed, "Blocked"), {"idTag": removed}
        await send(charger, first + 1, "Differential", *update)
        expect_equal(await version(charger), first + 1, "the version at the charge point")
        kept = await records.local_list(bench, charger.identity)
        wanted = {added: "Accepted", changed: "Blocked"}
        expect_equal(kept, (first + 1, wanted), "the list on record")


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
        await charger.configure("LocalAuthListEnabled", "true")
        await send_first(charger, entry(card))
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
        number = await send_first(charger, entry(await bench.id_tag()))
        await charger.lose_power()
        since = charger.station.wire.mark()
        await charger.regain_power()
        await charger.says("BootNotification", since=since, within=RESTART)
        expect_equal(await version(charger), number, "the version of the list after a power cut")
