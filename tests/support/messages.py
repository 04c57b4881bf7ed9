"""Payloads of a charger's messages, and what tests do with them again and again."""

from typing import Any

import trio

from tests.support.central import Charger

AT = "2026-03-01T12:00:00Z"


def start(**changes: Any) -> dict[str, Any]:
    return {"connectorId": 1, "idTag": "TAG", "meterStart": 100, "timestamp": AT} | changes


def stop(transaction_id: int, **changes: Any) -> dict[str, Any]:
    return {"transactionId": transaction_id, "meterStop": 350, "timestamp": "2026-03-01T13:00:00Z"} | changes


def meter_values(*samples: dict[str, Any], **changes: Any) -> dict[str, Any]:
    sampled = list(samples) or [{"value": "150"}]
    return {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": sampled}]} | changes


def status(connector_id: int = 1, **changes: Any) -> dict[str, Any]:
    return {"connectorId": connector_id, "errorCode": "NoError", "status": "Available"} | changes


async def serve_command(charger: Charger, payload: Any) -> tuple[str, Any]:
    """Wait for a CALL of the server, answer it, and return its action and payload."""
    frame = await charger.receive()
    assert frame[0] == 2, frame
    await charger.send([3, frame[1], payload])
    return frame[2], frame[3]


async def hears_nothing(charger: Charger, seconds: float) -> bool:
    """Whether nothing comes within that time."""
    with trio.move_on_after(seconds):
        await charger.receive()
        return False
    return True
