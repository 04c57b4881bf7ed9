"""A charger over TCP, for servers that are processes of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio
from trio_websocket import wrap_client_stream

from tests.support.central import Charger


@asynccontextmanager
async def open_charger(url: str, identity: str) -> AsyncIterator[Charger]:
    """Connect, and close the connection after the block."""
    parts = urlsplit(f"{url}/{identity}")
    assert parts.hostname is not None
    assert parts.port is not None
    # The stream is closed here because the library leaves it open where the server closed the WebSocket.
    async with (
        await trio.open_tcp_stream(parts.hostname, parts.port) as stream,
        trio.open_nursery() as nursery,
    ):
        connection = await wrap_client_stream(
            nursery, stream, parts.netloc, parts.path, subprotocols=["ocpp1.6"]
        )
        yield Charger(connection, stream)
        await connection.aclose()
        nursery.cancel_scope.cancel()
