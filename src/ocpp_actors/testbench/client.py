"""An OCPP-J client that says what it is told, right or wrong, and nothing by itself."""

import itertools
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import orjson
import structlog
import trio
import trio_websocket
from attrs import define, field
from trio_websocket import ConnectionRejected, WebSocketConnection
from wsproto import ConnectionType, WSConnection

from ocpp_actors.protocol.frames import Call, CallError, CallResult
from ocpp_actors.testbench.groups import ungrouped
from ocpp_actors.testbench.target import Target
from ocpp_actors.testbench.wire import Exchange, Wire, WireFrame

log = structlog.get_logger(__name__)

MAX_WAITING: Final = 1000
"""Messages of the central system that nobody has taken; beyond it, reading stops."""

CLOSE_TIMEOUT: Final = 5.0
"""Seconds for the close handshake at the end of a client."""

MAX_MESSAGE: Final = 16 * 1024 * 1024
"""Bytes of a message that is read."""

MESSAGE_QUEUE: Final = 4
RECEIVE_SIZE: Final = 16 * 1024


class Refused(Exception):
    """The central system refused the WebSocket handshake."""

    def __init__(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        super().__init__(
            f"the handshake was refused with status {status}: {body.decode(errors='replace').strip()}"
        )
        self.status = status
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
        self.body = body


class Unreachable(Exception):
    """There is nothing that speaks WebSocket where the central system should be."""


class Distrusted(Unreachable):
    """The certificate of the central system is not trusted."""


class Closed(Exception):
    """The connection is closed; 1006 where no close code was exchanged."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the connection was closed with {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


@define(eq=False)
class Client:
    """One connection to the central system."""

    wire: Wire
    _connection: WebSocketConnection
    _stream: trio.abc.Stream
    _ids: Iterator[str]
    _put: trio.MemorySendChannel[WireFrame] = field(init=False)
    _taken: trio.MemoryReceiveChannel[WireFrame] = field(init=False)
    _expected: set[str] = field(init=False, factory=set)
    _over: Closed | None = field(init=False, default=None)
    _ended: trio.Event = field(init=False, factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        self._put, self._taken = trio.open_memory_channel[WireFrame](MAX_WAITING)

    @property
    def identity(self) -> str:
        """The identity under which it connected."""
        return self.wire.identity

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that was agreed on, or None."""
        return self._connection.subprotocol or None

    async def send(self, frame: str | bytes | list[Any]) -> None:
        """Send one message: text as it is, bytes as a binary message, a list as JSON.

        Raises Closed.
        """
        message = orjson.dumps(frame).decode() if isinstance(frame, list) else frame
        self.wire.record("in", message if isinstance(message, str) else message.decode("utf-8", "replace"))
        with suppress(trio_websocket.ConnectionClosed):
            return await self._connection.send_message(message)
        await self._ended.wait()
        raise self._closed()

    async def receive(self) -> WireFrame:
        """Wait for the next message of the central system other than an answer that call() waits for.

        Raises Closed. The caller brings the deadline.
        """
        try:
            return await self._taken.receive()
        except trio.EndOfChannel:
            raise self._closed() from None

    async def call(self, action: str, payload: Any, message_id: str | None = None) -> Exchange:
        """Send a CALL and wait for its answer. The caller brings the deadline.

        Raises Closed: the connection ended before the answer.
        """
        message_id = message_id or next(self._ids)
        since = self.wire.mark()
        self._expected.add(message_id)
        try:
            await self.send([2, message_id, action, payload])
            return await self.answer_to(message_id, since)
        finally:
            self._expected.discard(message_id)

    async def answer_to(self, message_id: str, since: int = 0) -> Exchange:
        """Wait for the answer to a CALL that was sent since a mark. The caller brings the deadline.

        Raises Closed: the connection ended before it.
        """

        def look() -> Exchange | Closed | None:
            for each in self.wire.exchanges:
                if each.asked.number >= since and each.call.message_id == message_id:
                    return each
            return self._over

        found: Exchange | Closed = await self.wire.until(look)
        if isinstance(found, Closed):
            raise self._closed()
        return found

    async def next_call(self, action: str | None = None) -> Call:
        """Wait for the next CALL of the central system, of this action or any; what comes before it is passed over.

        Raises Closed. The caller brings the deadline.
        """
        while True:
            frame = (await self.receive()).frame
            if isinstance(frame, Call) and action in (None, frame.action):
                return frame

    async def answer(self, call: Call, payload: Any) -> None:
        """Answer a CALL of the central system with a CALLRESULT. Raises Closed."""
        await self.send([3, call.message_id, payload])

    async def refuse(self, call: Call, code: str, description: str = "") -> None:
        """Answer a CALL of the central system with a CALLERROR. Raises Closed."""
        await self.send([4, call.message_id, code, description, {}])

    async def ping(self) -> None:
        """Send a ping and wait for its pong. Raises Closed. The caller brings the deadline."""
        answered = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_after, self._ended, nursery.cancel_scope)
            with suppress(trio_websocket.ConnectionClosed):
                await self._connection.ping()
                answered = True
                nursery.cancel_scope.cancel()
        if not answered:
            raise self._closed()

    async def closed(self) -> Closed:
        """Wait until the connection is closed, and return how. The caller brings the deadline."""
        await self._ended.wait()
        return self._closed()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection as WebSocket wants it. The caller brings the deadline."""
        await self._connection.aclose(code, reason)
        await self._ended.wait()

    async def drop(self) -> None:
        """Close the stream below, without a close frame."""
        await trio.aclose_forcefully(self._stream)
        await self._ended.wait()

    def _closed(self) -> Closed:
        assert self._over is not None
        return Closed(self._over.code, self._over.reason)

    async def _read(self) -> None:
        code, reason = 1006, ""
        try:
            while True:
                message = await self._connection.get_message()
                text = message if isinstance(message, str) else message.decode("utf-8", "replace")
                self.wire.record("out", text)
                frame = self.wire.frames[-1]
                if not (
                    isinstance(frame.frame, CallResult | CallError)
                    and frame.frame.message_id in self._expected
                ):
                    await self._put.send(frame)
        except trio_websocket.ConnectionClosed as closed:
            if closed.reason is not None:
                code, reason = int(closed.reason.code), closed.reason.reason or ""
        finally:
            self._over = Closed(code, reason)
            self._ended.set()
            self._put.close()
            self.wire.closed(code, reason)


@define(eq=False)
class _Reader:
    """Runs the library's reader, so that nothing that it raises ends anything but this connection."""

    connection: WebSocketConnection
    refusal: ConnectionRejected | None = None
    ended: trio.Event = field(factory=trio.Event)

    async def run(self) -> None:
        try:
            await self.connection._reader_task()  # noqa: SLF001 — what wrap_client_stream() would start
        except ConnectionRejected as refusal:
            self.refusal = refusal
        except Exception as error:  # noqa: BLE001 — such as a ping that crosses a close
            log.debug("a connection broke", error=repr(error))
        finally:
            self.ended.set()

    async def shake_hands(self) -> None:
        complete = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_after, self.ended, nursery.cancel_scope)
            await self.connection._open_handshake.wait()  # noqa: SLF001 — ditto
            complete = True
            nursery.cancel_scope.cancel()
        if self.refusal is not None:
            raise Refused(
                self.refusal.status_code, tuple(self.refusal.headers or ()), bytes(self.refusal.body or b"")
            )
        if not complete:
            raise Unreachable("the central system left during the handshake")


async def _cancel_after(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


@asynccontextmanager
async def open_client(
    target: Target,
    identity: str,
    *,
    wire: Wire | None = None,
    subprotocols: Sequence[str] = ("ocpp1.6",),
    headers: Sequence[tuple[bytes, bytes]] = (),
    request_target: str | None = None,
    message_ids: Iterator[str] | None = None,
) -> AsyncIterator[Client]:
    """Connect for the length of the block, then close.

    ``request_target`` stands for the path that the target would make of the identity. ``message_ids`` are those of its
    CALLs; without them they count.

    Raises Refused: the central system said no.
    Raises Unreachable: there is none, or it left during the handshake; Distrusted, which is one: its certificate is not
        trusted. The caller brings the deadline.
    """
    wire = wire or Wire(identity)
    try:
        stream = await target.dial()
    except ssl.SSLCertVerificationError as error:
        raise Distrusted(f"the certificate of {target.url} is not trusted: {error.verify_message}") from None
    except OSError as error:
        raise Unreachable(f"{target.url} cannot be reached: {error}") from None
    connection = WebSocketConnection(
        stream,
        WSConnection(ConnectionType.CLIENT),
        host=target.host,
        path=request_target or target.request_target(identity),
        client_subprotocols=list(subprotocols),
        client_extra_headers=list(headers),
        message_queue_size=MESSAGE_QUEUE,
        max_message_size=MAX_MESSAGE,
        receive_buffer_size=RECEIVE_SIZE,
    )
    try:
        with ungrouped():
            async with trio.open_nursery() as nursery:
                reader = _Reader(connection)
                nursery.start_soon(reader.run)
                try:
                    await reader.shake_hands()
                except Refused as refused:
                    wire.refused(refused.status, str(refused))
                    raise
                client = Client(
                    wire, connection, stream, message_ids or (f"m{n}" for n in itertools.count(1))
                )
                wire.opened()
                nursery.start_soon(client._read)  # noqa: SLF001
                yield client
                with trio.move_on_after(CLOSE_TIMEOUT):
                    await client.close()
                nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(stream)
