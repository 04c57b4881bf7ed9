"""A server of its own and charge points on trio-websocket, for benchmarks that measure something else than speed.

What is fast is measured with servers.py and load.py.
"""

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import orjson
import trio
from messages import BOOT, SAMPLES
from trio_websocket import WebSocketConnection, open_websocket_url

COMMAND = [sys.executable, "-m", "ocpp_actors", "serve"]


def payload(action: str, number: int) -> dict[str, object]:
    """Return the payload of the next message; no two MeterValues are the same fact."""
    if action == "Heartbeat":
        return {}
    minutes, seconds = divmod(number, 60)
    timestamp = (
        f"2026-01-{1 + minutes // 1440 % 28:02}T{minutes // 60 % 24:02}:{minutes % 60:02}:{seconds:02}Z"
    )
    return {"connectorId": 1, "meterValue": [{"timestamp": timestamp, "sampledValue": SAMPLES}]}


@asynccontextmanager
async def server(directory: Path, **more: str) -> AsyncIterator[tuple[str, str, int]]:
    """Run a server without a limit on messages.

    Yields the URL that charge points connect to, that of its API, and the id of its process.
    """
    settings = {
        "PORT": "0",
        "API_PORT": "0",
        "DATABASE": f"sqlite:///{directory / 'ledger.db'}",
        "MAX_MESSAGE_RATE": "0",
        "LOG_LEVEL": "error",
        **more,
    }
    environment = os.environ | {f"OCPP_ACTORS_{name}": value for name, value in settings.items()}
    async with trio.open_nursery() as nursery:
        run = partial(trio.run_process, COMMAND, stdout=subprocess.PIPE, env=environment, check=False)
        process = await nursery.start(run)
        text = b""
        while b"Messages are logged in" not in text:
            chunk = await process.stdout.receive_some()
            if not chunk:
                raise SystemExit("the server did not start")
            text += chunk
        url, api = re.search(rb"(ws://\S+)/IDENTITY", text), re.search(rb"(http://\S+?)/? ", text)
        assert url
        assert api
        yield url[1].decode(), api[1].decode(), process.pid
        process.send_signal(signal.SIGTERM)


async def call(connection: WebSocketConnection, message_id: int, action: str, content: object) -> None:
    """Send one CALL and wait for its CALLRESULT."""
    await connection.send_message(orjson.dumps([2, str(message_id), action, content]).decode())
    answer = orjson.loads(await connection.get_message())
    if answer[:2] != [3, str(message_id)]:
        raise SystemExit(f"{action} was answered {answer}")


class Start:
    """Lets all charge points begin at the same moment, once each is connected and booted."""

    def __init__(self, charge_points: int, duration: float) -> None:
        self._missing = charge_points
        self._duration = duration
        self._all_there = trio.Event()
        self.until = 0.0

    async def wait(self) -> None:
        """Wait until all are there."""
        self._missing -= 1
        if not self._missing:
            self.until = time.perf_counter() + self._duration
            self._all_there.set()
        await self._all_there.wait()


async def charge_point(url: str, action: str, start: Start, seconds: list[float]) -> None:
    """Connect, boot, and send one message after the other until the time is up."""
    async with open_websocket_url(url, subprotocols=["ocpp1.6"]) as connection:
        await call(connection, 0, "BootNotification", BOOT)
        await start.wait()
        for number in itertools.count(1):
            begun = time.perf_counter()
            if begun >= start.until:
                return
            await call(connection, number, action, payload(action, number))
            seconds.append(time.perf_counter() - begun)


async def measure(url: str, action: str, charge_points: int, duration: float) -> list[float]:
    """Let all charge points send this message for so many seconds and return the time that each answer took."""
    seconds: list[float] = []
    start = Start(charge_points, duration)
    async with trio.open_nursery() as nursery:
        for number in range(charge_points):
            nursery.start_soon(charge_point, f"{url}/BENCH{number}", action, start, seconds)
    return seconds
