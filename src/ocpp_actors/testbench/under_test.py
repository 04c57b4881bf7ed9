"""The central system under test: a server in a process of its own, or one that somebody else runs."""

import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import structlog
import trio
from attrs import define, field, frozen

from ocpp_actors.clock import Clock, SystemClock
from ocpp_actors.settings import PREFIX
from ocpp_actors.testbench.operators import Operator, open_operator
from ocpp_actors.testbench.profiles.profile import CentralSystem, RestartKind
from ocpp_actors.testbench.target import Target, target_of

log = structlog.get_logger(__name__)

START_TIMEOUT: Final = 60.0
"""Seconds that a server has to say where it listens."""

END_TIMEOUT: Final = 15.0
"""Seconds between SIGTERM and SIGKILL: more than the server's own shutdown takes by default."""

GREETING: Final = 64 * 1024
"""Bytes of output in which the addresses have to be."""


class ServerTrouble(Exception):
    """The server did not start, or did not listen where it should; the message has what it said last."""


@frozen
class UnderTest:
    """A central system under test.

    ``restart`` ends the server and starts it again on the same address; None where the session does not run it.
    ``metrics`` returns the text of its metrics, or None.
    """

    target: Target
    clock: Clock
    operator: Operator | None = None
    id_tags: Mapping[str, str] = field(factory=dict)
    testing: bool = False
    restart: "Callable[[RestartKind, float], Awaitable[None]] | None" = None
    metrics: Callable[[], Awaitable[str | None]] | None = None
    unexpected_ends: Callable[[], int] = int
    hurry: Callable[[], None] = lambda: None
    """From now on end the server without waiting for it."""
    on_change: list[Callable[[bool], None]] = field(factory=list)
    """Told when the server goes (False) and is back (True)."""


@define(eq=False)
class ServerProcess:
    """``ocpp-actors serve`` as a process, in a session of its own, so that Ctrl-C reaches the test bench alone."""

    directory: Path
    settings: Mapping[str, Any]
    token: str
    url: str = field(init=False, default="")
    api_url: str = field(init=False, default="")
    unexpected_ends: int = field(init=False, default=0)
    listeners: list[Callable[[bool], None]] = field(init=False, factory=list)
    _process: trio.Process | None = field(init=False, default=None)
    _hurried: bool = field(init=False, default=False)
    _served: trio.Process | None = field(init=False, default=None)
    """The last one that said where it listens."""
    _watchers: trio.Nursery = field(init=False)

    @property
    def log(self) -> Path:
        """What it writes to its standard error."""
        return self.directory / "server.log"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start it, tell when it listens, start it again if it ends by itself; it is ended on cancellation.

        Raises ServerTrouble: it does not start.
        """
        try:
            async with trio.open_nursery() as self._watchers:
                await self.start()
                task_status.started()
                await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await self.stop("gracefully")

    async def _watch(self, process: trio.Process) -> None:
        status = await process.wait()
        if process is self._process:
            self.unexpected_ends += 1
            self._tell(False)
            log.warning("the server ended by itself and is started again", status=status)
            await self.start()

    async def restart(self, how: RestartKind, down: float) -> None:
        """End it, wait ``down`` seconds and start it on the same ports. Raises ServerTrouble."""
        self._tell(False)
        await self.stop(how)
        await trio.sleep(down)
        await self.start()

    async def start(self) -> None:
        """Start it and wait until it listens. Raises ServerTrouble: it does not."""
        with self.log.open("ab") as stderr:
            process = await trio.lowlevel.open_process(
                [sys.executable, "-m", "ocpp_actors", "serve"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=self._environment(),
                start_new_session=True,
            )
        self._process = process
        try:
            with trio.move_on_after(START_TIMEOUT):
                self.url, self.api_url = await self._greeting(process)
                self._served = process
                self._watchers.start_soon(self._watch, process)
                self._tell(True)
        finally:
            if process is not self._served:
                with trio.CancelScope(shield=True):
                    await self.stop("kill")
        if process is not self._served:
            raise ServerTrouble(
                f"the server did not listen within {START_TIMEOUT:g} seconds: {self._last_words()}"
            )

    def hurry(self) -> None:
        """Kill it, now and whenever it is to be stopped."""
        self._hurried = True
        if self._process is not None:
            self._process.kill()

    async def stop(self, how: RestartKind) -> None:
        """End it for certain: SIGKILL, or SIGTERM and after a while SIGKILL."""
        process, self._process = self._process, None
        if process is None:
            return
        if how == "gracefully" and not self._hurried:
            process.send_signal(signal.SIGTERM)
            with trio.move_on_after(END_TIMEOUT):
                await process.wait()
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            if process.stdout is not None:
                await process.stdout.aclose()

    async def _greeting(self, process: trio.Process) -> tuple[str, str]:
        assert process.stdout is not None
        said = b""
        async for chunk in process.stdout:
            said += chunk
            url, api = re.search(rb"(ws://\S+)/IDENTITY", said), re.search(rb"(http://\S+?)/? ", said)
            if url and api and b"Messages are logged in" in said and said.endswith(b"\n"):
                return url[1].decode(), api[1].decode()
            if len(said) > GREETING:
                break
        raise ServerTrouble(f"the server did not start: {self._last_words()}")

    def _last_words(self) -> str:
        lines = self.log.read_text("utf-8", "replace").strip().splitlines()
        return f"{lines[-1] if lines else 'it said nothing'} (all of it is in {self.log})"

    def _environment(self) -> dict[str, str]:
        own: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": _port(self.url),
            "api_port": _port(self.api_url),
            "database": f"sqlite:///{self.directory.absolute() / 'ledger.db'}",
            "message_log": str(self.directory.absolute() / "messages.db"),
            "log_format": "json",
            **self.settings,
            "api_token": self.token,
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        return inherited | {f"{PREFIX}{name.upper()}": _written(value) for name, value in own.items()}

    def _tell(self, up: bool) -> None:
        for listener in self.listeners:
            listener(up)


@asynccontextmanager
async def own_server(directory: Path, settings: Mapping[str, Any]) -> AsyncIterator[UnderTest]:
    """Run a server with free ports and a ledger, a message log and a token of its own for the length of the block.

    Raises ServerTrouble: it does not start.
    """
    process = ServerProcess(directory, settings, secrets.token_urlsafe(24))
    async with trio.open_nursery() as nursery:
        await nursery.start(process.run)
        async with open_operator(process.api_url, process.token) as operator:
            yield UnderTest(
                target_of(process.url),
                SystemClock(),
                operator,
                testing=bool(settings.get("testing")),
                restart=process.restart,
                metrics=_metrics_of(operator),
                unexpected_ends=lambda: process.unexpected_ends,
                hurry=process.hurry,
                on_change=process.listeners,
            )
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def foreign_server(chosen: CentralSystem) -> AsyncIterator[UnderTest]:
    """Use a central system that somebody else runs, for the length of the block.

    Raises NotAUrl: its URL cannot be one. Raises OSError: the file of its API's token cannot be read.
    """
    assert chosen.url is not None
    target, clock = target_of(chosen.url), SystemClock()
    if chosen.api_url is None:
        yield UnderTest(target, clock, id_tags=chosen.id_tags)
        return
    token = chosen.api_token_file and (await trio.Path(chosen.api_token_file).read_text("utf-8")).strip()
    async with open_operator(chosen.api_url, token or None) as operator:
        yield UnderTest(target, clock, operator, id_tags=chosen.id_tags, metrics=_metrics_of(operator))


def _metrics_of(operator: Operator) -> Callable[[], Awaitable[str | None]]:
    async def metrics() -> str | None:
        return await operator.text("/metrics")

    return metrics


def _port(url: str) -> int:
    """Return the port of a server that was there before, to have it again; 0 for the first."""
    return int(url.rsplit(":", 1)[1].split("/", maxsplit=1)[0]) if url else 0


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
