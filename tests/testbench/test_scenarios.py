"""The shipped scenarios pass, against a central system in this process and in virtual time."""

import random

import pytest
from trio.testing import MockClock

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.runner import Verdict, run_scenario
from ocpp_actors.testbench.scenario import Scenario, catalogue
from ocpp_actors.testing.in_process import open_in_process


@pytest.mark.parametrize("scenario", [pytest.param(each, id=name) for name, each in catalogue().items()])
async def test_scenario(scenario: Scenario, autojump_clock: MockClock) -> None:
    async with open_in_process(testing=True) as central:
        bench = Bench(
            target=central.target,
            clock=central.clock,
            chance=random.Random(1),
            label="S",
            operator_or_none=central.operator,
        )
        outcome = await run_scenario(scenario, bench)
    assert outcome.verdict is Verdict.PASSED, outcome.reason
