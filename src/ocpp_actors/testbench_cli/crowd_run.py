"""Runs the crowd of ``ocpp-actors simulate``, and tells how it gets on."""

import signal
import sys
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Final

import trio

from ocpp_actors import logs
from ocpp_actors.clock import SystemClock
from ocpp_actors.operator_cli.output import tell
from ocpp_actors.testbench.simulated.access import Security
from ocpp_actors.testbench.simulated.crowd import Crowd
from ocpp_actors.testbench.simulated.personality import Personality
from ocpp_actors.testbench.simulated.traffic import ID_TAGS, Traffic
from ocpp_actors.testbench.target import Target
from ocpp_actors.testbench_cli import crowd_view
from ocpp_actors.testbench_cli.open_files import FILES_BESIDE, allow_files
from ocpp_actors.testbench_cli.reader import reader_has_left

NOTHING_CONNECTED: Final = 1

PATIENCE: Final = 3.0
"""Seconds before it is told that nothing is connected."""


def run(*, duration: float | None, as_json: bool, **options: Any) -> int:
    """Let the charge points of crowd_of() live; return the exit status."""
    logs.configure("console", "error", sys.stderr)
    crowd = crowd_of(**options)
    allow_files(len(crowd.identities) + FILES_BESIDE, f"{len(crowd.identities)} charge points")
    view = crowd_view.view_for(crowd, as_json=as_json)
    trio.run(_live, crowd, view, duration)
    try:
        view.summary()
    except BrokenPipeError:
        reader_has_left()
    return 0 if crowd.tally.opened else NOTHING_CONNECTED


def crowd_of(
    *,
    target: Target,
    personality: Personality,
    configuration: Mapping[str, str],
    security: Security,
    chance: Random,
    count: int,
    connectors: int,
    identity_prefix: str,
    activity: str,
    arrival: float,
    stay: float,
    speed: float,
    id_tags: Sequence[str],
    starts: float,
) -> Crowd:
    """Return the charge points that the options describe."""
    charging = Traffic(arrival, stay, speed, tuple(id_tags) or ID_TAGS) if activity == "charging" else None
    width = len(str(count))
    return Crowd(
        target=target,
        identities=[f"{identity_prefix}{number:0{width}}" for number in range(1, count + 1)],
        clock=SystemClock(),
        chance=chance,
        connector_count=connectors,
        personality=personality,
        configuration=configuration,
        security=security,
        activity=charging,
        starts=starts,
    )


async def _live(crowd: Crowd, view: crowd_view.View, duration: float | None) -> None:
    over = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_until_signal, over)
        nursery.start_soon(_complain, crowd)
        nursery.start_soon(_show, view, over)
        if duration is not None:
            nursery.start_soon(_until, duration, over)
        await crowd.run(over)
        nursery.cancel_scope.cancel()


async def _show(view: crowd_view.View, over: trio.Event) -> None:
    try:
        await view.show()
    except BrokenPipeError:
        reader_has_left()
        over.set()


async def _until(duration: float, over: trio.Event) -> None:
    await trio.sleep(duration)
    over.set()


async def _until_signal(over: trio.Event) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            over.set()


async def _complain(crowd: Crowd) -> None:
    """Say in one line that nothing can connect, once until something could."""
    told = False
    while True:
        await trio.sleep(PATIENCE)
        if crowd.tally.connected:
            told = False
        elif not told and crowd.failure is not None:
            tell(f"{crowd.failure}; trying again")
            told = True
