"""A peer that writes bytes of its choice, for what no client library would send."""

import base64
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import trio
from attrs import define, field

from tests.support.central import Central

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

Header = tuple[str, str]


def upgrade(target: str, *headers: Header, subprotocol: str | None = "ocpp1.6") -> bytes:
    """An opening handshake for a request target, as it is."""
    lines = [
        f"GET {target} HTTP/1.1",
        "Host: central.test",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(b'sixteen bytes...').decode()}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    if subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def frame(opcode: int, payload: bytes = b"", *, reserved: int = 0) -> bytes:
    """A masked frame (RFC 6455 §5.2); the mask is zero, so the payload stays readable."""
    size = len(payload)
    head = bytes([0x80 | reserved << 4 | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 1 << 16:
        head += bytes([0x80 | 126]) + struct.pack("!H", size)
    else:
        head += bytes([0x80 | 127]) + struct.pack("!Q", size)
    return head + b"\0\0\0\0" + payload


@define
class Answer:
    """What the server answered to the opening handshake."""

    status: int
    headers: dict[str, str]


@define
class RawPeer:
    """The client's end of a connection, without any WebSocket of its own: it answers no ping and no close."""

    stream: trio.abc.Stream
    _received: bytearray = field(factory=bytearray)

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def call(self, message_id: str, action: str, payload: object) -> None:
        await self.send(frame(TEXT, orjson.dumps([2, message_id, action, payload])))

    async def everything(self) -> bytes:
        """Read until the server closes the stream."""
        while data := await self.stream.receive_some():
            self._received += data
        return bytes(self._received)

    async def answer(self) -> Answer:
        """Read the answer to the opening handshake."""
        while b"\r\n\r\n" not in self._received:
            data = await self.stream.receive_some()
            assert data, "the server closed the stream before it had answered"
            self._received += data
        head, _, rest = bytes(self._received).partition(b"\r\n\r\n")
        self._received[:] = rest
        status, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(": ") for line in lines)
        return Answer(int(status.split()[1]), {name.lower(): value for name, _, value in pairs})

    async def frame(self) -> tuple[int, bytes] | None:
        """Read the next frame of the server: opcode and payload; None where the stream is closed instead."""
        head = await self._take(2)
        if head is None:
            return None
        size = head[1] & 0x7F
        if size >= 126:
            length = await self._take(2 if size == 126 else 8)
            assert length is not None
            size = int.from_bytes(length)
        payload = await self._take(size)
        assert payload is not None
        return head[0] & 0x0F, payload

    async def text(self) -> list[object]:
        """Read the next frame other than a ping, which must be a text."""
        while (got := await self.frame()) is not None and got[0] == PING:
            pass
        assert got is not None
        assert got[0] == TEXT, got
        message: list[object] = orjson.loads(got[1])
        return message

    async def close_code(self) -> int:
        """Read the next frame, which must be a close with a code."""
        got = await self.frame()
        assert got is not None, "the stream was closed without a close frame"
        assert got[0] == CLOSE, got
        return int.from_bytes(got[1][:2])

    async def _take(self, size: int) -> bytes | None:
        while len(self._received) < size:
            data = await self.stream.receive_some()
            if not data:
                return None
            self._received += data
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken


@asynccontextmanager
async def raw_peer(central: Central) -> AsyncIterator[RawPeer]:
    """Open a stream to the server for the length of the block."""
    ours, theirs = central.pipe()
    central.accept(theirs)
    try:
        yield RawPeer(ours)
    finally:
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(ours)


@asynccontextmanager
async def raw_charger(central: Central, identity: str = "CP1") -> AsyncIterator[RawPeer]:
    """Connect a raw peer as a charge point for the length of the block."""
    async with raw_peer(central) as peer:
        await peer.send(upgrade(f"/ocpp/{identity}"))
        assert (await peer.answer()).status == 101
        yield peer
