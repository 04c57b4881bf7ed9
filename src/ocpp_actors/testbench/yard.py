"""All chargers of a session, and the network between them and the central system."""

import itertools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import trio
from attrs import define, evolve, field

from ocpp_actors.testbench.chargers.noted import NotedStation
from ocpp_actors.testbench.chargers.unit import OpenChargers, Surroundings, Unit
from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.lanes import accepted
from ocpp_actors.testbench.links.conditions import LinkConditions
from ocpp_actors.testbench.links.network import LinkEvent, Network, open_network
from ocpp_actors.testbench.links.schedule import Schedule, run_timeline, timeline
from ocpp_actors.testbench.measuring.measures import DAMAGE, Event, Followed, Measures
from ocpp_actors.testbench.profiles.profile import Chargers, Profile
from ocpp_actors.testbench.progress import Progress
from ocpp_actors.testbench.under_test import UnderTest
from ocpp_actors.testbench.wire import Wire

STARTS_AT_ONCE: Final = 200
"""Chargers that are switched on at the same time; the next one follows when one was accepted."""

MAX_FRAMES_KEPT: Final = 2_000_000
"""Frames that are kept in memory, of all chargers together."""


@define(eq=False)
class Placed:
    """A charger in its place: as it was made, as scenarios have it, and as it is measured."""

    unit: Unit
    station: NotedStation
    followed: Followed


@define(eq=False, kw_only=True)
class Yard:
    """The chargers stand in it; ``on_wire`` is told of the wire of each."""

    profile: Profile
    under_test: UnderTest
    label: str
    open_chargers: OpenChargers
    measures: Measures
    progress: Progress
    directory: Path
    on_wire: Callable[[Wire], None]
    placed: list[Placed] = field(init=False, factory=list)
    _network: Network | None = field(init=False, default=None)

    async def bring_up(self, stack: AsyncExitStack) -> None:
        """Make the chargers, to be unmade with the stack, and wait until all are accepted, or are not in time."""
        total = sum(group.count for group in self.profile.chargers)
        self.progress.enter(f"bringing up {total} chargers")
        max_kept = max(200, min(10_000, MAX_FRAMES_KEPT // max(1, total)))
        tapped_wires: dict[str, Wire] = {}

        def new_wire(identity: str, *, tapped: bool) -> Wire:
            wire = Wire(identity, max_kept)
            if tapped:
                tapped_wires[identity.casefold()] = wire
            return wire

        self._network = network = await stack.enter_async_context(
            open_network(
                chance=random.Random(self.profile.seed),  # noqa: S311 — it damages
                always=self.profile.faults.always,
                wire_of=lambda identity: tapped_wires.get(identity.casefold()),
                max_connections=max(1000, 3 * total),
                tell=self._link_changed,
            )
        )
        names = (f"{self.label}-C{number}" for number in itertools.count(1))
        for group in self.profile.chargers:
            around = Surroundings(
                target=self.under_test.target,
                network=network,
                faulty=self.profile.faults != Schedule(),
                clock=self.under_test.clock,
                identities=tuple(itertools.islice(names, group.count)),
                new_wire=new_wire,
                seed=self.profile.seed,
                id_tag=self.under_test.id_tags.get("Accepted", f"{self.label}-T"),
                anywhere=self.profile.central_system.anywhere,
                directory=self.directory,
                trouble=self.progress.trouble,
            )
            units = await stack.enter_async_context(self.open_chargers(group, around))
            placed = [self._place(unit) for unit in units]
            self.placed += placed
            await self._switch_on(group, placed)
        await self._misbehave()

    def _place(self, unit: Unit) -> Placed:
        wire = unit.station.wire
        self.on_wire(wire)
        followed = self.measures.add_charger(wire, unit.group.kind, unit.group.reconnect_interval)
        return Placed(unit, NotedStation(unit.station, self.measures), followed)

    async def _switch_on(self, group: Chargers, placed: Sequence[Placed]) -> None:
        at_once = trio.CapacityLimiter(STARTS_AT_ONCE)
        up = 0

        async def switch_on(each: Placed) -> None:
            nonlocal up
            async with at_once:
                await each.station.power_on()
                await accepted(each.station, group.kind)
                up += 1

        with trio.move_on_after(group.boot_within) as scope:
            async with trio.open_nursery() as nursery:
                for each in placed:
                    nursery.start_soon(switch_on, each)
        if scope.cancelled_caught:
            self.progress.trouble(
                f"{len(placed) - up} of {len(placed)} {group.kind} chargers were not accepted within "
                f"{group.boot_within:g} seconds"
            )

    async def _misbehave(self) -> None:
        """Have the server told how to misbehave towards which chargers; what they say then is not judged."""
        rules: dict[str, list[Mapping[str, Any]]] = {}
        for each in self.profile.misbehaviour:
            for placed in self.placed:
                if not each.chargers or placed.station.identity.partition("-")[2] in each.chargers:
                    rules.setdefault(placed.station.identity, []).append(each.rule)
        if rules and self.under_test.operator is None:
            raise Failed("the central system cannot be told to misbehave without its operator's API")
        for placed in self.placed:
            identity = placed.station.identity
            if identity in rules and self.under_test.operator is not None:
                placed.followed.excuse("misbehaviour", True)
                path = f"/charge-points/{quote(identity, safe='')}/misbehaviour"
                await self.under_test.operator.put(path, {"rules": rules[identity]})

    # --- faults ------------------------------------------------------------------------------------------------

    async def run_faults(self) -> None:
        """Put the faults of the profile on the links, for as long as the session lasts."""
        schedule = _named(self.profile.faults, self.label)
        stations = [each.station.identity for each in self.placed if each.unit.group.faults]
        chance = random.Random(f"{self.profile.seed}:faults")  # noqa: S311 — they are to be repeatable
        assert self._network is not None
        spans = timeline(schedule, chance, stations, self.profile.duration)
        with trio.move_on_after(self.profile.duration):
            await run_timeline(self._network, spans)

    @property
    def faults_on(self) -> list[str]:
        """The names of the faults that are on, each once."""
        if self._network is None:
            return []
        return list(dict.fromkeys(each.name for each in self._network.spans if math.isinf(each.end)))

    def note_faults(self) -> None:
        """Tell the measures which faults there were."""
        now = trio.current_time()
        for each in self._network.spans if self._network else ():
            what = Event(each.start, min(each.end, now), each.name, each.name, each.station or "")
            self.measures.event(what)

    def _link_changed(self, event: LinkEvent) -> None:
        if self._network is None or event.kind not in {"fault begins", "fault ends"}:
            return
        for each in self.placed:
            identity = each.station.identity
            if not each.unit.group.faults or event.identity.casefold() not in {"", identity.casefold()}:
                continue
            conditions = self._network.conditions_of(identity)
            change = self.measures.down if conditions.down else self.measures.up
            change(identity, "fault", event.at)
            each.followed.excuse(DAMAGE, _damaging(conditions))


def _damaging(conditions: LinkConditions) -> bool:
    """Tell whether the central system may get other bytes than the charger sent."""
    return any(
        each.corrupt > 0 or each.corrupt_at is not None or each.duplicate_bytes > 0
        for each in (conditions.inbound, conditions.outbound)
    )


def _named(schedule: Schedule, label: str) -> Schedule:
    """Return the schedule with the identities that the chargers have in this session."""
    steps = tuple(
        evolve(step, stations=tuple(f"{label}-{station}" for station in step.stations))
        for step in schedule.steps
    )
    return evolve(schedule, steps=steps)
