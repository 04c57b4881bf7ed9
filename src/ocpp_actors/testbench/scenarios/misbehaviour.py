"""Charge points survive a central system that breaks its answers: afterwards a vehicle charges there as ever.

The server breaks one answer on purpose, to a StatusNotification or a StartTransaction of this charge point alone. What
is found wrong here is the charge point's fault.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import trio

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import Skipped, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import Attended, attended
from ocpp_actors.testbench.steps.records import at
from ocpp_actors.testbench.steps.transactions import expect_recorded, expect_started
from ocpp_actors.testbench.wire import Exchange, Mark

NEEDS: Final = {Need.OPERATOR, Need.TESTING}
HANDS: Final = {Feature.PLUG, Feature.TAP}

RECOVERY: Final = 120.0
"""Seconds in which a charge point is well again: it may wait for an answer, connect anew, and wait to send again."""

LONG: Final = 3 * RECOVERY
"""Seconds of a scenario."""

A_WHILE: Final = 3.0
"""Seconds by which an answer is late."""


@asynccontextmanager
async def broken(bench: Bench, charger: Attended, kind: str, action: str, **more: Any) -> AsyncIterator[None]:
    """Break the next answer of an action so; at the end of the block it has been, and no other will be.

    Raises Skipped: the server may not be told to misbehave.
    """
    path = at(charger.identity, "misbehaviour")
    rule = {"kind": kind, "action": action, "times": 1, **more}
    told = await bench.operator.ask("PUT", path, {"rules": [rule]})
    if told.status in {403, 404}:
        raise Skipped("the server breaks no answers on purpose: it is not run for tests")
    expect_equal(told.status, 200, "the API's status for a rule of misbehaviour")
    try:
        yield
        applied = [each["applied"] for each in (await bench.operator.get(path))["rules"]]
        expect_equal(applied, [1], "how often the answer was broken")
    finally:
        async with bench.undoing():  # noqa: ASYNC102, it is shielded inside, until the session ends
            await bench.operator.delete(path)  # noqa: ASYNC102


async def recovers(bench: Bench, kind: str, **more: Any) -> None:
    """Break the answer to the status with which a charge point tells of a vehicle; then the vehicle has to charge."""
    card = await bench.id_tag()
    async with attended(bench) as charger:
        since = charger.station.wire.mark()
        async with broken(bench, charger, kind, "StatusNotification", **more):
            await charger.plug_in()
            await _sent(charger, "StatusNotification", since)
            if kind in {"close", "cut"}:
                with trio.fail_after(RECOVERY):
                    gone = await charger.station.wire.change("closed", since=since)
                    await charger.station.wire.change("opened", since=gone.number)
            await charger.tap(card)
            started = await charger.starts(card, within=RECOVERY)
        await _ends(bench, charger, card, started)


async def starts_again(bench: Bench, kind: str, **more: Any) -> None:
    """Break the answer to a StartTransaction; it has to be sent again, and the transaction begins once."""
    card = await bench.id_tag()
    async with attended(bench) as charger:
        since = charger.station.wire.mark()
        async with broken(bench, charger, kind, "StartTransaction", **more):
            await charger.plug_in()
            await charger.tap(card)
            first = await _sent(charger, "StartTransaction", since)
            started = await charger.says("StartTransaction", since=first + 1, within=RECOVERY)
            expect_started(charger.station.wire, started)
        await _ends(bench, charger, card, started)


async def _ends(bench: Bench, charger: Attended, card: str, started: Exchange) -> None:
    """End a transaction; it has to be on record once."""
    await charger.tap(card)
    stopped = await charger.stops(started, reason="Local", within=RECOVERY)
    await charger.unplug()
    await charger.reports("Available", within=RECOVERY)
    await expect_recorded(bench, charger.identity, started, stopped)
    kept = await bench.operator.transactions(charger.identity, idTag=card)
    expect_equal(len(kept), 1, f"the number of transactions of {card} on record")


async def _sent(charger: Attended, action: str, since: Mark) -> Mark:
    with trio.fail_after(RECOVERY):
        return (await charger.station.wire.call(action, since=since)).number


@scenario(needs=NEEDS, features=HANDS, seconds=LONG)
async def answer_comes_late(bench: Bench) -> None:
    """The answer to a StatusNotification comes seconds late."""
    await recovers(bench, "delay", seconds=A_WHILE)


@scenario(needs=NEEDS, features=HANDS, seconds=LONG)
async def answer_never_comes(bench: Bench) -> None:
    """A StatusNotification is not answered: the charge point goes on after its timeout (OCPP-J 1.6 §4.1.1)."""
    await recovers(bench, "drop")


@scenario(needs=NEEDS, features=HANDS, seconds=LONG)
async def answer_is_an_error(bench: Bench) -> None:
    """A StatusNotification is answered with CALLERROR InternalError (OCPP-J 1.6 §4.2.3)."""
    await recovers(bench, "callError", errorCode="InternalError")


@scenario(needs=NEEDS, features=HANDS, seconds=LONG)
async def answer_has_a_wrong_id(bench: Bench) -> None:
    """The answer to a StatusNotification comes under another id: it is no answer (OCPP-J 1.6 §4.1.4)."""
    await recovers(bench, "wrongId")


@scenario(needs=NEEDS, features=HANDS, seconds=LONG)
async def answer_comes_two_times(bench: Bench) -> None:
    """The answer to a StatusNotification comes twice: the second one is ignored (OCPP-J 1.6 §4.1.4)."""
    await recovers(bench, "duplicate")


@scenario(needs=NEEDS, features=HANDS, seconds=LONG)
async def answer_is_against_the_schema(bench: Bench) -> None:
    """The answer to a StatusNotification has a property that there is none of."""
    await recovers(bench, "invalid")


@scenario(needs=NEEDS, features=HANDS, seconds=LONG)
async def answer_is_no_json(bench: Bench) -> None:
    """The answer to a StatusNotification is cut in half."""
    await recovers(bench, "malformed")


@scenario(needs=NEEDS, features=HANDS, seconds=LONG)
async def connection_is_closed_on_it(bench: Bench) -> None:
    """The central system closes the connection instead of answering: the charge point comes back (OCPP-J 1.6 §5.4)."""
    await recovers(bench, "close", closeCode=1011)


@scenario(needs=NEEDS, features=HANDS, seconds=LONG)
async def connection_is_cut_on_it(bench: Bench) -> None:
    """The connection is gone instead of an answer, without a close frame: the charge point comes back."""
    await recovers(bench, "cut")


@scenario(needs=NEEDS, features=HANDS, seconds=LONG)
async def connection_stalls(bench: Bench) -> None:
    """For seconds nothing is read from the charge point nor written to it, then all goes on."""
    await recovers(bench, "stall", seconds=A_WHILE)


@scenario(needs=NEEDS, features=HANDS, seconds=LONG)
async def start_is_answered_with_an_error(bench: Bench) -> None:
    """A StartTransaction is answered with a CALLERROR: it is sent again after a while (OCPP 1.6 §3.7.1, §9.1.32)."""
    await starts_again(bench, "callError", errorCode="InternalError")


@scenario(needs=NEEDS, features=HANDS, seconds=LONG)
async def start_is_cut_off(bench: Bench) -> None:
    """The connection is gone instead of the answer to a StartTransaction: it is sent again (OCPP 1.6 §3.7.1)."""
    await starts_again(bench, "cut")


@scenario(needs=NEEDS, features=HANDS, seconds=LONG)
async def start_is_not_answered(bench: Bench) -> None:
    """A StartTransaction is not answered at all: sent again after the charge point's timeout (OCPP 1.6 §3.7.1)."""
    await starts_again(bench, "drop")
