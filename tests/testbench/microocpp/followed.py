"""A wire per charge point, as the server's own stream of events tells it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import orjson
import trio
from attrs import define, field

from ocpp_actors.testbench.wire import Wire


@define
class Followed:
    """The wires of all charge points that were heard of."""

    wires: dict[str, Wire] = field(factory=dict)

    def wire(self, identity: str) -> Wire:
        return self.wires.setdefault(identity, Wire(identity))

    async def read(self, response: httpx2.Response) -> None:
        kind = ""
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                self.take(kind, orjson.loads(line.removeprefix("data: ")))

    def take(self, kind: str, data: dict[str, object]) -> None:
        wire = self.wire(str(data["chargePoint"]))
        if kind == "message":
            wire.record("in" if data["direction"] == "in" else "out", str(data["frame"]))
        elif data["online"]:
            wire.opened()
        else:
            wire.closed(int(str(data["code"])))


@asynccontextmanager
async def followed(api: str) -> AsyncIterator[Followed]:
    """Follow the events of the server with this API for the length of the block."""
    wires = Followed()
    async with (
        httpx2.AsyncClient(base_url=api, timeout=None, trust_env=False) as client,
        client.stream("GET", "/api/v1/events", params={"types": "connection,message"}) as response,
        trio.open_nursery() as nursery,
    ):
        assert response.status_code == 200
        nursery.start_soon(wires.read, response)
        yield wires
        nursery.cancel_scope.cancel()
