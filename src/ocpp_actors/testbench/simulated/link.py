"""The connection to the central system: opened, lost, and opened again after a pause (OCPP-J 1.6 §3, §5.4)."""

from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from math import inf
from random import Random
from typing import Any, Final, Protocol
from urllib.parse import quote, urlsplit

import orjson
import trio
from attrs import define, field

from ocpp_actors.protocol.frames import CALL_ERROR, CALL_RESULT, Call, CallError, CallResult
from ocpp_actors.testbench.client import Client, Closed, Refused, Unreachable, open_client
from ocpp_actors.testbench.groups import ungrouped
from ocpp_actors.testbench.simulated.access import Way
from ocpp_actors.testbench.simulated.personality import Dialing, Personality, Raw
from ocpp_actors.testbench.simulated.streams import OddStream
from ocpp_actors.testbench.simulated.talker import Gate, Talker
from ocpp_actors.testbench.target import Target
from ocpp_actors.testbench.wire import Wire

HANDSHAKE_TIMEOUT: Final = 30.0
PING_TIMEOUT: Final = 30.0
PREFACE_TIMEOUT: Final = 5.0
MAX_LEFT_OPEN: Final = 3
MAX_RETRY_AFTER: Final = 600.0

_BROKEN: Final = (trio.BrokenResourceError, trio.ClosedResourceError)
_ENDS: Final = (Closed, *_BROKEN)
_PROPER: Final = {1000, 1001}

Answer = dict[str, Any] | CallError | None
"""The payload of a CALLRESULT, a CALLERROR, or None: no answer."""


class Owner(Protocol):
    """Whose connection it is."""

    def connected(self) -> None:
        """A connection is open."""
        ...

    def disconnected(self) -> None:
        """It is lost."""
        ...

    def answer(self, call: Call) -> Answer:
        """Return the answer to a command."""
        ...

    def answered(self, call: Call) -> None:
        """The answer to a command is on its way."""
        ...

    def way(self) -> Way:
        """Return how to connect; it is asked once for each attempt."""
        ...


@define(eq=False, kw_only=True)
class Link:
    """Keeps one connection open, while it may."""

    wire: Wire
    personality: Personality
    talker: Talker
    owner: Owner
    chance: Random
    on_failure: Callable[[Exception], None]
    """Told why an attempt to connect failed."""
    _up: trio.Event
    _attempts: int = field(init=False, default=0)
    _failures: int = field(init=False, default=0)
    _written: int = field(init=False, default=0)
    _stream: OddStream | trio.abc.Stream | None = field(init=False, default=None)
    _left_open: deque[OddStream] = field(init=False, factory=deque)
    _whole: trio.CancelScope | None = field(init=False, default=None)
    _talk: trio.CancelScope | None = field(init=False, default=None)
    _client: Client | None = field(init=False, default=None)
    _nursery: trio.Nursery | None = field(init=False, default=None)
    _gone: trio.Event = field(init=False, factory=trio.Event)

    async def run(self) -> None:
        """Keep connected until cancelled."""
        try:
            while True:
                await self._up.wait()
                self._gone = trio.Event()
                try:
                    least = await self._attempt()
                finally:
                    self._gone.set()
                pause = self.personality.back_off(self._failures, self.chance)
                self._failures += 1
                await trio.sleep(max(pause, least))
        finally:
            with trio.CancelScope(shield=True):
                for stream in self._left_open:
                    await trio.aclose_forcefully(stream.below)

    # --- from outside ------------------------------------------------------------------------------------------

    def drop(self) -> None:
        """Drop the connection without a close frame, or the attempt to open one."""
        if self._whole is not None:
            self._whole.cancel()

    def cut(self, up: trio.Event) -> None:
        """Drop the connection, and open none before ``up`` is set."""
        self._up = up
        self.drop()

    async def close(self) -> None:
        """Close the connection properly. The caller brings the deadline."""
        if self._talk is not None:
            self.reconnect()
            await self._gone.wait()

    def reconnect(self) -> None:
        """Close the connection properly, and open another."""
        if self._talk is not None:
            self._talk.cancel()

    def ping(self) -> None:
        """Send a ping; without a pong in time the connection is dropped."""
        if self._nursery is not None and self._client is not None:
            self._nursery.start_soon(_until_it_ends, partial(self._ping, self._client))

    async def _ping(self, client: Client) -> None:
        with trio.move_on_after(PING_TIMEOUT) as limit:
            await client.ping()
        if limit.cancelled_caught:
            self.drop()

    # --- one connection ----------------------------------------------------------------------------------------

    async def _attempt(self) -> float:
        """Hold one connection as long as it lasts; return the least seconds before the next, infinity: none."""
        way = self.owner.way()
        dialing = self._dialing(way)
        self._attempts += 1
        try:
            with (
                trio.CancelScope(deadline=trio.current_time() + HANDSHAKE_TIMEOUT) as self._whole,
                ungrouped(),
            ):
                if dialing.preface:
                    await self._utter(way.target, dialing.preface)
                    return 0.0
                async with open_client(
                    Target(way.target.url, partial(self._dial, way.target)),
                    self.wire.identity,
                    wire=self.wire,
                    subprotocols=dialing.subprotocols,
                    headers=dialing.headers,
                    request_target=dialing.request_target,
                ) as client:
                    self._whole.deadline = inf
                    self._failures = 0
                    await self._hold(client)
        except Refused as refused:
            self.on_failure(refused)
            return _retry_after(refused)
        except Unreachable as failure:
            self.on_failure(failure)
        except Closed as closed:
            if closed.code in _PROPER and not self.personality.returns:
                return inf
        except _BROKEN:
            pass
        finally:
            self._whole = None
        return 0.0

    def _dialing(self, way: Way) -> Dialing:
        identity = self.wire.identity
        return self.personality.dialed(
            Dialing(
                attempt=self._attempts,
                identity=identity,
                path=urlsplit(way.target.url).path.rstrip("/"),
                segment=quote(identity, safe=""),
                user=identity,
                key=way.key,
            )
        )

    async def _dial(self, target: Target) -> trio.abc.Stream:
        stream = await target.dial()
        personality = self.personality
        if not (personality.answers_pings and personality.closes):
            stream = OddStream(stream, personality.answers_pings, personality.closes)
            if not personality.closes:
                self._left_open.append(stream)
                if len(self._left_open) > MAX_LEFT_OPEN:
                    with trio.CancelScope(shield=True):
                        await trio.aclose_forcefully(self._left_open.popleft().below)
        self._stream = stream
        return stream

    async def _utter(self, target: Target, data: bytes) -> None:
        """Say something that is no handshake, and hear what comes of it."""
        with suppress(OSError, trio.BrokenResourceError):
            stream = await target.dial()
            async with stream:
                await stream.send_all(data)
                with trio.move_on_after(PREFACE_TIMEOUT):
                    while await stream.receive_some():
                        pass

    async def _hold(self, client: Client) -> None:
        self._talk = trio.CancelScope()
        with self._talk:
            try:
                async with trio.open_nursery() as self._nursery:
                    self._client = client
                    self.talker.online = True
                    self._nursery.start_soon(
                        _until_it_ends, partial(self.talker.run, partial(self._ask, client))
                    )
                    self.owner.connected()
                    with trio.move_on_after(self.personality.patience):
                        await self._listen(client, self._nursery)
                    self.drop()
                    await trio.lowlevel.checkpoint()
            finally:
                self._client = self._nursery = self._talk = None
                self.owner.disconnected()

    async def _listen(self, client: Client, nursery: trio.Nursery) -> None:
        while True:
            frame = (await client.receive()).frame
            if isinstance(frame, CallResult | CallError):
                self.talker.answered(frame)
            elif isinstance(frame, Call):
                if self.personality.flees_early_calls and self.talker.gate is Gate.BOOTING:
                    return
                if self.personality.answer_delay:
                    nursery.start_soon(_until_it_ends, partial(self._answer_late, client, frame))
                else:
                    await self._answer(client, frame)

    async def _answer_late(self, client: Client, call: Call) -> None:
        await trio.sleep(self.personality.answer_delay)
        await self._answer(client, call)

    async def _answer(self, client: Client, call: Call) -> None:
        refusals = self.personality.answering
        answer = refusals.get(call.action) or refusals.get("*") or self.owner.answer(call)
        if isinstance(answer, CallError):
            await self._write(
                client, [CALL_ERROR, call.message_id, answer.code, answer.description, answer.details or {}]
            )
        elif answer is not None:
            shaped = self.personality.shaped(call.action, False, answer)
            await self._write(client, [CALL_RESULT, call.message_id, shaped])
        self.owner.answered(call)

    async def _ask(self, client: Client, frame: list[Any]) -> None:
        *head, action, payload = frame
        await self._write(client, [*head, action, self.personality.shaped(action, True, payload)])

    async def _write(self, client: Client, frame: list[Any]) -> None:
        messages = self.personality.written(self._written, orjson.dumps(frame).decode())
        self._written += 1
        for message in messages:
            if not isinstance(message, Raw):
                await client.send(message)
            elif self._stream is not None:
                await self._stream.send_all(message.data)


async def _until_it_ends(work: Callable[[], Awaitable[None]]) -> None:
    """Do something beside the listening, until the connection ends: then who listens tells so, and nobody else."""
    with suppress(*_ENDS):
        await work()


def _retry_after(refused: Refused) -> float:
    text = refused.headers.get("retry-after", "")
    return min(MAX_RETRY_AFTER, float(text)) if text.isascii() and text.isdigit() else 0.0
