"""The API over real sockets: clients that stall, leave, talk nonsense or never stop, and the end of the server."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import h2.connection
import h2.events
import pytest
import trio
from attrs import define
from tests.support.central import Central, open_central
from tests.support.desk import StillFeed, make_desk
from tests.support.waiting import eventually
from trio.testing import MockClock

from ocpp_actors.operator.http import serving
from ocpp_actors.operator.http.application import create_application
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.serving import GRACE, IDLE_TIME, SEND_TIME, HttpServer

GET = b"GET /api/v1/overview HTTP/1.1\r\nHost: localhost\r\n\r\n"
EVENTS = b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
CLOSING = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Flood:
    """A feed that never stops."""

    def __init__(self) -> None:
        self.open = 0
        self.asked_at = 0.0

    async def stream(self, *asked: Any) -> AsyncIterator[bytes]:
        self.open += 1
        try:
            while True:
                self.asked_at = trio.current_time()
                yield b"data: " + b"x" * 65536 + b"\n\n"
                await trio.lowlevel.checkpoint()
        finally:
            self.open -= 1


@define
class Running:
    central: Central
    desk: Desk
    server: HttpServer
    address: Any
    ended: trio.Event

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream(*self.address)

    async def get(self, request: bytes = CLOSING) -> bytes:
        """Send this on a connection of its own and return all that comes."""
        async with await self.connect() as stream:
            await stream.send_all(request)
            return await read_all(stream)

    @property
    def connections(self) -> int:
        return len(self.server._streams)


async def read_all(stream: trio.SocketStream) -> bytes:
    received = b""
    try:
        while chunk := await stream.receive_some():
            received += chunk
    except trio.BrokenResourceError:
        received += b"[reset]"
    return received


async def read_until(stream: trio.SocketStream, wanted: bytes) -> bytes:
    received = b""
    while wanted not in received:
        chunk = await stream.receive_some()
        assert chunk, received
        received += chunk
    return received


@asynccontextmanager
async def serving_api(**given: Any) -> AsyncIterator[Running]:
    async with open_central() as central, trio.open_nursery() as nursery:
        desk = make_desk(central, **given)
        server = HttpServer(create_application(desk), desk.ending)
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        ended = trio.Event()

        async def run() -> None:
            await server.run(listeners)
            ended.set()

        nursery.start_soon(run)
        yield Running(central, desk, server, listeners[0].socket.getsockname(), ended)
        server.shut_down()
        await ended.wait()


# --- ordinary --------------------------------------------------------------------------------------------------


async def test_one_connection_serves_many_requests(autojump_clock: MockClock) -> None:
    async with serving_api() as api, await api.connect() as stream:
        for _ in range(3):
            await stream.send_all(GET)
            answer = await read_until(stream, b'"startedAt"')
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"server:" not in answer.lower()
        assert api.connections == 1


async def test_requests_that_come_together_are_answered_in_order(autojump_clock: MockClock) -> None:
    async with serving_api() as api:
        answer = await api.get(GET + GET + CLOSING)
        assert answer.count(b"HTTP/1.1 200") == 3
        assert answer.rindex(b'"startedAt"') < answer.rindex(b'"status":"ok"')


async def test_a_connection_without_a_request_is_closed(autojump_clock: MockClock) -> None:
    async with serving_api() as api:
        for begin in (b"", b"GET / HTTP/1.1\r\nHost: local", GET):
            async with await api.connect() as stream:
                before = trio.current_time()
                await stream.send_all(begin)
                await read_all(stream)
                assert trio.current_time() - before == pytest.approx(IDLE_TIME, abs=1)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"GET / HTTP/1.0\r\n\r\n", b"421"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000, b"431"),
        (b"GET /" + b"x" * 100_000, b"431"),
        (b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", b"400"),
        (b"BREW / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"405"),
        (b"GET /%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"404"),
        (
            (
                b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            ),
            b"403",
        ),
    ],
)
async def test_nonsense_is_answered_and_others_are_served(
    autojump_clock: MockClock, request_: Any, status: Any
) -> None:
    async with serving_api() as api:
        answer = await api.get(request_)
        assert answer.split(b" ", 2)[1] == status, answer
        assert b"HTTP/1.1 200" in await api.get()


async def test_http_2_is_not_served(autojump_clock: MockClock) -> None:
    client = h2.connection.H2Connection()
    client.initiate_connection()
    headers = {":method": "GET", ":scheme": "http", ":authority": "localhost", ":path": "/health/live"}
    client.send_headers(1, list(headers.items()), end_stream=True)
    async with serving_api() as api:
        events = client.receive_data(await api.get(client.data_to_send()))
        (answer,) = (event for event in events if isinstance(event, h2.events.ResponseReceived))
        assert dict(answer.headers)[b":status"] == b"505"
        assert b"HTTP/1.1 200" in await api.get()


# --- clients that do not behave --------------------------------------------------------------------------------


async def test_a_client_that_does_not_read_is_dropped(autojump_clock: MockClock) -> None:
    flood = Flood()
    async with serving_api(feed=flood) as api:
        stream = await api.connect()
        await stream.send_all(EVENTS)
        await eventually(lambda: flood.open == 1)
        await eventually(lambda: api.connections == 0)
        # The kernel may take more of it late: what counts is how long nothing was taken.
        assert trio.current_time() - flood.asked_at == pytest.approx(SEND_TIME, abs=2)
        assert flood.open == 0
        assert b"HTTP/1.1 200" in await api.get()
        await stream.aclose()


@pytest.mark.parametrize("reset", [True, False])
async def test_a_client_that_leaves_ends_its_stream(autojump_clock: MockClock, reset: bool) -> None:
    feed = StillFeed()
    async with serving_api(feed=feed) as api:
        stream = await api.connect()
        await stream.send_all(EVENTS)
        await read_until(stream, b": hello")
        assert feed.open == 1
        if reset:
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await stream.aclose()
        await eventually(lambda: api.connections == 0)
        assert feed.open == 0


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/v1/id-tags/TAG", b"413"), ("/api/v1/nothing", b"404"), ("/api/v1/overview", b"405")],
)
async def test_a_large_body_that_nobody_wants_does_not_hold_the_connection(
    autojump_clock: MockClock, path: str, status: Any
) -> None:
    body = b" " * (3 << 20)
    request = (
        f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    async with serving_api() as api, await api.connect() as stream:
        await stream.send_all(request.encode() + body)
        answer = await read_until(stream, b"\r\n\r\n")
        assert answer.split(b" ", 2)[1] == status
        await stream.aclose()
        await eventually(lambda: api.connections == 0)


async def test_a_body_that_stops_coming_is_given_up(autojump_clock: MockClock) -> None:
    request = (
        b"PUT /api/v1/id-tags/TAG HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100\r\n\r\n{"
    )
    async with serving_api() as api:
        answer = await api.get(request)
        assert answer.split(b" ", 2)[1] == b"408"


async def test_there_is_room_for_so_many_and_others_wait(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MAX_CONNECTIONS", 2)
    async with serving_api() as api:
        first, second = await api.connect(), await api.connect()
        await eventually(lambda: api.connections == 2)
        third = await api.connect()
        await third.send_all(CLOSING)
        with trio.move_on_after(IDLE_TIME / 2) as waiting:
            await third.receive_some()
        assert waiting.cancelled_caught
        await first.aclose()
        assert b"HTTP/1.1 200" in await read_all(third)
        await second.aclose()
        await third.aclose()


# --- the end ---------------------------------------------------------------------------------------------------


async def test_at_the_end_streams_end_properly_and_idle_connections_are_closed(
    autojump_clock: MockClock,
) -> None:
    feed = StillFeed()
    async with serving_api(feed=feed) as api:
        stream, idle = await api.connect(), await api.connect()
        await stream.send_all(EVENTS)
        await read_until(stream, b": hello")
        before = trio.current_time()
        api.server.shut_down()
        assert (await read_all(stream)).endswith(b"0\r\n\r\n")
        assert await read_all(idle) == b""
        await api.ended.wait()
        assert trio.current_time() - before < GRACE
        with pytest.raises(OSError, match="connect"):
            await api.connect()
        await stream.aclose()
        await idle.aclose()


async def test_at_the_end_a_client_that_does_not_read_is_not_waited_for(autojump_clock: MockClock) -> None:
    flood = Flood()
    async with serving_api(feed=flood) as api:
        stream = await api.connect()
        await stream.send_all(EVENTS)
        await eventually(lambda: flood.open == 1)
        await trio.sleep(1)
        before = trio.current_time()
        api.server.shut_down()
        await api.ended.wait()
        assert trio.current_time() - before == pytest.approx(GRACE, abs=0.1)
        assert flood.open == 0
        await stream.aclose()


async def test_an_answer_on_its_way_is_finished_at_the_end(autojump_clock: MockClock) -> None:
    async with serving_api() as api, api.central.charger() as charger, await api.connect() as stream:
        await charger.boot()
        await stream.send_all(
            b"POST /api/v1/charge-points/CP1/calls/ClearCache HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
        )
        frame = await charger.receive()
        api.server.shut_down()
        await trio.sleep(GRACE / 2)
        await charger.send([3, frame[1], {"status": "Accepted"}])
        assert b'"answered"' in await read_all(stream)


async def test_a_server_that_is_cancelled_ends_at_once(autojump_clock: MockClock) -> None:
    flood = Flood()
    async with open_central() as central:
        desk = make_desk(central, feed=flood)
        server = HttpServer(create_application(desk), desk.ending)
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.run, listeners)
            stream = await trio.open_tcp_stream(*listeners[0].socket.getsockname())
            await stream.send_all(EVENTS)
            await eventually(lambda: flood.open == 1)
            await trio.sleep(1)
            before = trio.current_time()
            nursery.cancel_scope.cancel()
        assert trio.current_time() == before
        await stream.aclose()
