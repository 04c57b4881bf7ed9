"""Where stored samples come from, and how a repetition of those of a stop is known."""

from hashlib import blake2b
from typing import Final

import orjson

from ocpp_actors.ledger.port import RecordStop

METER_VALUES: Final = "meterValues"
"""``MeterValuesRecord.source`` of a MeterValues message."""
TRANSACTION_DATA: Final = "transactionData"
"""``MeterValuesRecord.source`` of the transactionData of a StopTransaction."""


def transaction_data_hash(stop: RecordStop) -> bytes:
    """Return the content hash under which the transactionData of a stop is kept once."""
    content = [
        TRANSACTION_DATA,
        stop.transaction_id,
        stop.timestamp.isoformat(),
        stop.meter_stop,
        (stop.id_tag or "").casefold(),
        stop.transaction_data,
    ]
    return blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
