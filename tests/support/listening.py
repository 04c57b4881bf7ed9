"""Listeners without a port, with pipes or with sockets."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import trio
from trio_websocket import wrap_client_stream

from ocpp_actors.server.listening import Accepted, EagerListener, Listener, name_of
from tests.support.central import Central, Charger, open_central


class PipedSocket(trio.abc.HalfCloseableStream):
    """One end of a pipe, and the connection that was accepted: without a socket, as if its peer had spoken."""

    socket = None

    def __init__(self, pipe: trio.StapledStream[Any, Any], address: tuple[Any, ...]) -> None:
        self.pipe = pipe
        self.remote = name_of(address)

    def stream(self) -> "PipedSocket":
        return self

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.pipe.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.pipe.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.pipe.receive_some(max_bytes)

    async def send_eof(self) -> None:
        await self.pipe.send_eof()

    def close(self) -> None:
        """Close at once, as a socket does."""
        self.pipe.send_stream.close()
        self.pipe.receive_stream.close()

    async def aclose(self) -> None:
        await self.pipe.aclose()


class PipeListener(Listener):
    """Accepts what the test offers, in order: streams, or errors that are raised."""

    def __init__(self) -> None:
        self._offer, self._offered = trio.open_memory_channel[PipedSocket | Exception](1000)
        self.accepted: list[PipedSocket] = []
        self.accepted_at: list[float] = []
        self.closed = False

    def fail(self, error: Exception) -> None:
        self._offer.send_nowait(error)

    def connect(
        self, central: Central, address: tuple[Any, ...] = ("192.0.2.1", 50000)
    ) -> trio.StapledStream[Any, Any]:
        """Offer a connection and return the other end of it."""
        ours: trio.StapledStream[Any, Any]
        ours, theirs = central.pipe()
        self._offer.send_nowait(PipedSocket(theirs, address))
        return ours

    async def accept(self) -> Any:
        offered = await self._offered.receive()
        if isinstance(offered, Exception):
            raise offered
        self.accepted.append(offered)
        self.accepted_at.append(trio.current_time())
        return offered

    async def aclose(self) -> None:
        self.closed = True


class SocketListener(Listener):
    """Accepts sockets of this process that the test connects, each with an address that the test makes up."""

    def __init__(self) -> None:
        self._offer, self._offered = trio.open_memory_channel[Accepted](10_000)
        self._peers: list[trio.SocketStream] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let the peers leave."""
        for each in self._peers:
            each.socket.close()

    def connect(self, address: tuple[Any, ...] = ("192.0.2.1", 50000)) -> trio.SocketStream:
        """Connect, and return the peer's end of the connection."""
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        self._offer.send_nowait(Accepted(name_of(address), theirs))
        self._peers.append(trio.SocketStream(trio.socket.from_stdlib_socket(ours)))
        return self._peers[-1]

    async def accept(self) -> Accepted:
        return await self._offered.receive()

    async def aclose(self) -> None:
        self._offer.close()


@asynccontextmanager
async def listening(**settings: Any) -> AsyncIterator[tuple[Central, SocketListener]]:
    """Run a central system that listens, and return it with where sockets are connected."""
    async with open_central(**settings) as central:
        listener = SocketListener()
        central.nursery.start_soon(central.server.run, [listener])
        with listener:
            yield central, listener


async def listen_on_a_port(central: Central) -> int:
    """Let a central system serve on a port of this machine that is free, and return it."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    central.nursery.start_soon(central.server.run, [EagerListener(listener)])
    port: int = listener.socket.getsockname()[1]
    return port


@asynccontextmanager
async def charger_on(stream: Any, identity: str = "CP1") -> AsyncIterator[Charger]:
    """Speak to the server at the other end of a stream, as a charger, for the length of the block."""
    async with trio.open_nursery() as nursery:
        connection = await wrap_client_stream(
            nursery, stream, "central.test", f"/ocpp/{identity}", subprotocols=["ocpp1.6"]
        )
        yield Charger(connection, stream)
        nursery.cancel_scope.cancel()
    with trio.CancelScope(shield=True):
        await trio.aclose_forcefully(stream)
