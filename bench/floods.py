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
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import trio
from flooders import ATTACKER, answer, connect, upgrade
from machine import Machine, look
from report import DISK
from servers import Generator, Server, generator, temporary, this_server

from ocpp_actors.central_system.credentials import hash_chosen, hash_generated, new_key
from ocpp_actors.ledger.bridge import open_ledger
from ocpp_actors.ledger.port import AdmitChargePoint, KeyHash, SetKey

LIMIT = 2.0
"""How many times the quiet p99 a flood may make it."""

RECONNECT_LIMIT = 0.1
"""Seconds that no answer may take while charge points with keys come back, unless one took as long where as many came
back without keys, so that nothing was hashed."""

NEWCOMER = "127.0.0.3"
"""An address of loopback that is neither that of the flood nor of those who are connected."""
MESSAGES = ("Heartbeat", "MeterValues")
KINDS = ("no", "generated", "chosen")
"""Keys of those who come back; without any nothing is hashed, which is what the others are compared with."""
RATE = 200
"""Messages a second of all charge points that are connected."""

WARM_UP = 3.0
"""Seconds before the first measurement."""

SENT_AT_MOST = 10_000
"""Messages of one charge point in one phase: in the next it sends others, or they would be repetitions."""

_sent = itertools.count(0, SENT_AT_MOST)
_unhashed: dict[str, float] = {}
"""Milliseconds of the slowest answer while charge points without keys came back, by message."""

SETTLE = 4.0
"""Seconds that are not counted after charge points have connected; the flood begins before they are over."""

RETURN_TIME = 30.0
"""Seconds that are measured while charge points come back."""

PATIENCE = 900.0
"""Seconds for all charge points to be there, where each slow hash is paid the first time."""

KEY = "correct-horse-battery"


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


class Bench:
    """One run: the server, who is connected, and the table of phases."""

    def __init__(self, server: Server, processor: int, duration: float, charge_points: int) -> None:
        self.server, self.processor = server, processor
        self.port = urlsplit(server.url).port or 0
        self.duration, self.charge_points = duration, charge_points
        self.newcomers = [
            Newcomer(self.port, NEWCOMER, "NEWCOMER"),
            Newcomer(self.port, ATTACKER, "NEIGHBOUR"),
        ]
        self.quiet: dict[str, float] = {}
        self.kept = True

    def connected(self, message: str, seconds: float) -> Generator:
        """Let charge points send this message at fixed times; they are connected and booted when this returns."""
        load = generator(
            self.server,
            self.processor,
            charge_points=self.charge_points,
            message=message,
            rate=RATE / len(MESSAGES),
            seconds=seconds,
            warm_up=SETTLE,
            prefix=message,
            key=KEY,
            sent=next(_sent),
        )
        begun = load.read()
        if begun["refused"]:
            raise SystemExit(f"charge points were not let in: {begun['reason']}")
        return load

    async def phase(self, name: str, *arguments: str) -> None:
        """Measure during a flood, or none, and print a line for each message."""
        before, used, said = self.server.memory, self.server.processor, list[str]()
        for each in self.newcomers:
            each.start()
        async with AsyncExitStack() as stack:
            loads = [
                stack.enter_context(await trio.to_thread.run_sync(self.connected, message, self.duration))
                for message in MESSAGES
            ]
            await trio.sleep(SETTLE / 2)
            if arguments:
                await stack.enter_async_context(flood((arguments[0], str(self.port), *arguments[1:]), said))
            results = [await trio.to_thread.run_sync(load.read) for load in loads]
            told = [each.told() for each in self.newcomers]
        used = (self.server.processor - used) / (self.duration + SETTLE)
        for message, result in zip(MESSAGES, results, strict=True):
            p99 = result["p99"]
            quiet = self.quiet.setdefault(message, p99)
            self.kept &= p99 <= LIMIT * quiet
            print(
                f"{name:<22}{message:<12}{result['rate']:>8.0f}{result['p50']:>8.2f}{p99:>8.2f}"
                f"{result['max']:>9.2f}{p99 / quiet:>7.2f}",
                flush=True,
            )
        print(
            f"{'':<22}CPU {used:.0%}, memory {self.server.memory - before:+d} KiB; in within: "
            f"newcomer {told[0]}, neighbour {told[1]}; flood: {''.join(said) or '-'}",
            flush=True,
        )

    async def reconnect(self, kind: str, keys: Path) -> None:
        """Let charge points connect once, then measure while they come back at once; print a line for each message."""
        said = list[str]()
        async with flood(("reconnect", str(self.port), str(keys)), said) as process:
            assert process.stdin
            assert process.stdout
            with trio.fail_after(PATIENCE):
                first = (await process.stdout.receive_some()).decode().strip()
            async with AsyncExitStack() as stack:
                loads = [
                    stack.enter_context(await trio.to_thread.run_sync(self.connected, message, RETURN_TIME))
                    for message in MESSAGES
                ]
                await process.stdin.send_all(b"again\n")
                with trio.move_on_after(RETURN_TIME):
                    said.append((await process.stdout.receive_some()).decode().strip())
                results = [await trio.to_thread.run_sync(load.read) for load in loads]
        for message, result in zip(MESSAGES, results, strict=True):
            if kind == "no":
                _unhashed[message] = result["max"]
            self.kept &= result["max"] <= max(1000 * RECONNECT_LIMIT, _unhashed.get(message, 0.0))
            print(
                f"{f'back, {kind} keys':<22}{message:<12}{result['rate']:>8.0f}{result['p50']:>8.2f}"
                f"{result['p99']:>8.2f}{result['max']:>9.2f}",
                flush=True,
            )
        print(f"{'':<22}the first time all {first}, back all {'; '.join(said)}", flush=True)


@asynccontextmanager
async def serving(machine: Machine, directory: Path, arguments: argparse.Namespace) -> AsyncIterator[Bench]:
    """Start a server, with newcomers that try to get in, for the length of the block."""
    with this_server(machine.processors[0])(directory) as server:
        bench = Bench(server, machine.processors[1], arguments.seconds, arguments.charge_points)
        async with trio.open_nursery() as nursery:
            for newcomer in bench.newcomers:
                nursery.start_soon(newcomer.run)
            await trio.sleep(WARM_UP)
            yield bench
            nursery.cancel_scope.cancel()


async def prepare(database: str, keys: dict[str, KeyHash]) -> None:
    """Make charge points and their keys known before the server starts."""
    now = datetime.now(UTC)
    async with open_ledger(database) as ledger, trio.open_nursery() as nursery:

        async def one(identity: str, key: KeyHash) -> None:
            await ledger.ask(AdmitChargePoint(identity, now))
            await ledger.ask(SetKey(identity, key))

        for identity, key in keys.items():
            nursery.start_soon(one, identity, key)


def returning(directory: Path, kind: str, number: int) -> dict[str, KeyHash]:
    """Make up charge points with keys of this kind, write the keys into a file, and return their hashes."""
    if kind == "no":
        keys, hashed = {f"NO{index}": "" for index in range(number)}, None
    elif kind == "generated":
        keys, hashed = {f"GENERATED{index}": new_key() for index in range(number)}, hash_generated
    else:
        keys, hashed = {f"CHOSEN{index}": f"chosen-key-{index:06}" for index in range(number)}, hash_chosen
    (directory / f"{kind}.json").write_text(json.dumps(keys))
    if hashed is None:
        return {}
    with ThreadPoolExecutor(2) as threads:
        hashes = threads.map(lambda key: hashed(key.encode(), secrets.token_bytes(16)), keys.values())
        return dict(zip(keys, hashes, strict=True))


async def main(arguments: argparse.Namespace) -> int:
    """Measure each flood in turn and return the exit status."""
    machine = look(arguments.directory)
    machine.tell()
    numbers = range(arguments.charge_points)
    with temporary(arguments.directory) as directory:
        fast = hash_generated(KEY.encode(), secrets.token_bytes(16))
        keys = {f"{message}{number}": fast for message in MESSAGES for number in numbers}
        keys |= {"FAST": fast, "NEWCOMER": fast, "NEIGHBOUR": fast}
        keys["SLOW"] = hash_chosen(b"a key that somebody chose", secrets.token_bytes(16))
        for kind in arguments.keys if arguments.reconnect else ():
            keys |= returning(directory, kind, arguments.reconnect)
        await prepare(f"sqlite:///{directory / 'ledger.db'}", keys)
        print(
            f"{2 * arguments.charge_points} charge points, {RATE} messages/s in all, open loop, "
            f"{arguments.seconds:g} s each; milliseconds"
        )
        print(f"{'':<34}{'per s':>8}{'p50':>8}{'p99':>8}{'max':>9}{'ratio':>7}")
        os.sched_setaffinity(0, {machine.processors[1]})
        start = partial(serving, machine, directory, arguments)
        kept = True
        if not arguments.only_reconnect:
            async with start() as bench:
                await bench.phase("quiet")
                await bench.phase("half-open", "half-open")
                await bench.phase("wrong keys, fast hash", "passwords", "FAST")
                await bench.phase("wrong keys, slow hash", "passwords", "SLOW")
                kept &= bench.kept
        for kind in sorted(arguments.keys, key=KINDS.index) if arguments.reconnect else ():
            async with start() as bench:
                await bench.reconnect(kind, directory / f"{kind}.json")
                kept &= bench.kept
    print(
        f"limits: {LIMIT:g} times the quiet p99; {1000 * RECONNECT_LIMIT:g} ms when they come back, "
        "or what it takes without keys:",
        end=" ",
    )
    print("kept" if kept else "broken")
    return 0 if kept else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--charge-points", type=int, default=100, help="how many are connected for each message"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of each flood")
    parser.add_argument("--reconnect", type=int, default=0, help="how many come back at once")
    parser.add_argument(
        "--keys",
        nargs="+",
        default=KINDS,
        choices=KINDS,
        help="of those who come back; chosen keys take long: each is hashed twice before the storm",
    )
    parser.add_argument("--only-reconnect", action="store_true", help="leave the floods out")
    parser.add_argument("--directory", type=Path, default=DISK, help="where the ledger lies")
    raise SystemExit(trio.run(main, parser.parse_args()))
