"""One session: chargers come up, scenarios and activities run, faults and restarts happen, the end is measured."""

import traceback
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Final

import trio
from attrs import define, evolve, field, frozen

from ocpp_actors.testbench.auditing import find_out
from ocpp_actors.testbench.chargers.unit import OpenChargers
from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.groups import leaves
from ocpp_actors.testbench.lanes import Lanes
from ocpp_actors.testbench.measuring.limits import Findings, LimitVerdict, Returned, verdicts
from ocpp_actors.testbench.measuring.measures import Measures
from ocpp_actors.testbench.profiles.profile import NO_ACTIVITY, Profile
from ocpp_actors.testbench.progress import Progress, counted
from ocpp_actors.testbench.restarting import Restarts
from ocpp_actors.testbench.runner import Outcome, Verdict
from ocpp_actors.testbench.scenario import Need, Scenario
from ocpp_actors.testbench.under_test import UnderTest
from ocpp_actors.testbench.wire import Wire
from ocpp_actors.testbench.yard import Placed, Yard

SETTLING: Final = 180.0
"""Seconds that activities have to come to an end."""

HANDS: Final = 300.0
"""Seconds more that a scenario has where a person is asked to plug in, present cards and switch."""


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
        """Whether all is well: nothing failed, every limit held, and there was no trouble."""
        return (
            not self.interrupted
            and not self.troubles
            and not any(each.verdict in (Verdict.FAILED, Verdict.BROKEN) for each in self.outcomes)
            and not any(each.held is False for each in self.limits)
        )


@define(eq=False, kw_only=True)
class Session:
    """Runs once. To set ``stop`` ends it early, in order."""

    profile: Profile
    scenarios: Sequence[Scenario]
    under_test: UnderTest
    label: str
    open_chargers: OpenChargers
    measures: Measures
    progress: Progress
    directory: Path
    on_wire: Callable[[Wire], None] = field(default=lambda _wire: None)
    stop: trio.Event = field(factory=trio.Event)
    _over: trio.Event = field(init=False, factory=trio.Event)
    _too_late: bool = field(init=False, default=False)
    _ending: trio.CancelScope = field(init=False, factory=trio.CancelScope)
    _yard: Yard = field(init=False)
    _restarts: Restarts | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._yard = Yard(
            profile=self.profile,
            under_test=self.under_test,
            label=self.label,
            open_chargers=self.open_chargers,
            measures=self.measures,
            progress=self.progress,
            directory=self.directory,
            on_wire=self.on_wire,
        )

    async def run(self) -> Result:
        """Run it to its end, or to its deadline, and return what came of it; it raises nothing."""
        started, began_at = self.under_test.clock.now(), trio.current_time()
        self.under_test.on_change.append(self._server_changed)
        findings = None
        try:
            with self._ending:
                async with trio.open_nursery() as watching:
                    watching.start_soon(self._end_early)
                    watching.start_soon(self.under_test.gone)
                    async with AsyncExitStack() as stack:
                        try:
                            await self._yard.bring_up(stack)
                            await self._run_all()
                            findings = await self._find_out()
                        finally:
                            self._stop_measuring()
                    watching.cancel_scope.cancel()
            if self._too_late:
                self.progress.trouble(f"it did not end within {self.profile.deadline:g} seconds")
        except* Exception as group:  # noqa: BLE001 — whatever ends it, what was measured is reported
            for trouble in dict.fromkeys(map(_told, leaves(group))):
                self.progress.trouble(trouble)
        findings = findings or Findings(returned=self._returned)
        if not (self._ending.cancelled_caught or self.progress.troubles or self._tested):
            self.progress.trouble(f"nothing was tested: {self._why_not}")
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
            interrupted=self._ending.cancelled_caught and not self._too_late,
        )

    @property
    def _tested(self) -> bool:
        """Whether a scenario ran, or there were chargers for some time."""
        ran = any(each.verdict is not Verdict.SKIPPED for each in self.progress.outcomes)
        return ran or bool(self._yard.placed and (self.profile.duration or self.profile.restarts))

    @property
    def _why_not(self) -> str:
        if self.progress.outcomes:
            return "every scenario was skipped"
        return "no scenario is chosen, and there are no chargers that live for a duration"

    async def _end_early(self) -> None:
        """End when it is told to, or at its deadline; whoever is undoing something then stops too."""
        with trio.move_on_after(self.profile.deadline) as patience:
            await self.stop.wait()
        self._too_late = patience.cancelled_caught
        self._over.set()
        self._ending.cancel()

    @property
    def _returned(self) -> tuple[Returned, ...]:
        return tuple(self._restarts.returned) if self._restarts else ()

    # --- what runs ---------------------------------------------------------------------------------------------

    async def _run_all(self) -> None:
        placed = self._yard.placed
        self._restarts = Restarts(
            under_test=self.under_test, wires=[each.station.wire for each in placed], progress=self.progress
        )
        active = [each for each in placed if each.unit.activity is not None]
        async with trio.open_nursery() as activities:
            for each in active:
                activities.start_soon(self._activity, each)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._restarts.run, self.profile.restarts)
                nursery.start_soon(self._yard.run_faults)
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
        """Run those that restart the server last, and one by one: they disturb everybody else."""
        hosts = [each for each in self._yard.placed if each.unit.group.activity == NO_ACTIVITY]
        restarting = [each for each in self.scenarios if Need.RESTART in each.needs]
        others = [each for each in self.scenarios if Need.RESTART not in each.needs]
        on_stations = [each for each in others if Need.STATION in each.needs] if hosts else []
        alone = [each for each in others if each not in on_stations]
        self.progress.scenarios = len(alone) + len(hosts) * len(on_stations) + len(restarting)
        if not self.progress.scenarios:
            return
        self.progress.enter(f"running {counted(self.progress.scenarios, 'scenario')}")
        lanes = Lanes(
            under_test=self.under_test,
            measures=self.measures,
            progress=self.progress,
            label=self.label,
            seed=self.profile.seed,
            on_wire=self.on_wire,
            over=self._over,
        )
        queue = iter(alone)
        async with trio.open_nursery() as nursery:
            for _ in range(self.profile.scenarios.lanes):
                nursery.start_soon(lanes.wire_lane, queue)
            for each in hosts:
                group, own = each.unit.group, on_stations
                if group.hands:
                    own = [evolve(scenario, seconds=scenario.seconds + HANDS) for scenario in own]
                nursery.start_soon(lanes.station_lane, each.station, each.followed, group.kind, own)
        await lanes.wire_lane(iter(restarting))

    @property
    def faults_on(self) -> list[str]:
        """The names of the faults that are on, each once."""
        return self._yard.faults_on

    def _server_changed(self, up: bool) -> None:
        self.measures.server(up, trio.current_time())

    # --- the end -----------------------------------------------------------------------------------------------

    async def _find_out(self) -> Findings:
        self.progress.enter("comparing the books")
        identities = [each.station.identity for each in self._yard.placed]
        returned = self._returned
        try:
            return await find_out(self.under_test, self.measures.books, identities, returned)
        except Failed as error:
            self.progress.trouble(f"the books could not be compared: {error}")
            return Findings(returned=returned)

    def _stop_measuring(self) -> None:
        """What happens when the chargers are taken away does not count."""
        if not self.measures.closed:
            self._yard.note_faults()
            self.measures.close(trio.current_time())


def _told(error: BaseException) -> str:
    if isinstance(error, Failed):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(place[-1].filename).name}:{place[-1].lineno})" if place else ""
    return f"{type(error).__name__}: {error}{where}"
