"""What the API takes and answers, beside the messages of OCPP themselves."""

from datetime import datetime
from typing import Annotated, Any, Literal

from attrs import field, frozen

from ocpp_actors.charge_point.misbehaviour import MAX_SECONDS, Kind
from ocpp_actors.ledger import port
from ocpp_actors.ledger.masking import mask_document
from ocpp_actors.ledger.message_entries import MessageEntry
from ocpp_actors.operator.http.wire import Like, Maximum, Told, message_schema
from ocpp_actors.operator.verdicts import verdict_on
from ocpp_actors.protocol.catalogue import ACTIONS, Role
from ocpp_actors.protocol.errors import ErrorCode
from ocpp_actors.protocol.messages import (
    AuthorizationStatus,
    RegistrationStatus,
    SendLocalList,
    SetChargingProfile,
    UpdateType,
)
from ocpp_actors.protocol.types import ConnectorId, DateTime, IdToken, MaxLength, Minimum

PROFILE_SCHEMA = message_schema(SetChargingProfile)["properties"]["csChargingProfiles"]
ENTRY_SCHEMA = message_schema(SendLocalList)["properties"]["localAuthorizationList"]["items"]

Json = dict[str, Any]
ChargingProfileJson = Annotated[dict[str, Any], Like(PROFILE_SCHEMA)]
StoredProfileJson = Annotated[
    dict[str, Any], Like({"type": "object"}), Told("A ChargingProfile, as it was sent.")
]
EntryJson = Annotated[dict[str, Any], Like(ENTRY_SCHEMA)]
JsonSchema = Annotated[dict[str, Any], Told("A JSON Schema.")]

BrokenAction = Annotated[
    str,
    Like(
        {
            "type": "string",
            "enum": [each.name for each in ACTIONS.values() if Role.CHARGE_POINT in each.senders],
        }
    ),
    Told("Whose answers; left out: of all."),
]

Limit = Annotated[int, Minimum(1), Maximum(1000)]
Cursor = Annotated[str, MaxLength(500), Told("`nextCursor` of the page before.")]
Search = Annotated[str, MaxLength(100)]
Identity = Annotated[str, MaxLength(255)]
SecurityProfile = Annotated[int, Minimum(0), Maximum(3)]

# --- charge points ---------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class SettingsModel:
    """How a charge point is treated."""

    lenient: Annotated[bool, Told("Coerce and flag what the strict schemas refuse.")] = False
    pings: Annotated[bool, Told("Send WebSocket pings to it.")] = True
    abort_on_shutdown: Annotated[
        bool,
        Told("At shutdown drop its connection instead of closing it: some never reconnect after a close."),
    ] = False
    security_profile: Annotated[
        SecurityProfile,
        Told(
            "The lowest security profile that it may connect with, from its next connection on. The server's own "
            "SECURITY_PROFILE counts where it is higher."
        ),
    ] = 0


@frozen(kw_only=True)
class SettingsChange:
    """What changes of how a charge point is treated."""

    lenient: bool | None = None
    pings: bool | None = None
    abort_on_shutdown: bool | None = None
    security_profile: SecurityProfile | None = None


@frozen(kw_only=True)
class ChargePointPut:
    """An operator's decision about a charge point."""

    registration: RegistrationStatus | None = None
    settings: SettingsModel = field(factory=SettingsModel)


@frozen(kw_only=True)
class ChargePointPatch:
    """What changes of an operator's decision about a charge point."""

    registration: RegistrationStatus | None = None
    settings: SettingsChange = field(factory=SettingsChange)


@frozen(kw_only=True)
class ConnectorModel:
    """The last status that a connector reported; connector 0 is the charge point itself."""

    connector_id: int
    status: str
    error_code: str
    info: str | None
    vendor_id: str | None
    vendor_error_code: str | None
    timestamp: datetime | None
    received_at: datetime


@frozen(kw_only=True)
class MisbehaviourRule:
    """One way in which answers to a charge point are broken on purpose."""

    kind: Annotated[
        Kind,
        Told(
            "`delay` and `stall` take `seconds`, `callError` an `errorCode`, `close` a `closeCode`. `crash`: the "
            "message is not even handled. `cut`: the connection is dropped without a close frame."
        ),
    ]
    action: BrokenAction | None = None
    probability: Annotated[float, Minimum(0), Maximum(1)] = 1.0
    times: Annotated[int, Minimum(1), Told("Answers after which the rule no longer applies.")] | None = None
    seconds: (
        Annotated[float, Minimum(0), Maximum(int(MAX_SECONDS)), Told("5 where it is left out.")] | None
    ) = None
    error_code: Annotated[ErrorCode, Told("InternalError where it is left out.")] | None = None
    close_code: Annotated[int, Minimum(1000), Maximum(4999), Told("1011 where it is left out.")] | None = None


@frozen(kw_only=True)
class AppliedRule(MisbehaviourRule):
    """A rule, and how often it was applied."""

    applied: int


@frozen(kw_only=True)
class MisbehaviourPut:
    """How answers to a charge point are broken on purpose: to each at most one rule applies, the first that can."""

    rules: list[MisbehaviourRule]


@frozen(kw_only=True)
class MisbehaviourModel:
    """How answers to a charge point are broken on purpose."""

    rules: list[AppliedRule]


@frozen(kw_only=True)
class ChargePointModel:
    """What is known of a charge point; what is not known is null."""

    identity: str
    online: bool
    registration: RegistrationStatus | None
    vendor: str | None
    model: str | None
    serial_number: str | None
    charge_box_serial_number: str | None
    firmware_version: str | None
    iccid: str | None
    imsi: str | None
    meter_type: str | None
    meter_serial_number: str | None
    connectors: list[ConnectorModel]
    first_seen: datetime | None
    last_seen: datetime | None
    booted_at: datetime | None
    connected_since: datetime | None
    remote: Annotated[str, Told("Address and port of its connection.")] | None
    security_profile: Annotated[int, Told("The security profile that it uses on its connection.")] | None
    settings: SettingsModel
    has_key: bool
    has_next_key: Annotated[
        bool, Told("It was sent a new key and has not used it yet: until it does, the old one is right too.")
    ]
    progress: Annotated[
        dict[str, str], Told("Last status by kind of job: diagnostics, firmware, signedFirmware, log.")
    ]
    waiting_calls: int
    power_w: Annotated[float, Told("Watts, of its running transactions, while it is online.")] | None
    misbehaviour: Annotated[list[AppliedRule], Told("How answers to it are broken on purpose.")]
    version: int


@frozen(kw_only=True)
class ChargePointsQuery:
    """Which charge points."""

    search: (
        Annotated[Search, Told("Looked for in identity, vendor, model, serial numbers and firmware version.")]
        | None
    ) = None
    online: bool | None = None
    registration: RegistrationStatus | None = None
    faulted: (
        Annotated[
            bool,
            Told(
                "Whether a connector, or connector 0, is Faulted or reports an error code other than NoError."
            ),
        ]
        | None
    ) = None
    limit: Limit = 100
    cursor: Cursor | None = None


@frozen(kw_only=True)
class Overview:
    """The whole fleet in numbers."""

    charge_points: int
    online: int
    charging_now: Annotated[int, Told("Transactions that run, of charge points that are online.")]
    power_w: Annotated[float, Told("Watts, of these transactions.")]
    faulted: Annotated[int, Told("Charge points with a fault or an error code.")]
    connectors: Annotated[dict[str, int], Told("Connectors by status.")]
    charge_point_urls: Annotated[
        list[str],
        Told("Where this server listens for charge points; a charge point adds `/` and its identity."),
    ]
    testing: bool
    version: Annotated[str, Told("Of this server.")]
    started_at: datetime


@frozen(kw_only=True)
class KeyPut:
    """The key of a charge point, as text or binary; with neither, one is made."""

    key: Annotated[str, MaxLength(40), Told("16 to 40 printable ASCII characters.")] | None = None
    key_hex: Annotated[str, MaxLength(40), Told("16 to 20 bytes, in 32 to 40 hexadecimal digits.")] | None = (
        None
    )


@frozen(kw_only=True)
class KeyModel:
    """A key that was made. It is shown here and never again."""

    key: str


@frozen(kw_only=True)
class RotationModel:
    """What came of sending a new key to a charge point."""

    call_id: int
    status: Annotated[
        str, Told("What the charge point answered: Accepted, Rejected, RebootRequired or NotSupported.")
    ]
    valid_keys: Annotated[
        Literal["new", "old", "both"],
        Told("With which key it may connect now; `both`: until it uses the new one."),
    ]
    seconds: float


@frozen(kw_only=True)
class SigningRequestModel:
    """A certificate signing request of a charge point, in PEM."""

    request_id: int
    csr: str
    received_at: datetime


@frozen(kw_only=True)
class CertificateModel:
    """A certificate that was signed for a charge point."""

    id: int
    state: Annotated[
        port.CertificateState,
        Told(
            "`Signed`: on its way to the charge point, which takes it (`Accepted`) or does not (`Rejected`)."
        ),
    ]
    subject: str
    issuer: str
    serial_number: Annotated[str, Told("In hexadecimal digits.")]
    fingerprint: Annotated[str, Told("SHA-256 of the certificate, in hexadecimal digits.")]
    not_before: datetime
    not_after: datetime
    changed_at: Annotated[datetime, Told("When the state changed last.")]


@frozen(kw_only=True)
class CertificatesModel:
    """The latest certificate signing requests and certificates of a charge point, each newest first."""

    signing_requests: list[SigningRequestModel]
    certificates: list[CertificateModel]


@frozen(kw_only=True)
class ConfigurationKeyModel:
    """A configuration key, as it was last seen."""

    key: str
    value: str | None
    readonly: bool | None
    reboot_required: bool
    seen_at: datetime


@frozen(kw_only=True)
class ConfigurationModel:
    """The configuration of a charge point, as it was last seen."""

    items: list[ConfigurationKeyModel]


@frozen(kw_only=True)
class InstalledProfileModel:
    """A charging profile that a charge point accepted."""

    connector_id: int
    profile: StoredProfileJson
    installed_at: datetime


@frozen(kw_only=True)
class InstalledProfilesModel:
    """The charging profiles that a charge point accepted and has not cleared."""

    items: list[InstalledProfileModel]


@frozen(kw_only=True)
class ProfileSending:
    """A charging profile for a charge point: kept under a ``name``, or a ``profile`` of its own."""

    connector_id: ConnectorId
    name: Annotated[str, MaxLength(100)] | None = None
    profile: ChargingProfileJson | None = None
    transaction_id: Annotated[int, Minimum(1), Told("The transaction that a TxProfile is for.")] | None = None


@frozen(kw_only=True)
class LocalListModel:
    """The local authorization list of a charge point, as far as it is known."""

    version: Annotated[int, Told("0: an empty list; -1: it has none.")] | None
    entries: list[EntryJson] | None
    changed_at: datetime | None


@frozen(kw_only=True)
class LocalListSending:
    """How the local authorization list is to be brought up to date."""

    update_type: UpdateType


# --- calls -----------------------------------------------------------------------------------------------------

CallStatus = Literal[
    "waiting", "sent", "answered", "callError", "invalid", "timeout", "lost", "expired", "unknown"
]


@frozen(kw_only=True)
class CallQuery:
    """Whether a call may wait."""

    wait: (
        Annotated[
            Literal["queue"],
            Told("Keep the call until it can be sent, also for a charge point that is offline."),
        ]
        | None
    ) = None
    ttl: Annotated[int, Minimum(1), Maximum(2_592_000), Told("Seconds for which a queued call is kept.")] = (
        86_400
    )


@frozen(kw_only=True)
class QueuedCall:
    """A call that waits."""

    call_id: int
    status: CallStatus
    expires_at: datetime


@frozen(kw_only=True)
class CallModel:
    """A call that an operator asked for; secrets are masked."""

    call_id: int
    charge_point: str
    action: str
    request: Json
    requested_by: str | None
    requested_at: datetime
    expires_at: datetime
    durable: Annotated[bool, Told("It may wait for a charge point that is offline.")]
    status: CallStatus
    message_id: str | None
    sent_at: datetime | None
    ended_at: datetime | None
    response: Any
    error_code: str | None
    error_description: str | None
    reason: str | None
    seconds: float | None


@frozen(kw_only=True)
class CallsQuery:
    """Which calls."""

    charge_point: Identity | None = None
    state: CallStatus | None = None
    limit: Limit = 100
    cursor: Cursor | None = None


@frozen(kw_only=True)
class ActionModel:
    """An action that may be asked of a charge point."""

    action: str
    profile: str
    schema: JsonSchema
    response_schema: JsonSchema


# --- transactions ----------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class TransactionsQuery:
    """Which transactions."""

    charge_point: Identity | None = None
    id_tag: IdToken | None = None
    active: bool | None = None
    limit: Limit = 100
    cursor: Cursor | None = None


@frozen(kw_only=True)
class TransactionModel:
    """A transaction; what has not happened yet is null."""

    id: int
    charge_point: str
    connector_id: int
    id_tag: str
    meter_start: Annotated[int, Told("Watt-hours.")]
    meter_stop: Annotated[int, Told("Watt-hours.")] | None
    started_at: datetime
    stopped_at: datetime | None
    stop_reason: str | None
    stop_id_tag: str | None
    reservation_id: int | None
    energy_wh: Annotated[float, Told("Watt-hours so far.")] | None
    power_w: Annotated[float, Told("Watts, while it runs and its charge point is online.")] | None


@frozen(kw_only=True)
class PageQuery:
    """Which page."""

    limit: Limit = 100
    cursor: Cursor | None = None


@frozen(kw_only=True)
class MeterValuesModel:
    """One message with meter values, or those of the end of a transaction."""

    received_at: datetime
    connector_id: int | None
    energy_wh: (
        Annotated[float, Told("The register of imported energy that was read last, in watt-hours.")] | None
    )
    power_w: Annotated[float, Told("Watts.")] | None
    source: Literal["meterValues", "transactionData"]
    meter_values: Annotated[list[Json], Told("As sent.")]


# --- idTags, reservations, charging profiles -------------------------------------------------------------------


@frozen(kw_only=True)
class IdTagPut:
    """What is known of an idTag."""

    status: AuthorizationStatus = AuthorizationStatus.ACCEPTED
    expiry_date: DateTime | None = None
    parent_id_tag: IdToken | None = None
    max_active_transactions: Annotated[int, Minimum(0), Told("Left out: no limit.")] | None = None


@frozen(kw_only=True)
class IdTagModel:
    """An idTag."""

    id_tag: str
    status: AuthorizationStatus
    expiry_date: datetime | None
    parent_id_tag: str | None
    max_active_transactions: int | None
    version: int


@frozen(kw_only=True)
class SearchQuery:
    """Which page, of what."""

    search: Annotated[Search, Told("Looked for in idTag and parentIdTag.")] | None = None
    limit: Limit = 100
    cursor: Cursor | None = None


@frozen(kw_only=True)
class ReservationPost:
    """A reservation that is to be made."""

    connector_id: Annotated[ConnectorId, Told("0: any connector.")]
    id_tag: IdToken
    parent_id_tag: IdToken | None = None
    expiry_date: DateTime


@frozen(kw_only=True)
class ReservationModel:
    """A reservation and what became of it."""

    id: int
    charge_point: str
    connector_id: int
    id_tag: str
    parent_id_tag: str | None
    expiry_date: datetime
    status: port.ReservationState
    created_at: datetime
    changed_at: datetime
    transaction_id: int | None


@frozen(kw_only=True)
class ReservationMade(ReservationModel):
    """A reservation that was just requested, with the call that did."""

    call_id: int


@frozen(kw_only=True)
class ReservationsQuery:
    """Which reservations."""

    charge_point: Identity | None = None
    active: bool | None = None
    limit: Limit = 100
    cursor: Cursor | None = None


@frozen(kw_only=True)
class NamedProfileModel:
    """A charging profile that is kept under a name."""

    name: str
    profile: ChargingProfileJson
    version: int


# --- what happened ---------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class MessagesQuery:
    """Which messages."""

    charge_point: Identity | None = None
    direction: Annotated[Literal["in", "out"], Told("`in`: from the charge point.")] | None = None
    action: Annotated[str, MaxLength(50)] | None = None
    since: DateTime | None = None
    search: Annotated[Search, Told("Looked for in the frame.")] | None = None
    order: Literal["newest", "oldest"] = "newest"
    limit: Limit = 100
    cursor: Cursor | None = None


@frozen(kw_only=True)
class MessageModel:
    """A frame as it was on the wire, secrets masked."""

    at: datetime
    charge_point: str
    direction: Literal["in", "out"]
    action: str | None
    message_id: str | None
    frame: str
    verdict: Annotated[str, Told("What is wrong with it.")] | None


@frozen(kw_only=True)
class SecurityEventsQuery:
    """Which security events."""

    charge_point: Identity | None = None
    type: Annotated[str, MaxLength(50)] | None = None
    origin: Annotated[port.Origin, Told("Who noticed it.")] | None = None
    limit: Limit = 100
    cursor: Cursor | None = None


@frozen(kw_only=True)
class SecurityEventModel:
    """A security event."""

    charge_point: (
        Annotated[str, Told("null where it is not known whose it is: a TLS handshake failed.")] | None
    )
    type: str
    timestamp: datetime
    tech_info: str | None
    origin: port.Origin
    received_at: datetime


@frozen(kw_only=True)
class ChangeModel:
    """What an operator changed."""

    at: datetime
    operator: str
    what: str
    subject: str
    detail: Json


@frozen(kw_only=True)
class EventsQuery:
    """Which events."""

    types: (
        Annotated[str, MaxLength(500), Told("Names, with commas between; left out: all but `message`.")]
        | None
    ) = None
    charge_point: Identity | None = None
    last_event_id: Annotated[str, MaxLength(100), Told("The same as the header Last-Event-ID.")] | None = None


# --- session ---------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class SessionPost:
    """A login."""

    token: Annotated[str, MaxLength(1000)]
    name: Annotated[str, MaxLength(50), Told("Whose changes they are said to be.")] | None = None


@frozen(kw_only=True)
class SessionModel:
    """Whether a login is needed, and whose it is."""

    login_required: bool
    logged_in: bool
    name: str | None
    testing: bool


# --- from what the ledger knows --------------------------------------------------------------------------------


def call_model(record: port.CommandRecord) -> CallModel:
    """Return a call as it is shown."""
    detail = mask_document(record.detail) or {}
    return CallModel(
        call_id=record.command_id,
        charge_point=record.identity,
        action=record.action,
        request=mask_document(record.payload),
        requested_by=record.requested_by,
        requested_at=record.queued_at,
        expires_at=record.expires_at,
        durable=record.durable,
        status=record.state.value,
        message_id=record.message_id,
        sent_at=record.sent_at,
        ended_at=record.ended_at,
        response=detail.get("response"),
        error_code=detail.get("errorCode"),
        error_description=detail.get("errorDescription"),
        reason=detail.get("reason"),
        seconds=detail.get("seconds"),
    )


def transaction_model(record: port.Transaction, power_w: float | None) -> TransactionModel:
    """Return a transaction as it is shown."""
    return TransactionModel(
        id=record.transaction_id,
        charge_point=record.identity,
        connector_id=record.connector_id,
        id_tag=record.id_tag,
        meter_start=record.meter_start,
        meter_stop=record.meter_stop,
        started_at=record.started_at,
        stopped_at=record.stopped_at,
        stop_reason=record.stop_reason,
        stop_id_tag=record.stop_id_tag,
        reservation_id=record.reservation_id,
        energy_wh=record.energy_wh,
        power_w=None if record.stopped_at is not None else power_w,
    )


def meter_values_model(record: port.MeterValuesRecord) -> MeterValuesModel:
    """Return meter values as they are shown."""
    return MeterValuesModel(
        received_at=record.received_at,
        connector_id=record.connector_id,
        energy_wh=record.energy_wh,
        power_w=record.power_w,
        source="transactionData" if record.source == "transactionData" else "meterValues",
        meter_values=record.meter_values,
    )


def id_tag_model(record: port.IdTag) -> IdTagModel:
    """Return an idTag as it is shown."""
    return IdTagModel(
        id_tag=record.id_tag,
        status=record.status,
        expiry_date=record.expiry_date,
        parent_id_tag=record.parent_id_tag,
        max_active_transactions=record.max_active_transactions,
        version=record.version,
    )


def reservation_model(record: port.Reservation) -> ReservationModel:
    """Return a reservation as it is shown."""
    return ReservationModel(
        id=record.reservation_id,
        charge_point=record.identity,
        connector_id=record.connector_id,
        id_tag=record.id_tag,
        parent_id_tag=record.parent_id_tag,
        expiry_date=record.expiry_date,
        status=record.state,
        created_at=record.created_at,
        changed_at=record.changed_at,
        transaction_id=record.transaction_id,
    )


def message_model(entry: MessageEntry) -> MessageModel:
    """Return a frame as it is shown."""
    return MessageModel(
        at=entry.at,
        charge_point=entry.identity,
        direction=entry.direction,
        action=entry.action,
        message_id=entry.message_id,
        frame=entry.text,
        verdict=verdict_on(entry),
    )
