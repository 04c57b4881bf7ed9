"""A central system on mobilityhouse's ``ocpp`` and ``websockets``, as their documentation has it: it stores nothing."""

# The packages publish no types for what is subclassed and decorated here.
# mypy: disable-error-code="misc, untyped-decorator"

import asyncio
import signal
from contextlib import suppress
from datetime import UTC, datetime

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result


class Served(ChargePoint):
    """A charge point that is connected."""

    @on("BootNotification")
    def on_boot(self, **_: object) -> call_result.BootNotification:
        """Let it in."""
        return call_result.BootNotification(
            current_time=datetime.now(UTC).isoformat(), interval=300, status="Accepted"
        )

    @on("Heartbeat")
    def on_heartbeat(self) -> call_result.Heartbeat:
        """Tell the time."""
        return call_result.Heartbeat(current_time=datetime.now(UTC).isoformat())

    @on("MeterValues")
    def on_meter_values(self, **_: object) -> call_result.MeterValues:
        """Confirm what is not stored."""
        return call_result.MeterValues()


async def serve(connection: websockets.ServerConnection) -> None:
    """Serve one charge point."""
    assert connection.request
    with suppress(websockets.ConnectionClosed):
        await Served(connection.request.path.rpartition("/")[2], connection).start()


async def main() -> None:
    """Serve until SIGTERM."""
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    async with websockets.serve(
        serve, "127.0.0.1", 0, subprotocols=[websockets.Subprotocol("ocpp1.6")]
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(f"ws://127.0.0.1:{port}/ocpp/IDENTITY\nready", flush=True)
        await end.wait()


asyncio.run(main())
