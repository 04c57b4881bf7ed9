"""What floods of strangers cost the charge points that are connected: p99 of their answers, in open loop.

Starts a server of its own on a free port of this machine; charge points send Heartbeat and MeterValues at fixed times,
alone first, then during 10 000 half-open handshakes, during 1000 wrong passwords a second against a key with a fast
hash and one with a slow hash, and while thousands of charge points with keys come back at once. A newcomer with the
right key tries to connect all the while, from an address of its own and from that of the flood. Stops by itself.

    python bench/floods.py --charge-points 100 --seconds 10 --reconnect 5000
"""

import argparse
import itertools
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import trio
from clients import payload, server
from flooders import ATTACKER, answer, connect, upgrade
from messages import BOOT

from ocpp_actors.central_system.credentials import hash_chosen, hash_generated, new_key
from ocpp_actors.ledger.bridge import open_ledger
from ocpp_actors.ledger.port import AdmitChargePoint, KeyHash, SetKey

LIMIT = 2.0
"""How many times the quiet p99 a flood may make it."""

RECONNECT_LIMIT = 0.1
"""Seconds that no answer may take while charge points come back."""

OWN, NEWCOMER = "127.0.0.1", "127.0.0.3"
WARM_UP = 3.0
"""Seconds before the first measurement."""

PATIENCE = 180.0
"""Seconds for all charge points to be back."""

KEY = "correct-horse-battery"


class Connected:
    """Charge points that are connected all the time, and how long their answers take."""

    def __init__(self, port: int, interval: float) -> None:
        self.port = port
        self.interval = interval
        self.seconds: list[float] = []

    async def run(self, number: int) -> None:
        """Boot, then send at fixed times whether or not the last answer has come."""
        asked: list[float] = []
        async with await connect(self.port, OWN) as stream, trio.open_nursery() as nursery:
            await stream.send_all(upgrade(f"BENCH{number}", KEY))
            if await answer(stream) != "101":
                raise SystemExit("a charge point was not let in")
            nursery.start_soon(self._read, stream, asked)
            due = time.perf_counter()
            for message in itertools.count():
                action = ("Heartbeat", "MeterValues")[message % 2]
                name, content = (action, payload(action, message)) if message else ("BootNotification", BOOT)
                asked.append(due)
                await stream.send_all(text_frame(orjson.dumps([2, str(message), name, content])))
                due += self.interval if message else self.interval * (1 + number / 100 % 1)
                await trio.sleep(max(0.0, due - time.perf_counter()))

    async def _read(self, stream: trio.SocketStream, asked: list[float]) -> None:
        received = b""
        while chunk := await stream.receive_some():
            received += chunk
            while (frame := first_frame(received)) is not None:
                opcode, content, received = frame
                if opcode == 1:
                    if not content.startswith(b"[3"):
                        raise SystemExit(f"answered {content!r}")
                    self.seconds.append(time.perf_counter() - asked.pop(0))
        raise SystemExit("a charge point lost its connection")


def text_frame(content: bytes) -> bytes:
    """Return a masked text frame (RFC 6455 §5.2) whose mask is zero."""
    size = len(content)
    head = bytes([0x81, 0x80 | size]) if size < 126 else b"\x81\xfe" + size.to_bytes(2)
    return head + b"\0\0\0\0" + content


def first_frame(received: bytes) -> tuple[int, bytes, bytes] | None:
    """Return opcode and content of the first frame, and what is behind it; None: it is not all there."""
    if len(received) < 4:
        return None
    size, start = received[1] & 0x7F, 2
    if size == 126:
        size, start = int.from_bytes(received[2:4]), 4
    end = start + size
    return (received[0] & 0x0F, received[start:end], received[end:]) if len(received) >= end else None


class Newcomer:
    """Connects with the right key again and again, from one address, and drops the connection."""

    def __init__(self, port: int, address: str, identity: str) -> None:
        self.port, self.address, self.identity = port, address, identity
        self.waits: list[float] = []
        self._since = time.perf_counter()

    async def run(self) -> None:
        """Try twice a second."""
        while True:
            with suppress(OSError, trio.BrokenResourceError), trio.move_on_after(20):
                async with await connect(self.port, self.address) as stream:
                    await stream.send_all(upgrade(self.identity, KEY))
                    if await answer(stream) == "101":
                        self.waits.append(time.perf_counter() - self._since)
                        self._since = time.perf_counter() + 0.5
            await trio.sleep(0.5)

    def start(self) -> None:
        """Begin a phase."""
        self.waits.clear()
        self._since = time.perf_counter()

    def told(self) -> str:
        """Return how long it took to be in, the longest of all times, and how often."""
        waits = [*self.waits, time.perf_counter() - self._since]
        return f"{max(waits):.1f} s ({len(self.waits)})"


@asynccontextmanager
async def flood(arguments: Iterable[str], said: list[str]) -> AsyncIterator[trio.Process]:
    """Run flooders.py for the length of the block; what it printed is in ``said`` then."""
    command = [sys.executable, str(Path(__file__).with_name("flooders.py")), *arguments]
    async with trio.open_nursery() as nursery:
        run = partial(trio.run_process, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, check=False)
        process = await nursery.start(run)
        yield process
        await process.stdin.aclose()
        text = b""
        async for chunk in process.stdout:
            text += chunk
        said.append(text.decode().strip().replace("\n", "; "))


def memory(pid: int) -> int:
    """Return how much of the server is in memory, in KiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4


def processor(pid: int) -> float:
    """Return how many seconds of a processor the server has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Bench:
    """One run: the server's place, who is connected, and the table of phases."""

    def __init__(self, url: str, pid: int, duration: float, charge_points: int) -> None:
        self.port = urlsplit(url).port or 0
        self.pid, self.duration = pid, duration
        self.connected = Connected(self.port, charge_points / 200)
        self.newcomers = [
            Newcomer(self.port, NEWCOMER, "NEWCOMER"),
            Newcomer(self.port, ATTACKER, "NEIGHBOUR"),
        ]
        self.quiet = 0.0
        self.kept = True

    async def phase(self, name: str, *arguments: str) -> None:
        """Measure during a flood, or none, and print a line."""
        before, used, said = memory(self.pid), processor(self.pid), [] if arguments else ["-"]
        self._start()
        if arguments:
            async with flood((arguments[0], str(self.port), *arguments[1:]), said):
                await trio.sleep(self.duration)
                seconds = sorted(self.connected.seconds)
                told = [each.told() for each in self.newcomers]
        else:
            await trio.sleep(self.duration)
            seconds = sorted(self.connected.seconds)
            told = [each.told() for each in self.newcomers]
        used = (processor(self.pid) - used) / self.duration
        p99 = statistics.quantiles(seconds, n=100)[98]
        self.quiet = self.quiet or p99
        self.kept &= p99 <= LIMIT * self.quiet
        growth = f"{memory(self.pid) - before:+d} KiB"
        newcomers = f"  {told[0]:<12}{told[1]:<12}{said[0]}"
        print(
            f"{name:<22}{len(seconds) / self.duration:>8.0f}{1000 * seconds[len(seconds) // 2]:>8.2f}{1000 * p99:>8.2f}"
            f"{1000 * seconds[-1]:>9.2f}{p99 / self.quiet:>7.2f}{used:>6.0%}{growth:>13}{newcomers}",
            flush=True,
        )

    async def reconnect(self, name: str, keys: Path) -> None:
        """Measure until all charge points are back, and print a line."""
        before, said = memory(self.pid), list[str]()
        self._start()
        async with flood(("reconnect", str(self.port), str(keys)), said) as process:
            assert process.stdout
            with trio.move_on_after(PATIENCE):
                said.append((await process.stdout.receive_some()).decode().strip())
            seconds = sorted(self.connected.seconds)
        self.kept &= seconds[-1] <= RECONNECT_LIMIT
        print(
            f"{name:<22}{'':>8}{1000 * seconds[len(seconds) // 2]:>8.2f}"
            f"{1000 * statistics.quantiles(seconds, n=100)[98]:>8.2f}{1000 * seconds[-1]:>9.2f}{'':>13}"
            f"{memory(self.pid) - before:>+9d} KiB  all back {said[0]}; turned away {said[-1]}",
            flush=True,
        )

    def _start(self) -> None:
        self.connected.seconds.clear()
        for each in self.newcomers:
            each.start()


async def prepare(database: str, keys: dict[str, KeyHash]) -> None:
    """Make charge points and their keys known before the server starts."""
    now = datetime.now(UTC)
    async with open_ledger(database) as ledger, trio.open_nursery() as nursery:

        async def one(identity: str, key: KeyHash) -> None:
            await ledger.ask(AdmitChargePoint(identity, now))
            await ledger.ask(SetKey(identity, key))

        for identity, key in keys.items():
            nursery.start_soon(one, identity, key)


def storm(directory: Path, number: int) -> dict[str, KeyHash]:
    """Make up charge points with generated keys and as many with chosen ones; write the keys into two files."""
    generated = {f"GENERATED{index}": new_key() for index in range(number)}
    chosen = {f"CHOSEN{index}": f"chosen-key-{index:06}" for index in range(number)}
    (directory / "generated.json").write_text(json.dumps(generated))
    (directory / "chosen.json").write_text(json.dumps(chosen))
    with ThreadPoolExecutor(2) as threads:
        slow = threads.map(lambda key: hash_chosen(key.encode(), secrets.token_bytes(16)), chosen.values())
        fast = [hash_generated(key.encode(), secrets.token_bytes(16)) for key in generated.values()]
        return dict(zip(generated, fast, strict=True)) | dict(zip(chosen, slow, strict=True))


async def main(charge_points: int, duration: float, reconnecting: int) -> None:
    """Measure each flood in turn."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        fast = hash_generated(KEY.encode(), secrets.token_bytes(16))
        keys = {f"BENCH{number}": fast for number in range(charge_points)}
        keys |= {"FAST": fast, "NEWCOMER": fast, "NEIGHBOUR": fast}
        keys["SLOW"] = hash_chosen(b"a key that somebody chose", secrets.token_bytes(16))
        keys |= storm(directory, reconnecting)
        await prepare(f"sqlite:///{directory / 'ledger.db'}", keys)
        print(
            f"{charge_points} charge points, 200 messages/s in all, open loop, {duration:g} s each; milliseconds"
        )
        print(
            f"{'':<22}{'per s':>8}{'p50':>8}{'p99':>8}{'max':>9}{'ratio':>7}{'CPU':>6}{'memory':>13}  "
            f"{'newcomer':<12}{'neighbour':<12}what became of the flood"
        )
        async with server(directory, MESSAGE_LOG="off") as (url, _, pid), trio.open_nursery() as nursery:
            bench = Bench(url, pid, duration, charge_points)
            for number in range(charge_points):
                nursery.start_soon(bench.connected.run, number)
            await trio.sleep(2 * bench.connected.interval + 1)
            for newcomer in bench.newcomers:
                nursery.start_soon(newcomer.run)
            await trio.sleep(WARM_UP)
            await bench.phase("quiet")
            await bench.phase("half-open", "half-open")
            await bench.phase("wrong keys, fast hash", "passwords", "FAST")
            await bench.phase("wrong keys, slow hash", "passwords", "SLOW")
            if reconnecting:
                await bench.reconnect("back, generated keys", directory / "generated.json")
                await bench.reconnect("back, chosen keys", directory / "chosen.json")
            nursery.cancel_scope.cancel()
    print(f"limits: {LIMIT:g} times the quiet p99, {1000 * RECONNECT_LIMIT:g} ms at a reconnection:", end=" ")
    print("kept" if bench.kept else "broken")
    raise SystemExit(0 if bench.kept else 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--charge-points", type=int, default=100, help="how many are connected, at most 1000")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each flood, at most 60")
    parser.add_argument("--reconnect", type=int, default=0, help="how many come back at once, at most 5000")
    arguments = parser.parse_args()
    trio.run(
        main, min(arguments.charge_points, 1000), min(arguments.seconds, 60.0), min(arguments.reconnect, 5000)
    )
