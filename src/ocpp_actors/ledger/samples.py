"""Samples as they are stored: where they come from, and what they are filed under."""

from collections.abc import Sequence
from typing import Any, Final

from ocpp_actors.ledger.port import MeterValuesKept
from ocpp_actors.ledger.texts import NUL

METER_VALUES: Final = "meterValues"
"""``MeterValuesRecord.source`` of a MeterValues message."""
TRANSACTION_DATA: Final = "transactionData"
"""``MeterValuesRecord.source`` of the transactionData of a StopTransaction."""

KEPT: Final = {
    (repeated, linked): MeterValuesKept(repeated, linked)
    for repeated in (False, True)
    for linked in (False, True)
}
"""The answers to RecordMeterValues."""

_TIMESTAMP_LENGTH: Final = 32
"""Characters: whatever is longer, a timestamp is told apart by these."""


def sampled_at(meter_values: Sequence[Any]) -> str:
    """Return the timestamp of the first of the values as it was sent, empty where there is none."""
    first = meter_values[0] if meter_values else None
    timestamp = first.get("timestamp") if isinstance(first, dict) else None
    return timestamp[:_TIMESTAMP_LENGTH].replace("\0", NUL) if isinstance(timestamp, str) else ""
