"""Runs a scenario on a bench and gives its verdict."""

import traceback
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import trio
from attrs import evolve, field, frozen

from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.protocol.frames import Call
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.client import Closed, Refused, Unreachable
from ocpp_actors.testbench.failures import Failed, Skipped
from ocpp_actors.testbench.groups import leaves
from ocpp_actors.testbench.judging import faults_of
from ocpp_actors.testbench.scenario import Need, Scenario
from ocpp_actors.testbench.wire import Mark, Wire, WireFrame

MAX_FRAMES: Final = 10_000
"""Frames of one wire that an outcome keeps, the newest; the wire itself may keep fewer."""

NOT_IN_TIME: Final = "what was waited for did not come in time"


class Verdict(StrEnum):
    """What came of a scenario."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    BROKEN = "broken"
    """The scenario itself has a mistake."""


@frozen
class Outcome:
    """What came of one run of a scenario.

    ``frames`` are what was said meanwhile, by identity, ``left_out`` the number of those before them that are not kept.
    """

    scenario: Scenario
    station: str | None
    verdict: Verdict
    reason: str
    started_at: float
    seconds: float
    frames: dict[str, tuple[WireFrame, ...]] = field(factory=dict)
    left_out: int = 0

    def cut(self, most: int) -> "Outcome":
        """Return it with no more frames than this, the newest of each wire, and with what that leaves out counted."""
        frames, left = {}, most
        for identity, said in self.frames.items():
            frames[identity] = said[max(0, len(said) - left) :]
            left -= len(frames[identity])
        left_out = self.left_out + sum(map(len, self.frames.values())) - (most - left)
        return evolve(self, frames=frames, left_out=left_out)


async def run_scenario(scenario: Scenario, bench: Bench) -> Outcome:
    """Run a scenario within its time.

    It fails, too, where the central system sent anything that breaks a schema, or a CALLRESULT to nothing, unless it
    was told to misbehave.
    """
    started_at = trio.current_time()
    station = bench.station_or_none
    marks: dict[Wire, Mark] = {} if station is None else {station.wire: station.wire.mark()}
    recorded_before = 0 if station is None else station.wire.recorded

    def ended(verdict: Verdict, reason: str = "") -> Outcome:
        frames: dict[str, tuple[WireFrame, ...]] = {}
        for wire in bench.own_wires():  # several may be of one identity
            frames[wire.identity] = frames.get(wire.identity, ()) + _since(wire, marks)[-MAX_FRAMES:]
        said = sum(wire.recorded for wire in bench.own_wires()) - recorded_before
        return Outcome(
            scenario=scenario,
            station=station.identity if station else None,
            verdict=verdict,
            reason=reason,
            started_at=started_at,
            seconds=trio.current_time() - started_at,
            frames=frames,
            left_out=said - sum(map(len, frames.values())),
        )

    if station is not None and (missing := scenario.features - station.features):
        return ended(Verdict.SKIPPED, f"the charge point cannot: {', '.join(sorted(missing))}")
    verdict, reason = Verdict.PASSED, ""
    try:
        with trio.fail_after(scenario.seconds):
            await scenario.run(bench)
    except Exception as error:  # noqa: BLE001 — whatever a scenario raises is its verdict
        verdict, reason = _verdict(
            error, [each for wire in bench.own_wires() for each in _unanswered(wire, marks)]
        )
    if Need.TESTING in scenario.needs or verdict not in (Verdict.PASSED, Verdict.BROKEN):
        return ended(verdict, reason)
    # A scenario may have tripped over an answer that breaks its schema.
    wrong = [fault for wire in bench.own_wires() for fault in _wrong(wire, marks)]
    return ended(Verdict.FAILED, wrong[0]) if wrong else ended(verdict, reason)


def _verdict(error: Exception, unanswered: Sequence[str]) -> tuple[Verdict, str]:
    causes = [each for each in leaves(error) if not isinstance(each, trio.Cancelled)]
    for cause in causes:
        if isinstance(cause, Skipped):
            return Verdict.SKIPPED, str(cause)
    for cause in causes:
        if isinstance(cause, Failed | Closed | Refused | Unreachable):
            return Verdict.FAILED, str(cause)
        if isinstance(cause, trio.TooSlowError):
            what = f"{', '.join(dict.fromkeys(unanswered))} was not answered" if unanswered else NOT_IN_TIME
            return Verdict.FAILED, f"{what} ({_place(cause)})"
    return Verdict.BROKEN, "".join(traceback.format_exception(error))


def _unanswered(wire: Wire, marks: dict[Wire, Mark]) -> list[str]:
    """Return the actions of the CALLs that wait for an answer."""
    return [
        frame.frame.action
        for frame in wire.unanswered
        if frame.number >= marks.get(wire, 0) and isinstance(frame.frame, Call)
    ]


def _place(error: BaseException) -> str:
    """Return the line of the scenario in which it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    place = next((each for each in reversed(frames) if "scenarios" in each.filename), frames[-1])
    return f"line {place.lineno}: {place.line}"


def _since(wire: Wire, marks: dict[Wire, Mark]) -> tuple[WireFrame, ...]:
    return tuple(frame for frame in wire.frames if frame.number >= marks.get(wire, 0))


def _wrong(wire: Wire, marks: dict[Wire, Mark]) -> list[str]:
    faulty = list(faults_of(_since(wire, marks)))
    stray = [(frame, "no CALL waits for this answer") for frame in wire.strays]
    return [
        f"the central system sent {frame.text[:200]}: {fault}"
        for frame, fault in faulty + stray
        if frame.sender is Role.CENTRAL_SYSTEM and frame.number >= marks.get(wire, 0)
    ]
