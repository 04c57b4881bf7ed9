"""Shows a session while it runs: a live view on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final, TextIO

import trio
from attrs import define, field
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ocpp_actors.logs import printable
from ocpp_actors.testbench.measuring.limits import percent
from ocpp_actors.testbench.measuring.measures import Measures
from ocpp_actors.testbench.progress import Progress
from ocpp_actors.testbench.report.axes import clock, duration
from ocpp_actors.testbench.runner import Verdict

REFRESH: Final = 0.25
"""Seconds between two pictures of the live view."""

PLAIN_INTERVAL: Final = 10.0
"""Seconds between two lines that tell how it goes, where there is no terminal."""

MAX_RUNNING: Final = 8
MAX_FAILURES: Final = 6
MAX_FAULTS: Final = 4


@define(eq=False)
class Monitor:
    """Looks at the progress and the measures of one session."""

    title: str
    progress: Progress
    measures: Measures
    faults: Callable[[], list[str]] = field(default=list)
    """The names of the faults that are on."""
    plain: bool = False
    """Lines on a terminal, too, because a person is asked for things there."""
    _seen_frames: int = 0
    _seen_at: float = field(init=False)
    _rate: float = 0.0

    def __attrs_post_init__(self) -> None:
        self._seen_at = self.measures.began_at

    async def run(
        self, stream: TextIO, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Show it until cancelled, or until nobody can see it any more."""
        if self.plain or not stream.isatty():
            await self._tell(stream, task_status)
            return
        task_status.started()
        console = Console(file=stream)
        with (
            suppress(OSError),  # nobody reads any more
            Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live,
        ):
            try:
                while True:
                    live.update(self.picture(), refresh=True)
                    await trio.sleep(REFRESH)
            finally:
                live.update(self.picture(), refresh=True)

    async def _tell(self, stream: TextIO, task_status: trio.TaskStatus[None]) -> None:
        somebody_reads = True

        def say(line: str) -> None:
            nonlocal somebody_reads
            if somebody_reads:
                try:
                    stream.write(f"{clock(round(self._seconds(), 1)):>8}  {printable(line)}\n")
                    stream.flush()
                except OSError:
                    somebody_reads = False

        self.progress.listeners.append(say)
        task_status.started()
        try:
            while True:
                await trio.sleep(PLAIN_INTERVAL)
                say(self.line())
        finally:
            self.progress.listeners.remove(say)

    def line(self) -> str:
        """Return how it goes in a line."""
        counts, measures = self.progress.counts, self.measures
        parts = [
            f"{measures.connected} of {len(measures.chargers)} chargers",
            f"{self._messages_a_second():.0f} messages/s",
            f"99 % in {duration(measures.all_response_times.quantile(0.99))}",
        ]
        if self.progress.scenarios:
            bad = counts[Verdict.FAILED] + counts[Verdict.BROKEN]
            parts.append(
                f"{len(self.progress.outcomes)} of {self.progress.scenarios} scenarios, {bad} failed"
            )
        if faults := self.faults():
            parts.append(f"faults: {', '.join(faults[:MAX_FAULTS])}")
        return ", ".join(parts)

    def picture(self) -> RenderableType:
        """Return the live view."""
        return Group(*self._parts())

    def _parts(self) -> Iterator[RenderableType]:
        progress = self.progress
        yield Text.assemble(
            (self.title, "bold"), f"  {clock(round(self._seconds()))}  ", (progress.phase, "dim")
        )
        yield self._numbers()
        if progress.scenarios:
            yield self._bar()
        for running in progress.running[:MAX_RUNNING]:
            where = f" on {running.station}" if running.station else ""
            yield Text(printable(f"  ▸ {running.scenario.name}{where}"), style="cyan")
        if len(progress.running) > MAX_RUNNING:
            yield Text(f"  … and {len(progress.running) - MAX_RUNNING} more", style="dim")
        bad = [each for each in progress.outcomes if each.verdict in (Verdict.FAILED, Verdict.BROKEN)]
        for each in bad[-MAX_FAILURES:]:
            where = f" on {each.station}" if each.station else ""
            reason = each.reason.strip().splitlines()[-1] if each.reason.strip() else ""
            yield Text(
                printable(f"  ✗ {each.scenario.name}{where}: {reason}"),
                style="red",
                overflow="ellipsis",
                no_wrap=True,
            )
        for trouble in progress.troubles[-MAX_FAILURES:]:
            yield Text(printable(f"  ! {trouble}"), style="red")

    def _numbers(self) -> RenderableType:
        measures, times = self.measures, self.measures.all_response_times
        stability, accuracy = measures.stability, measures.accuracy
        table = Table.grid(padding=(0, 3))
        table.add_row(
            *(
                Text(each, style="dim")
                for each in (
                    "chargers",
                    "messages/s",
                    "median",
                    "95 %",
                    "99 %",
                    "stability",
                    "verdicts",
                    "faults",
                )
            )
        )
        table.add_row(
            f"{measures.connected}/{len(measures.chargers)}",
            f"{self._messages_a_second():.0f}",
            duration(times.quantile(0.5)),
            duration(times.quantile(0.95)),
            duration(times.quantile(0.99)),
            "–" if stability is None else percent(stability),
            "–" if accuracy is None else percent(accuracy),
            ", ".join(self.faults()[:MAX_FAULTS]) or ("server down" if measures.server_down_since else "–"),
        )
        return table

    def _bar(self) -> RenderableType:
        counts, total = self.progress.counts, self.progress.scenarios
        bad = counts[Verdict.FAILED] + counts[Verdict.BROKEN]
        table = Table.grid(padding=(0, 2))
        table.add_row(
            ProgressBar(total=total, completed=len(self.progress.outcomes), width=40),
            Text.assemble(
                (f"{counts[Verdict.PASSED]} passed", "green"),
                "  ",
                (f"{bad} failed", "red" if bad else "dim"),
                "  ",
                (f"{counts[Verdict.SKIPPED]} skipped", "dim"),
                f"  of {total}",
            ),
        )
        return table

    def _messages_a_second(self) -> float:
        """Return the rate since a second ago or a little longer."""
        now, frames = trio.current_time(), self.measures.frames
        if now - self._seen_at >= 1.0:
            self._rate = (frames - self._seen_frames) / (now - self._seen_at)
            self._seen_at, self._seen_frames = now, frames
        return self._rate

    def _seconds(self) -> float:
        return trio.current_time() - self.measures.began_at
