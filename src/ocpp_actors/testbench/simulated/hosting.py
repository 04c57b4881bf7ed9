"""Keeps simulated charge points apart: one that breaks, breaks alone."""

from collections.abc import Callable

import trio

from ocpp_actors.testbench.groups import leaves
from ocpp_actors.testbench.simulated.charge_point import SimulatedChargePoint


async def host(
    make: Callable[[trio.Nursery], SimulatedChargePoint],
    broke: Callable[[Exception], None],
    *,
    task_status: trio.TaskStatus[SimulatedChargePoint],
) -> None:
    """Let a charge point live in a nursery of its own until cancelled; ``broke`` is told of what ends it before."""
    try:
        async with trio.open_nursery() as nursery:
            task_status.started(make(nursery))
            await trio.sleep_forever()
    except* Exception as errors:  # noqa: BLE001 — the others go on
        broke(next(each for each in leaves(errors) if isinstance(each, Exception)))
