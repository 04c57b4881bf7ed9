"""Streams of charge points that do not treat connections as they should."""

from typing import Final

import trio
from attrs import define

_PONG: Final = 0x8A
"""The first byte of a pong (RFC 6455 §5.2); whoever writes here writes one frame at a time."""


@define(eq=False)
class OddStream(trio.abc.Stream):
    """A stream that loses pongs, or stays open on the other side when it is closed here."""

    below: trio.abc.Stream
    pongs: bool = True
    closes: bool = True

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, unless it is a pong that is to be lost."""
        if self.pongs or not data or data[0] != _PONG:
            await self.below.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until sending may go on."""
        await self.below.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive."""
        return await self.below.receive_some(max_bytes)

    async def aclose(self) -> None:
        """Close it, or leave it as it is."""
        if self.closes:
            await self.below.aclose()
        else:
            await trio.lowlevel.checkpoint()
