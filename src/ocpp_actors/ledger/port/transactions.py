"""Transactions and their ends."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import frozen

from ocpp_actors.ledger.port.base import Request


@frozen
class Started:
    """The answer to RecordStart. ``others_active`` counts the other unfinished transactions of the same idTag.

    ``reservation_used``: the reservation that it names became Used.
    """

    transaction_id: int
    repeated: bool
    others_active: int
    reservation_used: bool = False


@frozen
class RecordStart(Request[Started]):
    """A transaction began (OCPP 1.6 §4.8).

    Its natural key is (charge point, connector, idTag, timestamp, meterStart) among transactions not yet stopped: a
    repetition gets the id of the first. A reservation of this charge point that it names becomes Used.
    """

    identity: str
    connector_id: int
    id_tag: str
    meter_start: int
    timestamp: datetime
    reservation_id: int | None
    received_at: datetime


class StopMatch(StrEnum):
    """How a StopTransaction found its transaction."""

    BY_ID = "byId"
    GUESSED = "guessed"
    """The id is not one of this charge point's, but exactly one of its unfinished transactions fits."""
    ORPHAN = "orphan"
    """No transaction fits; the stop is kept by itself, see ListOrphanStops."""


@frozen
class Stopped:
    """The answer to RecordStop. ``transaction_id`` is None for an orphan; ``repeated``: this stop was known.

    ``conflicting``: the transaction has another end, sent under its own id. That end stays, and this stop is kept by
    itself.
    """

    match: StopMatch
    transaction_id: int | None
    repeated: bool
    conflicting: bool = False


@frozen
class RecordStop(Request[Stopped]):
    """A transaction ended (OCPP 1.6 §4.10).

    ``transaction_id`` is as the charge point sent it. With an id that is not one of its own, a stop with an idTag is
    guessed to be that of the only unfinished transaction of the same idTag that began no later and at no higher meter
    value; where none or several fit, or there is no idTag, it is kept as an orphan.

    A stop under the transaction's own id replaces an end that was guessed; the guessed stop becomes an orphan again.
    Any other stop of a stopped transaction leaves its end as it is: the same again (meterStop, timestamp, reason and
    idTag) changes nothing, another is kept beside the orphans and answered as conflicting.

    The charging profiles with purpose TxProfile that are installed for the transaction are no longer (§3.13.1).

    The sampled values in ``transaction_data`` are kept as sent, whatever becomes of the stop, and repeated only once
    (content hash).
    """

    identity: str
    transaction_id: int
    id_tag: str | None
    meter_stop: int
    timestamp: datetime
    reason: str
    transaction_data: list[dict[str, Any]] | None
    received_at: datetime


@frozen
class Transaction:
    """A transaction as the ledger knows it; energies in watt-hours."""

    transaction_id: int
    identity: str
    connector_id: int
    id_tag: str
    meter_start: int
    started_at: datetime
    start_received_at: datetime
    reservation_id: int | None
    meter_stop: int | None
    stopped_at: datetime | None
    stop_received_at: datetime | None
    stop_reason: str | None
    stop_id_tag: str | None
    energy_wh: float | None
    """meterStop - meterStart once stopped; before that the derived register that was read last, less meterStart,
    whenever it was received; None unknown."""


@frozen
class FindTransaction(Request["Transaction | None"]):
    """One transaction."""

    transaction_id: int


@frozen
class ListTransactions(Request["list[Transaction]"]):
    """Transactions, newest first; ``before`` is the id of the last one seen."""

    identity: str | None = None
    id_tag: str | None = None
    active: bool | None = None
    limit: int = 100
    before: int | None = None


@frozen
class OrphanStop:
    """A StopTransaction that ended no transaction: none fits, or it has another end."""

    identity: str
    transaction_id: int
    id_tag: str | None
    meter_stop: int
    timestamp: datetime
    reason: str
    received_at: datetime


@frozen
class ListOrphanStops(Request["list[OrphanStop]"]):
    """Orphaned stops in the order of their receipt."""

    identity: str | None = None
    limit: int = 100
