"""The transport: a WebSocket over any stream, and what its ends look like."""

import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from ocpp_actors.charge_point.connection import ConnectionEnded
from ocpp_actors.server.transport import (
    LINGER,
    HandshakeFailed,
    Transport,
    open_transport,
)

UPGRADE = (
    b"GET /ocpp/CP1 HTTP/1.1\r\nHost: central.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def client_frame(first_byte: int, payload: bytes) -> bytes:
    """A masked frame with a mask of zeros (RFC 6455 §5.2)."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xff" + struct.pack("!Q", size)
    return bytes([first_byte]) + length + bytes(4) + payload


@asynccontextmanager
async def connected(
    max_message_size: int = 1 << 20,
) -> AsyncIterator[tuple[Transport, WebSocketConnection, Any]]:
    """A transport after its handshake, the client at its other end, and the client's stream."""
    ours: Any
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        async with open_transport(theirs, max_message_size) as transport:

            @nursery.start_soon
            async def accept() -> None:
                await (await transport.request()).accept()

            client = await wrap_client_stream(nursery, ours, "central.test", "/ocpp/CP1")
            yield transport, client, ours
        await trio.aclose_forcefully(ours)
        nursery.cancel_scope.cancel()


async def test_texts_go_both_ways_and_binary_messages_come_as_bytes(autojump_clock: Any) -> None:
    async with connected() as (transport, client, _):
        await client.send_message("héllo")
        await client.send_message(b"\x00\xff")
        assert await transport.receive() == "héllo"
        assert await transport.receive() == b"\x00\xff"
        await send(transport, "wörld")
        assert await client.get_message() == "wörld"


async def test_a_close_by_the_peer_ends_the_connection_with_its_code(autojump_clock: Any) -> None:
    async with connected() as (transport, client, _), trio.open_nursery() as nursery:
        nursery.start_soon(client.aclose, 4000, "good bye")
        with pytest.raises(ConnectionEnded) as ended:
            await transport.receive()
        assert (ended.value.code, ended.value.reason) == (4000, "good bye")
        assert str(ended.value) == "4000 good bye"


async def send(transport: Transport, text: str) -> None:
    if not transport.begin_send(text):
        await transport.finish_send()


async def ping(transport: Transport) -> None:
    if not transport.begin_ping():
        await transport.finish_send()


USES: dict[str, Callable[[Transport], Awaitable[object]]] = {
    "receive": lambda transport: transport.receive(),
    "send": lambda transport: send(transport, "x"),
    "ping": ping,
}


@pytest.mark.parametrize("use", ["receive", "send", "ping"])
async def test_a_connection_that_broke_has_code_1006(autojump_clock: Any, use: str) -> None:
    async with connected() as (transport, _, stream):
        await trio.aclose_forcefully(stream)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(ConnectionEnded) as ended:
            await USES[use](transport)
        assert (ended.value.code, ended.value.reason) == (1006, "")
        assert str(ended.value) == "1006"


@pytest.mark.parametrize("use", ["send", "ping"])
async def test_a_write_that_finds_the_stream_broken_ends_the_connection(
    autojump_clock: Any, use: str
) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery, open_transport(theirs, 1000) as transport:
        nursery.start_soon(ours.send_all, UPGRADE)
        await (await transport.request()).accept()
        # The reader does not notice: the stream breaks in one direction only.
        await ours.receive_stream.aclose()
        with pytest.raises(ConnectionEnded):
            await USES[use](transport)


async def test_a_close_by_the_server_reaches_the_peer(autojump_clock: Any) -> None:
    async with connected() as (transport, client, _):
        await transport.close(1008, "replaced")
        with pytest.raises(ConnectionClosed) as closed:
            await client.get_message()
        assert closed.value.reason is not None
        assert (closed.value.reason.code, closed.value.reason.reason) == (1008, "replaced")
        await transport.close(1008, "again")


async def test_a_ping_that_crosses_the_close_by_the_server_stays_unanswered(autojump_clock: Any) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with open_transport(theirs, 1 << 20) as transport, trio.open_nursery() as nursery:
        await ours.send_all(UPGRADE)
        await (await transport.request()).accept()
        await ours.receive_some()
        nursery.start_soon(transport.close, 1001, "over")
        assert await ours.receive_some() == b"\x88\x06\x03\xe9over"
        with pytest.raises(ConnectionEnded, match="being closed"):
            transport.begin_send("late")
        await ours.send_all(client_frame(0x89, b"") + client_frame(0x88, b"\x03\xe9"))
        assert await ours.receive_some() == b""


async def test_what_is_too_long_while_the_server_closes_only_ends_it(autojump_clock: Any) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with open_transport(theirs, 10) as transport, trio.open_nursery() as nursery:
        await ours.send_all(UPGRADE)
        await (await transport.request()).accept()
        await ours.receive_some()
        nursery.start_soon(transport.close, 1001, "over")
        assert await ours.receive_some() == b"\x88\x06\x03\xe9over"
        await ours.send_all(client_frame(0x81, b"x" * 11))
        assert await ours.receive_some() == b""


async def test_an_abort_is_a_break_for_the_peer(autojump_clock: Any) -> None:
    async with connected() as (transport, client, _):
        await transport.abort()
        with pytest.raises(ConnectionClosed) as closed:
            await client.get_message()
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1006
        assert trio.current_time() == 0


async def test_anything_received_is_life_and_a_pong_is_noted(autojump_clock: Any) -> None:
    async with connected() as (transport, client, _), trio.open_nursery() as nursery:
        nursery.start_soon(transport.receive)
        pongs = [transport.last_pong]
        await trio.sleep(10)
        await client.ping()
        assert transport.last_received == 10
        assert [*pongs, transport.last_pong] == [None, None]
        await trio.sleep(10)
        await ping(transport)
        await trio.testing.wait_all_tasks_blocked()
        assert transport.last_received == transport.last_pong == 20
        await client.send_message("read")


async def test_pongs_are_seen_by_whoever_reads(autojump_clock: Any) -> None:
    async with connected() as (transport, client, _), trio.open_nursery() as nursery:
        nursery.start_soon(transport.receive)
        await ping(transport)
        await trio.testing.wait_all_tasks_blocked()
        assert transport.last_pong is not None
        await client.send_message("read")


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
async def test_what_is_no_handshake_is_found_out_when_the_peer_leaves(
    autojump_clock: Any, said: bytes
) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with open_transport(theirs, 1000) as transport:
        if said:
            await ours.send_all(said)
        await ours.send_eof()
        with pytest.raises(HandshakeFailed):
            await transport.request()


async def test_the_stream_is_closed_after_the_block_whatever_happens(autojump_clock: Any) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    with pytest.raises(RuntimeError):
        async with open_transport(theirs, 1000):
            raise RuntimeError
    assert await ours.receive_some() == b""


# --- what the peer does wrong, over a real socket ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "code", "reason"),
    [
        pytest.param(client_frame(0x81, b"x" * 300_000), 1009, "Exceeded maximum message size", id="too big"),
        pytest.param(
            client_frame(0xC1, b"{}"), 1002, "a compressed frame? no extension was agreed", id="compressed"
        ),
        pytest.param(client_frame(0x81, b"\xff\xfe"), 1007, "", id="no UTF-8"),
        pytest.param(client_frame(0x83, b"x"), 1002, "", id="reserved opcode"),
    ],
)
async def test_the_close_code_reaches_a_peer_that_goes_on_sending(
    mock_clock: trio.testing.MockClock, said: bytes, code: int, reason: str
) -> None:
    """A socket that is closed with unread data in it is reset, and the close code in it may be lost.

    The clock stands still, so that the speed of the machine does not matter.
    """
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    address = listener.socket.getsockname()
    faults: list[str] = []

    async def serve() -> None:
        stream = await listener.accept()
        async with open_transport(stream, 1024) as transport:
            await (await transport.request()).accept()
            with pytest.raises(ConnectionEnded) as ended:
                await transport.receive()
            faults.append(str(ended.value))
            await transport.abort()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        stream = await trio.open_tcp_stream(*address[:2])
        await stream.send_all(UPGRADE)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")
        await stream.send_all(said)
        for _ in range(20):
            await stream.send_all(client_frame(0x81, b"y" * 10_000))
        await stream.send_eof()
        closing = bytearray()
        async for data in stream:
            closing += data
        await stream.aclose()
    await listener.aclose()
    assert closing[:1] == b"\x88"
    assert struct.unpack("!H", closing[2:4])[0] == code
    assert reason in faults[0]


async def test_a_peer_that_never_stops_sending_is_waited_for_only_so_long(autojump_clock: Any) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery, open_transport(theirs, 1024) as transport:
        nursery.start_soon(ours.send_all, UPGRADE)
        await (await transport.request()).accept()
        await ours.send_all(client_frame(0x81, b"x" * 5000))
        with pytest.raises(ConnectionEnded):
            await transport.receive()
        began = trio.current_time()
        await transport.abort()
        assert trio.current_time() - began == LINGER


async def test_a_socket_pair_serves_as_well_as_any_stream() -> None:
    one, other = (trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in socket.socketpair())
    async with open_transport(one, 1024) as transport, trio.open_nursery() as nursery:
        nursery.start_soon(other.send_all, UPGRADE)
        request = await transport.request()
        assert request.path == "/ocpp/CP1"
        await trio.aclose_forcefully(other)


class SlowPeer(trio.abc.Stream):
    """Takes nothing while it is not told to."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.reads = trio.Event()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.reads.wait()
        await self.stream.send_all(data)

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.stream.receive_some(max_bytes)

    async def wait_send_all_might_not_block(self) -> None:
        await self.stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self.stream.aclose()


async def test_after_half_a_frame_nothing_is_written_and_nothing_counts_as_written(
    autojump_clock: Any,
) -> None:
    """A reader that flushes its pong and an answer behind it is cancelled meanwhile."""
    ours, theirs = trio.testing.memory_stream_pair()
    slow = SlowPeer(theirs)
    slow.reads.set()
    async with open_transport(slow, 1000) as transport, trio.open_nursery() as nursery:
        await ours.send_all(UPGRADE)
        await (await transport.request()).accept()
        slow.reads = trio.Event()
        reading = trio.CancelScope()

        @nursery.start_soon
        async def read() -> None:
            with reading:
                await transport.receive()

        await ours.send_all(client_frame(0x89, b"?"))
        await trio.testing.wait_all_tasks_blocked()
        assert not transport.begin_send("answer")
        reading.cancel()
        with pytest.raises(ConnectionEnded):
            await transport.finish_send()
        slow.reads.set()
        with pytest.raises(ConnectionEnded):
            transport.begin_send("another")


async def test_empty_fragments_are_not_kept(autojump_clock: Any) -> None:
    async with connected() as (transport, _, stream), trio.open_nursery() as nursery:
        nursery.start_soon(transport.receive)
        await stream.send_all(client_frame(0x01, b"") + client_frame(0x00, b"") * 500)
        await trio.testing.wait_all_tasks_blocked()
        assert not transport._parts
        await stream.send_all(client_frame(0x80, b"end"))
