"""One session: chargers come up, scenarios and activities run, faults and restarts happen, the end is measured."""

import itertools
import math
import random
import re
import traceback
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Final

import trio
from attrs import define, evolve, field, frozen

from ocpp_actors.testbench.chargers.noted import NotedStation
from ocpp_actors.testbench.chargers.unit import OpenChargers, Surroundings, Unit
from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.groups import leaves
from ocpp_actors.testbench.lanes import Lanes, accepted
from ocpp_actors.testbench.links.conditions import LinkConditions
from ocpp_actors.testbench.links.network import LinkEvent, Network, open_network
from ocpp_actors.testbench.links.schedule import Schedule, run_timeline, timeline
from ocpp_actors.testbench.measuring.limits import Findings, LimitVerdict, Returned, verdicts
from ocpp_actors.testbench.measuring.measures import Event, Followed, Measures
from ocpp_actors.testbench.profiles.profile import NO_ACTIVITY, Chargers, Profile, Restart
from ocpp_actors.testbench.progress import Progress
from ocpp_actors.testbench.runner import Outcome, Verdict
from ocpp_actors.testbench.scenario import Need, Scenario
from ocpp_actors.testbench.under_test import UnderTest
from ocpp_actors.testbench.wire import Mark, Wire

SETTLING: Final = 180.0
"""Seconds that activities have to come to an end."""

AUDIT: Final = 180.0
"""Seconds for all that is asked of the central system in the end."""

STARTS_AT_ONCE: Final = 200
"""Chargers that are switched on at the same time; the next one follows when one was accepted."""

MAX_FRAMES_KEPT: Final = 2_000_000
"""Frames that are kept in memory, of all chargers together."""

_RESTARTS: Final = re.compile(r"^ocpp_actors_restarts_total (\S+)", re.MULTILINE)


@frozen(kw_only=True)
class Result:
    """What came of a session. Times are of trio's clock, ``began_at`` on it is ``started`` by the wall."""

    profile: Profile
    label: str
    started: datetime
    began_at: float
    seconds: float
    outcomes: tuple[Outcome, ...]
    measures: Measures
    findings: Findings
    limits: tuple[LimitVerdict, ...]
    troubles: tuple[str, ...]
    interrupted: bool

    @property
    def passed(self) -> bool:
        """Whether all is well: nothing failed, every limit held, and something was tested at all."""
        return (
            not self.interrupted
            and not self.troubles
            and not any(each.verdict in (Verdict.FAILED, Verdict.BROKEN) for each in self.outcomes)
            and not any(each.held is False for each in self.limits)
            and (
                any(each.verdict is Verdict.PASSED for each in self.outcomes) or bool(self.measures.chargers)
            )
        )


@define(eq=False)
class Placed:
    """A charger in its place: as it was made, as scenarios have it, and as it is measured."""

    unit: Unit
    station: NotedStation
    followed: Followed


@define(eq=False, kw_only=True)
class Session:
    """Runs once. ``stop`` ends it early, in order."""

    profile: Profile
    scenarios: Sequence[Scenario]
    under_test: UnderTest
    label: str
    open_chargers: OpenChargers
    measures: Measures
    progress: Progress
    directory: Path
    on_wire: Callable[[Wire], None] = field(default=lambda _wire: None)
    stop: trio.CancelScope = field(factory=trio.CancelScope)
    _network: Network | None = field(init=False, default=None)
    _placed: list[Placed] = field(init=False, factory=list)
    _returned: list[Returned] = field(init=False, factory=list)
    _up_at: float = field(init=False, default=0.0)

    async def run(self) -> Result:
        """Run it to its end, or to its deadline, and return what came of it; it raises nothing."""
        started, began_at = self.under_test.clock.now(), trio.current_time()
        self.under_test.on_change.append(self._server_changed)
        findings = Findings()
        try:
            with self.stop, trio.move_on_after(self.profile.deadline) as deadline:
                async with AsyncExitStack() as stack:
                    await self._bring_up(stack)
                    await self._run_all()
                    findings = await self._find_out()
                    self._stop_measuring()
            if deadline.cancelled_caught:
                self.progress.trouble(f"it did not end within {self.profile.deadline:g} seconds")
        except* Exception as group:  # noqa: BLE001 — whatever ends it, what was measured is reported
            for error in leaves(group):
                self.progress.trouble(_told(error))
        self._stop_measuring()
        self.progress.enter("done")
        return Result(
            profile=self.profile,
            label=self.label,
            started=started,
            began_at=began_at,
            seconds=trio.current_time() - began_at,
            outcomes=tuple(self.progress.outcomes),
            measures=self.measures,
            findings=findings,
            limits=tuple(verdicts(self.profile.limits, self.measures, findings)),
            troubles=tuple(self.progress.troubles),
            interrupted=self.stop.cancelled_caught,
        )

    # --- chargers ----------------------------------------------------------------------------------------------

    async def _bring_up(self, stack: AsyncExitStack) -> None:
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
            self._placed += placed
            await self._switch_on(group, placed)
        self._up_at = trio.current_time()

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

    # --- what runs ---------------------------------------------------------------------------------------------

    async def _run_all(self) -> None:
        active = [each for each in self._placed if each.unit.activity is not None]
        async with trio.open_nursery() as activities:
            for each in active:
                activities.start_soon(self._activity, each)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._restarts)
                nursery.start_soon(self._faults)
                nursery.start_soon(self._scenarios)
                nursery.start_soon(trio.sleep, self.profile.duration)
            for each in active:
                assert each.unit.activity is not None
                each.unit.activity.finish()
            if active:
                self.progress.enter("letting the chargers finish")
                activities.cancel_scope.deadline = trio.current_time() + SETTLING
        if active and activities.cancel_scope.cancelled_caught:
            self.progress.trouble(f"the chargers did not finish within {SETTLING:g} seconds")

    async def _activity(self, each: Placed) -> None:
        assert each.unit.activity is not None
        try:
            await each.unit.activity.run()
        except Exception as error:  # noqa: BLE001 — the other chargers go on
            self.progress.trouble(f"{each.station.identity}: {_told(error)}")

    async def _scenarios(self) -> None:
        on_stations = [each for each in self.scenarios if Need.STATION in each.needs]
        alone = [each for each in self.scenarios if Need.STATION not in each.needs]
        hosts = [each for each in self._placed if each.unit.group.activity == NO_ACTIVITY]
        if not hosts:
            alone, on_stations = [*alone, *on_stations], []
        self.progress.scenarios = len(alone) + len(hosts) * len(on_stations)
        if not self.progress.scenarios:
            return
        self.progress.enter(f"running {self.progress.scenarios} scenarios")
        lanes = Lanes(
            under_test=self.under_test,
            measures=self.measures,
            progress=self.progress,
            label=self.label,
            seed=self.profile.seed,
            on_wire=self.on_wire,
        )
        queue = iter(alone)
        async with trio.open_nursery() as nursery:
            for _ in range(self.profile.scenarios.lanes):
                nursery.start_soon(lanes.wire_lane, queue)
            for each in hosts:
                nursery.start_soon(
                    lanes.station_lane, each.station, each.followed, each.unit.group.kind, on_stations
                )

    # --- faults ------------------------------------------------------------------------------------------------

    async def _faults(self) -> None:
        """Put the faults of the profile on the links, for as long as the session lasts."""
        schedule = _named(self.profile.faults, self.label)
        stations = [each.station.identity for each in self._placed if each.unit.group.faults]
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

    def _stop_measuring(self) -> None:
        """What happens when the chargers are taken away does not count."""
        if self.measures.closed:
            return
        now = trio.current_time()
        for each in self._network.spans if self._network else ():
            what = Event(each.start, min(each.end, now), each.name, each.name, each.station or "")
            self.measures.event(what)
        self.measures.close(now)

    def _link_changed(self, event: LinkEvent) -> None:
        if self._network is None or event.kind not in {"fault begins", "fault ends"}:
            return
        for each in self._placed:
            identity = each.station.identity
            if not each.unit.group.faults or event.identity.casefold() not in {"", identity.casefold()}:
                continue
            conditions = self._network.conditions_of(identity)
            change = self.measures.down if conditions.down else self.measures.up
            change(identity, "fault", event.at)
            each.followed.excuse("fault", _damaging(conditions))

    # --- restarts ----------------------------------------------------------------------------------------------

    async def _restarts(self) -> None:
        for number, restart in enumerate(sorted(self.profile.restarts, key=lambda each: each.at), 1):
            await trio.sleep_until(self._up_at + restart.at)
            await self._restart(number, restart)

    async def _restart(self, number: int, restart: Restart) -> None:
        assert self.under_test.restart is not None
        words = "is killed" if restart.how == "kill" else "is told to end"
        self.progress.say(f"the server {words}, and started again {restart.down:g} seconds later")
        down_at = trio.current_time()
        marks = [(each.station.wire, each.station.wire.mark()) for each in self._placed]
        await self.under_test.restart(restart.how, restart.down)
        up_at = trio.current_time()
        with trio.move_on_after(restart.back_within):
            for wire, mark in marks:
                await wire.until(lambda wire=wire, mark=mark: _is_back(wire, mark) or None)  # type: ignore[misc]
        returned = Returned(
            number=number,
            how=restart.how,
            down=up_at - down_at,
            chargers=len(marks),
            back=sum(_is_back(wire, mark) for wire, mark in marks),
            seconds=trio.current_time() - up_at,
            within=restart.back_within,
        )
        self._returned.append(returned)
        self.progress.say(
            f"{returned.back} of {returned.chargers} chargers are back after {returned.seconds:.1f} s"
        )

    def _server_changed(self, up: bool) -> None:
        self.measures.server(up, trio.current_time())

    # --- the end -----------------------------------------------------------------------------------------------

    async def _find_out(self) -> Findings:
        """Ask the central system what it knows."""
        operator = self.under_test.operator
        metrics = await self.under_test.metrics() if self.under_test.metrics else None
        counted = _RESTARTS.search(metrics or "")
        restarts = None if counted is None else int(float(counted[1])) + self.under_test.unexpected_ends()
        if operator is None:
            return Findings(restarts=restarts, returned=tuple(self._returned))
        self.progress.enter("comparing the books")
        try:
            with trio.fail_after(AUDIT):
                recorded = [each async for each in operator.all_items("/transactions")]
                online = [
                    each["identity"]
                    async for each in operator.all_items(
                        "/charge-points", search=f"{self.label}-C", online=True
                    )
                ]
        except (Failed, trio.TooSlowError) as error:
            why = str(error) or f"no answer within {AUDIT:g} seconds"
            self.progress.trouble(f"the books could not be compared: {why}")
            return Findings(restarts=restarts, returned=tuple(self._returned))
        return Findings(
            restarts=restarts,
            audit=self.measures.books.compare(recorded),
            returned=tuple(self._returned),
            online=len(set(online)) if len(set(online)) == len(online) else -len(online),
            online_expected=len(self._placed),
        )


def _is_back(wire: Wire, mark: Mark) -> bool:
    """Tell whether a charger has a connection that it opened since a mark."""
    newest = next((each for each in reversed(wire.changes) if each.kind == "opened"), None)
    return wire.connected and newest is not None and newest.number >= mark


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


def _told(error: BaseException) -> str:
    place = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(place[-1].filename).name}:{place[-1].lineno})" if place else ""
    return f"{type(error).__name__}: {error}{where}"
