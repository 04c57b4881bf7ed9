"""A charge point made of the PyPI packages ``ocpp`` and ``websockets``: it boots and charges once.

A Reset it accepts, and then goes on.

The URL may be given: ``python examples/charge_point.py ws://127.0.0.1:9000/ocpp/CP1``.
"""

# The packages publish no types for what is subclassed and decorated here.
# mypy: disable-error-code="misc, untyped-decorator"

import asyncio
import sys
from datetime import UTC, datetime

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result

URL = "ws://127.0.0.1:9000/ocpp/CP1"


def now() -> str:
    return datetime.now(UTC).isoformat()


class ExampleChargePoint(ChargePoint):
    @on("Reset")
    async def reset(self, **request: str) -> call_result.Reset:
        print("asked for a reset:", request["type"])
        return call_result.Reset(status="Accepted")


async def charge_once(charge_point: ChargePoint) -> None:
    boot = await charge_point.call(
        call.BootNotification(charge_point_vendor="Example", charge_point_model="One")
    )
    print("boot:", boot.status, "- heartbeat every", boot.interval, "seconds")
    await charge_point.call(call.StatusNotification(connector_id=1, error_code="NoError", status="Preparing"))
    authorization = await charge_point.call(call.Authorize(id_tag="TAG1"))
    print("authorize TAG1:", authorization.id_tag_info["status"])
    started = await charge_point.call(
        call.StartTransaction(connector_id=1, id_tag="TAG1", meter_start=1000, timestamp=now())
    )
    print("transaction:", started.transaction_id)
    sampled = {"value": "2500", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    await charge_point.call(
        call.MeterValues(
            connector_id=1,
            transaction_id=started.transaction_id,
            meter_value=[{"timestamp": now(), "sampled_value": [sampled]}],
        )
    )
    await charge_point.call(
        call.StopTransaction(transaction_id=started.transaction_id, meter_stop=4000, timestamp=now())
    )
    await charge_point.call(call.StatusNotification(connector_id=1, error_code="NoError", status="Available"))
    heartbeat = await charge_point.call(call.Heartbeat())
    print("stopped; the central system's time is", heartbeat.current_time)


async def main(url: str) -> None:
    async with websockets.connect(url, subprotocols=[websockets.Subprotocol("ocpp1.6")]) as connection:
        charge_point = ExampleChargePoint(url.rsplit("/", 1)[-1], connection)
        answers = asyncio.create_task(charge_point.start())
        try:
            await charge_once(charge_point)
        finally:
            answers.cancel()


if __name__ == "__main__":
    url = sys.argv[1] if len(sys.argv) > 1 else URL
    try:
        asyncio.run(main(url))
    except (OSError, websockets.InvalidHandshake) as error:
        sys.exit(f"cannot connect to {url}: {error}")
