"""A receiver of webhooks on loopback: keeps what is posted to it, answers as it is told."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import h11
import trio
from attrs import define, field, frozen


@frozen
class Posted:
    """A request as it came."""

    target: str
    headers: dict[str, str]
    body: bytes


@define
class Receiver:
    """``answers`` are given in turn, the last one for ever: a status, or what is done with the stream instead."""

    url: str = ""
    posted: list[Posted] = field(factory=list)
    answers: list[int] = field(factory=lambda: [204])
    headers: list[tuple[str, str]] = field(factory=list)
    body: bytes = b""
    hangs: bool = False
    connections: int = 0
    on_post: Callable[[], None] = lambda: None

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        connection = h11.Connection(h11.SERVER)
        with suppress(trio.BrokenResourceError, h11.RemoteProtocolError):
            while await self._serve_one(stream, connection):
                connection.start_next_cycle()

    async def _serve_one(self, stream: trio.SocketStream, connection: h11.Connection) -> bool:
        request = await _next(stream, connection)
        if not isinstance(request, h11.Request):
            return False
        body = b""
        while isinstance(part := await _next(stream, connection), h11.Data):
            body += part.data
        headers = {name.decode(): value.decode() for name, value in request.headers}
        self.posted.append(Posted(request.target.decode(), headers, body))
        self.on_post()
        if self.hangs:
            await trio.sleep_forever()
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        headers_out = [*self.headers, ("content-length", str(len(self.body)))]
        for event in (
            h11.Response(status_code=status, headers=headers_out),
            h11.Data(data=self.body),
            h11.EndOfMessage(),
        ):
            await stream.send_all(connection.send(event) or b"")
        return connection.our_state is not h11.MUST_CLOSE


async def _next(stream: trio.SocketStream, connection: h11.Connection) -> object:
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(bytes(await stream.receive_some()))
    return event


@asynccontextmanager
async def open_receiver() -> AsyncIterator[Receiver]:
    """Listen on a free port of loopback for the length of the block."""
    receiver = Receiver()
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, receiver.serve, 0, host="127.0.0.1"))
        receiver.url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/hook"
        yield receiver
        nursery.cancel_scope.cancel()
