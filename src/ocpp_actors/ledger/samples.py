"""Where stored samples come from."""

from typing import Final

METER_VALUES: Final = "meterValues"
"""``MeterValuesRecord.source`` of a MeterValues message."""
TRANSACTION_DATA: Final = "transactionData"
"""``MeterValuesRecord.source`` of the transactionData of a StopTransaction."""
