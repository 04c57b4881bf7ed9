"""The Core profile (OCPP 1.6 §3.3): what every charge point speaks."""

from typing import Annotated

from attrs import frozen

from ocpp_actors.protocol.messages.data_types import ChargingProfile, IdTagInfo, KeyValue, MeterValue
from ocpp_actors.protocol.messages.enumerations import (
    AvailabilityStatus,
    AvailabilityType,
    ChargePointErrorCode,
    ChargePointStatus,
    ClearCacheStatus,
    ConfigurationStatus,
    DataTransferStatus,
    Reason,
    RegistrationStatus,
    RemoteStartStopStatus,
    ResetStatus,
    ResetType,
    UnlockStatus,
)
from ocpp_actors.protocol.types import (
    CiString20,
    CiString25,
    CiString50,
    CiString255,
    CiString500,
    ConnectorId,
    DateTime,
    IdToken,
    MinItems,
    MinItemsWithin,
    TransactionConnectorId,
)


@frozen(kw_only=True)
class Authorize:
    """Asks whether an idTag may start or stop a charge. OCPP 1.6 §6.1."""

    id_tag: IdToken


@frozen(kw_only=True)
class AuthorizeResponse:
    """Says whether the idTag may charge. OCPP 1.6 §6.2."""

    id_tag_info: IdTagInfo


@frozen(kw_only=True)
class BootNotification:
    """Registers a charge point and tells what it is. OCPP 1.6 §6.3."""

    charge_point_vendor: CiString20
    charge_point_model: CiString20
    charge_point_serial_number: CiString25 | None = None
    charge_box_serial_number: CiString25 | None = None
    firmware_version: CiString50 | None = None
    iccid: CiString20 | None = None
    imsi: CiString20 | None = None
    meter_type: CiString25 | None = None
    meter_serial_number: CiString25 | None = None


@frozen(kw_only=True)
class BootNotificationResponse:
    """The registration; ``interval`` (seconds) is of heartbeats or until the next try. OCPP 1.6 §6.4."""

    status: RegistrationStatus
    current_time: DateTime
    interval: int


@frozen(kw_only=True)
class ChangeAvailability:
    """Makes a connector, or with 0 the whole charge point, operative or not. OCPP 1.6 §6.7."""

    connector_id: ConnectorId
    type: AvailabilityType


@frozen(kw_only=True)
class ChangeAvailabilityResponse:
    """Says whether the availability was changed. OCPP 1.6 §6.8."""

    status: AvailabilityStatus


@frozen(kw_only=True)
class ChangeConfiguration:
    """Sets a configuration key. OCPP 1.6 §6.9."""

    key: CiString50
    value: CiString500


@frozen(kw_only=True)
class ChangeConfigurationResponse:
    """Says whether the key was set. OCPP 1.6 §6.10."""

    status: ConfigurationStatus


@frozen(kw_only=True)
class ClearCache:
    """Empties the authorization cache. OCPP 1.6 §6.11."""


@frozen(kw_only=True)
class ClearCacheResponse:
    """Says whether the cache was emptied. OCPP 1.6 §6.12."""

    status: ClearCacheStatus


@frozen(kw_only=True)
class DataTransfer:
    """Carries what OCPP has no message for, in either direction. OCPP 1.6 §6.15."""

    vendor_id: CiString255
    message_id: CiString50 | None = None
    data: str | None = None


@frozen(kw_only=True)
class DataTransferResponse:
    """Says what became of the data. OCPP 1.6 §6.16."""

    status: DataTransferStatus
    data: str | None = None


@frozen(kw_only=True)
class GetConfiguration:
    """Asks for configuration keys; without ``key`` for all. OCPP 1.6 §6.23."""

    key: list[CiString50] | None = None


@frozen(kw_only=True)
class GetConfigurationResponse:
    """The configuration keys asked for. OCPP 1.6 §6.24."""

    configuration_key: list[KeyValue] | None = None
    unknown_key: list[CiString50] | None = None


@frozen(kw_only=True)
class Heartbeat:
    """Says that the charge point is there, and asks for the time. OCPP 1.6 §6.29."""


@frozen(kw_only=True)
class HeartbeatResponse:
    """The time of the central system. OCPP 1.6 §6.30."""

    current_time: DateTime


@frozen(kw_only=True)
class MeterValues:
    """Reports measured values, of a transaction or without one. OCPP 1.6 §6.31."""

    connector_id: ConnectorId
    meter_value: Annotated[list[MeterValue], MinItems(1), MinItemsWithin("sampled_value", 1)]
    transaction_id: int | None = None


@frozen(kw_only=True)
class MeterValuesResponse:
    """Confirms that the values are kept. OCPP 1.6 §6.32."""


@frozen(kw_only=True)
class RemoteStartTransaction:
    """Asks the charge point to start a transaction. OCPP 1.6 §6.33."""

    id_tag: IdToken
    connector_id: ConnectorId | None = None
    charging_profile: ChargingProfile | None = None


@frozen(kw_only=True)
class RemoteStartTransactionResponse:
    """Says whether the charge point will try to start. OCPP 1.6 §6.34."""

    status: RemoteStartStopStatus


@frozen(kw_only=True)
class RemoteStopTransaction:
    """Asks the charge point to stop a transaction. OCPP 1.6 §6.35."""

    transaction_id: int


@frozen(kw_only=True)
class RemoteStopTransactionResponse:
    """Says whether the charge point will try to stop. OCPP 1.6 §6.36."""

    status: RemoteStartStopStatus


@frozen(kw_only=True)
class Reset:
    """Asks the charge point to restart. OCPP 1.6 §6.39."""

    type: ResetType


@frozen(kw_only=True)
class ResetResponse:
    """Says whether the charge point will restart. OCPP 1.6 §6.40."""

    status: ResetStatus


@frozen(kw_only=True)
class StartTransaction:
    """Reports a transaction that has started; ``meter_start`` is in Wh. OCPP 1.6 §6.45."""

    connector_id: TransactionConnectorId
    id_tag: IdToken
    meter_start: int
    timestamp: DateTime
    reservation_id: int | None = None


@frozen(kw_only=True)
class StartTransactionResponse:
    """Gives the transaction its id. OCPP 1.6 §6.46."""

    id_tag_info: IdTagInfo
    transaction_id: int


@frozen(kw_only=True)
class StatusNotification:
    """Reports the status of a connector, or with 0 of the charge point. OCPP 1.6 §6.47."""

    connector_id: ConnectorId
    error_code: ChargePointErrorCode
    status: ChargePointStatus
    info: CiString50 | None = None
    timestamp: DateTime | None = None
    vendor_id: CiString255 | None = None
    vendor_error_code: CiString50 | None = None


@frozen(kw_only=True)
class StatusNotificationResponse:
    """Confirms a status. OCPP 1.6 §6.48."""


@frozen(kw_only=True)
class StopTransaction:
    """Reports a transaction that has ended; ``meter_stop`` is in Wh. OCPP 1.6 §6.49."""

    transaction_id: int
    meter_stop: int
    timestamp: DateTime
    id_tag: IdToken | None = None
    reason: Reason | None = None
    transaction_data: list[MeterValue] | None = None


@frozen(kw_only=True)
class StopTransactionResponse:
    """Confirms that the stop is kept. OCPP 1.6 §6.50."""

    id_tag_info: IdTagInfo | None = None


@frozen(kw_only=True)
class UnlockConnector:
    """Asks the charge point to release a cable. OCPP 1.6 §6.53."""

    connector_id: ConnectorId


@frozen(kw_only=True)
class UnlockConnectorResponse:
    """Says whether the connector was unlocked. OCPP 1.6 §6.54."""

    status: UnlockStatus
