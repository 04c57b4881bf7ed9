"""Charge points say that they are there."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any, Final

import trio

from ocpp_actors.protocol.timestamps import read
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.steps.messages import meter_values, status
from ocpp_actors.testbench.steps.registration import CLOCKS_APART

A_MOMENT: Final = 0.02
"""Seconds for the clock to go on; the record has milliseconds."""


@scenario()
async def heartbeat_tells_the_time(bench: Bench) -> None:
    """Heartbeats are answered with the time in UTC, which goes forward (OCPP 1.6 §4.6, §3.15)."""
    async with bench.client(boot=True) as client:
        times = []
        for _ in range(3):
            with bench.patient():
                answer = (await client.call("Heartbeat", {})).result
            told = answer["currentTime"]
            expect(told.endswith("Z"), f"the time {told} is not in UTC with Z")
            apart = abs((read(told) - bench.clock.now()).total_seconds())
            expect(apart < CLOCKS_APART, f"the time is {apart:.0f} seconds off")
            times.append(read(told))
        expect_equal(times, sorted(times), "the order of the times")


@scenario()
async def heartbeat_repeated_tells_the_time_anew(bench: Bench) -> None:
    """A charge point sends all its heartbeats under the same message id; each is answered under it.

    It must not (OCPP-J 1.6 §4.1.4), but some do, and need the time all the same.
    """
    async with bench.client(boot=True) as client:
        for _ in range(3):
            with bench.patient():
                answer = (await client.call("Heartbeat", {}, message_id="beat")).result
            apart = abs((read(answer["currentTime"]) - bench.clock.now()).total_seconds())
            expect(apart < CLOCKS_APART, f"the time is {apart:.0f} seconds off")


@scenario(needs={Need.OPERATOR})
async def any_traffic_is_life(bench: Bench) -> None:
    """Whatever a charge point sends, a ping too, is a sign of life, and not only Heartbeat (OCPP 1.6 §4.6)."""
    async with bench.client(boot=True) as client:

        def call(action: str, payload: dict[str, Any]) -> Callable[[], Awaitable[object]]:
            return partial(client.call, action, payload)

        signs = {
            "StatusNotification": call("StatusNotification", status()),
            "MeterValues": call("MeterValues", meter_values(bench)),
            "DataTransfer": call("DataTransfer", {"vendorId": "org.example"}),
            "a refused message": call("Authorize", {}),
            "Heartbeat": call("Heartbeat", {}),
            "a ping": client.ping,
        }
        last = await _last_seen(bench, client.identity)
        for what, give in signs.items():
            await trio.sleep(A_MOMENT)
            with bench.patient():
                await give()
            seen = await _last_seen(bench, client.identity)
            expect(seen > last, f"{what} was no sign of life on record")
            last = seen


async def _last_seen(bench: Bench, identity: str) -> datetime:
    return read((await bench.operator.charge_point(identity))["lastSeen"])
