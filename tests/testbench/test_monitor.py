"""The view of a running session: a picture on a terminal, lines elsewhere."""

import errno
import io
import os

import pytest
import trio
from attrs import evolve
from rich.console import Console
from tests.testbench.measuring.exchanges import say
from tests.testbench.session import scenarios as s
from trio.testing import MockClock

from ocpp_actors.testbench.measuring.measures import Measures
from ocpp_actors.testbench.monitor import Monitor
from ocpp_actors.testbench.progress import Progress, Running
from ocpp_actors.testbench.runner import Outcome, Verdict
from ocpp_actors.testbench.wire import Wire


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def outcome(verdict: Verdict, reason: str = "") -> Outcome:
    return Outcome(s.fails, "CP1", verdict, reason, 0.0, 1.0, {})


@pytest.fixture
async def monitor(autojump_clock: MockClock) -> Monitor:
    measures, progress = Measures(trio.current_time()), Progress(scenarios=9)
    wire = Wire("CP1")
    measures.add_charger(wire, "simulated", 5)
    measures.up("CP1", "off", trio.current_time())
    wire.opened()
    say(wire, "Heartbeat", {}, {})
    progress.started(Running(s.passes, None))
    progress.started(Running(s.fails, "CP1"))
    progress.ended(Running(s.fails, "CP1"), outcome(Verdict.FAILED, "no \x1b[31mmoon"))
    progress.trouble("it \u202eburnt")
    return Monitor("Basic", progress, measures, lambda: ["stall"])


def seen(monitor: Monitor) -> str:
    console = Console(file=io.StringIO(), width=140, force_terminal=False)
    console.print(monitor.picture())
    return str(console.file.getvalue())  # type: ignore[attr-defined]


async def test_the_picture_has_everything(monitor: Monitor) -> None:
    text = seen(monitor)
    for part in ("Basic", "1/1", "stall", "0 passed", "1 failed", "of 9", "▸ passes", "✗ fails on CP1", "it"):
        assert part in text, part


async def test_what_strangers_sent_cannot_drive_the_terminal(monitor: Monitor) -> None:
    text = seen(monitor)
    assert "\x1b" not in text
    assert "\u202e" not in text


async def test_the_picture_is_bounded(monitor: Monitor) -> None:
    for number in range(50):
        monitor.progress.started(Running(evolve(s.passes, name=f"n{number}"), None))
        monitor.progress.trouble(f"trouble {number}")
        monitor.progress.outcomes.append(outcome(Verdict.BROKEN, "x"))
    assert len(seen(monitor).splitlines()) < 35
    assert "and 43 more" in seen(monitor)


async def test_a_terminal_gets_pictures_and_its_cursor_back(
    monitor: Monitor, autojump_clock: MockClock
) -> None:
    terminal = Terminal()
    with trio.move_on_after(2):
        await monitor.run(terminal)
    shown = terminal.getvalue()
    assert shown.count("chargers") > 4
    assert shown.index("\x1b[?25l") < shown.rindex("\x1b[?25h")


async def test_elsewhere_there_are_lines(monitor: Monitor, autojump_clock: MockClock) -> None:
    stream = io.StringIO()
    async with trio.open_nursery() as nursery:
        await nursery.start(monitor.run, stream)
        await trio.sleep(1)
        monitor.progress.ended(Running(s.fails, "CP1"), outcome(Verdict.FAILED, "no \x1b[31mmoon"))
        await trio.sleep(20)
        nursery.cancel_scope.cancel()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "     1 s  failed   fails on CP1 (1.0 s): no \\x1b[31mmoon"
    assert lines[1].startswith("    10 s  1 of 1 chargers, ")
    assert lines[1].endswith("2 of 9 scenarios, 2 failed, faults: stall")
    assert monitor.progress.listeners == []


async def test_a_session_goes_on_when_nobody_reads_its_lines(
    monitor: Monitor, autojump_clock: MockClock
) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with io.TextIOWrapper(io.FileIO(write_end, "w"), write_through=True) as stream:
        async with trio.open_nursery() as nursery:
            await nursery.start(monitor.run, stream)
            monitor.progress.say("a line")
            await trio.sleep(20)
            monitor.progress.say("another")
            nursery.cancel_scope.cancel()


async def test_a_session_goes_on_when_its_terminal_is_closed(
    monitor: Monitor, autojump_clock: MockClock
) -> None:
    master, slave = os.openpty()
    with io.TextIOWrapper(io.FileIO(slave, "w"), write_through=True) as stream:
        assert stream.isatty()
        async with trio.open_nursery() as nursery:
            await nursery.start(monitor.run, stream)
            await trio.sleep(1)
            assert os.read(master, 1_000)
            os.close(master)
            with pytest.raises(OSError, match="Input/output error"):
                stream.write("x")
            await trio.sleep(1)
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("plain", [False, True])
async def test_a_session_goes_on_when_its_terminal_is_closed_before_it_begins(
    monitor: Monitor, autojump_clock: MockClock, plain: bool
) -> None:
    class Closed(Terminal):
        def write(self, _text: str) -> int:
            raise OSError(errno.EIO, "Input/output error")

    monitor.plain = plain
    async with trio.open_nursery() as nursery:
        await nursery.start(monitor.run, Closed())
        monitor.progress.say("a line")
        await trio.sleep(20)
        nursery.cancel_scope.cancel()


async def test_where_a_person_is_asked_for_things_there_are_lines(
    monitor: Monitor, autojump_clock: MockClock
) -> None:
    terminal, monitor.plain = Terminal(), True
    with trio.move_on_after(11):
        await monitor.run(terminal)
    assert len(terminal.getvalue().splitlines()) == 1
    assert "\x1b" not in terminal.getvalue()


async def test_rates_are_of_the_last_second(monitor: Monitor, autojump_clock: MockClock) -> None:
    await trio.sleep(2)
    assert "1 messages/s" in monitor.line(), "the first is of the time since the beginning"
    wire = Wire("CP2")
    monitor.measures.follow(wire)
    for _ in range(20):
        say(wire, "Heartbeat", {}, {})
    await trio.sleep(2)
    assert "20 messages/s" in monitor.line()
