"""All chargers of a session, and the network between them and the central system."""

import itertools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import trio
from attrs import define, evolve, field, frozen

from ocpp_actors.testbench.chargers.joining import introduce
from ocpp_actors.testbench.chargers.noted import NotedStation
from ocpp_actors.testbench.chargers.unit import OpenChargers, Surroundings, Unit
from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.lanes import accepted
from ocpp_actors.testbench.links.conditions import LinkConditions
from ocpp_actors.testbench.links.network import LinkEvent, Network, open_network
from ocpp_actors.testbench.links.schedule import Schedule, run_timeline, timeline
from ocpp_actors.testbench.measuring.measures import DAMAGE, Event, Followed, Measures
from ocpp_actors.testbench.misbehaving import misbehaving
from ocpp_actors.testbench.profiles.profile import Chargers, Profile
from ocpp_actors.testbench.progress import Progress, counted
from ocpp_actors.testbench.under_test import UnderTest
from ocpp_actors.testbench.wire import MAX_KEPT, Wire

STARTS_AT_ONCE: Final = 200
"""Chargers that are switched on at the same time; the next one follows when one was accepted."""

MAX_FRAMES_KEPT: Final = 2_000_000
"""Frames that are kept in memory, of all chargers together; an exchange keeps two."""


@frozen
class _Made:
    """A charger as it is measured, from the making of its wire on."""

    wire: Wire
    group: Chargers
    followed: Followed


@define(eq=False)
class Placed:
    """A charger in its place: as profiles name it, as it was made, as scenarios have it, and as it is measured."""

    name: str
    unit: Unit
    station: NotedStation
    followed: Followed


@define(eq=False, kw_only=True)
class Yard:
    """The chargers stand in it; ``on_wire`` is told of the wire of each before anything passes on it."""

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
    """The one with the faults."""
    _made: dict[str, _Made] = field(init=False, factory=dict)
    _tapped: dict[str, Wire] = field(init=False, factory=dict)

    async def bring_up(self, stack: AsyncExitStack) -> None:
        """Make the chargers, to be unmade with the stack, and wait until all are accepted, or are not in time."""
        self.progress.enter(f"bringing up {counted(self._total, 'charger')}")
        self._network = await stack.enter_async_context(
            self._open_network(always=self.profile.faults.always, tell=self._link_changed)
        )
        quiet = await stack.enter_async_context(self._open_network())
        names = (f"C{number}" for number in itertools.count(1))
        for group in self.profile.chargers:
            own_names = tuple(itertools.islice(names, group.count))
            around = Surroundings(
                target=self.under_test.target,
                network=self._network if group.faults else quiet,
                faulty=self._behind_faults(group),
                clock=self.under_test.clock,
                identities=tuple(f"{self.label}-{name}" for name in own_names),
                new_wire=partial(self._new_wire, group, self._behind_faults(group)),
                seed=self.profile.seed,
                id_tag=self.under_test.id_tags.get("Accepted", f"{self.label}-T"),
                anywhere=self.profile.central_system.anywhere,
                directory=self.directory,
                trouble=self.progress.trouble,
                say=self.progress.say,
            )
            units = await stack.enter_async_context(self.open_chargers(group, around))
            placed = [self._place(name, unit) for name, unit in zip(own_names, units, strict=True)]
            self.placed += placed
            await self._bring_up(group, placed)
        await stack.enter_async_context(self._misbehave())

    @property
    def _total(self) -> int:
        return sum(group.count for group in self.profile.chargers)

    def _open_network(self, **how: Any) -> AbstractAsyncContextManager[Network]:
        return open_network(
            chance=random.Random(self.profile.seed),  # noqa: S311 — it damages
            wire_of=lambda identity: self._tapped.get(identity.casefold()),
            max_connections=max(1000, 3 * self._total),
            **how,
        )

    def _behind_faults(self, group: Chargers) -> bool:
        return group.faults and self.profile.faults != Schedule()

    def _new_wire(self, group: Chargers, faulty: bool, identity: str, *, tapped: bool) -> Wire:
        key = identity.casefold()
        if key in self._made:
            raise Failed(f"two chargers are called {identity}")
        wire = Wire(identity, max(1, min(MAX_KEPT, MAX_FRAMES_KEPT // (2 * self._total))))
        # What faults do to a link is not the central system's doing: it is measured at its own end.
        measured = wire if tapped or not faulty else Wire(identity, max_kept=1)
        if tapped or faulty:
            self._tapped[key] = measured
        self.on_wire(wire)
        followed = self.measures.add_charger(measured, group.kind, group.reconnect_interval)
        self._made[key] = made = _Made(wire, group, followed)
        self._judge_link(made, trio.current_time())
        return wire

    def _place(self, name: str, unit: Unit) -> Placed:
        station = NotedStation(unit.station, self.measures)
        return Placed(name, unit, station, self._made[station.identity.casefold()].followed)

    async def _bring_up(self, group: Chargers, placed: Sequence[Placed]) -> None:
        at_once = trio.CapacityLimiter(STARTS_AT_ONCE)
        up = 0

        async def come_up(station: NotedStation) -> None:
            nonlocal up
            async with at_once:
                if group.kind != "attached":  # those run already
                    try:
                        await station.power_on()
                    except Failed:
                        return  # who made it has told why
                await accepted(station, group.kind)
                up += 1
                if group.kind == "attached":
                    self.measures.up(station.identity, "off", trio.current_time())
                    await introduce(station, self.under_test.operator)

        with trio.move_on_after(group.boot_within):
            async with trio.open_nursery() as nursery:
                for each in placed:
                    nursery.start_soon(come_up, each.station)
        if up < len(placed):
            self.progress.trouble(
                f"{len(placed) - up} of {len(placed)} {group.kind} chargers were not accepted within "
                f"{group.boot_within:g} seconds"
            )

    def _misbehave(self) -> AbstractAsyncContextManager[None]:
        """Have the server told how to misbehave towards which chargers; what they say then is not judged."""
        rules: dict[str, list[Mapping[str, Any]]] = {}
        for each in self.profile.misbehaviour:
            for placed in self.placed:
                if not each.chargers or placed.name in each.chargers:
                    rules.setdefault(placed.station.identity, []).append(each.rule)
                    placed.followed.excuse("misbehaviour", True)
        return misbehaving(self.under_test, rules, self.progress.trouble)

    # --- faults ------------------------------------------------------------------------------------------------

    async def run_faults(self) -> None:
        """Put the faults of the profile on the links, for as long as the session lasts."""
        schedule = _named(self.profile.faults, {each.name: each.station.identity for each in self.placed})
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
        if event.kind in {"fault begins", "fault ends"}:
            key = event.identity.casefold()
            for each in [self._made[key]] if key in self._made else () if key else self._made.values():
                self._judge_link(each, event.at)

    def _judge_link(self, made: _Made, at: float) -> None:
        """Tell the measures whether a charger can be connected, and its bytes arrive as they are."""
        if self._network is None or not made.group.faults:
            return
        conditions = self._network.conditions_of(made.wire.identity)
        change = self.measures.down if conditions.down else self.measures.up
        change(made.wire.identity, "fault", at)
        made.followed.excuse(DAMAGE, _damaging(conditions))


def _damaging(conditions: LinkConditions) -> bool:
    """Tell whether the central system may get other bytes than the charger sent."""
    return any(
        each.corrupt > 0 or each.corrupt_at is not None or each.duplicate_bytes > 0
        for each in (conditions.inbound, conditions.outbound)
    )


def _named(schedule: Schedule, identities: Mapping[str, str]) -> Schedule:
    """Return the schedule with the identities that the chargers have in this session."""
    steps = tuple(
        evolve(step, stations=tuple(identities.get(name, name) for name in step.stations))
        for step in schedule.steps
    )
    return evolve(schedule, steps=steps)
