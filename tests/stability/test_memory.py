"""Connections come and go, memory stays."""

import gc
from pathlib import Path

import httpx2
import orjson
import pytest
import trio
from tests.support.central import BOOT, open_central
from tests.support.process import ServerProcess, open_server
from tests.support.raw import TEXT, frame, upgrade
from tests.support.waiting import LONGEST

pytestmark = [pytest.mark.heavy, pytest.mark.unmeasured]

CYCLES = 10_000
CLIENTS = 20
PAGE = 4096
ALLOWED_GROWTH = 2 * 1024 * 1024
"""Bytes in the second half: 400 a cycle. What a leaked session would take is 20 times as much."""


def resident(server: ServerProcess) -> int:
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * PAGE


async def connect_and_boot(port: int, identity: str, cycles: int) -> None:
    """Connect, boot and drop the connection, in bytes: a whole client would take longer than the server."""
    handshake = upgrade(f"/ocpp/{identity}")
    boot = frame(TEXT, orjson.dumps([2, "1", "BootNotification", BOOT]))
    for _ in range(cycles):
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(handshake)
            await receive_until(stream, b"\r\n\r\n")
            await stream.send_all(boot)
            await receive_until(stream, b'"interval":300}]')


async def receive_until(stream: trio.SocketStream, end: bytes) -> None:
    received = b""
    while not received.endswith(end):
        chunk = await stream.receive_some()
        assert chunk, received
        received += chunk


async def run_cycles(server: ServerProcess, cycles: int) -> int:
    """Run so many, wait until the last connections have ended, and return the bytes that the server takes then."""
    async with trio.open_nursery() as nursery:
        for number in range(CLIENTS):
            nursery.start_soon(connect_and_boot, server.port, f"CP{number}", cycles // CLIENTS)
    async with httpx2.AsyncClient(base_url=server.api, trust_env=False) as api:
        with trio.fail_after(LONGEST):
            while (await api.get("/api/v1/overview")).json()["online"]:
                pass
    return resident(server)


async def test_memory_of_the_server_is_flat_over_10_000_connections(tmp_path: Path) -> None:
    async with open_server(tmp_path, max_connection_rate=100_000, log_level="error") as server:
        half = await run_cycles(server, CYCLES // 2)
        growth = await run_cycles(server, CYCLES // 2) - half
        print(
            f"resident after {CYCLES // 2} cycles: {half // 1024} KiB, growth in the second half: {growth} bytes"
        )
        assert growth < ALLOWED_GROWTH
        assert await server.end() == 0


async def test_nothing_of_a_session_is_left_in_memory(autojump_clock: trio.testing.MockClock) -> None:
    async with open_central() as central:

        async def cycles() -> int:
            for _ in range(50):
                async with central.charger() as charger:
                    await charger.boot()
                await trio.testing.wait_all_tasks_blocked()
            await trio.sleep(
                10_000
            )  # trio forgets a deadline that was not needed only when its time has come
            central.events.clear()
            gc.collect()
            return len(gc.get_objects())

        await cycles()
        before = await cycles()
        assert await cycles() - before < 50
