"""A report with something in every part, as a session leaves it."""

from functools import cache
from typing import Any

import trio
from tests.testbench.session import scenarios as s
from tests.testbench.session.running import open_session
from trio.testing import MockClock

from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.central_system.router import Router
from ocpp_actors.protocol.messages import Heartbeat
from ocpp_actors.testbench.report.document import document
from ocpp_actors.testbench.session import Result

PROFILE = """
title = "All & <everything>"
description = "What a report can show."
duration = 25
[[chargers]]
kind = "simulated"
count = 2
reconnect_interval = 2
faults = false
[[chargers]]
kind = "simulated"
count = 3
activity = "charging"
reconnect_interval = 2
[[faults.steps]]
at = 5
for = 6
fault = "partition"
[[faults.steps]]
at = 15
for = 2
fault = "latency"
stations = ["C3"]
[limits]
response_time_p99 = 10
response_time_max = 0.000001
connection_stability = 0.9
"""


def slow_router() -> Router:
    """A central system that takes its time, so that a limit is missed."""
    router = default_router()

    @router.around(Heartbeat)
    async def slowly(request: Any, context: Context, proceed: Any) -> Any:
        await trio.sleep(0.2)
        return await proceed(request, context)

    return router


@cache
def result() -> Result:
    async def run() -> Result:
        chosen = [s.passes, s.fails, s.breaks, s.skips, s.station_beats, s.station_fails]
        async with open_session(PROFILE, chosen, {"router": slow_router()}) as session:
            return await session.run()

    return trio.run(run, clock=MockClock(autojump_threshold=0))


def report() -> dict[str, Any]:
    return document(result(), "ws://127.0.0.1:9000/ocpp", command="ocpp-actors testbench run x.toml --seed 7")
