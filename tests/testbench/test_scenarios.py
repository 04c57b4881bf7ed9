"""The shipped scenarios pass, against a central system in this process and in virtual time.

Those of a group run at once, each with a charge point of its own: none needs the central system for itself.
"""

from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import trio
from tests.testbench.benches import bench_of, left_at, station_of
from trio.testing import MockClock

from ocpp_actors.clock import SystemClock
from ocpp_actors.testbench.runner import Outcome, Verdict, run_scenario
from ocpp_actors.testbench.scenario import Need, Scenario, catalogue
from ocpp_actors.testbench.secured import TlsFiles
from ocpp_actors.testing.in_process import InProcess, open_in_process

GROUPS = {
    group: list(scenarios) for group, scenarios in groupby(catalogue().values(), key=lambda each: each.group)
}

SKIPPED = {
    "server-is-killed-in-a-transaction": "it needs a server that may be killed and started again",
    "server-ends-in-order-and-comes-back": "it needs a server that may be killed and started again",
}


async def run(central: InProcess, scenario: Scenario, label: str) -> tuple[Outcome, dict[str, Any]]:
    """Run a scenario, and return what came of it and what it left behind at its charge point."""
    if Need.STATION not in scenario.needs:
        return await run_scenario(scenario, bench_of(central, label)), {}
    async with station_of(central, f"{label}STATION", connector_count=2) as station:
        before = left_at(station)
        outcome = await run_scenario(scenario, bench_of(central, label, station))
        after = left_at(station)
        return outcome, {name: after[name] for name in after if after[name] != before[name]}


@pytest.mark.parametrize("group", GROUPS)
async def test_scenarios_of(group: str, tmp_path: Path, autojump_clock: MockClock) -> None:
    ran: dict[str, tuple[Outcome, dict[str, Any]]] = {}
    tls = TlsFiles.made(tmp_path / "tls", SystemClock())
    async with open_in_process(testing=True, tls=tls) as central, trio.open_nursery() as nursery:

        async def run_one(scenario: Scenario, label: str) -> None:
            ran[scenario.name] = await run(central, scenario, label)

        for number, scenario in enumerate(GROUPS[group]):
            nursery.start_soon(run_one, scenario, f"S{number}x")
    reasons = {name: outcome.reason for name, (outcome, _) in ran.items()}
    failed = {
        name: reasons[name] for name in ran if ran[name][0].verdict not in (Verdict.PASSED, Verdict.SKIPPED)
    }
    assert not failed
    skipped = {name: reasons[name] for name in ran if ran[name][0].verdict is Verdict.SKIPPED}
    assert skipped == {name: why for name, why in SKIPPED.items() if name in ran}
    assert not {name: left for name, (_, left) in ran.items() if left}
