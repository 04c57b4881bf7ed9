"""A connection that can be stalled on purpose: the peer sees a central system that neither reads nor writes."""

import math
from datetime import datetime

import trio

from ocpp_actors.central_system.context import CentralSystem
from ocpp_actors.charge_point.connection import Connection
from ocpp_actors.charge_point.frame_writer import FrameWriter


class Stall:
    """Until when one connection is stalled."""

    def __init__(self) -> None:
        self._until = -math.inf

    def begin(self, seconds: float) -> None:
        """Stall the connection from now on."""
        self._until = trio.current_time() + seconds

    async def over(self) -> None:
        """Wait until the connection is not stalled."""
        if trio.current_time() < self._until:
            await trio.sleep_until(self._until)


class StallingStream(trio.abc.HalfCloseableStream):
    """A stream that delivers nothing and takes nothing during a stall; it can be closed at any time."""

    def __init__(self, stream: trio.abc.Stream, stall: Stall) -> None:
        self._stream = stream
        self._stall = stall

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive; what comes during a stall is delivered after it."""
        data = await self._stream.receive_some(max_bytes)
        await self._stall.over()
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, after the stall."""
        await self._stall.over()
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until sending might not block."""
        await self._stall.over()
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Send an end of file where the stream can."""
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close."""
        await self._stream.aclose()


class StallingWriter(FrameWriter):
    """A frame writer that waits for the end of a stall before the time for a write begins to run."""

    def __init__(
        self,
        stall: Stall,
        identity: str,
        central_system: CentralSystem,
        connection: Connection,
        send_timeout: float,
    ) -> None:
        super().__init__(identity, central_system, connection, send_timeout)
        self._stall = stall

    async def write(self, text: str, message_id: str, action: str | None) -> datetime:
        """Write one frame, after the stall; as FrameWriter.write() does."""
        await self._stall.over()
        return await super().write(text, message_id, action)

    async def ping(self) -> None:
        """Write a ping, after the stall. Raises as FrameWriter.ping() does."""
        await self._stall.over()
        await super().ping()
