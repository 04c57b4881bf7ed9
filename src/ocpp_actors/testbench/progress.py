"""How far a session is: what runs, what has ended, what was said about it."""

from collections import Counter
from collections.abc import Callable
from typing import Final

from attrs import define, evolve, field, frozen

from ocpp_actors.testbench.runner import Outcome, Verdict
from ocpp_actors.testbench.scenario import Scenario

QUIET: Final = (Verdict.PASSED, Verdict.SKIPPED)

MAX_FRAMES: Final = 20_000
"""Frames of failed scenarios that are kept for the report, all in all; the files of frames have the others."""


def counted(number: int, what: str) -> str:
    """Write how many of something there are."""
    return f"{number} {what}{'' if number == 1 else 's'}"


@frozen
class Running:
    """A scenario that runs, on a station or by itself."""

    scenario: Scenario
    station: str | None


@define(eq=False)
class Progress:
    """Of one session. ``listeners`` are told a line for each thing that a person may want to know at once."""

    scenarios: int = 0
    """How many runs of scenarios there will be."""
    phase: str = "starting"
    outcomes: list[Outcome] = field(factory=list)
    running: list[Running] = field(factory=list)
    troubles: list[str] = field(factory=list)
    """What went wrong beside the scenarios."""
    listeners: list[Callable[[str], None]] = field(factory=list)
    frames_left: int = MAX_FRAMES
    """How many more frames are kept."""

    @property
    def counts(self) -> Counter[Verdict]:
        """How many ended with each verdict."""
        return Counter(each.verdict for each in self.outcomes)

    def enter(self, phase: str) -> None:
        """A phase begins."""
        self.phase = phase
        self.say(phase)

    def started(self, running: Running) -> None:
        """A scenario begins."""
        self.running.append(running)

    def ended(self, running: Running, outcome: Outcome) -> None:
        """A scenario has its verdict; the frames of one that is well are not kept."""
        if running in self.running:
            self.running.remove(running)
        if outcome.verdict in QUIET:
            outcome = evolve(outcome, frames={}, left_out=0)
        outcome = outcome.cut(self.frames_left)
        self.frames_left -= sum(map(len, outcome.frames.values()))
        self.outcomes.append(outcome)
        where = f" on {outcome.station}" if outcome.station else ""
        reason = f": {outcome.reason.strip().splitlines()[-1]}" if outcome.reason else ""
        self.say(f"{outcome.verdict:<8} {outcome.scenario.name}{where} ({outcome.seconds:.1f} s){reason}")

    def trouble(self, text: str) -> None:
        """Something went wrong beside the scenarios; the session fails."""
        self.troubles.append(text)
        self.say(f"trouble  {text}")

    def say(self, line: str) -> None:
        """Tell the listeners."""
        for listener in self.listeners:
            listener(line)
