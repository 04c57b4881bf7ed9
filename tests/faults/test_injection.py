"""Every task of the tree is cancelled, and made to fail, at each of its checkpoints in turn.

What must hold whatever happens is in World.check; here is how the tree must take each fault.
"""

from functools import lru_cache, partial

import pytest
from tests.faults.injection import ACTS, CONNECTION, TASKS, Fault, Injector, covered
from tests.faults.play import play
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.world import World

WRITING, HANDLING, AFTER = "FrameWriter._finish", "Router.dispatch", "Handled.follow"
TREE = "_run_tree"


@lru_cache
def without_fault(scenario: Scenario) -> tuple[Injector, int]:
    injector = Injector()
    return injector, play(scenario, injector, check=lambda world, _: _nothing_restarted(world))


def _nothing_restarted(world: World) -> None:
    assert world.restarts == 0


def taken_as_designed(fault: Fault, clean_connections: int, world: World, connections: int) -> None:
    injector, struck = world.injector, world.struck
    assert injector.done, "the fault was not injected: the scenario does not repeat itself"
    assert struck is not None
    if not world.undisturbed:
        assert world.restarts <= 1
        assert connections <= clean_connections + 1
        return
    covered["undisturbed"] += 1
    failed = fault is Fault.EXCEPTION
    outside = injector.task == CONNECTION and not (failed and injector.within(TREE))
    if outside or (failed and injector.within(WRITING)):
        assert world.restarts == 0
        assert struck.closed is not None, "the connection should have ended"
        assert connections <= clean_connections + 1
    else:
        contained = failed and injector.within(HANDLING, AFTER)
        assert world.restarts == (0 if contained else 1)
        assert connections == clean_connections, "the connection should have gone on"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_goes_well_without_a_fault(scenario: Scenario) -> None:
    without_fault(scenario)


@pytest.mark.heavy
@pytest.mark.unmeasured
@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("task", TASKS)
def test_tree_takes_a_fault_at_every_checkpoint(task: str, fault: Fault) -> None:
    points = 0
    for scenario in SCENARIOS:
        clean, connections = without_fault(scenario)
        for at in range(1, clean.counts[task] + 1):
            injector = Injector(task, ACTS[fault], at)
            try:
                play(scenario, injector, check=partial(taken_as_designed, fault, connections))
            except BaseException as error:
                where = " > ".join(injector.where or ["nowhere"])
                error.add_note(f"{scenario.name}: {fault} in {task} at point {at}, in {where}")
                raise
            points += 1
    assert points
    covered[fault] += points
