"""The data types that several messages share (OCPP 1.6 §7, security whitepaper §6)."""

from attrs import frozen

from ocpp_actors.protocol.messages.enumerations import (
    AuthorizationStatus,
    ChargingProfileKindType,
    ChargingProfilePurposeType,
    ChargingRateUnitType,
    HashAlgorithm,
    Location,
    Measurand,
    Phase,
    ReadingContext,
    RecurrencyKindType,
    UnitOfMeasure,
    ValueFormat,
)
from ocpp_actors.protocol.types import (
    CiString50,
    CiString500,
    DateTime,
    IdToken,
    String40,
    String128,
    String512,
    String800,
    String5500,
    Tenth,
)


@frozen(kw_only=True)
class IdTagInfo:
    """What the central system knows of an idTag. OCPP 1.6 §7.27."""

    status: AuthorizationStatus
    expiry_date: DateTime | None = None
    parent_id_tag: IdToken | None = None


@frozen(kw_only=True)
class AuthorizationData:
    """An entry of a local authorization list; without idTagInfo it removes the idTag. OCPP 1.6 §7.1."""

    id_tag: IdToken
    id_tag_info: IdTagInfo | None = None


@frozen(kw_only=True)
class KeyValue:
    """A configuration key and its value. OCPP 1.6 §7.29."""

    key: CiString50
    readonly: bool
    value: CiString500 | None = None


@frozen(kw_only=True)
class SampledValue:
    """One measured value. OCPP 1.6 §7.43.

    Left out, context means Sample.Periodic, format Raw, measurand Energy.Active.Import.Register, location
    Outlet, and unit Wh.
    """

    value: str
    context: ReadingContext | None = None
    format: ValueFormat | None = None
    measurand: Measurand | None = None
    phase: Phase | None = None
    location: Location | None = None
    unit: UnitOfMeasure | None = None


@frozen(kw_only=True)
class MeterValue:
    """The values measured at one moment. OCPP 1.6 §7.33."""

    timestamp: DateTime
    sampled_value: list[SampledValue]


@frozen(kw_only=True)
class ChargingSchedulePeriod:
    """A limit that holds from ``start_period``, seconds after the start of the schedule. OCPP 1.6 §7.14."""

    start_period: int
    limit: Tenth
    number_phases: int | None = None


@frozen(kw_only=True)
class ChargingSchedule:
    """A list of limits in time. ``duration`` is in seconds. OCPP 1.6 §7.13."""

    charging_rate_unit: ChargingRateUnitType
    charging_schedule_period: list[ChargingSchedulePeriod]
    duration: int | None = None
    start_schedule: DateTime | None = None
    min_charging_rate: Tenth | None = None


@frozen(kw_only=True)
class ChargingProfile:
    """A charging schedule with its purpose and rank. OCPP 1.6 §7.8."""

    charging_profile_id: int
    stack_level: int
    charging_profile_purpose: ChargingProfilePurposeType
    charging_profile_kind: ChargingProfileKindType
    charging_schedule: ChargingSchedule
    transaction_id: int | None = None
    recurrency_kind: RecurrencyKindType | None = None
    valid_from: DateTime | None = None
    valid_to: DateTime | None = None


@frozen(kw_only=True)
class CertificateHashData:
    """The hashes that identify a certificate. Security whitepaper §6.1."""

    hash_algorithm: HashAlgorithm
    issuer_name_hash: String128
    issuer_key_hash: String128
    serial_number: String40


@frozen(kw_only=True)
class LogParameters:
    """Which part of a log is asked for, and where it goes. Security whitepaper §6.12."""

    remote_location: String512
    oldest_timestamp: DateTime | None = None
    latest_timestamp: DateTime | None = None


@frozen(kw_only=True)
class Firmware:
    """A firmware image with its signature. Security whitepaper §6.7."""

    location: String512
    retrieve_date_time: DateTime
    signing_certificate: String5500
    signature: String800
    install_date_time: DateTime | None = None
