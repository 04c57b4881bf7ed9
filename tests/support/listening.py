"""A listener without sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio_websocket import wrap_client_stream

from tests.support.central import Central, Charger


class PipedSocket(trio.abc.HalfCloseableStream):
    """One end of a pipe that has a peer's address, as a trio.SocketStream has."""

    def __init__(self, stream: trio.StapledStream[Any, Any], address: tuple[Any, ...] | None) -> None:
        self.stream = stream
        self.socket = self
        self._address = address

    def getpeername(self) -> tuple[Any, ...]:
        if self._address is None:
            raise OSError("not connected")
        return self._address

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.stream.receive_some(max_bytes)

    async def send_eof(self) -> None:
        await self.stream.send_eof()

    def close(self) -> None:
        """Close at once, as a socket does."""
        self.stream.send_stream.close()
        self.stream.receive_stream.close()

    async def aclose(self) -> None:
        await self.stream.aclose()


class PipeListener(trio.abc.Listener[Any]):
    """Accepts what the test offers, in order: streams, or errors that are raised."""

    def __init__(self) -> None:
        self._offer, self._offered = trio.open_memory_channel[PipedSocket | Exception](1000)
        self.accepted: list[PipedSocket] = []
        self.accepted_at: list[float] = []
        self.closed = False

    def fail(self, error: Exception) -> None:
        self._offer.send_nowait(error)

    def connect(
        self, central: Central, address: tuple[Any, ...] | None = ("192.0.2.1", 50000)
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
