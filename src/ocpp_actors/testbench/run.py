"""Runs a profile from its first directory to the last line of its report."""

import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final, TextIO

import trio
from attrs import define, field, frozen

from ocpp_actors import logs
from ocpp_actors.clock import SystemClock
from ocpp_actors.testbench.chargers.unit import OpenChargers
from ocpp_actors.testbench.groups import ungrouped
from ocpp_actors.testbench.isolation import SessionDirectory, new_label, session_directory
from ocpp_actors.testbench.measuring.measures import Measures
from ocpp_actors.testbench.monitor import Monitor
from ocpp_actors.testbench.profiles.profile import Profile
from ocpp_actors.testbench.progress import Progress
from ocpp_actors.testbench.report.document import document
from ocpp_actors.testbench.report.frame_log import FrameLog
from ocpp_actors.testbench.report.writing import write_report
from ocpp_actors.testbench.scenario import Need, Scenario
from ocpp_actors.testbench.session import Result, Session
from ocpp_actors.testbench.under_test import UnderTest, foreign_server, own_server, reach

LOG: Final = "testbench.log"
"""The file that has what the test bench itself has to say."""


class Cut(Exception):
    """A second signal came; nothing is left of the session."""


@frozen
class Finished:
    """A session that ran, its report, and where that is to be read. ``kept``: all is still there."""

    result: Result
    document: dict[str, Any]
    page: Path
    kept: bool


@define(eq=False, kw_only=True)
class Run:
    """One session to be.

    ``command`` is what was typed for it, ``parent`` gets its directory, ``output`` shows how it goes, ``keep`` leaves
    all behind.
    """

    profile: Profile
    scenarios: Sequence[Scenario]
    command: str
    parent: Path
    keep: bool
    output: TextIO
    open_chargers: OpenChargers
    _stop: trio.Event = field(init=False, factory=trio.Event)
    _under_test: UnderTest | None = field(init=False, default=None)
    _frames: FrameLog | None = field(init=False, default=None)

    def run(self) -> Finished:
        """Run the session.

        SIGINT, SIGTERM or SIGHUP ends it in order, with a report; a second one at once, with nothing left.

        Raises ProfileError: the directory cannot be made. Raises NotAUrl, OSError: see foreign_server().
        Raises ServerTrouble: the own server does not start, or another one cannot be reached. Raises Cut.
        """
        with ungrouped():
            return trio.run(self._run)

    async def _run(self) -> Finished:
        await reach(self.profile.central_system)
        label, clock = new_label(), SystemClock()
        with (
            trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals,
            session_directory(self.parent, self.profile.name, label, clock.now()) as directory,
            (directory.work / LOG).open("w", encoding="utf-8") as log,
        ):
            logs.configure("console", "info", log)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._attend, signals, directory)
                result = await self._session(directory)
                nursery.cancel_scope.cancel()
            told = document(
                result,
                self._where(),
                command=self.command,
                frames_not_written=self._frames.left_out if self._frames else 0,
            )
            page = write_report(directory.path, told)
            directory.keep = self.keep or not (result.passed or result.interrupted)
            return Finished(result, told, page, directory.keep)

    async def _attend(self, signals: AsyncIterator[int], directory: SessionDirectory) -> None:
        await anext(signals)
        self._stop.set()
        await anext(signals)
        directory.discard = True
        if self._under_test is not None:
            self._under_test.hurry()
        raise Cut

    async def _session(self, directory: SessionDirectory) -> Result:
        async with self._central_system(directory) as under_test:
            self._under_test = under_test
            measures, progress = Measures(trio.current_time()), Progress()
            frames = self._frames = FrameLog(directory.frames, under_test.clock.now)
            async with trio.open_nursery() as beside:
                session = Session(
                    profile=self.profile,
                    scenarios=self.scenarios,
                    under_test=under_test,
                    label=directory.label,
                    open_chargers=self.open_chargers,
                    measures=measures,
                    progress=progress,
                    directory=directory.work,
                    on_wire=frames.follow if self.profile.frame_logs == "all" else _ignore,
                    stop=self._stop,
                )
                plain = any(each.kind == "attached" and each.identities for each in self.profile.chargers)
                monitor = Monitor(
                    self.profile.title, progress, measures, lambda: session.faults_on, plain=plain
                )
                await beside.start(monitor.run, self.output)
                beside.start_soon(frames.run)
                result = await session.run()
                beside.cancel_scope.cancel()
        return result

    def _central_system(self, directory: SessionDirectory) -> AbstractAsyncContextManager[UnderTest]:
        if self.profile.central_system.url is not None:
            return foreign_server(self.profile.central_system)
        settings = dict(self.profile.server)
        if self.profile.misbehaviour or any(Need.TESTING in each.needs for each in self.scenarios):
            settings.setdefault("testing", True)
        wants_tls = any(Need.SECURITY in each.needs for each in self.scenarios)
        # A profile that brings certificates of its own has an authority that the session cannot sign with.
        return own_server(directory.work, settings, secure=wants_tls and "tls_port" not in settings)

    def _where(self) -> str:
        return self.profile.central_system.url or "a server of the session's own"


def _ignore(_wire: object) -> None:
    pass
