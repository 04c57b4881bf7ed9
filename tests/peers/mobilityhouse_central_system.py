"""A central system on the packages ``ocpp`` and ``websockets``: it prints its URL and serves until it is killed."""

# The packages publish no types for what is subclassed and decorated here.
# mypy: disable-error-code="misc, untyped-decorator"

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from websockets import Subprotocol

ACCEPTED = {"status": "Accepted"}


class Served(ChargePoint):
    @on("BootNotification")
    def on_boot(self, **_: object) -> object:
        return call_result.BootNotification(datetime.now(UTC).isoformat(), 10, "Accepted")

    @on("StatusNotification")
    def on_status(self, **_: object) -> object:
        return call_result.StatusNotification()

    @on("Authorize")
    def on_authorize(self, **_: object) -> object:
        return call_result.Authorize({"status": "Blocked"})

    @on("StartTransaction")
    def on_start(self, **_: object) -> object:
        return call_result.StartTransaction(4711, ACCEPTED)

    @on("MeterValues")
    def on_meter_values(self, transaction_id: int, **_: object) -> object:
        assert transaction_id == 4711
        return call_result.MeterValues()

    @on("StopTransaction")
    def on_stop(self, transaction_id: int, **_: object) -> object:
        assert transaction_id == 4711
        return call_result.StopTransaction()


async def serve(connection: websockets.ServerConnection) -> None:
    assert connection.request is not None
    with suppress(websockets.ConnectionClosed):
        await Served(connection.request.path.rpartition("/")[2], connection).start()


async def main() -> None:
    async with websockets.serve(serve, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")]) as server:
        _, port = next(iter(server.sockets)).getsockname()
        print(f"ws://127.0.0.1:{port}/central", flush=True)
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
