"""Meter values."""

from datetime import datetime
from typing import Any

from attrs import define, frozen

from ocpp_actors.ledger.port.base import Request


@frozen
class MeterValuesKept:
    """The answer to RecordMeterValues. ``linked``: they belong to a known transaction of this charge point."""

    repeated: bool
    linked: bool


@define
class RecordMeterValues(Request[MeterValuesKept]):
    """Meter values as sent (OCPP 1.6 §4.7), one row a message; ``content_hash`` makes a repetition harmless.

    It is a hash of all that was sent: two messages of one hash have the same timestamps.

    ``energy_wh`` is the last register of imported active energy among them and ``power_w`` the last imported active
    power, where they could be derived. ``energy_at`` is when the register was read, None: when it was received.
    """

    identity: str
    connector_id: int
    transaction_id: int | None
    meter_values: list[dict[str, Any]]
    content_hash: bytes
    energy_wh: float | None
    power_w: float | None
    received_at: datetime
    energy_at: datetime | None = None


@frozen
class MeterValuesRecord:
    """One stored MeterValues message, or the transactionData of a stop.

    ``source`` tells which: ``"meterValues"`` or ``"transactionData"``. ``transaction_id`` is the transaction that they
    are linked to; ``sent_transaction_id`` is what the charge point named.
    """

    identity: str
    connector_id: int | None
    transaction_id: int | None
    meter_values: list[dict[str, Any]]
    energy_wh: float | None
    power_w: float | None
    received_at: datetime
    source: str
    sent_transaction_id: int | None = None
    record_id: int = 0
    """Its number; numbers rise in the order of receipt."""


@frozen
class ListMeterValues(Request["list[MeterValuesRecord]"]):
    """Stored meter values in the order of their receipt."""

    transaction_id: int | None = None
    limit: int = 1000
    after: int = 0
    """The number of the last one seen."""
