"""Runs scenarios side by side: a lane for each station, and a few for those that speak for the charger themselves."""

import itertools
import random
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import trio
from attrs import define, field

from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.protocol.frames import CallError, CallResult
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.measuring.measures import Followed, Measures
from ocpp_actors.testbench.profiles.profile import ChargerKind
from ocpp_actors.testbench.progress import Progress, Running
from ocpp_actors.testbench.runner import Outcome, Verdict, run_scenario
from ocpp_actors.testbench.scenario import Need, Scenario
from ocpp_actors.testbench.station import Feature, Station
from ocpp_actors.testbench.steps.attending import in_words, occupied
from ocpp_actors.testbench.under_test import UnderTest
from ocpp_actors.testbench.wire import Mark, Wire

RECOVERY: Final = 60.0
"""Seconds that a station has to be well again after a scenario failed on it."""

REPORTS: Final = 5.0
"""Seconds for the first StatusNotifications after a boot."""

FREE: Final = 10.0
"""Seconds after that in which all its connectors have to be reported as Available."""

GRACE: Final = 30.0
"""Seconds beyond its own time that a scenario has to let go of what it holds; then its lane goes on without it."""


@define(eq=False, kw_only=True)
class Lanes:
    """What all lanes of a session share."""

    under_test: UnderTest
    measures: Measures
    progress: Progress
    label: str
    seed: int
    on_wire: Callable[[Wire], None]
    over: trio.Event
    """Set when the session is ended early."""
    _benches: Iterator[int] = field(init=False, factory=lambda: itertools.count(1))

    async def station_lane(
        self, station: Station, followed: Followed, kind: ChargerKind, scenarios: Sequence[Scenario]
    ) -> None:
        """Run scenarios on a station, one after the other.

        After one that failed it is switched off, wiped and switched on; one that is not free then is given up.
        """
        lost: str | None = None
        for scenario in scenarios:
            if lost is not None:
                self._skip(scenario, station, lost)
                continue
            outcome = await self._run(scenario, station, followed)
            if outcome.verdict in (Verdict.FAILED, Verdict.BROKEN) and Feature.POWER in station.features:
                trouble = await self._recover(station, kind)
                if trouble is not None:
                    lost = f"the charger was given up after {scenario.name}: {trouble}"
                    self.progress.trouble(f"{station.identity} was given up after {scenario.name}: {trouble}")

    def _skip(self, scenario: Scenario, station: Station, reason: str) -> None:
        running = Running(scenario, station.identity)
        self.progress.started(running)
        self.progress.ended(running, _ended(running, trio.current_time(), Verdict.SKIPPED, reason))

    async def wire_lane(self, scenarios: Iterator[Scenario]) -> None:
        """Run scenarios that need no station, until none is left."""
        for scenario in scenarios:
            await self._run(scenario, None, None)

    async def _run(self, scenario: Scenario, station: Station | None, followed: Followed | None) -> Outcome:
        running = Running(scenario, station.identity if station else None)
        began, judged = trio.current_time(), Need.TESTING not in scenario.needs
        self.progress.started(running)
        outcome: Outcome | None = None
        if followed is not None:
            followed.excuse("scenario", not judged)
        try:
            with trio.move_on_after(scenario.seconds + GRACE):
                outcome = await self._run_if_possible(scenario, station, judged)
            if outcome is None:
                outcome = _ended(running, began, Verdict.BROKEN, "it did not end when its time was over")
        except Exception as error:  # noqa: BLE001 — the lane goes on, whatever it was
            outcome = _ended(running, began, Verdict.BROKEN, "".join(traceback.format_exception(error)))
        finally:
            if followed is not None:
                followed.excuse("scenario", False)
        self.progress.ended(running, outcome)
        return outcome

    async def _run_if_possible(self, scenario: Scenario, station: Station | None, judged: bool) -> Outcome:
        missing = self._missing(scenario, station)
        if missing is not None:
            running = Running(scenario, station.identity if station else None)
            return _ended(running, trio.current_time(), Verdict.SKIPPED, missing)
        return await run_scenario(scenario, self._bench(scenario, station, judged))

    def _missing(self, scenario: Scenario, station: Station | None) -> str | None:
        if Need.STATION in scenario.needs and station is None:
            return "the profile has no charger for it: one of [[chargers]] without an activity"
        if Need.OPERATOR in scenario.needs and self.under_test.operator is None:
            return "it needs the operator's API of ocpp-actors"
        if Need.TESTING in scenario.needs and not self.under_test.testing:
            return "it needs a server with testing = true"
        if Need.RESTART in scenario.needs and self.under_test.restart is None:
            return "it needs a server that may be killed and started again"
        if Need.SECURITY in scenario.needs and self.under_test.secured is None:
            return "it needs a server of the session's own that speaks TLS"
        return None

    def _bench(self, scenario: Scenario, station: Station | None, judged: bool) -> Bench:
        number = next(self._benches)
        place = station.identity.partition("-")[2] if station else "alone"

        def on_wire(wire: Wire) -> None:
            self.measures.follow(wire).excuse("scenario", not judged)
            self.on_wire(wire)

        return Bench(
            target=self.under_test.target,
            clock=self.under_test.clock,
            chance=random.Random(f"{self.seed}:{scenario.name}:{place}"),  # noqa: S311 — it is to be repeatable
            label=f"{self.label}-{number}-",
            operator_or_none=self.under_test.operator,
            station_or_none=station if Need.STATION in scenario.needs else None,
            secured_or_none=self.under_test.secured,
            id_tags=self.under_test.id_tags,
            restart_or_none=self.under_test.restart if Need.RESTART in scenario.needs else None,
            on_wire=on_wire,
            over=self.over,
        )

    async def _recover(self, station: Station, kind: ChargerKind) -> str | None:
        """Bring a station back free; return why it is not."""
        since = station.wire.mark()
        try:
            with trio.fail_after(RECOVERY):
                await station.power_off()
                await station.wipe()
                await station.power_on()
                await accepted(station, kind, since)
        except trio.TooSlowError:
            return f"it did not come back within {RECOVERY:g} seconds after it was switched off and on"
        except Exception as error:  # noqa: BLE001 — whatever it was, this one is not used any more
            return f"it could not be switched off and on: {error!r}"
        with trio.move_on_after(FREE):
            await station.wire.until(lambda: None if occupied(station.wire) else True)
        busy = occupied(station.wire)
        return f"it did not come back free: {in_words(busy)}" if busy else None


async def accepted(station: Station, kind: ChargerKind, since: Mark = 0) -> None:
    """Wait until the central system has accepted a station's boot, or an attached one is heard of.

    What it reports of its connectors then is waited for, but not for long. The caller brings the deadline.
    """
    if kind == "attached":
        await station.wire.until(lambda: station.wire.connected or None)
        return
    await station.wire.until(lambda: _accepted_boot(station, since))
    with trio.move_on_after(REPORTS):
        for number in range(1, station.connector_count + 1):
            await station.wire.exchange("StatusNotification", since=since, where=_of_connector(number))


def _of_connector(number: int) -> Callable[[Any], bool]:
    return lambda told: isinstance(told, dict) and told.get("connectorId") == number


def _accepted_boot(station: Station, since: Mark) -> bool | None:
    boots = station.wire.answered("BootNotification", by=Role.CHARGE_POINT, since=since)
    replies = (each.reply for each in boots)
    return any(_status(reply) == "Accepted" for reply in replies) or None


def _status(reply: CallResult | CallError) -> object:
    payload = reply.payload if isinstance(reply, CallResult) else None
    return payload.get("status") if isinstance(payload, dict) else None


def _ended(running: Running, began: float, verdict: Verdict, reason: str) -> Outcome:
    return Outcome(
        scenario=running.scenario,
        station=running.station,
        verdict=verdict,
        reason=reason,
        started_at=began,
        seconds=trio.current_time() - began,
    )
