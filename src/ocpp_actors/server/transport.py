"""A charge point's WebSocket over any trio stream.

The opening handshake is trio-websocket's, the frames are wsproto's, and both are driven from here: whoever waits for a
message reads the stream, so that no task and no channel stands between a socket and its charge point. Handshakes and
text messages that arrive whole and alone take a short way (see opening and common_frames), and a TCP socket is read and
written with bare system calls; with ``hot_path`` switched off all that is read goes through wsproto, and all through
trio's streams. Text messages and pings are always written as the few bytes that they are.

This is the only module that touches trio-websocket's private parts, so its version is pinned: it gives WebSocketRequest
a connection that has no more than ``_accept`` and ``_reject`` need, and whose ``_send`` is overridden.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import trio
from trio_websocket import WebSocketConnection, WebSocketRequest
from wsproto import WSConnection
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, Request, TextMessage
from wsproto.utilities import RemoteProtocolError

from ocpp_actors.charge_point.connection import ConnectionEnded
from ocpp_actors.pace import TokenBucket
from ocpp_actors.server.common_frames import (
    PING,
    between_messages,
    end_parsing,
    is_pong,
    text_frame,
    whole_text,
)
from ocpp_actors.server.opening import Opening
from ocpp_actors.server.turnstile import Turnstile
from ocpp_actors.server.wires import AnyStream, Hearing, Socket, Wire

EVENTS_AT_ONCE: Final = 50
"""Frames of one peer after which others have their turn."""

CLOSED_BY_US: Final = frozenset({1002, 1007, 1009})
"""Close codes for what the peer did wrong."""

LINGER: Final = 1.0
"""Seconds for the peer to read such a close code: dropping the connection with unread data in it may destroy it."""


class HandshakeFailed(Exception):
    """What arrived was no WebSocket handshake, or the peer left before one was complete."""


class _Answering(WebSocketConnection):
    """What trio-websocket answers an opening handshake through, without what a connection of its own has beside."""

    def __init__(self, transport: "Transport") -> None:
        self._transport = transport
        self._open_handshake = self._close_handshake = trio.Event()  # nobody waits for either

    async def _send(self, event: Event) -> None:
        await self._transport.send_event(event)


class Transport:
    """A WebSocket connection as the task tree of a charge point needs it (see charge_point.connection).

    One task at a time reads: in request(), receive() or close(), or while watching(). Any may write.
    """

    __slots__ = (
        "_between_messages",
        "_cut",
        "_early",
        "_ended",
        "_flushing",
        "_hearing",
        "_hot",
        "_left_over",
        "_limit",
        "_messages",
        "_pace",
        "_parts",
        "_protocol",
        "_request",
        "_size",
        "_turnstile",
        "_unsent",
        "_wire",
        "fault",
        "gone",
        "last_pong",
        "last_received",
        "stream",
    )

    def __init__(
        self,
        stream: trio.abc.Stream,
        max_message_size: int,
        *,
        hot_path: bool = True,
        pace: TokenBucket | None = None,
        turnstile: Turnstile | None = None,
        hearing: Hearing | None = None,
    ) -> None:
        self.stream = stream
        self._hearing = hearing
        self._hot = hot_path
        self._wire: Wire = (
            Socket(stream) if hot_path and isinstance(stream, trio.SocketStream) else AnyStream(stream)
        )
        self._limit = max_message_size
        self._pace = pace or TokenBucket(0, 0, trio.current_time())
        self._turnstile = turnstile or Turnstile()
        self._protocol: Opening | WSConnection | Connection = (
            Opening() if hot_path else WSConnection(ConnectionType.SERVER)
        )
        self._between_messages = False
        """Whether the connection is open, and what comes next is not wsproto's business if it is a whole message."""
        self._request: Request | None = None
        self._early = b""
        self._left_over = False
        """Whether wsproto may have events that were not taken in: of what came with the handshake, or because whoever
        read was cancelled meanwhile."""
        self._messages: list[str | bytes] = []
        self._parts: list[str | bytes] = []
        self._size = 0
        self._unsent = b""
        self._flushing = trio.Lock()
        self._cut = False
        """Whether half a frame may have been written, so that nothing may follow."""
        self._ended: tuple[int, str] | None = None
        """The code and the reason of the end. An exception that is kept keeps all that it went through."""
        self.gone = False
        """Whether the peer has left, so that nothing more will come."""
        self.fault = ""
        """How the peer broke the WebSocket protocol; empty if it did not."""
        self.last_received = trio.current_time()
        """When anything was received last, in seconds of trio's clock."""
        self.last_pong: float | None = None
        """When a pong was received last, in seconds of trio's clock."""

    # --- the opening handshake ---------------------------------------------------------------------------------

    async def request(self) -> WebSocketRequest:
        """Wait for the WebSocket handshake of the peer. The caller brings the deadline.

        Raises HandshakeFailed: it will never come.
        """
        while self._request is None:
            if self._ended is not None:
                raise HandshakeFailed("no WebSocket handshake")
            await self._read()
        return WebSocketRequest(_Answering(self), self._request)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watch during the block whether the peer leaves: ``gone``."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch)
            yield
            nursery.cancel_scope.cancel()

    async def _watch(self) -> None:
        if not self._early:
            self._early = await self._receive_some()
            self.gone = not self._early

    # --- reading -----------------------------------------------------------------------------------------------

    def when_something_comes(self, then: Callable[[], None]) -> bool:
        """Call ``then``, once, when something comes while nobody reads; False: that cannot be told, or it is there."""
        known = self._messages or self._left_over or self._early or self._ended is not None
        return not known and self._wire.when_readable(then)

    async def receive(self) -> str | bytes:
        """Wait for the next message.

        Raises ConnectionEnded: there is none any more.
        """
        if self._messages:
            await trio.lowlevel.checkpoint()  # those that came together must not keep others waiting
        while not self._messages:
            if self._ended is not None:
                raise ConnectionEnded(*self._ended)
            if not self._between_messages:
                await self._read()
                continue
            # In no coroutine of its own, as in the protocol task.
            await self._wire.wait()
            data = self._wire.read_some()
            if data is None:
                continue
            text = whole_text(data, self._limit)
            if text is not None:
                self.last_received = trio.current_time()
                return text
            await self._take_in_data(data)
        return self._messages.pop(0)

    async def _read(self) -> None:
        """Take in what arrives next."""
        if self._left_over:
            await self._take_in_events()
        else:
            await self._take_in_data(self._early or await self._receive_some())

    async def _receive_some(self) -> bytes:
        while True:
            await self._wire.wait()
            data = self._wire.read_some()
            if data is not None:
                return data

    async def _take_in_data(self, data: bytes) -> None:
        self._early = b""
        if not data:
            self.gone = True
            await self._turnstile.pass_through()
            self._end(1006)
            return
        self.last_received = trio.current_time()
        if self._between_messages and is_pong(data):
            self.last_pong = self.last_received
            await self._pause()
            return
        try:
            self._protocol.receive_data(data)
        except RemoteProtocolError as error:
            if error.event_hint is not None:
                await self._reply(error.event_hint)
            self._end(1006)
            return
        await self._take_in_events()

    async def _take_in_events(self) -> None:
        """Take in what wsproto has found; what is no message is paced like messages, which their reader paces."""
        self._left_over, self._between_messages = True, False
        for number, event in enumerate(self._protocol.events(), 1):
            messages = len(self._messages)
            await self._take_in(event)
            if self._ended is not None:
                return
            if len(self._messages) == messages:
                await self._pause()
            if number % EVENTS_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
        self._left_over = False
        self._between_messages = (
            self._hot and isinstance(self._protocol, Connection) and between_messages(self._protocol)
        )

    async def _pause(self) -> None:
        """Wait after a frame that is no message, if they come too fast."""
        pause = self._pace.take(trio.current_time())
        if pause:
            await trio.sleep(pause)

    async def _take_in(self, event: Event) -> None:
        match event:
            case TextMessage() | BytesMessage():
                await self._take_part(event)
            case Ping():
                # After a close frame nothing may be sent (RFC 6455 §5.5.1): a ping that crosses ours stays unanswered.
                if self._protocol.state is ConnectionState.OPEN:
                    await self._reply(event.response())
            case Pong():
                self.last_pong = trio.current_time()
            case CloseConnection():
                await self._take_close(event)
            case Request():
                self._request = event

    async def _take_part(self, event: TextMessage | BytesMessage) -> None:
        self._size += len(event.data) if isinstance(event, BytesMessage) else len(event.data.encode())
        if self._size > self._limit:
            reason = f"Exceeded maximum message size: {self._limit} bytes"
            await self._close_for(1009, reason)
            return
        if event.data:
            self._parts.append(event.data if isinstance(event, TextMessage) else bytes(event.data))
        if event.message_finished:
            whole = "" if isinstance(event, TextMessage) else b""
            self._messages.append(whole.join(self._parts))  # type: ignore[arg-type]  # all parts are of one kind
            self._parts, self._size = [], 0

    async def _take_close(self, event: CloseConnection) -> None:
        match self._protocol.state:
            case ConnectionState.REMOTE_CLOSING:
                await self._reply(event.response())
                self._end(event.code, event.reason or "")
            case ConnectionState.OPEN:
                # So wsproto reports a frame that breaks the protocol; the peer must be told.
                self.fault = event.reason or "broken frame"
                if "eserved bit" in self.fault:
                    self.fault += " (a compressed frame? no extension was agreed on)"
                await self._close_for(event.code, event.reason)
            case _:
                self._end(event.code, event.reason or "")

    async def _close_for(self, code: int, reason: str | None) -> None:
        """Close for what the peer did wrong; where that is being done already, there is nothing more to say."""
        if self._protocol.state is ConnectionState.OPEN:
            await self._reply(CloseConnection(code=code, reason=reason))
        self._end(code, self.fault or reason or "")

    def _end(self, code: int, reason: str = "") -> None:
        if self._ended is None:
            self._ended = int(code), reason

    # --- writing -----------------------------------------------------------------------------------------------

    def begin_send(self, text: str) -> bool:
        """Write one text message as far as that is possible without waiting; False: finish_send() has to follow.

        Raises ConnectionEnded: the connection is over.
        """
        if self._ended is not None and self._messages:
            return True  # the peer reads no further; what it said before is still handled
        if self._ended is not None:
            raise ConnectionEnded(*self._ended)
        if not self._between_messages and self._protocol.state is not ConnectionState.OPEN:
            raise ConnectionEnded(1006, "the connection is being closed")
        return self._begin(text_frame(text))

    def begin_ping(self) -> bool:
        """Write a ping as far as that is possible without waiting; False: finish_send() has to follow.

        Raises ConnectionEnded: the connection is over.
        """
        if self._ended is not None:
            raise ConnectionEnded(*self._ended)
        return self._protocol.state is not ConnectionState.OPEN or self._begin(PING)

    async def finish_send(self) -> None:
        """Write what is left. Cancelled midway it leaves the connection unusable.

        Raises ConnectionEnded: the connection is over.
        """
        try:
            async with self._flushing:
                while self._unsent and not self._cut:
                    data = self._unsent
                    await self._send_all(data)
                    self._unsent = self._unsent[len(data) :]
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._end(1006)
        if self._cut:
            raise self._over()

    async def _send_all(self, data: bytes) -> None:
        try:
            await self.stream.send_all(data)
        except BaseException:
            self._cut = True
            raise

    async def send_event(self, event: Event) -> None:
        """Write what wsproto makes of an event.

        Raises ConnectionEnded: the connection is over.
        """
        if isinstance(event, CloseConnection):
            self._between_messages = False
        if not self._begin(bytes(self._protocol.send(event))):
            await self.finish_send()
        if not isinstance(self._protocol, Connection) and self._protocol.connection is not None:
            # The handshake is over, and with it all that parses HTTP.
            self._protocol, self._request = self._protocol.connection, None
            clean = between_messages(self._protocol)
            self._between_messages = self._hot and clean and not self._early
            self._left_over = not clean
            if isinstance(self._wire, Socket) and self._hearing is not None:
                self._wire.hear(self._hearing)

    async def _reply(self, event: Event) -> None:
        """Write an event while reading: should the peer be gone, reading finds out."""
        with suppress(ConnectionEnded):
            await self.send_event(event)

    def _begin(self, data: bytes) -> bool:
        if self._cut:
            raise self._over()
        if self._unsent:
            self._unsent += data
            return False
        try:
            written = self._wire.write_some(data)
        except trio.BrokenResourceError:
            self._end(1006)
            raise self._over() from None
        if written == len(data):
            return True
        self._unsent += data[written:]
        return False

    def _over(self) -> ConnectionEnded:
        return ConnectionEnded(*(self._ended or (1006, "a frame was cut short")))

    # --- the end -----------------------------------------------------------------------------------------------

    async def close(self, code: int, reason: str) -> None:
        """Exchange close frames and close the stream. The caller brings the deadline."""
        try:
            if self._ended is None and not self._cut and self._protocol.state is ConnectionState.OPEN:
                await self._reply(CloseConnection(code=code, reason=reason))
            while self._ended is None and not self._cut:
                await self._read()
                self._messages.clear()
        finally:
            await self._wire.close()  # noqa: ASYNC102, it waits for nothing

    async def abort(self) -> None:
        """Drop the connection; a peer that was sent a close code for what it did is given a moment to read it."""
        if self._ended is not None and self._ended[0] in CLOSED_BY_US:
            with trio.move_on_after(LINGER):
                if isinstance(self.stream, trio.abc.HalfCloseableStream):
                    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                        await self.stream.send_eof()
                while await self._receive_some():
                    pass
        await self._wire.close()

    async def end(self) -> None:
        """Close the stream, if need be, and let go of what reading needed; nothing is read after it."""
        await self._wire.close()
        if isinstance(self._protocol, Connection):
            end_parsing(self._protocol)


@asynccontextmanager
async def open_transport(
    stream: trio.abc.Stream,
    max_message_size: int,
    *,
    hot_path: bool = True,
    pace: TokenBucket | None = None,
    turnstile: Turnstile | None = None,
    hearing: Hearing | None = None,
) -> AsyncIterator[Transport]:
    """Run a WebSocket over the stream for as long as the block lasts; the stream is closed after it.

    ``pace``: how fast frames are read that are no messages: pings, pongs, fragments. ``turnstile``: where it waits for
    its turn when the peer has left. ``hearing``, which must run: tells when a TCP socket is readable.
    """
    transport = Transport(
        stream, max_message_size, hot_path=hot_path, pace=pace, turnstile=turnstile, hearing=hearing
    )
    try:
        yield transport
    finally:
        with trio.CancelScope(shield=True):
            await transport.end()
