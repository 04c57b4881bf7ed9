"""Webhooks: events posted as signed CloudEvents, one after the other, to one receiver.

CloudEvents 1.0 in structured JSON mode; signed as Standard Webhooks has it. A receiver that is dead or slow costs one
task and a bounded queue, and no charge point notices.
"""

import base64
import binascii
import hashlib
import hmac
import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import httpx2
import structlog
import trio
from attrs import field, frozen

from ocpp_actors.clock import Clock
from ocpp_actors.observer import Event
from ocpp_actors.operator.event_data import DEFAULT_TYPES, TYPE_OF, document, size_of, timestamp, to_json

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "application/cloudevents+json"
TYPE_PREFIX: Final = "ocpp-actors."

QUEUE_EVENTS: Final = 1000
QUEUE_SIZE: Final = 4 << 20
"""Bytes, about. Of more events than may wait, the oldest are dropped."""

ATTEMPTS: Final = 6
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
"""Seconds between two attempts at one event: doubled each time, up to half of it left out by chance."""

ATTEMPT_TIME: Final = 10.0
"""Seconds for one attempt, from the connection to the end of the answer."""

MAX_ANSWER: Final = 64 * 1024
"""Bytes. A longer answer is not read, but its connection closed."""

FAREWELL: Final = 2.0
"""Seconds at the end for the events that wait."""

TELL_EVERY: Final = 60.0
"""Seconds between two lines of the log about the same trouble."""


class UnusableWebhook(ValueError):
    """The URL or the secret of a webhook cannot be used; the message says which and why."""


class Delivery(StrEnum):
    """What became of an event."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    """The receiver does not want it (a status that is neither 2xx nor one that passes)."""
    FAILED = "failed"
    """All attempts failed."""
    DROPPED = "dropped"
    """Too many were waiting, or the server ended."""


@frozen
class _Waiting:
    """An event that waits to be posted."""

    number: int
    event: Event
    size: int = field(init=False)

    @size.default
    def _size(self) -> int:
        return size_of(self.event)


@frozen
class _Failure:
    """An attempt that failed. ``passes``: the next may succeed. ``wait``: seconds that the receiver asks for."""

    reason: str
    passes: bool
    wait: float = 0.0


def sign(secret: str, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers that identify and sign a body: HMAC-SHA256 of ``id.timestamp.body``.

    A secret that begins with ``whsec_`` is a key in base64, any other the key itself, in UTF-8.

    Raises UnusableWebhook: what stands behind ``whsec_`` is no base64.
    """
    seconds = str(math.floor(at.timestamp()))
    signed = f"{message_id}.{seconds}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _key(secret: str) -> bytes:
    prefix, _, encoded = secret.partition("whsec_")
    if prefix or not encoded:
        return secret.encode()
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise UnusableWebhook("what stands behind whsec_ in the secret of the webhook is no base64") from None


class Webhooks:
    """A subscriber of the observer; ``run()`` posts the events.

    ``epoch`` is random at each start, so that no id comes twice. ``chance`` returns a number from 0 to 1,
    and ``sleep`` waits between attempts. ``on_delivery`` is told what became of each event.

    Raises UnusableWebhook: the URL or the secret cannot be used.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        epoch: str,
        clock: Clock,
        chance: Callable[[], float],
        on_delivery: Callable[[Delivery], None] = lambda _: None,
        sleep: Callable[[float], Awaitable[None]] = trio.sleep,
        source: str = "urn:ocpp-actors",
        queue_events: int = QUEUE_EVENTS,
        queue_size: int = QUEUE_SIZE,
    ) -> None:
        _key(secret)
        try:
            given = httpx2.URL(url)
        except httpx2.InvalidURL as error:
            raise UnusableWebhook(f"the URL of the webhook cannot be used: {error}") from None
        # Neither path nor query is shown: many receivers have a secret there.
        self._shown = f"{given.scheme}://{given.netloc.decode()}"
        self._auth = httpx2.BasicAuth(given.username, given.password) if given.userinfo else None
        self._url = given.copy_with(userinfo=b"")
        self._secret = secret
        self._epoch = epoch
        self._clock = clock
        self._chance = chance
        self._on_delivery = on_delivery
        self._sleep = sleep
        self._source = source
        self._max_events = queue_events
        self._max_size = queue_size
        self._queue: deque[_Waiting] = deque()
        self._size = 0
        self._last = 0
        self._filled = trio.Event()
        self._dropped = 0
        self._told_at: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        """Put an event into the queue; where it is full the oldest is dropped."""
        if TYPE_OF.get(type(event)) not in DEFAULT_TYPES:
            return
        self._last += 1
        waiting = _Waiting(self._last, event)
        self._queue.append(waiting)
        self._size += waiting.size
        while len(self._queue) > self._max_events or self._size > self._max_size:
            self._take()
            self._drop()
        self._filled.set()

    def __len__(self) -> int:
        """How many events wait."""
        return len(self._queue)

    async def run(self) -> None:
        """Post the events in order until cancelled; then the rest, once each, within FAREWELL seconds."""
        async with self._client() as client:
            try:
                while True:
                    await self._deliver(client, await self._head())
            finally:
                with trio.move_on_after(FAREWELL, shield=True):
                    await self._say_farewell(client)
                self._give_up()

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx2.AsyncClient]:
        # Each attempt has one deadline for all of it, so that an answer that trickles cannot go on for ever.
        limits = httpx2.Limits(max_connections=1, max_keepalive_connections=1)
        async with httpx2.AsyncClient(timeout=None, limits=limits, auth=self._auth) as client:
            yield client

    async def _head(self) -> _Waiting:
        while not self._queue:
            if self._filled.is_set():
                self._filled = trio.Event()
            await self._filled.wait()
        return self._queue[0]

    def _take(self) -> _Waiting:
        waiting = self._queue.popleft()
        self._size -= waiting.size
        return waiting

    def _end(self, waiting: _Waiting, delivery: Delivery) -> None:
        """Take an event out, unless it was dropped meanwhile."""
        if self._queue and self._queue[0] is waiting:
            self._take()
            self._on_delivery(delivery)

    def _give_up(self) -> None:
        if self._queue:
            log.warning("events were not posted to the webhook", url=self._shown, events=len(self._queue))
        while self._queue:
            self._take()
            self._on_delivery(Delivery.DROPPED)

    def _drop(self) -> None:
        self._on_delivery(Delivery.DROPPED)
        self._dropped += 1
        if self._may_tell("dropped"):
            log.warning(
                "too many events wait for the webhook, the oldest are dropped",
                url=self._shown,
                events=self._dropped,
            )
            self._dropped = 0

    async def _deliver(self, client: httpx2.AsyncClient, waiting: _Waiting) -> None:
        """Post one event, again and again if need be."""
        for attempt in range(ATTEMPTS):
            failure = await self._try(client, waiting)
            if failure is None:
                self._end(waiting, Delivery.DELIVERED)
                return
            if not failure.passes:
                self._tell("the webhook refuses an event", failure)
                self._end(waiting, Delivery.REFUSED)
                return
            self._tell("an event could not be posted to the webhook", failure)
            if attempt + 1 < ATTEMPTS:
                await self._sleep(self._pause(attempt, failure))
        self._end(waiting, Delivery.FAILED)

    async def _say_farewell(self, client: httpx2.AsyncClient) -> None:
        while self._queue:
            waiting = self._queue[0]
            failure = await self._try(client, waiting)
            if failure is not None:
                self._tell("an event could not be posted to the webhook", failure)
                return
            self._end(waiting, Delivery.DELIVERED)

    def _pause(self, attempt: int, failure: _Failure) -> float:
        pause: float = min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE)
        return max(pause * (1 - self._chance() / 2), min(failure.wait, LONGEST_PAUSE))

    async def _try(self, client: httpx2.AsyncClient, waiting: _Waiting) -> _Failure | None:
        """Make one attempt; None: the receiver has the event."""
        try:
            body = to_json(self._cloud_event(waiting))
            headers = {
                "content-type": MEDIA_TYPE,
                **sign(self._secret, self._id(waiting), self._clock.now(), body),
            }
            with trio.move_on_after(ATTEMPT_TIME):
                async with client.stream("POST", self._url, content=body, headers=headers) as response:
                    await _read_out(response)
                return _judge(response)
        except (httpx2.HTTPError, OSError) as error:
            return _Failure(type(error).__name__, passes=True)
        except Exception as error:
            log.exception("an event cannot be posted")
            return _Failure(type(error).__name__, passes=False)
        return _Failure(f"no answer within {ATTEMPT_TIME:g} s", passes=True)

    def _id(self, waiting: _Waiting) -> str:
        return f"{self._epoch}-{waiting.number}"

    def _cloud_event(self, waiting: _Waiting) -> Mapping[str, Any]:
        event = waiting.event
        return {
            "specversion": "1.0",
            "id": self._id(waiting),
            "source": self._source,
            "type": TYPE_PREFIX + TYPE_OF[type(event)],
            "time": timestamp(event.at),
            **({"subject": event.identity} if event.identity else {}),
            "datacontenttype": "application/json",
            "data": document(event),
        }

    def _tell(self, what: str, failure: _Failure) -> None:
        if self._may_tell(what):
            log.warning(what, url=self._shown, reason=failure.reason, waiting=len(self._queue))

    def _may_tell(self, what: str) -> bool:
        now = trio.current_time()
        if self._told_at.get(what, -math.inf) > now - TELL_EVERY:
            return False
        self._told_at[what] = now
        return True


async def _read_out(response: httpx2.Response) -> None:
    """Read a short answer as it came, so that the connection can be used again; any other closes it."""
    length = response.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:18]) <= MAX_ANSWER:
        async for _ in response.aiter_raw():
            pass


def _judge(response: httpx2.Response) -> _Failure | None:
    status = response.status_code
    if response.is_success:
        return None
    passes = status in (408, 429) or status >= 500
    wait: str = response.headers.get("retry-after", "")
    return _Failure(f"status {status}", passes, float(wait) if wait.isascii() and wait.isdigit() else 0.0)
