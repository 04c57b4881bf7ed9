"""Serves the API over TCP with Hypercorn's trio worker, in a nursery of ours.

Hypercorn's own loop makes its listeners itself and waits without an end for a client that does not read: its writing is
shielded. So connections are accepted here, and each is given to Hypercorn's ``TCPServer`` on a stream of ours whose
writing has a deadline. That seam is not public, so Hypercorn's version is pinned.
"""

import logging
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, cast

import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ConnectionState

from ocpp_actors.charge_point.session import Doorbell
from ocpp_actors.operator.http.front import Front

log = structlog.get_logger(__name__)

MAX_CONNECTIONS: Final = 512
"""Connections at the same time; more wait to be accepted."""

SEND_TIME: Final = 10.0
"""Seconds for a client to take what is written at once."""

IDLE_TIME: Final = 15.0
"""Seconds for a request to come, the first or the next."""

GRACE: Final = 2.0
"""Seconds at the end for answers that are on their way."""

MAX_HEADERS: Final = 16 * 1024
"""Bytes of a request line with its headers that are kept until the rest of them comes."""

ACCEPT_PAUSE: Final = 0.5
"""Seconds before the next connection is accepted when one could not be."""


class BoundedStream:
    """A socket stream on which writing ends in time: a client that does not read is dropped."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream

    @property
    def socket(self) -> Any:
        """The socket, whose addresses Hypercorn asks for."""
        return self._stream.socket

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive."""
        return await self._stream.receive_some(max_bytes)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of it.

        Raises trio.BrokenResourceError: the client did not take it within SEND_TIME.
        """
        with trio.move_on_after(SEND_TIME):
            await self._stream.send_all(data)
            return
        log.warning("an API client does not read and is dropped")
        self.abort()
        raise trio.BrokenResourceError("the client does not read")

    async def send_eof(self) -> None:
        """Tell the client that nothing more comes."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close."""
        await self._stream.aclose()

    def abort(self) -> None:
        """Drop the connection now; whoever waits for it is woken."""
        with suppress(OSError):
            self._stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._stream.socket.close()


class HttpServer:
    """The listener of the API."""

    def __init__(self, application: Front, ending: trio.Event) -> None:
        self._application = ASGIWrapper(cast(ASGIFramework, application))
        self._ending = ending
        self._config = _config()
        self._context = WorkerContext(None)
        self._room = trio.Semaphore(MAX_CONNECTIONS)
        self._accepting = trio.CancelScope()
        self._streams: set[BoundedStream] = set()
        self._one_ended = Doorbell()

    def shut_down(self) -> None:
        """Stop accepting and end streams; run() returns after at most GRACE seconds."""
        self._accepting.cancel()

    async def run(self, listeners: Sequence[trio.abc.Listener[trio.SocketStream]]) -> None:
        """Serve until shut_down()."""
        async with trio.open_nursery() as connections:
            try:
                try:
                    with self._accepting:
                        async with trio.open_nursery() as acceptors:
                            for listener in listeners:
                                acceptors.start_soon(self._accept, listener, connections)
                finally:
                    for listener in listeners:
                        await trio.aclose_forcefully(listener)
                    self._ending.set()
                await self._context.terminated.set()
                with trio.move_on_after(GRACE):
                    while self._streams:
                        await self._one_ended.wait()
            finally:
                # Hypercorn shields its writing, so that cancelling alone would have to wait for it.
                for stream in self._streams:
                    stream.abort()
            connections.cancel_scope.cancel()

    async def _accept(
        self, listener: trio.abc.Listener[trio.SocketStream], connections: trio.Nursery
    ) -> None:
        while True:
            await self._room.acquire()
            try:
                stream = await listener.accept()
            except OSError as error:
                # The peer gave up meanwhile, or the machine has no room for another connection: accept(2).
                self._room.release()
                log.warning("a connection to the API could not be accepted", reason=error.strerror)
                await trio.sleep(ACCEPT_PAUSE)
            else:
                connections.start_soon(self._serve_accepted, BoundedStream(stream))

    async def _serve_accepted(self, stream: BoundedStream) -> None:
        self._streams.add(stream)
        try:
            server = TCPServer(
                self._application, self._config, self._context, ConnectionState({}), cast(Any, stream)
            )
            await server.run()
        except* Exception as group:
            log.error("a connection to the API failed", exc_info=group)  # noqa: TRY400 — the group as it is
        finally:
            stream.abort()
            self._streams.discard(stream)
            self._room.release()
            self._one_ended.ring()


def _config() -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.loglevel = "WARNING"
    config.include_server_header = False
    config.keep_alive_timeout = IDLE_TIME
    config.h11_max_incomplete_size = MAX_HEADERS
    config.h2_max_concurrent_streams = 1
    return config
