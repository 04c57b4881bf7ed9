"""Benches with a central system in this process, and what scenarios leave behind at their charge points."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.simulated.charge_point import SimulatedChargePoint, open_charge_point
from ocpp_actors.testing.in_process import InProcess


def bench_of(central: InProcess, label: str, station: SimulatedChargePoint | None = None) -> Bench:
    return Bench(
        target=central.target,
        clock=central.clock,
        chance=random.Random(label),
        label=label,
        operator_or_none=central.operator,
        station_or_none=station,
        secured_or_none=central.secured,
    )


@asynccontextmanager
async def station_of(
    central: InProcess, identity: str, connector_count: int = 1
) -> AsyncIterator[SimulatedChargePoint]:
    """Have a simulated charge point that has booted and reported its connectors."""
    async with open_charge_point(
        central.target, identity, central.clock, random.Random(identity), connector_count=connector_count
    ) as station:
        await station.power_on()
        with trio.fail_after(60):
            for number in range(connector_count + 1):
                await reported(station, number)
        yield station


async def reported(station: SimulatedChargePoint, connector_id: int, status: str = "Available") -> None:
    wanted = connector_id, status
    await station.wire.exchange(
        "StatusNotification", where=lambda sent: (sent["connectorId"], sent["status"]) == wanted
    )


def left_at(station: SimulatedChargePoint) -> dict[str, Any]:
    assert station.controller is not None
    memory = station.memory
    return {
        "transactions": list(memory.running.values()),
        "reservations": list(memory.reservations),
        "profiles": list(memory.profiles),
        "list": dict(memory.local_list.entries),
        "inoperative": set(memory.inoperative),
        "configuration": memory.configuration.read(None)[0],
        "statuses": station.controller.places.statuses,
        "online": station.wire.connected,
    }
