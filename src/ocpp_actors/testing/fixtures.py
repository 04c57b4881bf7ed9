"""Fixtures: a central system, charge points, the network between them."""

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import trio
from attrs import define, evolve
from pytest_trio import trio_fixture

from ocpp_actors.testbench.links.network import Network, open_network
from ocpp_actors.testbench.simulated.charge_point import SimulatedChargePoint
from ocpp_actors.testbench.target import Target
from ocpp_actors.testbench.under_test import UnderTest, own_server
from ocpp_actors.testbench.wire import Wire
from ocpp_actors.testing.in_process import InProcess, open_in_process

SEED: Final = 1
"""What chance begins with, so that a test does the same each time."""


@pytest.fixture
def central_system_settings() -> dict[str, Any]:
    """Settings of ``central_system`` by their names; override it to choose them."""
    return {}


@trio_fixture
async def central_system(central_system_settings: dict[str, Any]) -> AsyncIterator[InProcess]:
    """A central system in this process, with an empty ledger in memory and no socket.

    With pytest-trio's ``autojump_clock`` in the same test it runs in virtual time.
    """
    async with open_in_process(**central_system_settings) as central:
        yield central  # noqa: ASYNC119 — pytest-trio makes a context manager of a fixture


@trio_fixture
async def network() -> AsyncIterator[Network]:
    """The network between charge points and the central system: faults are put on it while the test runs.

    It carries the connections of charge points that are made with ``faults=True``, and those dialled through
    ``network.faulty(…)``.
    """
    async with open_network(chance=random.Random(SEED)) as made:  # noqa: S311 — not for secrets
        yield made  # noqa: ASYNC119 — ditto


@define(eq=False)
class ChargePoints:
    """Makes simulated charge points that are connected to ``central_system``; they go when the test ends."""

    _central_system: InProcess
    _network: Network
    _nursery: trio.Nursery
    _chance: random.Random

    async def add(self, identity: str = "CP1", *, faults: bool = False, **how: Any) -> SimulatedChargePoint:
        """Make a charge point and switch it on.

        ``faults``: what the ``network`` does concerns it. ``how`` are other fields of SimulatedChargePoint, such as
        ``connector_count`` and ``personality``.
        """
        target: Target = self._central_system.target
        if faults:
            target = evolve(target, dial=self._network.faulty(target.dial, identity))
        station = SimulatedChargePoint(
            target=target,
            wire=Wire(identity),
            nursery=self._nursery,
            clock=self._central_system.clock,
            chance=random.Random(self._chance.random()),  # noqa: S311 — not for secrets
            **how,
        )
        await station.power_on()
        return station


@trio_fixture
async def charge_points(central_system: InProcess, network: Network) -> AsyncIterator[ChargePoints]:
    """Make simulated charge points: ``station = await charge_points.add("CP1")``."""
    async with trio.open_nursery() as nursery:
        chance = random.Random(SEED)  # noqa: S311 — not for secrets
        yield ChargePoints(central_system, network, nursery, chance)  # noqa: ASYNC101, ASYNC119 — ditto
        nursery.cancel_scope.cancel()


@pytest.fixture
def server_process_settings() -> dict[str, Any]:
    """Settings of ``server_process`` by their names; override it to choose them."""
    return {}


@trio_fixture
async def server_process(tmp_path: Path, server_process_settings: dict[str, Any]) -> AsyncIterator[UnderTest]:
    """``ocpp-actors serve`` as a process: on free ports, with a ledger of its own, ended with the test.

    Raises ServerTrouble: it does not start.
    """
    async with own_server(tmp_path, server_process_settings) as server:
        yield server  # noqa: ASYNC119 — ditto
