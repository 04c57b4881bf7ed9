"""Runs a scenario on a bench and gives its verdict."""

import traceback
from enum import StrEnum
from typing import Final

import trio
from attrs import frozen

from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.client import Closed, Refused, Unreachable
from ocpp_actors.testbench.failures import Failed, Skipped
from ocpp_actors.testbench.groups import leaves
from ocpp_actors.testbench.judging import faults_of
from ocpp_actors.testbench.scenario import Need, Scenario
from ocpp_actors.testbench.wire import Mark, Wire, WireFrame

MAX_FRAMES: Final = 500
"""Frames of one wire that an outcome keeps, the newest."""


class Verdict(StrEnum):
    """What came of a scenario."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    BROKEN = "broken"
    """The scenario itself has a mistake."""


@frozen
class Outcome:
    """What came of one run of a scenario. ``frames`` are what was said meanwhile, by identity."""

    scenario: Scenario
    station: str | None
    verdict: Verdict
    reason: str
    started_at: float
    seconds: float
    frames: dict[str, tuple[WireFrame, ...]]


async def run_scenario(scenario: Scenario, bench: Bench) -> Outcome:
    """Run a scenario within its time.

    It fails, too, where the central system sent anything that breaks a schema, or a CALLRESULT to nothing, unless it
    was told to misbehave.
    """
    started_at = trio.current_time()
    station = bench.station_or_none
    marks: dict[str, Mark] = {} if station is None else {station.identity: station.wire.mark()}

    def ended(verdict: Verdict, reason: str = "") -> Outcome:
        return Outcome(
            scenario=scenario,
            station=station.identity if station else None,
            verdict=verdict,
            reason=reason,
            started_at=started_at,
            seconds=trio.current_time() - started_at,
            frames={wire.identity: _since(wire, marks)[-MAX_FRAMES:] for wire in bench.own_wires()},
        )

    if station is not None and (missing := scenario.features - station.features):
        return ended(Verdict.SKIPPED, f"the charge point cannot: {', '.join(sorted(missing))}")
    verdict, reason = Verdict.PASSED, ""
    try:
        with trio.fail_after(scenario.seconds):
            await scenario.run(bench)
    except Exception as error:  # noqa: BLE001 — whatever a scenario raises is its verdict
        verdict, reason = _verdict(error)
    if Need.TESTING in scenario.needs:
        return ended(verdict, reason)
    wrong = [fault for wire in bench.own_wires() for fault in _wrong(wire, marks)]
    if wrong and verdict in (Verdict.PASSED, Verdict.BROKEN):
        # A scenario may trip over an answer that breaks its schema.
        return ended(Verdict.FAILED, wrong[0])
    return ended(verdict, reason)


def _verdict(error: Exception) -> tuple[Verdict, str]:
    causes = [each for each in leaves(error) if not isinstance(each, trio.Cancelled)]
    for cause in causes:
        if isinstance(cause, Skipped):
            return Verdict.SKIPPED, str(cause)
    for cause in causes:
        if isinstance(cause, Failed | Closed | Refused | Unreachable):
            return Verdict.FAILED, str(cause)
        if isinstance(cause, trio.TooSlowError):
            return Verdict.FAILED, f"what was waited for did not come in time ({_place(cause)})"
    return Verdict.BROKEN, "".join(traceback.format_exception(error))


def _place(error: BaseException) -> str:
    """Return the line of the scenario in which it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    place = next((each for each in reversed(frames) if "scenarios" in each.filename), frames[-1])
    return f"line {place.lineno}: {place.line}"


def _since(wire: Wire, marks: dict[str, Mark]) -> tuple[WireFrame, ...]:
    return tuple(frame for frame in wire.frames if frame.number >= marks.get(wire.identity, 0))


def _wrong(wire: Wire, marks: dict[str, Mark]) -> list[str]:
    faulty = list(faults_of(_since(wire, marks)))
    stray = [(frame, "no CALL waits for this answer") for frame in wire.strays]
    return [
        f"the central system sent {frame.text[:200]}: {fault}"
        for frame, fault in faulty + stray
        if frame.sender is Role.CENTRAL_SYSTEM and frame.number >= marks.get(wire.identity, 0)
    ]
