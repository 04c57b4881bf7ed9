"""Each mutant is found by the scenario that is said to find it."""

from pathlib import Path

import pytest
from tests.testbench.mutant import Mutant
from tests.testbench.mutants import MUTANTS, PAGE, as_table
from tests.testbench.test_scenarios import run
from trio.testing import MockClock

from ocpp_actors.testbench.runner import Verdict
from ocpp_actors.testbench.scenario import catalogue


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.name)
async def test_is_found(mutant: Mutant, tmp_path: Path, autojump_clock: MockClock) -> None:
    async with mutant.running(tmp_path) as central:
        outcome, _ = await run(central, catalogue()[mutant.found_by], "M")
    assert outcome.verdict is Verdict.FAILED, outcome.reason


def test_the_documentation_lists_them() -> None:
    """Its table is what as_table() returns; write it anew with ``python -m tests.testbench.mutants``."""
    assert PAGE.read_text().endswith(as_table())
    assert len(MUTANTS) >= 25
