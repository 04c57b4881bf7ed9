"""What a ledger can be asked, what it answers, and how it fails.

A ledger is asked with typed requests. ``ask`` returns only after the fact is committed and, where the store has a
disk, synced to it. Repetition is decided by the store's own unique constraints, never by a check before an insert.

A text may hold any character, but NUL comes back as ``␀`` (U+2400), and is compared as such: PostgreSQL has no NUL.
JSON documents (payloads, meter values) keep it.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from attrs import define, field, frozen
from attrs.validators import in_, not_

from ocpp_actors.protocol.messages import (
    AuthorizationStatus,
    RegistrationStatus,
)

R = TypeVar("R", covariant=True)


class LedgerUnavailable(Exception):
    """The store cannot be written or read now (disk full, locked, gone). The same request may succeed later."""


class RequestFailed(Exception):
    """The store refuses this very request, and would again; other requests are not concerned."""


@frozen
class Request(Generic[R]):
    """A typed question or fact; ``R`` is what the ledger answers."""


class Ledger(Protocol):
    """What the central system needs of a store."""

    async def ask(self, request: Request[R]) -> R:
        """Carry out one request, alone or in one commit with others, and return its answer.

        Waits while the bounded queue is full. Cancelling the waiter does not undo the write.

        Raises LedgerUnavailable: the store failed; nothing was confirmed.
        Raises RequestFailed: this request cannot be carried out.
        """
        ...

    def note(self, request: "Note") -> None:
        """Keep a fact that need not survive a crash: written behind, in batches, the newest of each key.

        Never blocks and never fails.
        """
        ...


# --- charge points ---------------------------------------------------------------------------------------------


@frozen
class ChargePointSettings:
    """How one charge point is to be treated. The defaults are strict."""

    lenient: bool = False
    """Coerce and flag what the strict schemas refuse; speak OCPP 1.6 even where no subprotocol was offered."""
    pings: bool = True
    """Send WebSocket pings to it."""
    abort_on_shutdown: bool = False
    """At shutdown drop its connection instead of closing it: some never reconnect after a close."""


@frozen
class KeyHash:
    """A salted hash of an AuthorizationKey; the key itself is never kept (A01.FR.08)."""

    salt: bytes
    digest: bytes


@frozen
class Connector:
    """The last status that a connector reported; connector 0 is the charge point itself (OCPP 1.6 §4.9)."""

    connector_id: int
    status: str
    error_code: str
    info: str | None
    vendor_id: str | None
    vendor_error_code: str | None
    timestamp: datetime | None
    received_at: datetime


@define(kw_only=True)
class ChargePointRecord:
    """What is known of a charge point. ``identity`` keeps the letters of its first connection."""

    identity: str
    registration: RegistrationStatus | None = None
    """None until it was registered by a BootNotification, or by its first message."""
    settings: ChargePointSettings = field(factory=ChargePointSettings)
    key: KeyHash | None = None
    boot: dict[str, Any] | None = None
    """The payload of its last BootNotification.req."""
    booted_at: datetime | None = None
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None
    connectors: dict[int, Connector] = field(factory=dict)
    progress: dict[str, str] = field(factory=dict)
    """Last status by kind: diagnostics, firmware, signedFirmware, log."""


@frozen
class FindChargePoint(Request["ChargePointRecord | None"]):
    """The record of a charge point, its identity compared without regard to case; None where it is unknown."""

    identity: str


@frozen
class AdmitChargePoint(Request[ChargePointRecord]):
    """The record of a charge point, created where it is unknown."""

    identity: str
    at: datetime


@frozen
class RecordBoot(Request[None]):
    """A charge point booted and was answered with this registration. ``boot`` is its request's payload."""

    identity: str
    registration: RegistrationStatus
    boot: dict[str, Any]
    at: datetime


@frozen
class SetRegistration(Request[None]):
    """Change the registration of a charge point that exists."""

    identity: str
    registration: RegistrationStatus


@frozen
class SetChargePointSettings(Request[None]):
    """Change how a charge point that exists is treated."""

    identity: str
    settings: ChargePointSettings


@frozen
class SetKey(Request[None]):
    """Set the credentials of a charge point that exists; None removes them."""

    identity: str
    key: KeyHash | None


@frozen
class ListChargePoints(Request["list[ChargePointRecord]"]):
    """Charge points in the order of their casefolded identity, after ``after``, at most ``limit``."""

    after: str = ""
    limit: int = 100


# --- facts written behind ----------------------------------------------------------------------------------------


@frozen
class Note:
    """A fact that replaces the earlier one of the same key when it is written behind."""

    identity: str

    @property
    def key(self) -> tuple[object, ...]:
        """What a later note replaces."""
        return (type(self), self.identity)


@frozen
class NoteSeen(Note):
    """When the charge point was last heard of."""

    at: datetime


@frozen
class NoteBoot(Note):
    """When the charge point booted last, with nothing new to tell."""

    at: datetime


@frozen
class NoteConnector(Note):
    """The status of a connector."""

    connector: Connector

    @property
    def key(self) -> tuple[object, ...]:
        """One per connector."""
        return (type(self), self.identity, self.connector.connector_id)


@frozen
class NoteProgress(Note):
    """The last status of a running job; ``kind`` is diagnostics, firmware, signedFirmware or log."""

    kind: str
    status: str
    request_id: int | None
    at: datetime

    @property
    def key(self) -> tuple[object, ...]:
        """One per kind."""
        return (type(self), self.identity, self.kind)


# --- id tags -----------------------------------------------------------------------------------------------------


@frozen
class IdTag:
    """A known idTag; it is compared without regard to case (OCPP 1.6 errata 3.73)."""

    id_tag: str
    status: AuthorizationStatus
    expiry_date: datetime | None = None
    parent_id_tag: str | None = None
    max_active_transactions: int | None = None
    """None: no limit (§7.2, ConcurrentTx)."""


@frozen
class FindIdTag(Request["IdTag | None"]):
    """What is known of an idTag."""

    id_tag: str


@frozen
class PutIdTag(Request[None]):
    """Add an idTag, or replace what was known of it."""

    id_tag: IdTag


@frozen
class RemoveIdTag(Request[bool]):
    """Forget an idTag; answers whether it was known."""

    id_tag: str


@frozen
class ListIdTags(Request["list[IdTag]"]):
    """Known idTags in casefolded order, after ``after``, at most ``limit``."""

    after: str = ""
    limit: int = 100


# --- transactions ------------------------------------------------------------------------------------------------


@frozen
class Started:
    """The answer to RecordStart. ``others_active`` counts the other unfinished transactions of the same idTag."""

    transaction_id: int
    repeated: bool
    others_active: int


@frozen
class RecordStart(Request[Started]):
    """A transaction began (OCPP 1.6 §4.8).

    Its natural key is (charge point, connector, idTag, timestamp, meterStart) among transactions not yet stopped: a
    repetition gets the id of the first.
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
class MeterValuesKept:
    """The answer to RecordMeterValues. ``linked``: they belong to a known transaction of this charge point."""

    repeated: bool
    linked: bool


@frozen
class RecordMeterValues(Request[MeterValuesKept]):
    """Meter values as sent (OCPP 1.6 §4.7), one row a message; ``content_hash`` makes a repetition harmless.

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


@frozen
class ListMeterValues(Request["list[MeterValuesRecord]"]):
    """Stored meter values in the order of their receipt."""

    transaction_id: int | None = None
    identity: str | None = None
    limit: int = 1000


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


# --- security extension ------------------------------------------------------------------------------------------


class Origin(StrEnum):
    """Who noticed a security event."""

    CHARGE_POINT = "chargePoint"
    CENTRAL_SYSTEM = "centralSystem"


@frozen
class SecurityEvent:
    """A security event (security whitepaper, SecurityEventNotification)."""

    identity: str
    type: str
    timestamp: datetime
    tech_info: str | None
    origin: Origin
    received_at: datetime


@frozen
class RecordSecurityEvent(Request[None]):
    """Keep a security event."""

    event: SecurityEvent


@frozen
class ListSecurityEvents(Request["list[SecurityEvent]"]):
    """Security events in the order of their receipt."""

    identity: str | None = None
    limit: int = 100


@frozen
class RecordSigningRequest(Request[int]):
    """Keep a certificate signing request (SignCertificate.req); answers its id."""

    identity: str
    csr: str
    received_at: datetime


# --- durable commands --------------------------------------------------------------------------------------------


class CommandState(StrEnum):
    """Where a durable command stands; every state but the first two is its outcome."""

    WAITING = "waiting"
    SENT = "sent"
    ANSWERED = "answered"
    CALL_ERROR = "callError"
    INVALID = "invalid"
    TIMEOUT = "timeout"
    LOST = "lost"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@frozen
class CommandRecord:
    """A CALL of the server that may wait for an offline charge point, and survives a restart.

    Once it has an outcome, the AuthorizationKey is masked in its payload and detail (security whitepaper A01.FR.08).
    """

    command_id: int
    identity: str
    action: str
    payload: dict[str, Any]
    queued_at: datetime
    expires_at: datetime
    state: CommandState
    requested_by: str | None = None
    message_id: str | None = None
    sent_at: datetime | None = None
    ended_at: datetime | None = None
    detail: dict[str, Any] | None = None
    """The answer's payload, or what is known of why there is none."""


@frozen
class QueueCommand(Request[int]):
    """Keep a command until it is sent or ``expires_at``; answers its id. Ids rise in the order of queueing."""

    identity: str
    action: str
    payload: dict[str, Any]
    queued_at: datetime
    expires_at: datetime
    requested_by: str | None = None


@frozen
class MarkCommandSent(Request[bool]):
    """A waiting command is about to be sent under ``message_id``.

    Answers whether it was still waiting; where not, it must not be sent.
    """

    command_id: int
    message_id: str
    at: datetime


@frozen
class EndCommand(Request[None]):
    """A command that was waiting or sent has this outcome. One that has an outcome keeps it.

    Raises ValueError, when it is made: ``state`` is no outcome.
    """

    command_id: int
    state: CommandState = field(validator=not_(in_((CommandState.WAITING, CommandState.SENT))))
    detail: dict[str, Any] | None
    at: datetime


@frozen
class AbandonSentCommands(Request[int]):
    """At start: commands that were sent before and have no outcome become ``unknown``; answers how many."""

    at: datetime


@frozen
class ListCommands(Request["list[CommandRecord]"]):
    """Commands in the order of their ids, of one charge point or all, in one state or any, after ``after``."""

    identity: str | None = None
    state: CommandState | None = None
    after: int = 0
    limit: int = 1000


@frozen
class FindCommand(Request["CommandRecord | None"]):
    """One command."""

    command_id: int
