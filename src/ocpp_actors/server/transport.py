"""A charge point's WebSocket over any trio stream.

The WebSocket protocol is trio-websocket's. It is used below ``serve_websocket``, on a stream of ours and with a wsproto
connection of ours, because the server must know three things that the library keeps to itself: when anything arrived,
when a pong arrived, and what was wrong with a frame. This is the only module that touches the library's private parts,
so its version is pinned: it calls ``_reader_task``, ``_get_request``, ``_send`` and ``_close_web_socket``, reads or
sets ``_message_size``, ``_wsproto``, ``_close_reason``, ``_close_handshake`` and ``_reader_running``, and overrides
``_handle_message_event``, ``_handle_ping_event``, ``_handle_pong_event`` and ``_handle_close_connection_event``.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio
import trio_websocket
import wsproto
from trio_websocket import WebSocketConnection, WebSocketRequest
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from ocpp_actors.charge_point.connection import ConnectionEnded

MESSAGE_QUEUE = 4
"""Messages that may wait between the library's reader and ours. With one, a slow handler would hold up pongs too."""

RECEIVE_SIZE = 16 * 1024

CLOSED_BY_US = frozenset({1002, 1007, 1009})
"""Close codes for what the peer did wrong."""

LINGER = 1.0
"""Seconds for the peer to read such a close code: dropping the connection with unread data in it may destroy it."""


class HandshakeFailed(Exception):
    """What arrived was no WebSocket handshake, or the peer left before one was complete."""


class WatchedStream(trio.abc.Stream):
    """A stream that remembers when it received something."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.last_received = trio.current_time()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive, and remember when."""
        data = await self.stream.receive_some(max_bytes)
        self.last_received = trio.current_time()
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send."""
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until sending might not block."""
        await self.stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close."""
        await self.stream.aclose()


class _Connection(WebSocketConnection):
    last_pong: float | None = None
    fault: str | None = None

    async def _handle_message_event(self, event: BytesMessage | TextMessage) -> None:
        if isinstance(event, TextMessage) and not event.data.isascii():
            # The library counts characters, the limit is in bytes.
            self._message_size += len(event.data.encode()) - len(event.data)
        await super()._handle_message_event(event)

    async def _handle_ping_event(self, event: Ping) -> None:
        # After a close frame nothing may be sent (RFC 6455 §5.5.1): a ping that crosses ours stays unanswered.
        if self._wsproto.state is ConnectionState.OPEN:
            await super()._handle_ping_event(event)

    async def _handle_pong_event(self, event: Pong) -> None:  # noqa: ARG002
        self.last_pong = trio.current_time()

    async def _handle_close_connection_event(self, event: CloseConnection) -> None:
        # wsproto reports a frame that breaks the protocol as a close by the peer; the peer must be told.
        if self._wsproto.state is not ConnectionState.OPEN:
            await super()._handle_close_connection_event(event)
            return
        self.fault = event.reason or "broken frame"
        self._close_reason = trio_websocket.CloseReason(event.code, event.reason)
        await self._send(CloseConnection(code=event.code, reason=event.reason))
        await self._close_web_socket(event.code, event.reason)
        self._close_handshake.set()
        self._reader_running = False

    async def send_ping(self) -> None:
        if self.closed:
            raise trio_websocket.ConnectionClosed(self.closed)
        await self._send(Ping(payload=b""))


class Transport:
    """A WebSocket connection as the task tree of a charge point needs it (see charge_point.connection)."""

    def __init__(self, stream: trio.abc.Stream, max_message_size: int) -> None:
        self._stream = WatchedStream(stream)
        self._reader_ended = trio.Event()
        self._connection = _Connection(
            self._stream,
            wsproto.WSConnection(ConnectionType.SERVER),
            message_queue_size=MESSAGE_QUEUE,
            max_message_size=max_message_size,
            receive_buffer_size=RECEIVE_SIZE,
        )

    @property
    def last_received(self) -> float:
        """When anything was received last, in seconds of trio's clock."""
        return self._stream.last_received

    @property
    def last_pong(self) -> float | None:
        """When a pong was received last, in seconds of trio's clock."""
        return self._connection.last_pong

    @property
    def gone(self) -> bool:
        """Whether the peer has left, so that nothing more will come."""
        return self._reader_ended.is_set()

    async def request(self) -> WebSocketRequest:
        """Wait for the WebSocket handshake of the peer. The caller brings the deadline.

        Raises HandshakeFailed: it will never come.
        """
        request: WebSocketRequest | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._cancel_without_reader, nursery.cancel_scope)
            request = await self._connection._get_request()  # noqa: SLF001
            nursery.cancel_scope.cancel()
        if request is None:
            raise HandshakeFailed("no WebSocket handshake")
        return request

    async def _cancel_without_reader(self, scope: trio.CancelScope) -> None:
        await self._reader_ended.wait()
        scope.cancel()

    async def run_reader(self) -> None:
        """Read until the connection ends; what the peer does wrong ends only this."""
        try:
            with suppress(trio_websocket.ConnectionClosed):  # gone while it was being told what is wrong
                await self._connection._reader_task()  # noqa: SLF001
        finally:
            self._reader_ended.set()

    @property
    def fault(self) -> str:
        """How the peer broke the WebSocket protocol; empty if it did not."""
        fault = self._connection.fault or ""
        return (
            f"{fault} (a compressed frame? no extension was agreed on)" if "eserved bit" in fault else fault
        )

    async def receive(self) -> str | bytes:
        """Wait for the next message.

        Raises ConnectionEnded: there is none any more.
        """
        try:
            return await self._connection.get_message()
        except trio_websocket.ConnectionClosed as closed:
            raise self._ended(closed) from None

    async def send(self, text: str) -> None:
        """Write one text message.

        Raises ConnectionEnded: the connection is over.
        """
        try:
            await self._connection.send_message(text)
        except trio_websocket.ConnectionClosed as closed:
            raise self._ended(closed) from None

    async def ping(self) -> None:
        """Write a ping.

        Raises ConnectionEnded: the connection is over.
        """
        try:
            await self._connection.send_ping()
        except trio_websocket.ConnectionClosed as closed:
            raise self._ended(closed) from None

    async def close(self, code: int, reason: str) -> None:
        """Exchange close frames and close the stream. The caller brings the deadline."""
        await self._connection.aclose(code, reason)

    async def abort(self) -> None:
        """Drop the connection; a peer that was sent a close code for what it did is given a moment to read it."""
        closed = self._connection.closed
        if closed is not None and closed.code in CLOSED_BY_US:
            with trio.move_on_after(LINGER), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await self._linger()
        await trio.aclose_forcefully(self._stream)

    async def _linger(self) -> None:
        if isinstance(self._stream.stream, trio.abc.HalfCloseableStream):
            await self._stream.stream.send_eof()
        await self._reader_ended.wait()  # it is still receiving, and only one may
        while await self._stream.receive_some(RECEIVE_SIZE):
            pass

    def _ended(self, closed: trio_websocket.ConnectionClosed) -> ConnectionEnded:
        code = 1006 if closed.reason is None else int(closed.reason.code)
        reason = "" if closed.reason is None else closed.reason.reason or ""
        return ConnectionEnded(code, self.fault or reason)


@asynccontextmanager
async def open_transport(stream: trio.abc.Stream, max_message_size: int) -> AsyncIterator[Transport]:
    """Run a WebSocket over the stream for as long as the block lasts; the stream is closed after it."""
    transport = Transport(stream, max_message_size)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.run_reader)
            yield transport
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(stream)
