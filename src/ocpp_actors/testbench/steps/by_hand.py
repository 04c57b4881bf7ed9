"""A charge point that writes WebSocket frames by hand: what no client library would send."""

import base64
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio
from attrs import define, field

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import Failed, expect, expect_equal

CONTINUATION: Final = 0
TEXT: Final = 1
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

MAX_HEAD: Final = 64 * 1024
"""Bytes of the head of an HTTP answer."""

_KEY: Final = base64.b64encode(b"sixteen bytes...").decode()


@define(eq=False)
class Peer:
    """One stream to the central system. It answers neither pings nor closes by itself."""

    _stream: trio.abc.Stream
    _received: bytearray = field(init=False, factory=bytearray)

    async def send(self, data: bytes) -> None:
        """Write bytes. Raises trio.BrokenResourceError: the central system has left."""
        await self._stream.send_all(data)

    async def status(self) -> int:
        """Read the head of an HTTP answer, and return its status.

        Raises Failed: what came is none. The caller brings the deadline.
        """
        while b"\r\n\r\n" not in self._received:
            data = await self._receive()
            expect(data, "the central system closed the connection without an HTTP answer")
            self._received += data
            expect(len(self._received) < MAX_HEAD, "the head of the HTTP answer does not end")
        head, _, rest = bytes(self._received).partition(b"\r\n\r\n")
        self._received[:] = rest
        words = head.split(b"\r\n")[0].split()
        if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
            raise Failed(f"what came is no HTTP answer: {head[:100]!r}")
        return int(words[1])

    async def frame(self) -> tuple[int, bytes] | None:
        """Read the next frame: its opcode and payload; None where the connection ends instead.

        The caller brings the deadline.
        """
        head = await self._take(2)
        if head is None:
            return None
        size = head[1] & 0x7F
        if size >= 126:
            length = await self._take(2 if size == 126 else 8)
            if length is None:
                return None
            size = int.from_bytes(length)
        payload = await self._take(size)
        return None if payload is None else (head[0] & 0x0F, payload)

    async def text(self) -> str:
        """Read until the next text, and return it. Raises Failed: the connection ends instead."""
        while (got := await self.frame()) is not None and got[0] in {PING, PONG}:
            pass
        if got is None or got[0] != TEXT:
            raise Failed(f"a text was expected, and {'the end' if got is None else got} came")
        return got[1].decode()

    async def close_frame(self) -> bytes:
        """Read until a close frame comes, and return what it has. Raises Failed: the connection ends without one."""
        while (got := await self.frame()) is not None:
            if got[0] == CLOSE:
                return got[1]
        raise Failed("a close frame was expected, and the connection ended without one")

    async def ends(self) -> int | None:
        """Read until the connection ends; return the code of the close frame, None where none came."""
        code = None
        while (got := await self.frame()) is not None:
            if got[0] == CLOSE and len(got[1]) >= 2:
                code = int.from_bytes(got[1][:2])
        return code

    async def _take(self, size: int) -> bytes | None:
        while len(self._received) < size:
            data = await self._receive()
            if not data:
                return None
            self._received += data
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    async def _receive(self) -> bytes:
        try:
            return bytes(await self._stream.receive_some(64 * 1024))
        except trio.BrokenResourceError:
            return b""


def frame(opcode: int, payload: bytes = b"", *, last: bool = True) -> bytes:
    """Return a masked frame (RFC 6455 §5.2), whose mask is zero; ``last`` is its FIN bit."""
    size = len(payload)
    head = bytes([(0x80 if last else 0) | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 1 << 16:
        head += bytes([0x80 | 126]) + struct.pack("!H", size)
    else:
        head += bytes([0x80 | 127]) + struct.pack("!Q", size)
    return head + b"\0\0\0\0" + payload


@asynccontextmanager
async def stream_to(bench: Bench) -> AsyncIterator[Peer]:
    """Open a stream to the central system, for the length of the block, and say nothing."""
    stream = await bench.target.dial()
    try:
        yield Peer(stream)
    finally:
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(stream)


@asynccontextmanager
async def upgraded(
    bench: Bench, identity: str | None = None, subprotocol: str = "ocpp1.6"
) -> AsyncIterator[Peer]:
    """Connect by hand as a charge point, for the length of the block. Raises Failed: it is not let in."""
    lines = (
        f"GET {bench.target.request_target(identity or bench.new_name())} HTTP/1.1",
        f"Host: {bench.target.host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {_KEY}",
        f"Sec-WebSocket-Protocol: {subprotocol}",
        "",
        "",
    )
    async with stream_to(bench) as peer:
        with bench.patient():
            await peer.send("\r\n".join(lines).encode())
            expect_equal(await peer.status(), 101, "the status of the handshake")
        yield peer
