"""Connections come and go, memory stays."""

import gc
from pathlib import Path

import trio
from tests.support.central import open_central
from tests.support.client import open_charger
from tests.support.process import ServerProcess, open_server

CYCLES = 10_000
CLIENTS = 10
PAGE = 4096
ALLOWED_GROWTH = 2 * 1024 * 1024
"""Bytes in the second half: 400 a cycle. What a leaked session would take is 20 times as much."""


def resident(server: ServerProcess) -> int:
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * PAGE


async def connect_and_boot(url: str, identity: str, cycles: int) -> None:
    for _ in range(cycles):
        async with open_charger(url, identity) as charger:
            await charger.boot()


async def run_cycles(url: str, cycles: int) -> None:
    async with trio.open_nursery() as nursery:
        for number in range(CLIENTS):
            nursery.start_soon(connect_and_boot, url, f"CP{number}", cycles // CLIENTS)


async def test_memory_of_the_server_is_flat_over_10_000_connections(tmp_path: Path) -> None:
    async with open_server(tmp_path, max_connection_rate=100_000, log_level="error") as server:
        await run_cycles(server.url, CYCLES // 2)
        half = resident(server)
        await run_cycles(server.url, CYCLES // 2)
        growth = resident(server) - half
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
