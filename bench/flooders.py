"""The attackers of floods.py, in a process of their own: they connect to loopback only and end with their input.

python bench/flooders.py half-open 9000 | passwords 9000 IDENTITY | reconnect 9000 KEYS.json
"""

import base64
import contextlib
import json
import os
import resource
import select
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable

import trio

ATTACKER = "127.0.0.2"
"""Where the floods come from: an address of this machine other than that of the charge points."""

HALF_OPEN = 10_000
HALF_OPEN_RATE = 2000
"""Connections of the half-open flood, and how many of them are opened a second."""

PASSWORD_RATE = 1000
"""Wrong passwords a second."""

IMPATIENCE = 10.0
"""Seconds after which a charge point that was turned away for load comes again; the server asks for thirty."""

OPENING = 20
"""How many connect at the same time in this process: a charge point, which is alone in its own, asks at once when it is
connected."""


def upgrade(identity: str, key: str) -> bytes:
    """Return an opening handshake, with HTTP Basic credentials if there is a key."""
    basic = base64.b64encode(f"{identity}:{key}".encode()).decode()
    authorization = f"Authorization: Basic {basic}\r\n" if key else ""
    return (
        f"GET /ocpp/{identity} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2l4dGVlbiBieXRlcy4uLg==\r\n"
        f"Sec-WebSocket-Protocol: ocpp1.6\r\n{authorization}\r\n"
    ).encode()


async def connect(port: int, address: str) -> trio.SocketStream:
    """Connect from an address of loopback."""
    connection = trio.socket.socket()
    try:
        # Without it the kernel would look for a free port of the address here, and soon find none.
        connection.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
        await connection.bind((address, 0))
        await connection.connect(("127.0.0.1", port))
    except BaseException:
        connection.close()
        raise
    return trio.SocketStream(connection)


async def answer(stream: trio.SocketStream) -> str:
    """Read the status of the answer to a handshake; where there is none, say so."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = await stream.receive_some()
        if not chunk:
            return "closed"
        received += chunk
    return received.split(b" ", 2)[1].decode()


class Flood:
    """Opens connections in open loop, without trio, so that it takes little of the machine from the server."""

    def __init__(self, port: int, request_of: Callable[[int], bytes], rate: float, most: int) -> None:
        self.port, self.request_of, self.rate, self.most = port, request_of, rate, most
        self.outcomes: Counter[str] = Counter()
        self._open: dict[int, socket.socket] = {}
        self._poll = select.epoll()

    def run(self) -> None:
        """Flood until the standard input ends."""
        self._poll.register(sys.stdin.fileno(), select.EPOLLIN)
        begun, opened = time.perf_counter(), 0
        while True:
            due = min(self.most, int((time.perf_counter() - begun) * self.rate))
            while opened < due:
                self._connect(self.request_of(opened))
                opened += 1
            for descriptor, _ in self._poll.poll(0.002):
                if descriptor == sys.stdin.fileno():
                    self.outcomes["no answer"] = len(self._open)
                    return
                self._read(descriptor)

    def _connect(self, request: bytes) -> None:
        connection = socket.socket()
        connection.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
        connection.bind((ATTACKER, 0))
        connection.settimeout(0.2)  # where the kernel's queue of the server is full
        try:
            connection.connect(("127.0.0.1", self.port))
            connection.sendall(request)
        except OSError:
            self.outcomes["not connected"] += 1
            connection.close()
            return
        self._open[connection.fileno()] = connection
        self._poll.register(connection.fileno(), select.EPOLLIN)

    def _read(self, descriptor: int) -> None:
        connection = self._open.pop(descriptor)
        received = b""
        with contextlib.suppress(OSError):
            received = connection.recv(4096)
        self.outcomes[received.split(b" ", 2)[1].decode() if received else "closed"] += 1
        connection.close()


class Return:
    """Charge points with right keys that come all at once, a few times."""

    def __init__(self, port: int, keys: dict[str, str]) -> None:
        self.port, self.keys = port, keys
        self.outcomes: Counter[str] = Counter()

    async def come(self) -> None:
        """Let all come, and again until each is in; print how long it took. They stay until this is cancelled."""
        begun = time.perf_counter()
        missing = len(self.keys)
        opening = trio.Semaphore(OPENING)

        async def charge_point(number: int, identity: str, key: str) -> None:
            nonlocal missing
            address = f"127.0.{1 + number // 200}.{1 + number % 200}"
            while True:
                status = "closed"
                with contextlib.suppress(OSError, trio.BrokenResourceError):
                    async with opening:
                        stream = await connect(self.port, address)
                        await stream.send_all(upgrade(identity, key))
                    async with stream:
                        status = await answer(stream)
                        if status == "101":
                            missing -= 1
                            if not missing:
                                print(f"in {time.perf_counter() - begun:.1f} s", flush=True)
                            await trio.sleep_forever()
                self.outcomes[status] += 1
                await trio.sleep(IMPATIENCE)

        async with trio.open_nursery() as nursery:
            for number, (identity, key) in enumerate(self.keys.items()):
                nursery.start_soon(charge_point, number, identity, key)


async def come_back(port: int, file: str) -> None:
    """Let charge points come, again at each line of the standard input, until it ends."""
    back = Return(port, json.loads(await trio.Path(file).read_text()))
    go_on = True
    while go_on:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(back.come)
            go_on = bool(await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True))
            nursery.cancel_scope.cancel()
    tell(back.outcomes)


def tell(outcomes: Counter[str]) -> None:
    """Print what became of the connections."""
    print(", ".join(f"{outcome}: {number}" for outcome, number in outcomes.most_common()) or "none")


def main(kind: str, port: int, more: list[str]) -> None:
    """Do what the first word says."""
    os.nice(10)  # those whose answers are measured share a processor with it
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 12_000), hard))
    if kind == "reconnect":
        trio.run(come_back, port, more[0])
        return
    if kind == "half-open":
        half = upgrade("CP1", "")[:-2]
        flood = Flood(port, lambda number: half if number % 2 else b"", HALF_OPEN_RATE, HALF_OPEN)
    else:
        flood = Flood(port, lambda number: upgrade(more[0], f"wrong-{number}"), PASSWORD_RATE, 1_000_000)
    flood.run()
    tell(flood.outcomes)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
