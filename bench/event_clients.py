"""What clients of the event stream cost the charge points: p99 of heartbeats with and without them, in one run.

Starts a server of its own on free ports of this machine. In each round the charge points send heartbeats as fast as
they are answered, first without event clients, then with them. All clients ask for every type of event, frames
included; some of them never read what they are sent. Stops by itself.

    python bench/event_clients.py --charge-points 200 --clients 20 --stalled 2 --rounds 5
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import trio
from clients import measure, server

TYPES = (
    "connection,status,transaction,meterValues,message,call,progress,reservation,securityEvent,flag,restart"
)
LIMIT = 1.5


async def read_events(api: str, stalled: bool, counts: list[int]) -> None:
    """Ask for every event and read what comes, or nothing at all if it is to be ``stalled``; come back when dropped."""
    address = urlsplit(api)
    request = f"GET /api/v1/events?types={TYPES} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()
    while True:
        stream = await trio.open_tcp_stream(address.hostname or "", address.port or 0)
        async with stream:
            await stream.send_all(request)
            if stalled:
                await trio.sleep_forever()
            async for chunk in stream:
                counts[0] += chunk.count(b"\nevent: message") + chunk.startswith(b"event: message")
                counts[1] += chunk.count(b"event: dropped")


async def clients(api: str, number: int, stalled: int) -> None:
    """Be all event clients, until the standard input ends; then print how many events came, how many were dropped."""
    counts = [0, 0]
    async with trio.open_nursery() as nursery:
        for index in range(number):
            nursery.start_soon(read_events, api, index < stalled, counts)
        print("ready", flush=True)
        await trio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)
        nursery.cancel_scope.cancel()
    print(*counts, flush=True)


@asynccontextmanager
async def event_clients(api: str, number: int, stalled: int) -> AsyncIterator[list[int]]:
    """Run the event clients in a process of their own; after the block the list has what they counted."""
    counted: list[int] = []
    command = [
        sys.executable,
        __file__,
        "--connect",
        api,
        "--clients",
        str(number),
        "--stalled",
        str(stalled),
    ]
    async with trio.open_nursery() as nursery:
        run = partial(trio.run_process, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, check=False)
        process = await nursery.start(run)
        await process.stdout.receive_some()
        yield counted
        await process.stdin.aclose()
        text = b""
        async for chunk in process.stdout:
            text += chunk
        counted.extend(map(int, text.split()))


def p99(seconds: list[float]) -> float:
    """Return the 99th percentile in milliseconds."""
    return 1000 * statistics.quantiles(seconds, n=100)[98]


async def main(charge_points: int, number: int, stalled: int, rounds: int, duration: float) -> None:
    """Measure in turn and print a line a round, then the medians and their ratio."""
    print(f"{charge_points} charge points, closed loop; {number} event clients, {stalled} of them never read")
    print(f"{'':<8}{'without':>24}{'with':>24}{'events':>12}{'dropped':>9}")
    print(f"{'round':<8}{'per second':>14}{'p99 ms':>10}{'per second':>14}{'p99 ms':>10}{'per second':>12}")
    without, beside = [], []
    with tempfile.TemporaryDirectory() as directory:
        async with server(Path(directory)) as (url, api, _):
            await measure(url, "Heartbeat", charge_points, 1.0)
            for index in range(rounds):
                alone = await measure(url, "Heartbeat", charge_points, duration)
                async with event_clients(api, number, stalled) as counted:
                    together = await measure(url, "Heartbeat", charge_points, duration)
                without.append(p99(alone))
                beside.append(p99(together))
                print(
                    f"{index + 1:<8}{len(alone) / duration:>14.0f}{without[-1]:>10.2f}"
                    f"{len(together) / duration:>14.0f}{beside[-1]:>10.2f}{counted[0] / duration:>12.0f}{counted[1]:>9}"
                )
    ratio = statistics.median(beside) / statistics.median(without)
    print(f"median p99: {statistics.median(without):.2f} ms without, {statistics.median(beside):.2f} ms with")
    print(f"ratio {ratio:.2f}, the limit is {LIMIT}: {'kept' if ratio <= LIMIT else 'broken'}")
    raise SystemExit(0 if ratio <= LIMIT else 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--charge-points", type=int, default=200, help="how many, at most 1000")
    parser.add_argument("--clients", type=int, default=20, help="event clients, at most 100")
    parser.add_argument("--stalled", type=int, default=2, help="how many of them never read")
    parser.add_argument("--rounds", type=int, default=5, help="at most 50")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement, at most 60")
    parser.add_argument("--connect", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    number = min(arguments.clients, 100)
    if arguments.connect:
        trio.run(clients, arguments.connect, number, arguments.stalled)
    else:
        trio.run(
            main,
            min(arguments.charge_points, 1000),
            number,
            arguments.stalled,
            min(arguments.rounds, 50),
            min(arguments.seconds, 60.0),
        )
