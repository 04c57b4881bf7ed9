"""Plays a scenario in virtual time, in an order of tasks that can be repeated."""

from collections.abc import Callable

import pytest
import trio
import trio.testing
from tests.faults.injection import Injector, watch_tasks
from tests.faults.scenarios import Scenario, router_with_follow_up
from tests.faults.world import SILENCE_LIMIT, WaitingLedger, World
from tests.support.central import open_central

SETTINGS = {"silence_limit": SILENCE_LIMIT, "boot_grace": 1.0, "send_timeout": 3.0}


def play(
    scenario: Scenario,
    injector: Injector,
    *,
    schedule: int = 7,
    check: Callable[[World, int], None] = lambda _world, _connections: None,
) -> int:
    """Run a scenario once, check what must hold and return how many connections the scenario took.

    The order in which trio runs tasks that are ready depends on ``schedule`` alone. ``check`` is called at the end
    with the world and the number of connections.
    """
    run = trio._core._run
    run._r.seed(schedule)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(run, "_ALLOW_DETERMINISTIC_SCHEDULING", True)
        watch_tasks(monkeypatch, injector)
        clock = trio.testing.MockClock(autojump_threshold=0)
        return trio.run(_play, scenario, injector, check, clock=clock)


async def _play(scenario: Scenario, injector: Injector, check: Callable[[World, int], None]) -> int:
    worlds: list[World] = []
    router = router_with_follow_up(lambda: worlds[0].central.fleet)
    ledger = WaitingLedger()
    async with open_central(ledger=ledger, router=router, **SETTINGS | scenario.settings) as central:
        async with trio.open_nursery() as nursery:
            world = World(central, nursery, injector)
            worlds.append(world)
            await nursery.start(world.run_neighbour)
            world.tasks_before = trio.lowlevel.current_statistics().tasks_living
            await scenario.run(world)
            injector.counting = False
            connections = len(world.lines)
            await world.find_tree_whole()
            await world.settle()
            world.check()
            check(world, connections)
            nursery.cancel_scope.cancel()
        return connections
    raise AssertionError("the central system was cancelled")
