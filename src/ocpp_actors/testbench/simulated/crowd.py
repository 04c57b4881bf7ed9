"""Many simulated charge points at once, which live until they are told to go home."""

from collections.abc import Mapping, Sequence
from functools import partial
from random import Random
from typing import Final

import structlog
import trio
from attrs import define, field

from ocpp_actors.clock import Clock
from ocpp_actors.testbench.simulated.access import Security
from ocpp_actors.testbench.simulated.charge_point import SimulatedChargePoint
from ocpp_actors.testbench.simulated.hosting import host
from ocpp_actors.testbench.simulated.personality import Personality
from ocpp_actors.testbench.simulated.tally import Tally
from ocpp_actors.testbench.simulated.traffic import Traffic
from ocpp_actors.testbench.target import Target
from ocpp_actors.testbench.wire import Wire

log = structlog.get_logger(__name__)

MAX_KEPT: Final = 8
"""Frames that the wire of each keeps: they are only counted."""

GOING_HOME: Final = 10.0
"""Seconds for all to close their connections."""


@define(eq=False, kw_only=True)
class Crowd:
    """Charge points that are alike but for their identities. ``starts`` of them a second are switched on.

    One that breaks, which is a mistake of the simulation, is told in the log, and the others go on.
    """

    target: Target
    identities: Sequence[str]
    clock: Clock
    chance: Random
    connector_count: int = 1
    personality: Personality
    configuration: Mapping[str, str] = field(factory=dict)
    security: Security = field(factory=Security)
    activity: Traffic | None = None
    starts: float = 100.0
    tally: Tally = field(init=False, factory=Tally)
    stations: list[SimulatedChargePoint] = field(init=False, factory=list)
    broken: dict[str, Exception] = field(init=False, factory=dict)
    """What ended those that broke, by their identities."""
    _traffic: list[trio.CancelScope] = field(init=False, factory=list)

    async def run(self, until: trio.Event) -> None:
        """Let them live until the event is set."""
        async with trio.open_nursery() as nursery:
            for identity in self.identities:
                make, broke = partial(self._make, identity), partial(self._broke, identity)
                self.stations.append(await nursery.start(host, make, broke))
            async with trio.open_nursery() as starting:
                starting.start_soon(self._switch_on)
                await until.wait()
                starting.cancel_scope.cancel()
            for scope in self._traffic:
                scope.cancel()
            await self._go_home()
            nursery.cancel_scope.cancel()

    def _make(self, identity: str, nursery: trio.Nursery) -> SimulatedChargePoint:
        wire = Wire(identity, MAX_KEPT)
        self.tally.follow(wire)
        return SimulatedChargePoint(
            target=self.target,
            wire=wire,
            nursery=nursery,
            clock=self.clock,
            chance=Random(self.chance.random()),  # noqa: S311 — so that each has its own
            connector_count=self.connector_count,
            personality=self.personality,
            configuration=self.configuration,
            security=self.security,
        )

    def _broke(self, identity: str, error: Exception) -> None:
        self.broken[identity] = error
        log.error(
            "a simulated charge point broke",
            charge_point=identity,
            broken=f"{len(self.broken)} of {len(self.identities)}",
            exc_info=error,
        )

    async def _switch_on(self) -> None:
        begun_at = trio.current_time()
        for number, station in enumerate(self.stations):
            await trio.sleep_until(begun_at + number / self.starts)
            await station.power_on()
            if self.activity is not None and station.identity not in self.broken:
                for connector_id in station.outlets:
                    chance = Random(self.chance.random())  # noqa: S311 — ditto
                    station.nursery.start_soon(
                        self._let_cars_come, self.activity, station, connector_id, chance
                    )

    async def _let_cars_come(
        self, traffic: Traffic, station: SimulatedChargePoint, connector_id: int, chance: Random
    ) -> None:
        with trio.CancelScope() as scope:
            self._traffic.append(scope)
            await traffic.run(station, connector_id, chance)

    async def _go_home(self) -> None:
        with trio.move_on_after(GOING_HOME):
            async with trio.open_nursery() as nursery:
                for station in self.stations:
                    nursery.start_soon(station.shut_down)

    @property
    def failure(self) -> Exception | None:
        """Why a charge point could not connect last; None: all could."""
        failures = (station.last_failure for station in self.stations)
        return next((failure for failure in failures if failure is not None), None)

    @property
    def watts(self) -> float:
        """What flows in all of them together."""
        return sum(outlet.meter.power_w for station in self.stations for outlet in station.outlets.values())

    @property
    def charging(self) -> int:
        """Transactions that run."""
        return sum(len(station.memory.running) for station in self.stations)
