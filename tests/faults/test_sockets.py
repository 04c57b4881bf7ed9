"""Garbage over real sockets, while fifty chargers go on without one missed answer."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import trio
from tests.faults.bystanders import (
    CLOSE,
    NOT_UTF8,
    NUMBER,
    TEXT,
    TLS_HELLO,
    bystanders,
    client_frame,
    one_heartbeat_each,
    upgrade,
)
from tests.support.central import Central, open_central

from ocpp_actors.server.listening import EagerListener

GARBAGE, BATCH = 10_000, 500
METHODS = (b"GET ", b"GET /ocpp/X HTTP/1.1\r\n", b"POST / HTTP/1.0\r\n\r\n", b"")


@asynccontextmanager
async def listening(central: Central) -> AsyncIterator[int]:
    """Let the server listen on a port of the system's choice for the length of the block."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=BATCH)
    port: int = listener.socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(central.server.run, [EagerListener(listener)])
        yield port
        central.server.shut_down()


@pytest.mark.heavy
@pytest.mark.unmeasured
async def test_random_bytes_as_http_harm_nobody() -> None:
    chance = random.Random(20260301)
    async with (
        open_central(max_connection_rate=100_000.0, handshake_timeout=30.0) as central,
        listening(central) as port,
        bystanders(central) as chargers,
    ):
        for _ in range(GARBAGE // BATCH):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(one_heartbeat_each, chargers)
                for _ in range(BATCH):
                    rubbish = chance.choice(METHODS) + chance.randbytes(chance.randint(1, 200))
                    nursery.start_soon(throw, port, rubbish)
        await one_heartbeat_each(chargers)
        assert len(central.fleet) == NUMBER


async def throw(port: int, rubbish: bytes) -> None:
    """Send some bytes and the end of the stream, and wait until the server has hung up."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        with suppress(trio.BrokenResourceError):  # hung up before it had read everything
            await stream.send_all(rubbish)
            await stream.send_eof()
            while await stream.receive_some():
                pass


async def test_tls_hello_on_the_plain_port_harms_nobody() -> None:
    async with open_central() as central, listening(central) as port, bystanders(central) as chargers:
        await throw(port, TLS_HELLO)
        await one_heartbeat_each(chargers)


async def test_peer_that_sends_too_much_reads_why() -> None:
    async with (
        open_central(max_message_size=1 << 16) as central,
        listening(central) as port,
        bystanders(central) as chargers,
    ):
        await one_heartbeat_each(chargers)
        assert await close_code_after(port, client_frame(TEXT, b"x" * (1 << 19))) == 1009
        await one_heartbeat_each(chargers)


async def test_peer_that_sends_invalid_utf8_reads_why() -> None:
    async with open_central() as central, listening(central) as port, bystanders(central) as chargers:
        assert await close_code_after(port, client_frame(TEXT, NOT_UTF8)) == 1007
        await one_heartbeat_each(chargers)


async def close_code_after(port: int, data: bytes) -> int:
    """Connect a charger that sends these bytes and only then reads; return the close code that it reads."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(upgrade("BAD"))
        head = await stream.receive_some()
        assert b" 101 " in head
        assert head.endswith(b"\r\n\r\n")
        await stream.send_all(data)
        frame = await stream.receive_some()
    assert frame[0] == 0x80 | CLOSE
    return int.from_bytes(frame[2:4], "big")
