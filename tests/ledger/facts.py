"""Requests with everything filled in that a test does not care about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import frozen

from ocpp_actors.ledger.port import (
    Ledger,
    Origin,
    QueueCommand,
    RecordMeterValues,
    RecordSecurityEvent,
    RecordStart,
    RecordStop,
    SecurityEvent,
)

NOON = datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


END = later(3600)
END_RECEIVED = later(3601)


def start(
    identity: str = "CP-1",
    *,
    connector_id: int = 1,
    id_tag: str = "TAG",
    meter_start: int = 1000,
    timestamp: datetime = NOON,
    reservation_id: int | None = None,
    received_at: datetime = NOON,
) -> RecordStart:
    return RecordStart(identity, connector_id, id_tag, meter_start, timestamp, reservation_id, received_at)


def stop(
    transaction_id: int,
    identity: str = "CP-1",
    *,
    id_tag: str | None = None,
    meter_stop: int = 5000,
    timestamp: datetime = END,
    reason: str = "Local",
    transaction_data: list[dict[str, Any]] | None = None,
    received_at: datetime = END_RECEIVED,
) -> RecordStop:
    return RecordStop(
        identity, transaction_id, id_tag, meter_stop, timestamp, reason, transaction_data, received_at
    )


def samples(value: str = "1500", **extra: Any) -> list[dict[str, Any]]:
    return [{"timestamp": "2024-05-01T12:00:00Z", "sampledValue": [{"value": value, **extra}]}]


def meter_values(
    transaction_id: int | None,
    identity: str = "CP-1",
    *,
    content_hash: bytes = b"hash",
    energy_wh: float | None = 1500.0,
    power_w: float | None = None,
    values: list[dict[str, Any]] | None = None,
    received_at: datetime = NOON,
    energy_at: datetime | None = None,
) -> RecordMeterValues:
    return RecordMeterValues(
        identity,
        1,
        transaction_id,
        samples() if values is None else values,
        content_hash,
        energy_wh,
        power_w,
        received_at,
        energy_at,
    )


def command(
    identity: str = "CP-1",
    action: str = "Reset",
    payload: dict[str, Any] | None = None,
    *,
    durable: bool = True,
    idempotency_key: str | None = None,
) -> QueueCommand:
    return QueueCommand(
        identity, action, payload or {"type": "Soft"}, NOON, later(600), "operator", durable, idempotency_key
    )


def security_event(identity: str = "CP-1", event_type: str = "FirmwareUpdated") -> RecordSecurityEvent:
    return RecordSecurityEvent(
        SecurityEvent(identity, event_type, NOON, "info", Origin.CHARGE_POINT, later(1))
    )


@frozen
class FixedClock:
    time: datetime = NOON

    def now(self) -> datetime:
        return self.time


POISON = start(meter_start=2**63)
"""No database has a column for this number."""


async def notes_written(ledger: Ledger) -> None:
    """Write the notes now instead of within a second."""
    notes = getattr(ledger, "_notes", None)
    if notes is not None:
        await notes.flush()
