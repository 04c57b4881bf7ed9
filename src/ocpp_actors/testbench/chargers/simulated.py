"""Simulated charge points for a session."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio
from attrs import evolve

from ocpp_actors.testbench.chargers.activity import Charging
from ocpp_actors.testbench.chargers.unit import Surroundings, Unit
from ocpp_actors.testbench.profiles.profile import NO_ACTIVITY, Chargers
from ocpp_actors.testbench.simulated.charge_point import SimulatedChargePoint
from ocpp_actors.testbench.simulated.configuration import written
from ocpp_actors.testbench.simulated.hosting import host
from ocpp_actors.testbench.simulated.personality import Personality
from ocpp_actors.testbench.simulated.quirks import personality_of
from ocpp_actors.testbench.target import Target
from ocpp_actors.testbench.wire import Wire


@asynccontextmanager
async def open_simulated(group: Chargers, around: Surroundings) -> AsyncIterator[list[Unit]]:
    """Have simulated charge points, all of them off, for the length of the block. One that breaks, breaks alone."""
    personality = _personality(group)
    async with trio.open_nursery() as nursery:
        units = []
        for identity in around.identities:
            wire = around.new_wire(identity, tapped=False)
            make, broke = partial(_make, group, around, personality, wire), partial(_broke, around, identity)
            station: SimulatedChargePoint = await nursery.start(host, make, broke)
            charging = group.activity != NO_ACTIVITY
            chance = around.chance_of(identity)
            activity = Charging(station, group, around.id_tag, chance) if charging else None
            units.append(Unit(station, group, activity))
        yield units
        nursery.cancel_scope.cancel()


def _make(
    group: Chargers, around: Surroundings, personality: Personality, wire: Wire, nursery: trio.Nursery
) -> SimulatedChargePoint:
    target = around.target
    if around.faulty:
        target = Target(target.url, around.network.faulty(target.dial, wire.identity))
    return SimulatedChargePoint(
        target=target,
        wire=wire,
        nursery=nursery,
        clock=around.clock,
        chance=around.chance_of(f"{wire.identity}:inside"),
        connector_count=group.connectors,
        personality=personality,
        configuration={name: written(value) for name, value in group.configuration.items()},
    )


def _broke(around: Surroundings, identity: str, error: Exception) -> None:
    around.trouble(f"the simulated charger {identity} broke: {error!r}")


def _personality(group: Chargers) -> Personality:
    """Return one that waits no longer than its group does before it tries again."""

    def bounded(failures: int, chance: random.Random) -> float:
        return min(personality.back_off(failures, chance), group.reconnect_interval)

    personality = personality_of(group.quirks)
    return evolve(personality, back_off=bounded)
