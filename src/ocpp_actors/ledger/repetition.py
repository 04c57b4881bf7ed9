"""How the repetition of a stop is known, and that of the samples it brings."""

from datetime import UTC, datetime
from hashlib import blake2b

import orjson

from ocpp_actors.ledger.port import RecordStop
from ocpp_actors.ledger.samples import TRANSACTION_DATA


def same_end(
    stop: RecordStop,
    meter_stop: int | None,
    stopped_at: datetime | None,
    reason: str | None,
    id_tag: str | None,
) -> bool:
    """Whether a stop tells of this very end."""
    told = (stop.meter_stop, stop.timestamp, stop.reason, (stop.id_tag or "").casefold())
    return told == (meter_stop, stopped_at, reason, (id_tag or "").casefold())


def transaction_data_hash(stop: RecordStop) -> bytes:
    """Return the content hash under which the transactionData of a stop is kept once."""
    content = [
        TRANSACTION_DATA,
        stop.transaction_id,
        stop.timestamp.astimezone(UTC).isoformat(),
        stop.meter_stop,
        (stop.id_tag or "").casefold(),
        stop.transaction_data,
    ]
    return blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
