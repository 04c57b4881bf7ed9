"""The load generator: charge points over plain sockets, without a framework, so that it is not the bottleneck.

A process of its own, which benchmarks start and read: it connects and boots all charge points, prints ``ready``, runs
for so many seconds, and prints one line of JSON with what it saw and its own share of a processor.

    python bench/load.py ws://127.0.0.1:9000/ocpp --charge-points 100 --message MeterValues --seconds 5
    python bench/load.py ws://127.0.0.1:9000/ocpp --charge-points 1000 --message MeterValues --rate 2000
"""

import argparse
import heapq
import itertools
import json
import os
import resource
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from messages import content

HEARTBEAT_EVERY, METER_VALUES_EVERY = 30.0, 60.0
"""Seconds, of ``--message fleet``: what a charge point at work sends."""

CONNECTING_AT_ONCE = 200
PATIENCE = 120.0
"""Seconds for all charge points to be connected and booted."""


class ChargePoint:
    """A connection: what was received of the next frame, and when the messages were due that are not answered yet."""

    __slots__ = ("asked", "number", "received", "sent", "socket")

    def __init__(self, number: int, connection: socket.socket) -> None:
        self.number = number
        self.socket = connection
        self.received = b""
        self.sent = 0
        self.asked: list[float] = []


def frame(text: bytes) -> bytes:
    """Return a masked text frame (RFC 6455 §5.2)."""
    size = len(text)
    mask = b"\x01\x02\x03\x04"
    head = struct.pack("!BB", 0x81, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x81, 0xFE, size)
    masked = int.from_bytes(text) ^ int.from_bytes((mask * (size // 4 + 1))[:size])
    return head + mask + masked.to_bytes(size)


def frames(received: bytes) -> tuple[list[bytes], bytes]:
    """Return the contents of the whole text frames, and the rest."""
    contents, start = [], 0
    while len(received) - start >= 2:
        size, begin = received[start + 1] & 0x7F, start + 2
        if size == 126:
            size, begin = int.from_bytes(received[begin : begin + 2]), begin + 2
        if len(received) < begin + size:
            break
        if received[start] & 0x0F == 1:
            contents.append(received[begin : begin + size])
        elif received[start] & 0x0F == 8:
            raise SystemExit(f"a connection was closed: {received[begin : begin + size]!r}")
        start = begin + size
    return contents, received[start:]


class Load:
    """All charge points of this process."""

    def __init__(self, url: str, charge_points: int, message: str, prefix: str) -> None:
        parts = urlsplit(url)
        self.address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.path = parts.path.rstrip("/")
        self.message = message
        self.prefix = prefix
        self.charge_points = [self._connect(number) for number in range(charge_points)]
        self.seconds: list[float] = []
        self.poll = select.epoll()

    def _connect(self, number: int) -> ChargePoint:
        connection = socket.socket()
        # More connections than one address has ports come from several addresses of loopback.
        connection.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
        connection.bind((f"127.0.{1 + number // 5000}.1", 0))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return ChargePoint(number, connection)

    def start(self) -> float:
        """Connect and boot all; return how many seconds that took."""
        begun = time.perf_counter()
        for first in range(0, len(self.charge_points), CONNECTING_AT_ONCE):
            some = self.charge_points[first : first + CONNECTING_AT_ONCE]
            for each in some:
                each.socket.connect(self.address)
                each.socket.sendall(self._upgrade(each.number))
            for each in some:
                each.socket.settimeout(PATIENCE)
                while b"\r\n\r\n" not in each.received:
                    each.received += each.socket.recv(4096) or sys.exit("a connection was refused")
                head, _, each.received = each.received.partition(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 101"):
                    raise SystemExit(f"not let in: {head.decode()}")
                self._send(each, "BootNotification", begun)
            for each in some:
                while not self._take(each, each.socket.recv(4096), lambda _: None):
                    pass
        for each in self.charge_points:
            each.socket.setblocking(False)
            self.poll.register(each.socket.fileno(), select.EPOLLIN)
        self.by_descriptor = {each.socket.fileno(): each for each in self.charge_points}
        self.seconds.clear()
        return time.perf_counter() - begun

    def _upgrade(self, number: int) -> bytes:
        return (
            f"GET {self.path}/{self.prefix}{number} HTTP/1.1\r\nHost: {self.address[0]}:{self.address[1]}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: c2l4dGVlbiBieXRlcy4uLg==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
        ).encode()

    def _send(self, charge_point: ChargePoint, action: str, due: float) -> None:
        charge_point.sent += 1
        charge_point.asked.append(due)
        text = b'[2,"%d","%s",%s]' % (charge_point.sent, action.encode(), content(action, charge_point.sent))
        charge_point.socket.sendall(frame(text))

    def _take(self, charge_point: ChargePoint, chunk: bytes, answered: Callable[[ChargePoint], None]) -> bool:
        """Take what was received; whether an answer was in it."""
        if not chunk:
            raise SystemExit("a charge point lost its connection")
        contents, charge_point.received = frames(charge_point.received + chunk)
        for each in contents:
            if not each.startswith(b"[3,"):
                raise SystemExit(f"answered {each!r}")
            self.seconds.append(time.perf_counter() - charge_point.asked.pop(0))
            answered(charge_point)
        return bool(contents)

    def closed_loop(self, seconds: float) -> None:
        """Each charge point sends its next message when it has its answer."""
        until = time.perf_counter() + seconds
        for each in self.charge_points:
            self._send(each, self.message, time.perf_counter())

        def answered(charge_point: ChargePoint) -> None:
            now = time.perf_counter()
            if now < until:
                self._send(charge_point, self.message, now)

        while time.perf_counter() < until:
            self._poll(0.1, answered)

    def open_loop(self, seconds: float, rate: float) -> None:
        """Messages are sent at fixed times, whether or not the last ones are answered; they are as late as that."""
        begun = time.perf_counter()
        order = itertools.cycle(self.charge_points)
        due = ((begun + number / rate, next(order), self.message) for number in range(int(seconds * rate)))
        self._scheduled(due, begun + seconds + 2.0)

    def fleet(self, seconds: float) -> None:
        """Each charge point sends a Heartbeat every 30 s and MeterValues every 60 s, spread over time."""
        begun = time.perf_counter()
        size = len(self.charge_points)

        def each_of(action: str, every: float) -> Iterator[tuple[float, int, ChargePoint, str]]:
            for turn in range(int(seconds / every) + 1):
                for number, charge_point in enumerate(self.charge_points):
                    due = begun + every * (turn + number / size)
                    if due < begun + seconds:
                        yield due, number, charge_point, action

        streams = (each_of("Heartbeat", HEARTBEAT_EVERY), each_of("MeterValues", METER_VALUES_EVERY))
        merged = heapq.merge(*streams, key=lambda message: message[:2])
        self._scheduled(
            ((due, charge_point, action) for due, _, charge_point, action in merged), begun + seconds + 2
        )

    def _scheduled(self, messages: Iterator[tuple[float, ChargePoint, str]], until: float) -> None:
        following = next(messages, None)
        while time.perf_counter() < until:
            now = time.perf_counter()
            while following is not None and following[0] <= now:
                due, charge_point, action = following
                self._send(charge_point, action, due)
                following = next(messages, None)
            if following is None and not any(each.asked for each in self.charge_points):
                return
            self._poll(
                0.001 if following is None else max(0.0, min(0.05, following[0] - now)), lambda _: None
            )

    def _poll(self, patience: float, answered: Callable[[ChargePoint], None]) -> None:
        for descriptor, _ in self.poll.poll(patience):
            charge_point = self.by_descriptor[descriptor]
            self._take(charge_point, charge_point.socket.recv(65536), answered)


def told(seconds: list[float], duration: float, processor: float, started: float) -> dict[str, float]:
    """Return the result as it is printed: milliseconds."""
    ordered = sorted(seconds)

    def quantile(share: float) -> float:
        return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)

    return {
        "started": round(started, 2),
        "answers": len(ordered),
        "rate": round(len(ordered) / duration, 1),
        "p50": quantile(0.5),
        "p95": quantile(0.95),
        "p99": quantile(0.99),
        "p999": quantile(0.999),
        "max": round(1000 * ordered[-1], 3),
        "processor": round(processor, 3),
    }


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument("--charge-points", type=int, default=100)
    parser.add_argument("--message", default="Heartbeat", choices=("Heartbeat", "MeterValues", "fleet"))
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument(
        "--rate", type=float, default=0.0, help="messages a second, in open loop; 0: closed loop"
    )
    parser.add_argument("--prefix", default="BENCH", help="what the identities begin with")
    parser.add_argument("--processor", type=int, help="the processor to stay on")
    arguments = parser.parse_args()
    if arguments.processor is not None:
        os.sched_setaffinity(0, {arguments.processor})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    load = Load(arguments.url, arguments.charge_points, arguments.message, arguments.prefix)
    started = load.start()
    print("ready", flush=True)
    used, begun = time.process_time(), time.perf_counter()
    if arguments.message == "fleet":
        load.fleet(arguments.seconds)
    elif arguments.rate:
        load.open_loop(arguments.seconds, arguments.rate)
    else:
        load.closed_loop(arguments.seconds)
    processor = (time.process_time() - used) / (time.perf_counter() - begun)
    print(json.dumps(told(load.seconds, arguments.seconds, processor, started)), flush=True)


if __name__ == "__main__":
    main()
