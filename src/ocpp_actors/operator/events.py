"""The feed of events: what happens in the fleet, to whoever follows it, as Server-Sent Events.

HTML Living Standard §9.2 (server-sent events).

Charge points must not notice who listens: telling an event puts it into a ring, no more. It becomes JSON when the first
client takes it, once for all clients. A client has only a cursor into the ring, so that a slow one costs nothing.
Frames, which are many, are kept from when the first client asked for them.
"""

import re
from collections import deque
from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Final
from weakref import WeakSet

import structlog
import trio

from ocpp_actors.observer import Event, Observer
from ocpp_actors.operator.event_data import (
    DEFAULT_EVENTS,
    DEFAULT_TYPES,
    FRAMES,
    MESSAGE,
    TYPE_OF,
    TYPES,
    document,
    size_of,
    to_json,
)

log = structlog.get_logger(__name__)

MAX_CLIENTS: Final = 1000

RING_EVENTS: Final = 10_000
RING_SIZE: Final = 16 << 20
"""Bytes, about, of the events that are kept for clients that come back: half of it for frames, half for the rest."""

BACKLOG_EVENTS: Final = 1000
BACKLOG_SIZE: Final = 4 << 20
"""Bytes, about. A client for which more is waiting is dropped, if it has not come back within ``PATIENCE``."""

PATIENCE: Final = 1.0
"""Seconds that a client may take for a chunk, however much happens meanwhile: the server itself may be busy."""

CHUNK_EVENTS: Final = 500
CHUNK_SIZE: Final = 1 << 20
"""At most so much is taken at a time, so that making it into JSON keeps no charge point waiting."""

PAUSE: Final = 0.05
"""Seconds between two looks of one client for what came: at most 20 chunks a second."""

KEEP_ALIVE: Final = 15.0
"""Seconds of silence after which a comment is sent, so that proxies keep the connection."""

_ID: Final = re.compile(r"(?P<epoch>.+)-(?P<number>[0-9]{1,18})")


class TooManyClients(Exception):
    """As many clients follow the events as may."""


_Kept = tuple[int, Event]
"""The number of an event, and the event."""


class _Ring:
    """The newest events, bounded in number and bytes. ``lost`` is the number of the newest that is gone."""

    def __init__(self, epoch: str, max_events: int, max_size: int) -> None:
        self._epoch = epoch
        self._max_events = max_events
        self._max_size = max_size
        self._kept: deque[_Kept] = deque()
        self._sent_as: dict[int, bytes] = {}
        """What events are sent as, of those that a client has taken."""
        self._size = 0
        self.lost = 0

    def add(self, number: int, event: Event) -> None:
        self._kept.append((number, event))
        self._size += size_of(event)
        while self._size > self._max_size or len(self._kept) > self._max_events:
            self.lost, oldest = self._kept.popleft()
            self._size -= size_of(oldest) + len(self._sent_as.pop(self.lost, b""))

    def after(self, number: int, wanted: Callable[[Event], bool]) -> list[_Kept]:
        """Return the events after a number that are wanted, newest first."""
        found = []
        for kept in reversed(self._kept):
            if kept[0] <= number:
                break
            if wanted(kept[1]):
                found.append(kept)
        return found

    def sent_as(self, number: int, event: Event) -> bytes:
        """Return what an event that is kept is sent as; it is made once for all clients."""
        sent_as = self._sent_as.get(number)
        if sent_as is None:
            position = f"id: {self._epoch}-{number}\n".encode()
            sent_as = self._sent_as[number] = position + _event(TYPE_OF[type(event)], document(event))
            self._size += len(sent_as)
        return sent_as


class Feed:
    """A subscriber of the observer, from which clients read events.

    ``epoch`` tells the ids of this run of the server from those of others: a text that is random at each start.
    """

    def __init__(
        self,
        epoch: str,
        *,
        max_clients: int = MAX_CLIENTS,
        ring_events: int = RING_EVENTS,
        ring_size: int = RING_SIZE,
        backlog_events: int = BACKLOG_EVENTS,
        backlog_size: int = BACKLOG_SIZE,
    ) -> None:
        self.epoch = epoch
        self.backlog_events = backlog_events
        self.backlog_size = backlog_size
        self.closed = False
        self.dropped = 0
        """Clients that were dropped since the start because they were slow."""
        self.last = 0
        """The number of the newest event."""
        self._max_clients = max_clients
        # Frames are many. They must not push out what else there is, which has a ring to itself.
        self.frames = _Ring(epoch, ring_events, ring_size // 2)
        self.others = _Ring(epoch, ring_events, ring_size // 2)
        self._streams: WeakSet[Stream] = WeakSet()
        self._news = trio.Event()
        self._waiting = 0
        self._follow_frames: Callable[[], None] | None = None
        """Has frames told to it from now on; None where they are."""

    def follow(self, observer: Observer) -> None:
        """Have the events of an observer told to it; frames, which are many, as soon as a client asks for them."""
        observer.subscribe(self, *DEFAULT_EVENTS)
        self._follow_frames = partial(observer.subscribe, self, *FRAMES)

    @property
    def clients(self) -> int:
        """How many follow the events."""
        return len(self._streams)

    def __call__(self, event: Event) -> None:
        """Keep an event and wake the clients that wait."""
        type_ = TYPE_OF.get(type(event))
        if type_ is None:
            return
        self.last += 1
        ring = self.frames if type_ is MESSAGE else self.others
        ring.add(self.last, event)
        if self._waiting:
            self._wake()

    def stream(
        self, types: frozenset[str] | None, charge_point: str | None, last_event_id: str | None
    ) -> "Stream":
        """Return the events of these types, of one charge point or all, as chunks of a stream of Server-Sent Events.

        It has a place among the clients until it is closed or forgotten. Without ``types``: all but ``message``. With
        the id of the last event that was received it goes on behind that; where it cannot, the first event is ``gap``.

        Raises TooManyClients: there are as many as there may be.
        Raises ValueError: there is no such type.
        """
        unknown = sorted((types or frozenset()) - frozenset(TYPES))
        if unknown:
            raise ValueError(f"there is no type {unknown[0]} of events; there are {', '.join(TYPES)}")
        if len(self._streams) >= self._max_clients:
            raise TooManyClients(f"{self._max_clients} clients follow the events already")
        if MESSAGE in (types or ()) and self._follow_frames is not None:
            self._follow_frames()
            self._follow_frames = None
            self.frames.lost = self.last
        stream = Stream(self, DEFAULT_TYPES if types is None else types, charge_point, last_event_id)
        self._streams.add(stream)
        return stream

    def close(self) -> None:
        """End all streams, and those that are yet to come."""
        self.closed = True
        self._wake()

    async def wait_for_news(self) -> None:
        """Wait until an event comes, or the feed is closed."""
        self._waiting += 1
        try:
            await self._news.wait()
        finally:
            self._waiting -= 1

    def leave(self, stream: "Stream") -> None:
        """Give back the place of a client."""
        self._streams.discard(stream)

    def _wake(self) -> None:
        self._news.set()
        self._news = trio.Event()


class Stream:
    """What one client reads: an asynchronous iterator of chunks, with ``aclose()``.

    It is no generator: one that was given a place but never begun would keep it.
    """

    def __init__(
        self, feed: Feed, types: frozenset[str], charge_point: str | None, last_event_id: str | None
    ) -> None:
        self._feed = feed
        self._types = types
        self._charge_point = None if charge_point is None else charge_point.casefold()
        concerned = ((feed.frames, MESSAGE in types), (feed.others, bool(types - {MESSAGE})))
        self._rings = tuple(ring for ring, wanted in concerned if wanted)
        self._cursor = feed.last
        self._unsaid = [b"retry: 2000\n"]
        """What is to be sent before the next events."""
        if last_event_id:
            self._resume(last_event_id)
        self._unsaid.append(self._position())
        self._taken_at: float | None = None
        """When the last chunk was taken; None before the first, and while the client waits for the next."""
        self._last_seen = self._cursor
        """The number of the newest event when the last chunk was taken."""
        self._look_at = 0.0
        """When to look for events again, at the earliest."""
        self._ended = False

    def __aiter__(self) -> "Stream":
        return self

    async def __anext__(self) -> bytes:
        """Return the events that came, in one chunk, or a comment after a long silence."""
        if self._slow():
            self._end()
            await trio.lowlevel.checkpoint()
            return _event("dropped", {"reason": "too much was waiting: read faster, or ask for less"})
        self._taken_at = None
        chunk = b""
        with trio.move_on_after(KEEP_ALIVE):
            while True:
                await trio.sleep_until(self._look_at)
                self._look_at = trio.current_time() + PAUSE
                if self._ended or self._feed.closed or (chunk := self._take()):
                    break
                await self._feed.wait_for_news()
        if self._ended or self._feed.closed:
            self._end()
            raise StopAsyncIteration
        self._taken_at = trio.current_time()
        self._last_seen = self._feed.last
        return chunk or b": keep-alive\n" + self._position()

    async def aclose(self) -> None:
        """Give back the place."""
        self._slow()
        self._end()
        await trio.lowlevel.checkpoint()

    def _end(self) -> None:
        self._ended = True
        self._feed.leave(self)

    def _resume(self, last_event_id: str) -> None:
        match = _ID.fullmatch(last_event_id)
        if match is None or match["epoch"] != self._feed.epoch:
            self._unsaid.append(_gap("the id is none of this run of the server"))
        elif int(match["number"]) > self._feed.last:
            self._unsaid.append(_gap("there is no event of this id"))
        else:
            self._cursor = int(match["number"])

    def _position(self) -> bytes:
        """Tell where the stream stands: an id by itself is no event, but what the client comes back with."""
        return f"id: {self._feed.epoch}-{self._cursor}\n\n".encode()

    def _wanted(self, event: Event) -> bool:
        return TYPE_OF[type(event)] in self._types and (
            self._charge_point is None or self._charge_point == event.identity.casefold()
        )

    def _slow(self) -> bool:
        """Whether the client has to be dropped: it took its time for a chunk, and too much came meanwhile.

        It is counted and logged then; the caller ends the stream.
        """
        now = trio.current_time()
        if self._ended or self._taken_at is None or now - self._taken_at <= PATIENCE:
            return False
        lost = any(ring.lost > self._last_seen for ring in self._rings)
        waiting = [kept for ring in self._rings for kept in ring.after(self._last_seen, self._wanted)]
        size = sum(size_of(event) for _, event in waiting)
        if not lost and len(waiting) <= self._feed.backlog_events and size <= self._feed.backlog_size:
            return False
        self._feed.dropped += 1
        log.warning(
            "a client of the events was too slow and is dropped",
            waiting=len(waiting),
            bytes=size,
            seconds=round(now - self._taken_at, 1),
        )
        return True

    def _take(self) -> bytes:
        """Return what is to be sent now, and move the cursor behind it."""
        if any(ring.lost > self._cursor for ring in self._rings):
            self._unsaid.append(_gap("what came meanwhile is not kept any more"))
        waiting = [
            (number, event, ring)
            for ring in self._rings
            for number, event in ring.after(self._cursor, self._wanted)
        ]
        waiting.sort(key=itemgetter(0))
        parts, self._unsaid = self._unsaid, []
        size = 0
        for count, (number, event, ring) in enumerate(waiting, 1):
            sent_as = ring.sent_as(number, event)
            parts.append(sent_as)
            size += len(sent_as)
            if count == CHUNK_EVENTS or size >= CHUNK_SIZE:
                self._cursor = number
                break
        else:
            self._cursor = self._feed.last
        return b"".join(parts)


def _event(type_: str, data: dict[str, object]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (type_.encode(), to_json(data))


def _gap(reason: str) -> bytes:
    return _event("gap", {"reason": reason})
