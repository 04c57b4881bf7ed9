"""The load generator: charge points over plain sockets, without a framework, so that it is not the bottleneck.

A process of its own, which benchmarks start and read. It connects and boots all charge points and prints a line of JSON
about that, runs for so many seconds, and prints a line of JSON with what it saw and its own share of a processor.

    python bench/load.py ws://127.0.0.1:9000/ocpp --charge-points 100 --message MeterValues --seconds 5
    python bench/load.py ws://127.0.0.1:9000/ocpp --charge-points 1000 --message MeterValues --rate 2000
    python bench/load.py ws://127.0.0.1:9000/ocpp --charge-points 10000 --at-once 10000 --message none
"""

import argparse
import base64
import errno
import gc
import heapq
import itertools
import json
import os
import resource
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from frames import CLOSE, PING, PONG, TEXT, frame, frames
from messages import content
from processes import busy, used

HEARTBEAT_EVERY, METER_VALUES_EVERY = 30.0, 60.0
"""Seconds, of ``--message fleet``: what a charge point at work sends."""

ADDRESS_HOLDS = 5000
"""Connections that come from one address of loopback; it has ports for some more."""

OPENED_AT_ONCE = 50
"""Connections that are begun before those that are open are served: a charge point asks as soon as it is connected."""

PATIENCE = 120.0
"""Seconds for all charge points to be connected and booted."""

LINGER = 2.0
"""Seconds that the last answers are waited for in open loop."""

SHARES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 1.0)


class Refused(Exception):
    """A charge point was not let in, or lost its connection before it was booted."""


class ChargePoint:
    """A connection: what was received of the next frame, and when the messages were due that are not answered yet."""

    __slots__ = ("asked", "begun", "booted", "number", "received", "sent", "socket", "upgraded")

    def __init__(self, number: int, sent: int) -> None:
        self.number = number
        self.socket = socket.socket()
        self.received = b""
        self.sent = sent
        self.asked: list[float] = []
        self.begun = 0.0
        self.upgraded = self.booted = False


class Load:
    """All charge points of this process."""

    def __init__(
        self, url: str, charge_points: int, message: str, prefix: str, pid: int, key: str, sent: int
    ) -> None:
        parts = urlsplit(url)
        self.address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.path = parts.path.rstrip("/")
        self.message = message
        self.prefix = prefix
        self.key = key
        self.pid = pid
        self.poll = select.epoll()
        self.charge_points = [ChargePoint(number, sent) for number in range(charge_points)]
        self.by_descriptor = {each.socket.fileno(): each for each in self.charge_points}
        self.seconds: list[float] = []
        self.late: list[float] = []
        self.scheduled = False
        self.counted_from = 0.0
        self.idle_for = 0.0
        """Seconds in which it looked in vain for answers instead of sleeping, since the warm-up."""
        self.begun: tuple[float, float, tuple[float, int], dict[int, float]] | None = None

    # Connecting

    def start(self, at_once: int) -> dict[str, object]:
        """Connect and boot all, so many at once; return how long that took and how many were not let in."""
        begun = time.perf_counter()
        processor = used(self.pid)[0] if self.pid else 0.0
        waiting = iter(self.charge_points)
        connecting, back, boots, refused = 0, list[float](), list[float](), list[str]()
        while len(back) + len(refused) < len(self.charge_points):
            for each in itertools.islice(waiting, min(OPENED_AT_ONCE, at_once - connecting)):
                self._open(each)
                connecting += 1
            if time.perf_counter() - begun > PATIENCE:
                raise SystemExit(f"only {len(back)} charge points were booted within {PATIENCE:g} s")
            for descriptor, event in self.poll.poll(0.0 if connecting < at_once else 0.1):
                each = self.by_descriptor[descriptor]
                try:
                    boot = self._advance(each, event)
                except (OSError, Refused) as reason:
                    self.poll.unregister(descriptor)
                    each.socket.close()
                    refused.append(str(reason))
                else:
                    if boot is None:
                        continue
                    boots.append(boot)
                    back.append(time.perf_counter() - begun)
                connecting -= 1
        took = time.perf_counter() - begun
        told: dict[str, object] = {"seconds": round(took, 3), "back": len(back), "refused": len(refused)}
        if refused:
            told["reason"] = refused[0]
        if back:
            told["boot"] = quantiles(boots)
        if self.pid:
            told["server"] = round((used(self.pid)[0] - processor) / took, 3)
        self.charge_points = [each for each in self.charge_points if each.booted]
        self.by_descriptor = {each.socket.fileno(): each for each in self.charge_points}
        self.seconds.clear()
        return told

    def _open(self, charge_point: ChargePoint) -> None:
        connection = charge_point.socket
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
        connection.bind((f"127.0.{1 + charge_point.number // ADDRESS_HOLDS}.1", 0))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        error = connection.connect_ex(self.address)
        if error not in (0, errno.EINPROGRESS):
            raise SystemExit(f"cannot connect to {self.address[0]}:{self.address[1]}: {os.strerror(error)}")
        self.poll.register(connection.fileno(), select.EPOLLOUT)

    def _advance(self, charge_point: ChargePoint, event: int) -> float | None:
        """Take the next step of a charge point that is not booted; when it is, return how long the boot took."""
        connection = charge_point.socket
        if event & select.EPOLLOUT:
            if error := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise Refused(os.strerror(error))
            connection.sendall(self._upgrade(charge_point.number))
            self.poll.modify(connection.fileno(), select.EPOLLIN)
            return None
        chunk = connection.recv(65536)
        if charge_point.booted:
            self._take(charge_point, chunk, lambda _: None)
            return None
        if not chunk:
            raise Refused("the connection was closed")
        if charge_point.upgraded:
            self._take(charge_point, chunk, lambda _: None)
            charge_point.booted = not charge_point.asked
            return time.perf_counter() - charge_point.begun if charge_point.booted else None
        head, end, rest = (charge_point.received + chunk).partition(b"\r\n\r\n")
        charge_point.received = rest if end else head
        if end:
            if not head.startswith(b"HTTP/1.1 101"):
                raise Refused(head.partition(b"\r\n")[0].decode())
            charge_point.upgraded = True
            charge_point.begun = time.perf_counter()
            self._send(charge_point, "BootNotification", charge_point.begun)
        return None

    def _upgrade(self, number: int) -> bytes:
        identity = f"{self.prefix}{number}"
        basic = base64.b64encode(f"{identity}:{self.key}".encode()).decode()
        return (
            f"GET {self.path}/{identity} HTTP/1.1\r\nHost: {self.address[0]}:{self.address[1]}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: c2l4dGVlbiBieXRlcy4uLg==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n"
            + (f"Authorization: Basic {basic}\r\n\r\n" if self.key else "\r\n")
        ).encode()

    # Messages

    def _send(self, charge_point: ChargePoint, action: str, due: float) -> None:
        charge_point.sent += 1
        charge_point.asked.append(due)
        payload = content(action, charge_point.sent)
        text = b'[2,"%08x-0000-4000-8000-%012x","%s",%s]' % (
            charge_point.sent,
            charge_point.number,
            action.encode(),
            payload,
        )
        charge_point.socket.sendall(frame(TEXT, text))

    def _take(self, charge_point: ChargePoint, chunk: bytes, answered: Callable[[ChargePoint], None]) -> None:
        """Take what was received, and do what is to be done at each answer."""
        if not chunk:
            raise SystemExit("a charge point lost its connection")
        contents, charge_point.received = frames(charge_point.received + chunk)
        for opcode, text in contents:
            if opcode == TEXT and text.startswith(b"[3,"):
                due, now = charge_point.asked.pop(0), time.perf_counter()
                # In closed loop an answer counts when it comes, or slow ones would count too little.
                if (due if self.scheduled else now) >= self.counted_from:
                    self.seconds.append(now - due)
                answered(charge_point)
            else:
                self._react(charge_point, opcode, text)

    def _react(self, charge_point: ChargePoint, opcode: int, text: bytes) -> None:
        """Do what is to be done with a frame that is no answer."""
        if opcode == PING:
            charge_point.socket.sendall(frame(PONG, text))
        elif opcode == CLOSE and not charge_point.booted:
            raise Refused(f"closed with {text[2:].decode()!r}")
        elif opcode == CLOSE:
            raise SystemExit(f"a connection was closed: {text!r}")
        elif text.startswith(b"[2,"):
            reply = json.dumps([3, json.loads(text)[1], {"status": "Accepted"}])
            charge_point.socket.sendall(frame(TEXT, reply.encode()))
        elif opcode == TEXT and not charge_point.booted:
            raise Refused(f"answered {text.decode()}")
        elif opcode == TEXT:
            raise SystemExit(f"answered {text!r}")

    # Loops

    def closed_loop(self, warm_up: float, seconds: float) -> None:
        """Each charge point sends its next message when it has its answer.

        It looks for answers without ever sleeping: to wake a sleeping processor takes whoever writes to it some µs, in
        a virtual machine ten. No charge point at the other end of a network costs a server that.
        """
        begun = time.perf_counter()
        self.counted_from = begun + warm_up
        for each in self.charge_points:
            self._send(each, self.message, begun)

        def answered(charge_point: ChargePoint) -> None:
            self._send(charge_point, self.message, time.perf_counter())

        while (now := time.perf_counter()) < self.counted_from + seconds:
            if not self._poll(0.0, answered):
                self.idle_for += time.perf_counter() - now

    def open_loop(self, warm_up: float, seconds: float, rate: float) -> None:
        """Messages are sent at fixed times, whether or not the last ones are answered; they are as late as that."""
        begun = time.perf_counter()
        self.counted_from = begun + warm_up
        order = itertools.cycle(self.charge_points)
        number = int((warm_up + seconds) * rate)
        self._scheduled((begun + turn / rate, next(order), self.message) for turn in range(number))

    def fleet(self, warm_up: float, seconds: float) -> None:
        """Each charge point sends a Heartbeat every 30 s and MeterValues every 60 s, spread over time."""
        begun = time.perf_counter()
        self.counted_from = begun + warm_up
        until = self.counted_from + seconds
        size = len(self.charge_points)

        def each_of(action: str, every: float) -> Iterator[tuple[float, int, ChargePoint, str]]:
            for turn in range(int((until - begun) / every) + 1):
                for number, charge_point in enumerate(self.charge_points):
                    due = begun + every * (turn + number / size)
                    if due < until:
                        yield due, number, charge_point, action

        streams = (each_of("Heartbeat", HEARTBEAT_EVERY), each_of("MeterValues", METER_VALUES_EVERY))
        merged = heapq.merge(*streams, key=lambda message: message[:2])
        self._scheduled((due, charge_point, action) for due, _, charge_point, action in merged)

    def idle(self) -> None:
        """Send nothing, and react to what comes, until the standard input ends."""
        self.poll.register(sys.stdin.fileno(), select.EPOLLIN)
        while True:
            for descriptor, _ in self.poll.poll():
                if descriptor == sys.stdin.fileno():
                    return
                charge_point = self.by_descriptor[descriptor]
                self._take(charge_point, charge_point.socket.recv(65536), lambda _: None)

    def _scheduled(self, messages: Iterator[tuple[float, ChargePoint, str]]) -> None:
        self.scheduled = True
        until = sys.float_info.max
        following = next(messages, None)
        while (now := time.perf_counter()) < until:
            while following is not None and following[0] <= now:
                due, charge_point, action = following
                self._send(charge_point, action, due)
                if due >= self.counted_from:
                    self.late.append(now - due)
                following = next(messages, None)
                if following is None:
                    until = now + LINGER
            if following is None and not any(each.asked for each in self.charge_points):
                return
            patience = 0.001 if following is None else max(0.0, min(0.05, following[0] - now))
            select.select([self.poll], [], [], patience)  # epoll itself waits for whole milliseconds
            self._poll(0.0, lambda _: None)

    def _poll(self, patience: float, answered: Callable[[ChargePoint], None]) -> bool:
        """Take in what has come, and return whether anything had."""
        if self.begun is None and time.perf_counter() >= self.counted_from:
            self.begun = time.perf_counter(), time.process_time(), used(self.pid or os.getpid()), busy()
            self.idle_for = 0.0
        come = self.poll.poll(patience)
        for descriptor, _ in come:
            charge_point = self.by_descriptor[descriptor]
            self._take(charge_point, charge_point.socket.recv(65536), answered)
        return bool(come)

    def told(self) -> dict[str, object]:
        """Return what was seen since the warm-up; times in milliseconds.

        In open loop a message that was not answered has waited until now, and counts so.
        """
        if self.begun is None or not self.seconds:
            raise SystemExit("no message was answered")
        begun, own, (processor, memory), worked = self.begun
        now = time.perf_counter()
        took, own = now - begun, time.process_time() - own
        missing = [
            now - due
            for each in self.charge_points
            for due in each.asked
            if self.scheduled and due >= self.counted_from
        ]
        told = {
            "answers": len(self.seconds),
            "unanswered": len(missing),
            "rate": round(len(self.seconds) / took, 1),
            **quantiles([*self.seconds, *missing]),
            "late": round(1000 * sorted(self.late)[int(0.99 * len(self.late))], 3) if self.late else 0.0,
            "processor": round((own - self.idle_for) / took, 3),
        }
        if self.pid:
            spent, full = used(self.pid)
            server = spent - processor
            told["server"] = {"processor": round(server / took, 3), "memory": [memory, full]}
            told["others"] = self._others(worked, server, own, took)
        return told

    def _others(self, before: dict[int, float], server: float, own: float, took: float) -> list[float]:
        """Return what share of the server's processor, and of this one, other processes had; none if they share one."""
        theirs, ours = os.sched_getaffinity(self.pid), os.sched_getaffinity(0)
        if len(theirs) != 1 or len(ours) != 1 or theirs == ours:
            return []
        worked = busy()
        shares = ((theirs.pop(), server), (ours.pop(), own))
        return [round(max(0.0, worked[core] - before[core] - mine) / took, 3) for core, mine in shares]


def quantiles(seconds: list[float]) -> dict[str, object]:
    """Return how the times are distributed, in milliseconds."""
    ordered = sorted(seconds)

    def quantile(share: float) -> float:
        return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)

    named = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999, "max": 1.0}
    told: dict[str, object] = {name: quantile(share) for name, share in named.items()}
    return told | {"distribution": [[share, quantile(share)] for share in SHARES]}


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument("--charge-points", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=200, help="how many connect at the same time")
    messages = ("Heartbeat", "MeterValues", "fleet", "none")
    parser.add_argument(
        "--message", default="Heartbeat", choices=messages, help="none: idle until its input ends"
    )
    parser.add_argument("--warm-up", type=float, default=0.0, help="seconds that are not counted")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument(
        "--rate", type=float, default=0.0, help="messages a second, in open loop; 0: closed loop"
    )
    parser.add_argument("--prefix", default="BENCH", help="what the identities begin with")
    parser.add_argument("--key", default="", help="of all charge points, for HTTP Basic")
    parser.add_argument(
        "--sent", type=int, default=0, help="messages that they have sent before, which would be repeated"
    )
    parser.add_argument("--processor", type=int, help="the processor to stay on")
    parser.add_argument("--pid", type=int, default=0, help="the server's process, to measure it too")
    arguments = parser.parse_args()
    if arguments.processor is not None:
        os.sched_setaffinity(0, {arguments.processor})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    load = Load(
        arguments.url,
        arguments.charge_points,
        arguments.message,
        arguments.prefix,
        arguments.pid,
        arguments.key,
        arguments.sent,
    )
    gc.disable()  # nothing here is in a cycle
    print(json.dumps(load.start(arguments.at_once)), flush=True)
    if arguments.message == "none":
        load.idle()
        return
    if arguments.message == "fleet":
        load.fleet(arguments.warm_up, arguments.seconds)
    elif arguments.rate:
        load.open_loop(arguments.warm_up, arguments.seconds, arguments.rate)
    else:
        load.closed_loop(arguments.warm_up, arguments.seconds)
    print(json.dumps(load.told()), flush=True)


if __name__ == "__main__":
    main()
