"""What a ledger in memory holds, and the few words that its modules share."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Protocol, TypeVar

import orjson
from attrs import define, field

from ocpp_actors.ledger import port

T = TypeVar("T")


@define
class Stray:
    """A stop kept by itself; ``transaction_id``: of the transaction that it ended by a guess."""

    stop: port.RecordStop
    transaction_id: int | None = None


@define
class Metered:
    """What a MeterValuesRecord has. Samples are JSON: as objects they are many, which costs more than reading them."""

    record_id: int
    identity: str
    connector_id: int | None
    transaction_id: int | None
    sent_transaction_id: int | None
    energy_wh: float | None
    power_w: float | None
    received_at: datetime
    source: str
    samples: str

    def record(self) -> port.MeterValuesRecord:
        """Return the record."""
        return port.MeterValuesRecord(
            identity=self.identity,
            connector_id=self.connector_id,
            transaction_id=self.transaction_id,
            meter_values=orjson.loads(self.samples),
            energy_wh=self.energy_wh,
            power_w=self.power_w,
            received_at=self.received_at,
            source=self.source,
            sent_transaction_id=self.sent_transaction_id,
            record_id=self.record_id,
        )


@define
class Facts:
    """Everything that is kept. Keys are casefolded identities and idTags, or the ids that were given."""

    charge_points: dict[str, port.ChargePointRecord] = field(factory=dict, init=False)
    id_tags: dict[str, port.IdTag] = field(factory=dict, init=False)
    transactions: dict[int, port.Transaction] = field(factory=dict, init=False)
    unfinished: dict[tuple[object, ...], int] = field(factory=dict, init=False)
    strays: dict[tuple[object, ...], Stray] = field(factory=dict, init=False)
    meter_values: dict[tuple[str, bytes], Metered] = field(factory=dict, init=False)
    registers: dict[int, tuple[datetime, float]] = field(factory=dict, init=False)
    """The last register of each transaction while it ran: when it was read, and watt-hours."""
    security_events: deque[port.SecurityEvent] = field(factory=deque, init=False)
    last_security_event_id: int = field(default=0, init=False)
    signing_requests: dict[str, deque[port.SigningRequest]] = field(factory=dict, init=False)
    last_signing_request_id: int = field(default=0, init=False)
    certificates: list[port.Certificate] = field(factory=list, init=False)
    commands: dict[int, port.CommandRecord] = field(factory=dict, init=False)
    idempotency_keys: dict[tuple[str, str], int] = field(factory=dict, init=False)
    """The ids of the commands that have one."""
    operator_writes: list[port.OperatorWrite] = field(factory=list, init=False)
    configuration: dict[str, dict[str, port.ConfigurationKey]] = field(factory=dict, init=False)
    local_lists: dict[str, port.LocalList] = field(factory=dict, init=False)
    installed_profiles: dict[str, dict[int, port.InstalledProfile]] = field(factory=dict, init=False)
    """By charge point and chargingProfileId. These three go with their charge point."""
    named_profiles: dict[str, port.NamedProfile] = field(factory=dict, init=False)
    reservations: dict[int, port.Reservation] = field(factory=dict, init=False)
    last_reservation_id: int = field(default=0, init=False)
    """The last one that was given here."""


def stored(document: T) -> T:
    """Return the document as a database would give it back, so that nobody shares it.

    Raises port.RequestFailed: it is no JSON.
    """
    copy: T = orjson.loads(as_json(document))
    return copy


def as_json(document: object) -> str:
    """Return the document as it is stored: text, because orjson's bytes take some kilobytes even where they are few.

    Raises port.RequestFailed: it is no JSON.
    """
    try:
        return orjson.dumps(document).decode()
    except orjson.JSONEncodeError as error:
        raise port.RequestFailed(f"the content is no JSON: {error}") from None


class Versioned(Protocol):
    """What operators change."""

    @property
    def version(self) -> int:
        """Counts the changes."""
        ...


def check_version(record: Versioned | None, expected: int | None) -> int:
    """Return the version of a record, 0 where there is none.

    Raises port.VersionConflict: it is not the expected one; None expects any.
    """
    version = 0 if record is None else record.version
    if expected not in (None, version):
        raise port.VersionConflict(version)
    return version


def after(
    records: Mapping[str, T], last: str, limit: int, wanted: Callable[[T], bool] | None = None
) -> list[T]:
    """Return the records whose keys come after the last one, in the order of keys."""
    return some((records[key] for key in sorted(records) if key > last), limit, wanted)


def some(records: Iterable[T], limit: int, wanted: Callable[[T], bool] | None) -> list[T]:
    """Return the first records that are wanted."""
    return list(islice(filter(wanted, records) if wanted else records, limit))


def of(wanted: str | None, text: str) -> bool:
    """Whether an identity or idTag is the wanted one, or any is."""
    return wanted is None or wanted.casefold() == text.casefold()


def own_transaction(identity: str, transaction_id: int | None, facts: Facts) -> port.Transaction | None:
    """Return the transaction of this id if it is one of the charge point's."""
    transaction = None if transaction_id is None else facts.transactions.get(transaction_id)
    own = transaction is not None and transaction.identity.casefold() == identity.casefold()
    return transaction if own else None
