"""Charge points: what is known of them and how they are treated."""

from datetime import datetime
from typing import Any, Final

from attrs import define, field, frozen

from ocpp_actors.ledger.port.base import Note, Request
from ocpp_actors.protocol.messages import ChargePointErrorCode, ChargePointStatus, RegistrationStatus

SERIAL_NUMBERS: Final = ("chargePointSerialNumber", "chargeBoxSerialNumber")
"""Where a BootNotification.req has the charge point's serial number (OCPP 1.6 §6.3)."""


@frozen
class ChargePointSettings:
    """How one charge point is to be treated. The defaults are strict."""

    lenient: bool = False
    """Coerce and flag what the strict schemas refuse; speak OCPP 1.6 even where no subprotocol was offered."""
    pings: bool = True
    """Send WebSocket pings to it."""
    abort_on_shutdown: bool = False
    """At shutdown drop its connection instead of closing it: some never reconnect after a close."""
    security_profile: int = 0
    """The lowest security profile that it may connect with, where it is above the server's own (A00.FR.001)."""


@frozen
class KeyHash:
    """A salted hash of an AuthorizationKey; the key itself is never kept (A01.FR.08)."""

    encoded: str
    """``$algorithm$parameters$salt$digest``, see central_system.credentials."""


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

    @property
    def faulted(self) -> bool:
        """Whether it is Faulted, or reports an error code other than NoError."""
        return self.status == ChargePointStatus.FAULTED or self.error_code != ChargePointErrorCode.NO_ERROR


@define(kw_only=True)
class ChargePointRecord:
    """What is known of a charge point. ``identity`` keeps the letters of its first connection."""

    identity: str
    registration: RegistrationStatus | None = None
    """None until it was registered by a BootNotification, or by its first message."""
    settings: ChargePointSettings = field(factory=ChargePointSettings)
    key: KeyHash | None = None
    next_keys: tuple[KeyHash, ...] = ()
    """Keys that it was sent, in this order, of which is not known whether it uses one. Until it is, all are right."""
    boot: dict[str, Any] | None = None
    """The payload of its last BootNotification.req."""
    booted_at: datetime | None = None
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None
    connectors: dict[int, Connector] = field(factory=dict)
    progress: dict[str, str] = field(factory=dict)
    """Last status by kind: diagnostics, firmware, signedFirmware, log."""
    version: int = 1
    """Counts what an operator changed: registration and settings."""

    @property
    def names(self) -> frozenset[str]:
        """What the CN of its certificate may be: its identity, and the serial numbers of its last boot."""
        boot = self.boot or {}
        return frozenset(filter(None, (self.identity, *(boot.get(name) for name in SERIAL_NUMBERS))))

    @property
    def faulted(self) -> bool:
        """Whether a connector, or connector 0, is faulted."""
        return any(connector.faulted for connector in self.connectors.values())


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
    """Set the key of a charge point that exists, None removes it, and the next ones, if any is still in doubt."""

    identity: str
    key: KeyHash | None
    next_keys: tuple[KeyHash, ...] = ()


@frozen
class SetNextKeys(Request[None]):
    """Set the keys that a charge point that exists was sent, or is about to be, and may use; () ends the doubt.

    One that is the charge point's key already is no next one.
    """

    identity: str
    keys: tuple[KeyHash, ...]


@frozen
class PutChargePoint(Request[ChargePointRecord]):
    """An operator's decision about a charge point, which is created where it is unknown.

    ``registration`` None leaves it to its first boot. ``expected_version`` None: whatever its version is; 0: it must
    not exist yet.

    Raises VersionConflict: it has another version.
    """

    identity: str
    registration: RegistrationStatus | None
    settings: ChargePointSettings
    at: datetime
    expected_version: int | None = None


@frozen
class RemoveChargePoint(Request[bool]):
    """Forget a charge point; answers whether it was known.

    What it did stays: transactions, meter values, security events and past commands. Commands that wait for it, or
    were sent and have no outcome, become ``lost``. Its connectors, progress, configuration, local list and installed
    charging profiles go with it.

    Raises VersionConflict: it has another version.
    """

    identity: str
    at: datetime
    expected_version: int | None = None


@frozen
class ListChargePoints(Request["list[ChargePointRecord]"]):
    """Charge points in the order of their casefolded identity, after ``after``, at most ``limit``.

    ``search`` is looked for, without regard to case, in the identity and in vendor, model, serial numbers and firmware
    version of the last boot. ``registration`` limits to those registered so, ``faulted`` to those of which a connector,
    or connector 0, is faulted, or to the others.
    """

    after: str = ""
    limit: int = 100
    search: str | None = None
    registration: RegistrationStatus | None = None
    faulted: bool | None = None


@frozen
class Totals:
    """How many there are of what. Connector 0, which is the charge point itself, does not count as a connector."""

    charge_points: int
    active_transactions: dict[str, int]
    """Transactions that run, by the casefolded identity of their charge point."""
    connectors: dict[str, int]
    """Connectors by their last status."""
    faulted: int
    """Charge points of which a connector, or connector 0, is faulted."""


@frozen
class CountAll(Request[Totals]):
    """Count charge points, connectors and transactions."""


@define
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
