"""All links of a session, and the faults that are on them."""

import errno
import math
import random
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Literal, Self
from urllib.parse import unquote_to_bytes

import structlog
import trio
import trio.testing
from attrs import define, evolve, field, frozen

from ocpp_actors.testbench.groups import ungrouped
from ocpp_actors.testbench.links.conditions import LinkConditions, Partition, both
from ocpp_actors.testbench.links.link import Link, Signal, drop
from ocpp_actors.testbench.links.spans import FaultSpan
from ocpp_actors.testbench.links.tap import Taps, WireOf
from ocpp_actors.testbench.target import Dial

log = structlog.get_logger(__name__)

MAX_CONNECTIONS: Final = 10_000
"""Connections that are carried at once, where no other number is given."""

MAX_SPANS: Final = 10_000
"""Faults that are remembered; the oldest are dropped."""

MAX_REQUEST: Final = 8 * 1024
"""Bytes in which the request line has to come."""

MAX_WAITING: Final = 64 * 1024
"""Bytes that are read of a connection that stays unanswered."""

IDENTIFY_TIMEOUT: Final = 10.0
"""Seconds for the request line; then the connection is carried without an identity."""

DIAL_TIMEOUT: Final = 10.0
"""Seconds to reach the central system."""

_METHOD: Final = b"GET "

Kind = Literal["opened", "closed", "reset", "refused", "unreachable", "fault begins", "fault ends"]


@frozen
class LinkEvent:
    """Something happened on a link, at a time of trio's clock.

    ``identity`` is empty where none is known, or all are meant.
    """

    at: float
    kind: Kind
    identity: str
    detail: str = ""


Tell = Callable[[LinkEvent], None]
"""Is told what happens; it must not block, nor raise."""


@define(eq=False)
class Fault:
    """A fault that is on until it is stopped, or for the length of a block."""

    span: FaultSpan
    _stop: Callable[["Fault"], None]

    def stop(self) -> None:
        """Take it off; a second time changes nothing."""
        self._stop(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@define(eq=False, kw_only=True)
class Network:
    """Carries connections between charge points and the central system, each over a link of its own.

    Faults are for one charge point, or for all; those that were begun later come on top. The identity of a connection
    is that of the request line of its handshake; one without is subject to the faults for all.
    """

    chance: random.Random
    max_connections: int = MAX_CONNECTIONS
    changed: Signal = field(factory=Signal)
    """Rings when the conditions of any link may have changed."""
    _tell: Tell
    _taps: Taps
    _nursery: trio.Nursery
    _faults: list[Fault] = field(init=False, factory=list)
    _ended: deque[FaultSpan] = field(init=False, factory=lambda: deque(maxlen=MAX_SPANS))
    _links: dict[Link, str] = field(init=False, factory=dict)
    _carried: int = field(init=False, default=0)

    # --- faults ------------------------------------------------------------------------------------------------

    def fault(self, name: str, conditions: LinkConditions, station: str | None = None) -> Fault:
        """Put a fault on the link of a charge point, or of all, until it is stopped: ``with network.fault(…):``."""
        fault = Fault(FaultSpan(trio.current_time(), math.inf, name, station, conditions), self._stop)
        self._faults.append(fault)
        self._told("fault begins", station or "", name)
        self._apply(station)
        return fault

    def partition(self, station: str | None = None, how: Partition = "refused") -> Fault:
        """Let no connection come up, and stall those that exist, until it is stopped."""
        return self.fault("partition", LinkConditions(partition=how), station)

    def cut(self, station: str | None = None) -> None:
        """Reset the connections of a charge point, or of all, now."""
        self.fault("reset", both(reset_after=0), station).stop()

    def half_open(self, station: str | None = None) -> None:
        """Make the present connections of a charge point, or of all, half-open: neither side hears of the other."""
        self.fault("half-open", both(half_open_after=0.0), station).stop()

    def heal(self, station: str | None = None) -> None:
        """Stop all faults that are for this charge point alone; without one, all there are."""
        for fault in list(self._faults):
            if station is None or (fault.span.station is not None and fault.span.concerns(station)):
                fault.stop()

    @property
    def spans(self) -> list[FaultSpan]:
        """The faults that were, and those that are, which have no end yet; times are of trio's clock."""
        return sorted([*self._ended, *(fault.span for fault in self._faults)], key=lambda span: span.start)

    def conditions_of(self, identity: str = "") -> LinkConditions:
        """Return the conditions of the link of a charge point."""
        conditions = LinkConditions()
        for fault in self._faults:
            if fault.span.concerns(identity):
                conditions = fault.span.conditions.over(conditions)
        return conditions

    def _stop(self, fault: Fault) -> None:
        if fault not in self._faults:
            return
        self._faults.remove(fault)
        fault.span = evolve(fault.span, end=trio.current_time())
        self._ended.append(fault.span)
        self._told("fault ends", fault.span.station or "", fault.span.name)
        self._apply(fault.span.station)

    def _apply(self, station: str | None) -> None:
        for link, identity in self._links.items():
            if station is None or station.casefold() == identity.casefold():
                link.change(self.conditions_of(identity))
        self.changed.ring()

    def _told(self, kind: Kind, identity: str, detail: str = "") -> None:
        self._tell(LinkEvent(trio.current_time(), kind, identity, detail))

    # --- connections -------------------------------------------------------------------------------------------

    def faulty(self, dial: Dial, identity: str = "") -> Dial:
        """Return a way to the central system that leads over a link, without sockets.

        Name the identity where a partition of this charge point alone is to refuse it: the identity in the handshake
        comes too late for that, so the connection is dropped instead.

        The streams raise what memory streams do: a reset is the end of the stream.
        """

        async def through() -> trio.abc.Stream:
            partition = self.conditions_of(identity).partition
            if partition == "refused":
                raise ConnectionRefusedError(errno.ECONNREFUSED, "the network is partitioned")
            server = None if partition else await dial()
            ours, theirs = trio.testing.lockstep_stream_pair()
            self._nursery.start_soon(self.carry, theirs, dial, server)
            return ours

        return through

    async def carry(
        self, charger: trio.abc.Stream, dial: Dial, server: trio.abc.Stream | None = None
    ) -> None:
        """Carry the connection of a charge point to the central system until it is over.

        ``server`` is a stream to the central system that was opened before. Whatever fails, ends this connection only.
        """
        if self._carried >= self.max_connections:
            self._told("refused", "", f"{self.max_connections} connections are carried, which is the limit")
            await drop(charger, with_reset=True)
            if server is not None:
                await drop(server, with_reset=False)
            return
        self._carried += 1
        try:
            await self._carry(charger, dial, server)
        except* Exception as error:
            log.exception("a link failed", exc_info=error)
        finally:
            self._carried -= 1
            for stream in (charger, server):
                if stream is not None:
                    await drop(stream, with_reset=False)  # noqa: ASYNC102 — it shields itself

    async def _carry(self, charger: trio.abc.Stream, dial: Dial, server: trio.abc.Stream | None) -> None:
        first = bytearray()
        with trio.move_on_after(IDENTIFY_TIMEOUT):
            await _read_request_line(charger, first)
        identity = identity_in(bytes(first))
        if not await self._let_through(identity, charger, first):
            await drop(charger, with_reset=True)
            return
        server = server or await self._reach(dial, identity)
        if server is None:
            await drop(charger, with_reset=True)
            return
        link = Link(
            charger,
            server,
            random.Random(self.chance.getrandbits(64)),  # noqa: S311
            self._taps.open(identity),
        )
        link.change(self.conditions_of(identity))
        self._links[link] = identity
        self._told("opened", identity)
        try:
            await link.run(bytes(first))
        finally:
            del self._links[link]
            self._told("reset" if link.was_reset else "closed", identity)

    async def _let_through(self, identity: str, charger: trio.abc.Stream, first: bytearray) -> bool:
        """Wait while connections stay unanswered; return whether this one comes up."""
        while (partition := self.conditions_of(identity).partition) is not None:
            if partition == "refused":
                self._told("refused", identity, "the network is partitioned")
                return False
            if not await self._hold(charger, first):
                self._told("closed", identity, "it left without an answer")
                return False
        return True

    async def _hold(self, charger: trio.abc.Stream, first: bytearray) -> bool:
        """Wait until the conditions change; return whether the charge point is still there."""
        left = False
        async with trio.open_nursery() as nursery:

            async def listen() -> None:
                nonlocal left
                while len(first) < MAX_WAITING:
                    if not await _read_more(charger, first):
                        left = True
                        nursery.cancel_scope.cancel()
                        return

            nursery.start_soon(listen)
            await self.changed.wait()
            nursery.cancel_scope.cancel()
        return not left

    async def _reach(self, dial: Dial, identity: str) -> trio.abc.Stream | None:
        reason = f"no connection within {DIAL_TIMEOUT:g} s"
        with trio.move_on_after(DIAL_TIMEOUT):
            try:
                return await dial()
            except OSError as error:
                reason = str(error)
        self._told("unreachable", identity, reason)
        return None


@asynccontextmanager
async def open_network(
    *,
    chance: random.Random,
    always: LinkConditions = LinkConditions(),  # noqa: B008 — it is frozen
    wire_of: WireOf = lambda _identity: None,
    tell: Tell = lambda _event: None,
    max_connections: int = MAX_CONNECTIONS,
) -> AsyncIterator[Network]:
    """Make a network for the length of the block; every connection that it carries is dropped after it.

    ``always``: conditions of every link from the beginning, until heal(). ``wire_of`` gives the record for what passes
    of a charge point. ``tell`` is told what happens.
    """
    with ungrouped():
        async with trio.open_nursery() as nursery:
            network = Network(
                chance=chance, max_connections=max_connections, tell=tell, taps=Taps(wire_of), nursery=nursery
            )
            if always != LinkConditions():
                network.fault("always", always)
            yield network
            nursery.cancel_scope.cancel()


def identity_in(request: bytes) -> str:
    """Return the identity in a request line: the last part of its path, percent-decoded; empty where there is none."""
    line = request.partition(b"\n")[0].strip()
    if not line.startswith(_METHOD):
        return ""
    target = line.removeprefix(_METHOD).rpartition(b" HTTP/")[0].partition(b"?")[0]
    return unquote_to_bytes(target.rstrip(b"/").rpartition(b"/")[2]).decode("utf-8", "replace")


async def _read_request_line(charger: trio.abc.Stream, first: bytearray) -> None:
    """Read until it is complete, or cannot be one any more."""
    while b"\n" not in first and len(first) < MAX_REQUEST:
        if not await _read_more(charger, first) or not first.startswith(_METHOD[: len(first)]):
            return


async def _read_more(charger: trio.abc.Stream, first: bytearray) -> bool:
    try:
        data = await charger.receive_some(MAX_REQUEST)
    except trio.BrokenResourceError:
        return False
    first += data
    return bool(data)
