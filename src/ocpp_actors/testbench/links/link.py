"""A link: the streams of a charge point and of the central system, and what carries the bytes between them."""

import math
import random
import socket
import struct
from collections.abc import Callable
from typing import Any, Final, Protocol

import trio
from attrs import define, field

from ocpp_actors.testbench.links.conditions import Conditions, LinkConditions
from ocpp_actors.testbench.links.damage import Damage
from ocpp_actors.testbench.links.delay import DelayLine, Ending
from ocpp_actors.testbench.wire import Direction

CHUNK: Final = 16 * 1024
"""Bytes that are read at once."""

PIECE_GAP: Final = 0.001
"""Seconds between the pieces of what is fragmented, so that the receiver sees them one by one."""


class Listener(Protocol):
    """Is told what passes at the central system's end of a link; it must not block, nor raise."""

    def feed(self, direction: Direction, data: bytes) -> None:
        """Hear bytes, just before they are delivered to the central system, or after they came from it."""
        ...

    def end(self) -> None:
        """Hear that one of the two has left. It may be told more than once."""
        ...


class Signal:
    """Wakes all who wait."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def ring(self) -> None:
        """Wake them."""
        self._event.set()
        self._event = trio.Event()

    async def wait(self) -> None:
        """Wait for the next ring."""
        await self._event.wait()


@define(eq=False)
class _Pump:
    """Carries the bytes of one direction from its source to its sink.

    Reading stops while as many bytes are under way as the window allows. ``gone``: all that is read vanishes, so that
    the sink hears nothing more, not even the end.
    """

    direction: Direction
    source: trio.abc.Stream
    sink: trio.abc.Stream
    listener: Listener | None
    reset: Callable[[], None]
    refuse: Callable[["_Pump"], None]
    chance: random.Random
    conditions: Conditions = field(init=False, factory=Conditions)
    gone: bool = field(init=False, default=False)
    gone_at: float = field(init=False, default=math.inf)
    moved: Signal = field(init=False, factory=Signal)
    _line: DelayLine = field(init=False)
    _damage: Damage = field(init=False)
    _source_ended: bool = field(init=False, default=False)
    _end_delivered: bool = field(init=False, default=False)
    _reading: trio.CancelScope = field(init=False, factory=trio.CancelScope)

    def __attrs_post_init__(self) -> None:
        self._line = DelayLine(self.chance)
        self._damage = Damage(self.chance)

    def change(self, conditions: Conditions) -> None:
        if conditions == self.conditions:
            return
        after = conditions.half_open_after
        if after != self.conditions.half_open_after:
            self.gone_at = math.inf if after is None else trio.current_time() + after
            self.vanish_if_due()
        if conditions.window < self.conditions.window:
            self._reading.cancel()
        self.conditions = conditions
        self._damage.begin(conditions)
        self.moved.ring()

    def vanish_if_due(self) -> None:
        """Let this direction be half-open from its time on."""
        if not self.gone and trio.current_time() >= self.gone_at:
            self.gone = True
            self._line.clear()
            self.moved.ring()

    async def run(self, first: bytes) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read, first)
            nursery.start_soon(self._deliver)

    async def _read(self, first: bytes) -> None:
        self._enter(first)
        while True:
            while self._room() <= 0:
                await self.moved.wait()
            data: bytes | bytearray | None = None
            try:
                with trio.CancelScope() as self._reading:  # left where there is less room than was asked for
                    data = await self.source.receive_some(min(CHUNK, self._room()))
            except trio.BrokenResourceError:
                self._end(Ending.RESET)
                return
            except trio.ClosedResourceError:
                data = b""
            if data:
                self._enter(bytes(data))
            elif data is not None:
                self._end(Ending.FINISHED)
                return

    def _room(self) -> int:
        return CHUNK if self.gone else self.conditions.window - self._line.held

    def _enter(self, data: bytes) -> None:
        if self.listener is not None and self.direction == "out":
            self.listener.feed("out", data)
        if data and not self.gone:
            self._line.enter(data, trio.current_time(), self.conditions)
            self.moved.ring()

    def _end(self, ending: Ending) -> None:
        self._source_ended = True
        if self.listener is not None and (self.direction == "out" or self.gone):
            self.listener.end()
        self._line.end(ending, trio.current_time(), self.conditions)
        self.moved.ring()

    async def _deliver(self) -> None:
        while (what := await self._next()) is not None:
            if isinstance(what, Ending):
                await self._deliver_end(what)
                return
            delivery = self._damage.apply(what)
            try:
                await self._send(delivery.data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self.gone = True
                self.moved.ring()
                self.refuse(self)
            if delivery.reset:
                self.reset()
                return

    async def _next(self) -> bytes | Ending | None:
        """Wait for what is due, and may pass; None: nothing will come."""
        while True:
            now, due = trio.current_time(), self._line.due
            if self.gone:
                if self._source_ended:
                    return None
                await self.moved.wait()
            elif due is None or self.conditions.stall:
                await self.moved.wait()
            elif now < due:
                with trio.move_on_at(due):
                    await self.moved.wait()
            else:
                what = self._line.take(now)
                self.moved.ring()
                return what

    async def _send(self, data: bytes) -> None:
        size = self.conditions.fragment or len(data) or 1
        for start in range(0, len(data), size):
            if start:
                await trio.sleep(PIECE_GAP)
            while self.conditions.stall and not self.gone:
                await self.moved.wait()
            if self.gone:
                return
            piece = data[start : start + size]
            if self.listener is not None and self.direction == "in":
                self.listener.feed("in", piece)
            await self.sink.send_all(piece)

    def send_reset(self) -> None:
        """Tell the receiver in its turn that what it sends is not taken any more, as TCP does with a RST."""
        if self._end_delivered:
            self.reset()
        self._line.end(Ending.RESET, trio.current_time(), self.conditions)
        self.moved.ring()

    async def _deliver_end(self, ending: Ending) -> None:
        self._end_delivered = True
        if self.listener is not None:
            self.listener.end()
        if ending is Ending.RESET:
            self.reset()
            return
        try:
            if isinstance(self.sink, trio.abc.HalfCloseableStream):
                await self.sink.send_eof()
            else:
                await trio.aclose_forcefully(self.sink)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # it has left, too


@define(eq=False)
class Link:
    """Carries one connection of a charge point, under conditions that may change at any time.

    Both streams belong to it once it runs. It ends when both sides have ended, when it is reset, or cancelled.
    """

    charger: trio.abc.Stream
    server: trio.abc.Stream
    chance: random.Random
    listener: Listener | None = None
    conditions: LinkConditions = field(init=False, factory=LinkConditions)
    was_reset: bool = field(init=False, default=False)
    _scope: trio.CancelScope = field(init=False, factory=trio.CancelScope)
    _changed: Signal = field(init=False, factory=Signal)
    _pumps: tuple[_Pump, _Pump] = field(init=False)

    def __attrs_post_init__(self) -> None:
        inward, outward = self.charger, self.server
        self._pumps = (
            _Pump("in", inward, outward, self.listener, self.reset, self._refuse, self.chance),
            _Pump("out", outward, inward, self.listener, self.reset, self._refuse, self.chance),
        )

    def change(self, conditions: LinkConditions) -> None:
        """Put the link under other conditions; equal ones change nothing, and count no bytes anew."""
        if conditions == self.conditions:
            return
        self.conditions = conditions
        for pump in self._pumps:
            pump.change(conditions.towards(pump.direction))
            if pump.conditions.reset_after == 0:
                self.reset()
        self._changed.ring()

    def reset(self) -> None:
        """Reset the connection on both sides: over TCP each gets a RST, over memory the end of the stream."""
        self.was_reset = True
        self._scope.cancel()

    def _refuse(self, pump: _Pump) -> None:
        """The receiver of a direction has left: its sender is told by way of the other direction."""
        self._pumps[1 if pump is self._pumps[0] else 0].send_reset()

    async def run(self, first: bytes = b"") -> None:
        """Carry bytes until the connection is over; ``first`` was read from the charge point before."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._watch)
                    async with trio.open_nursery() as pumps:
                        pumps.start_soon(self._pumps[0].run, first)
                        pumps.start_soon(self._pumps[1].run, b"")
                    nursery.cancel_scope.cancel()
        finally:
            if self.listener is not None:
                self.listener.end()
            for stream in (self.charger, self.server):
                await drop(stream, with_reset=self.was_reset)  # noqa: ASYNC102 — it shields itself

    async def _watch(self) -> None:
        """Let directions become half-open when their time has come."""
        while True:
            for pump in self._pumps:
                pump.vanish_if_due()
            due = min((pump.gone_at for pump in self._pumps if not pump.gone), default=math.inf)
            with trio.move_on_at(due):
                await self._changed.wait()


async def drop(stream: trio.abc.Stream, *, with_reset: bool) -> None:
    """Close a stream without a word, even while being cancelled; with a RST, if it is one over TCP."""
    if with_reset and (carrier := _socket_below(stream)) is not None:
        carrier.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with trio.CancelScope(shield=True):
        await trio.aclose_forcefully(stream)


def _socket_below(stream: Any) -> Any:
    while isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    carrier = getattr(stream, "socket", None)
    return carrier if carrier is not None and carrier.fileno() >= 0 else None
