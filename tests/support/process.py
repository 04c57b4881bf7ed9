"""The server as a process of its own, as a user starts it."""

import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from attrs import define

START_TIMEOUT = 180.0
END_TIMEOUT = 180.0
"""Seconds before a test gives a process up: far more than it needs, on any machine."""


@define
class ServerProcess:
    """A server that runs; ``url`` is where charge points connect, without the identity, ``api`` that of its API."""

    process: trio.Process
    url: str
    api: str
    database: Path
    stderr: Path

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1].split("/")[0])

    async def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        self.process.kill()
        with trio.fail_after(END_TIMEOUT):
            await self.process.wait()

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal it, wait until it has ended and return its exit status."""
        self.process.send_signal(number)
        with trio.fail_after(END_TIMEOUT):
            return await self.process.wait()


def environment(directory: Path, settings: Mapping[str, object]) -> dict[str, str]:
    """The environment of a server that keeps everything in a directory and takes any free port."""
    own = {
        "PORT": 0,
        "API_PORT": 0,
        "DATABASE": f"sqlite:///{directory / 'ledger.db'}",
        "MESSAGE_LOG": directory / "messages.db",
        "LOG_FORMAT": "json",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OCPP_ACTORS_")}
    chosen = {f"OCPP_ACTORS_{name.upper()}": str(value) for name, value in {**own, **settings}.items()}
    return inherited | chosen


@asynccontextmanager
async def open_server(
    directory: Path,
    command: Sequence[str | Path] = ("-m", "ocpp_actors", "serve"),
    **settings: object,
) -> AsyncIterator[ServerProcess]:
    """Start ``ocpp-actors serve`` and wait until it listens; it is killed after the block if it still runs."""
    log = directory / "stderr.log"
    async with trio.open_nursery() as nursery:
        with log.open("ab") as stderr:
            process = await trio.lowlevel.open_process(
                [sys.executable, *command],
                stdout=-1,
                stderr=stderr,
                env=environment(directory, settings),
            )
        try:
            with trio.fail_after(START_TIMEOUT):
                greeting = await _greeting(process)
            assert greeting is not None, log.read_text()
            nursery.start_soon(_drain, process)
            yield ServerProcess(process, *greeting, directory / "ledger.db", log)
        finally:
            with trio.CancelScope(shield=True):
                if process.poll() is None:
                    process.kill()
                await process.wait()
        nursery.cancel_scope.cancel()


async def _greeting(process: trio.Process) -> tuple[str, str] | None:
    """Read where it listens, once it has said all; an API that is not there has an empty address."""
    assert process.stdout is not None
    text = b""
    async for chunk in process.stdout:
        text += chunk
        url = re.search(rb"(ws://\S+)/IDENTITY", text)
        if url and b"Messages are logged in" in text and text.endswith(b"\n"):
            api = re.search(rb"(http://\S+?)/? ", text)
            return url[1].decode(), api[1].decode() if api else ""
    return None


async def _drain(process: trio.Process) -> None:
    assert process.stdout is not None
    async for _ in process.stdout:
        pass
