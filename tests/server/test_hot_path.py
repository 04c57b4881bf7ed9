"""The short way for text messages and sockets does what the long way does: same messages, same bytes, same ends."""

import os
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import accumulate, pairwise
from unittest.mock import Mock

import pytest
import trio
import trio.testing
import wsproto
from attrs import frozen
from hypothesis import example, given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from tests.support.script import Script
from wsproto.events import AcceptConnection, TextMessage

from ocpp_actors.charge_point.connection import ConnectionEnded
from ocpp_actors.pace import TokenBucket
from ocpp_actors.server.common_frames import text_frame, unmasked, whole_text
from ocpp_actors.server.transport import HandshakeFailed, Transport, open_transport
from ocpp_actors.server.wires import Hearing

LIMIT = 60_000
UPGRADE = (
    b"GET /ocpp/CP1 HTTP/1.1\r\nHost: central.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@frozen
class Seen:
    """What came out of a transport: messages, how it ended, and the bytes that the peer got."""

    messages: tuple[str | bytes, ...]
    ended: str
    answered: bytes
    fault: str
    pong: bool


async def look(
    stream: trio.abc.Stream, *, hot_path: bool, hearing: Hearing | None = None
) -> tuple[tuple[str | bytes, ...], str, str, bool]:
    messages: list[str | bytes] = []
    async with open_transport(stream, LIMIT, hot_path=hot_path, hearing=hearing) as transport:
        await (await transport.request()).accept()
        try:
            while True:
                messages.append(await transport.receive())
        except ConnectionEnded as ended:
            return tuple(messages), str(ended), transport.fault, transport.last_pong is not None


def seen(chunks: Sequence[bytes], *, hot_path: bool) -> Seen:
    async def run() -> Seen:
        stream = Script([UPGRADE, *chunks])
        messages, ended, fault, pong = await look(stream, hot_path=hot_path)
        return Seen(messages, ended, stream.written, fault, pong)

    return trio.run(run)


# --- what is sent ------------------------------------------------------------------------------------------------


def frame(
    first: int, payload: bytes, *, mask: bytes = b"\x11\x22\x33\x44", length: int | None = None
) -> bytes:
    """A masked frame; ``length``: how many bytes its length takes, 0, 2 or 8."""
    size = len(payload)
    if length is None:
        length = 0 if size < 126 else 2 if size < 1 << 16 else 8
    head = {
        0: lambda: bytes((first, 0x80 | size)),
        2: lambda: struct.pack("!BBH", first, 0xFE, size),
        8: lambda: struct.pack("!BBQ", first, 0xFF, size),
    }[length]()
    return head + mask + unmasked(mask, payload)


texts = st.one_of(
    st.text(max_size=40),
    st.integers(100, 140).map(lambda size: "x" * size),
    st.sampled_from(["", "é" * 63, "y" * 65_535, "z" * 65_536, "a" * LIMIT, "b" * (LIMIT + 1), "ü" * LIMIT]),
).map(str.encode)
masks = st.binary(min_size=4, max_size=4)
whole = st.builds(lambda text, mask: frame(0x81, text, mask=mask), texts, masks)
others = st.one_of(
    st.binary(max_size=30).map(lambda data: frame(0x82, data)),
    st.binary(max_size=30).map(lambda data: frame(0x81, data)),  # mostly not UTF-8
    st.binary(max_size=20).map(lambda data: frame(0x89, data)),
    st.just(frame(0x8A, b"")),
    st.builds(lambda one, two: frame(0x01, one) + frame(0x80, two), texts, texts),
    st.builds(lambda one, two: frame(0x01, one) + frame(0x89, b"!") + frame(0x80, two), texts, texts),
    st.just(frame(0x01, b"never finished")),
    st.just(frame(0x80, b"nothing to continue")),
    st.just(frame(0x88, struct.pack("!H", 4000) + b"bye")),
    st.sampled_from([frame(0xC1, b"{}"), frame(0x83, b"x"), b"\x81\x02hi", frame(0x81, b"x" * 9, length=2)]),
    st.integers(0, 200).map(lambda size: frame(0x81, b"x" * size, length=8)),
    st.binary(min_size=1, max_size=12),
)
conversations = st.lists(st.one_of(whole, whole, others), max_size=6)


@given(conversations, st.lists(st.integers(0, 400), max_size=8), st.booleans())
@example([frame(0x81, b"x" * 9, length=2)], [], True)
@example([frame(0x81, b"x" * 200, length=8)], [], True)
@example([frame(0x81, b"x" * 119, length=8)], [], True)
@example([frame(0x81, b"x" * LIMIT)], [], True)
@example([frame(0x81, b"x" * (LIMIT + 1))], [], True)
@example([frame(0x81, b"good"), frame(0x81, b"\xff")], [], True)
@example([b"\x81\x04good"], [], True)
@example([frame(0x01, b"a"), frame(0x81, b"b")], [], True)
@example([frame(0x81, b"a"), frame(0x81, b"b")], [], False)
def test_the_short_way_does_what_the_long_way_does(
    frames: list[bytes], cuts: list[int], each_by_itself: bool
) -> None:
    said = b"".join(frames)
    ends = accumulate(len(each) for each in frames) if each_by_itself else []
    edges = sorted({0, len(said), *ends, *(cut for cut in cuts if cut < len(said))})
    chunks = [said[begin:end] for begin, end in pairwise(edges) if begin < end]
    assert seen(chunks, hot_path=True) == seen(chunks, hot_path=False)


TALK = (
    frame(0x81, b'[2,"1","Heartbeat",{}]')
    + frame(0x81, "[é]".encode())
    + frame(0x89, b"?")
    + frame(0x8A, b"")
    + frame(0x01, b"ab")
    + frame(0x80, b"cd")
    + frame(0x81, b"x" * 130)
    + frame(0x88, struct.pack("!H", 1000))
)


@pytest.mark.parametrize("hot_path", [True, False])
def test_every_split_of_the_input_is_taken_alike(hot_path: bool) -> None:
    expected = seen([TALK], hot_path=False)
    assert expected.messages == ('[2,"1","Heartbeat",{}]', "[é]", "abcd", "x" * 130)
    for cut in range(1, len(TALK)):
        assert seen([TALK[:cut], TALK[cut:]], hot_path=hot_path) == expected
    assert seen([bytes((byte,)) for byte in TALK], hot_path=hot_path) == expected


@pytest.mark.parametrize("hot_path", [True, False])
async def test_pongs_are_read_at_their_pace(autojump_clock: trio.testing.MockClock, hot_path: bool) -> None:
    stream = Script([UPGRADE, *[frame(0x8A, b"")] * 21])
    pace = TokenBucket(10, 1, trio.current_time())
    async with open_transport(stream, LIMIT, hot_path=hot_path, pace=pace) as transport:
        await (await transport.request()).accept()
        with pytest.raises(ConnectionEnded):
            await transport.receive()
        assert transport.last_pong is not None
    assert trio.current_time() == pytest.approx(2.1)


async def test_texts_and_pongs_are_taken_without_wsproto(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Script([UPGRADE, frame(0x81, b"one"), frame(0x8A, b""), frame(0x81, b"two" * 60)])
    async with open_transport(stream, LIMIT) as transport:
        await (await transport.request()).accept()
        monkeypatch.delattr(wsproto.connection.Connection, "receive_data")
        assert await transport.receive() == "one"
        assert transport.last_pong is None
        assert await transport.receive() == "two" * 60
        with pytest.raises(ConnectionEnded):
            await transport.receive()
        assert transport.last_pong is not None


async def test_a_socket_is_read_and_written_as_a_stream_is() -> None:
    """With a peer that reads nothing before it has sent all, so that the server's writes cannot go at once."""
    results = []
    hearing = Hearing()
    for hot_path, heard in ((True, hearing), (True, None), (False, hearing)):
        ours, theirs = (
            trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in socket.socketpair()
        )
        pings = b"".join(frame(0x89, b"%d" % number) for number in range(3000))
        got = bytearray()

        async def talk(stream: trio.SocketStream = theirs, said: bytes = pings, got: bytearray = got) -> None:
            async with stream:
                await stream.send_all(UPGRADE)
                got += await stream.receive_some(4096)
                await stream.send_all(frame(0x81, b"one") + said + TALK)
                async for chunk in stream:
                    got += chunk

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hearing.run)
            nursery.start_soon(talk)
            results.append((await look(ours, hot_path=hot_path, hearing=heard), got))
            nursery.cancel_scope.cancel()
    assert results[0] == results[1] == results[2]
    assert results[0][0][0][0] == "one"


async def test_a_write_that_does_not_go_at_once_goes_on_in_order() -> None:
    ours, theirs = (trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in socket.socketpair())
    texts = [f"{number}" * 20_000 for number in range(60)]
    async with open_transport(ours, LIMIT) as transport, theirs, trio.open_nursery() as nursery:
        await theirs.send_all(UPGRADE)
        await (await transport.request()).accept()
        assert (await theirs.receive_some()).startswith(b"HTTP/1.1 101")
        begun = [transport.begin_send(text) for text in texts]
        assert begun[0]
        assert not begun[-1]
        nursery.start_soon(transport.finish_send)
        client = wsproto.connection.Connection(wsproto.ConnectionType.CLIENT)
        received: list[str] = []
        parts = ""
        while len(received) < len(texts):
            client.receive_data(await theirs.receive_some())
            for event in client.events():
                assert isinstance(event, TextMessage)
                parts += event.data
                if event.message_finished:
                    received.append(parts)
                    parts = ""
    assert received == texts


async def test_a_socket_that_is_closed_meanwhile_ends_the_connection() -> None:
    ours, theirs = (trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in socket.socketpair())
    async with open_transport(ours, LIMIT) as transport, theirs, trio.open_nursery() as nursery:
        await theirs.send_all(UPGRADE)
        await (await transport.request()).accept()

        @nursery.start_soon
        async def receive() -> None:
            with pytest.raises(ConnectionEnded):
                await transport.receive()

        await trio.testing.wait_all_tasks_blocked()
        await trio.aclose_forcefully(ours)
        with pytest.raises(ConnectionEnded):
            transport.begin_send("x")


@asynccontextmanager
async def opened(hearing: Hearing) -> AsyncIterator[tuple[Transport, trio.SocketStream]]:
    """A transport after its handshake, and the other end of its socket."""
    ours, theirs = (trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in socket.socketpair())
    async with (
        open_transport(ours, LIMIT, hearing=hearing) as transport,
        theirs,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(hearing.run)
        await theirs.send_all(UPGRADE)
        await (await transport.request()).accept()
        await theirs.receive_some()
        await trio.testing.wait_all_tasks_blocked()
        yield transport, theirs
        nursery.cancel_scope.cancel()


async def test_what_is_said_before_the_answer_to_the_handshake_comes_first() -> None:
    ours, theirs = (trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in socket.socketpair())
    async with open_transport(ours, LIMIT) as transport, theirs:
        await theirs.send_all(UPGRADE)
        request = await transport.request()
        async with transport.watching():
            await theirs.send_all(frame(0x81, b"one"))
            await trio.testing.wait_all_tasks_blocked()
        await theirs.send_all(frame(0x81, b"two"))
        await request.accept()
        with trio.fail_after(5):
            assert [await transport.receive() for _ in range(2)] == ["one", "two"]


async def test_a_number_that_is_another_connections_by_now_is_not_read() -> None:
    """During a handshake a connection is closed past its transport, to make room for others: these come at once."""
    ours, theirs = (trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in socket.socketpair())
    other, its_peer = socket.socketpair()
    with other, its_peer:
        other.setblocking(False)
        its_peer.sendall(UPGRADE)
        async with open_transport(ours, LIMIT) as transport, theirs, trio.open_nursery() as nursery:

            @nursery.start_soon
            async def wait() -> None:
                with pytest.raises(HandshakeFailed):
                    await transport.request()

            await theirs.send_all(UPGRADE[:10])
            await trio.testing.wait_all_tasks_blocked()
            number = ours.socket.fileno()
            ours.socket.close()
            os.dup2(other.fileno(), number)
            try:
                await trio.testing.wait_all_tasks_blocked()
                assert os.read(number, 1000) == UPGRADE
            finally:
                os.close(number)


async def test_a_number_that_is_another_connections_by_now_is_not_written() -> None:
    ours, theirs = (trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in socket.socketpair())
    other, its_peer = socket.socketpair()
    with other, its_peer:
        async with open_transport(ours, LIMIT) as transport, theirs:
            await theirs.send_all(UPGRADE)
            request = await transport.request()
            number = ours.socket.fileno()
            ours.socket.close()
            os.dup2(other.fileno(), number)
            try:
                with pytest.raises(ConnectionEnded):
                    await request.accept()
            finally:
                os.close(number)
        its_peer.setblocking(False)
        with pytest.raises(BlockingIOError):
            its_peer.recv(1)


async def test_a_connection_that_cannot_be_waited_for_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    ours, theirs = (trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in socket.socketpair())
    with capture_logs() as logs:
        async with open_transport(ours, LIMIT) as transport, theirs:
            await theirs.send_all(UPGRADE)
            await (await transport.request()).accept()
            monkeypatch.setattr(trio.lowlevel, "wait_readable", fail)
            with pytest.raises(ConnectionEnded, match="1006"):
                await transport.receive()
            monkeypatch.undo()
            await transport.close(1001, "over")
    assert [each["event"] for each in logs] == ["a connection cannot be waited for"]


async def test_who_reads_is_woken_when_another_task_drops_the_connection() -> None:
    async with opened(Hearing()) as (transport, _), trio.open_nursery() as nursery:

        @nursery.start_soon
        async def receive() -> None:
            with pytest.raises(ConnectionEnded):
                await transport.receive()

        await trio.testing.wait_all_tasks_blocked()
        await transport.abort()


async def test_what_comes_while_nobody_reads_is_told_once() -> None:
    told: list[str] = []
    async with opened(Hearing()) as (transport, peer):
        await peer.send_all(frame(0x81, b"one"))
        assert await transport.receive() == "one"
        assert transport.when_something_comes(lambda: told.append("something"))
        await trio.testing.wait_all_tasks_blocked()
        assert not told
        for text in (b"two", b"three"):
            await peer.send_all(frame(0x81, text))
            await trio.testing.wait_all_tasks_blocked()
        assert told == ["something"]
        assert not transport.when_something_comes(lambda: told.append("it is there"))
        assert [await transport.receive()] == ["two"]
        assert not transport.when_something_comes(lambda: told.append("it was read already"))
        assert [await transport.receive()] == ["three"]
        assert transport.when_something_comes(lambda: told.append("the end"))
        await peer.aclose()
        await trio.testing.wait_all_tasks_blocked()
    assert told == ["something", "the end"]


@pytest.mark.parametrize("reads", [True, False])
async def test_an_end_that_comes_with_the_last_message_is_noticed(reads: bool) -> None:
    """The kernel tells of both at once, and never again."""
    async with opened(Hearing()) as (transport, peer), trio.open_nursery() as nursery:
        heard: list[str | bytes] = []
        ended = trio.Event()

        async def receive() -> None:
            with suppress(ConnectionEnded):
                while True:
                    heard.append(await transport.receive())
            ended.set()

        if reads:
            nursery.start_soon(receive)
            await trio.testing.wait_all_tasks_blocked()
        raw = socket.socket(fileno=os.dup(peer.socket.fileno()))
        with raw:
            raw.sendall(frame(0x81, b"last"))
            raw.shutdown(socket.SHUT_WR)
        if not reads:
            await trio.testing.wait_all_tasks_blocked()
            assert not transport.when_something_comes(lambda: None)
            nursery.start_soon(receive)
        with trio.fail_after(5):
            await ended.wait()
    assert heard == ["last"]


async def test_a_connection_that_has_ended_has_nothing_to_wait_for() -> None:
    async with opened(Hearing()) as (transport, peer):
        await peer.send_all(frame(0x81, b"last") + frame(0x88, struct.pack("!H", 1000)))
        assert await transport.receive() == "last"
        assert not transport.when_something_comes(lambda: None)


async def test_a_reader_that_cannot_be_woken_harms_no_other() -> None:
    def fail() -> None:
        raise RuntimeError("broken")

    hearing = Hearing()
    with capture_logs() as logs:
        async with opened(hearing) as (one, peer_of_one):
            await peer_of_one.send_all(frame(0x81, b"one"))
            assert await one.receive() == "one"
            assert one.when_something_comes(fail)
            await peer_of_one.send_all(frame(0x81, b"two"))
            await trio.testing.wait_all_tasks_blocked()
            await peer_of_one.send_all(frame(0x81, b"three"))
            assert [await one.receive(), await one.receive()] == ["two", "three"]
    assert [each["event"] for each in logs] == ["a reader could not be woken"]


async def test_a_socket_that_cannot_be_heard_is_read_all_the_same() -> None:
    ours, theirs = (trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in socket.socketpair())
    full = Mock(spec=Hearing)
    full.watch.side_effect = OSError(28, "No space left on device")
    with capture_logs() as logs:
        async with open_transport(ours, LIMIT, hearing=full) as transport, theirs:
            await theirs.send_all(UPGRADE)
            await (await transport.request()).accept()
            await theirs.send_all(frame(0x81, b"one"))
            assert await transport.receive() == "one"
            assert not transport.when_something_comes(lambda: None)
    assert [each["event"] for each in logs] == ["a connection takes the slow path"]


@given(st.text(max_size=300), st.sampled_from([0, 200, 70_000]))
def test_a_text_frame_is_wsprotos(text: str, more: int) -> None:
    server = wsproto.connection.Connection(wsproto.ConnectionType.SERVER)
    text += "m" * more
    assert text_frame(text) == server.send(TextMessage(text))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 0xFFFF])
def test_a_text_that_comes_alone_and_whole_is_taken(size: int) -> None:
    content = b"x" * size
    assert whole_text(frame(0x81, content), size) == content.decode()


@pytest.mark.parametrize(
    "received",
    [
        b"",
        frame(0x81, b"one")[:5],
        frame(0x81, b"one")[:-1],
        frame(0x81, b"one" * 60)[:7],
        frame(0x81, b"one") + frame(0x81, b"two"),
        frame(0x81, b"one") + b"\x81",
        frame(0x01, b"one"),
        frame(0x82, b"one"),
        frame(0x89, b"one"),
        frame(0xC1, b"one"),
        frame(0x81, b"\xff"),
        b"\x81\x03onexyz",
        b"\x81\xfe\x00\x03maskone",
        b"\x81\xff" + (3).to_bytes(8) + b"maskone",
        frame(0x81, b"x" * 119, length=8),
    ],
)
def test_all_else_is_left_alone(received: bytes) -> None:
    assert whole_text(received, LIMIT) is None


def test_a_text_that_is_too_long_is_left_alone() -> None:
    text = frame(0x81, b"two" * 60)
    assert whole_text(text, 180) is not None
    assert whole_text(text, 179) is None


def test_accept_is_the_only_event_of_a_handshake() -> None:
    """What send_event relies on: wsproto has a connection as soon as the handshake was accepted."""
    protocol = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
    protocol.receive_data(UPGRADE)
    list(protocol.events())
    assert protocol.connection is None
    protocol.send(AcceptConnection())
    assert protocol.connection is not None
