"""A charge point on the packages ``ocpp`` and ``websockets``: a whole charging session, then its findings as JSON.

Usage: mobilityhouse_client.py URL IDENTITY
"""

import asyncio
import json
import sys
from datetime import UTC, datetime

import websockets
from ocpp.v16 import ChargePoint, call
from websockets import Subprotocol


def now() -> str:
    return datetime.now(UTC).isoformat()


async def session(charge_point: ChargePoint) -> dict[str, object]:
    boot = await charge_point.call(call.BootNotification("Model", "Vendor"), suppress=False)
    await charge_point.call(call.StatusNotification(1, "NoError", "Available", now()), suppress=False)
    authorize = await charge_point.call(call.Authorize("TAG-1"), suppress=False)
    start = await charge_point.call(call.StartTransaction(1, "TAG-1", 1000, now()), suppress=False)
    sampled = [
        {
            "value": "1500",
            "measurand": "Energy.Active.Import.Register",
            "unit": "Wh",
            "context": "Sample.Periodic",
        },
        {"value": "7.4", "measurand": "Power.Active.Import", "unit": "kW", "phase": "L1"},
        {"value": "41", "measurand": "Temperature", "unit": "Celsius", "location": "Outlet"},
    ]
    values = [{"timestamp": now(), "sampledValue": sampled}]
    await charge_point.call(call.MeterValues(1, values, start.transaction_id), suppress=False)
    stop = await charge_point.call(
        call.StopTransaction(3000, now(), start.transaction_id, "EVDisconnected", "TAG-1", values),
        suppress=False,
    )
    await charge_point.call(call.DataTransfer("nobody", "nothing", "data"), suppress=False)
    heartbeat = await charge_point.call(call.Heartbeat(), suppress=False)
    return {
        "boot": boot.status,
        "interval": boot.interval,
        "authorize": authorize.id_tag_info["status"],
        "start": start.id_tag_info["status"],
        "transactionId": start.transaction_id,
        "stop": stop.id_tag_info["status"],
        "heartbeat": heartbeat.current_time,
    }


async def main(url: str, identity: str) -> None:
    async with websockets.connect(f"{url}/{identity}", subprotocols=[Subprotocol("ocpp1.6")]) as connection:
        charge_point = ChargePoint(identity, connection)
        listening = asyncio.create_task(charge_point.start())
        try:
            print(json.dumps(await session(charge_point)))
        finally:
            listening.cancel()


asyncio.run(main(*sys.argv[1:]))
