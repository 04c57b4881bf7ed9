"""The Smart Charging profile (OCPP 1.6 §3.3)."""

from attrs import frozen

from ocpp_actors.protocol.messages.data_types import ChargingProfile, ChargingSchedule
from ocpp_actors.protocol.messages.enumerations import (
    ChargingProfilePurposeType,
    ChargingProfileStatus,
    ChargingRateUnitType,
    ClearChargingProfileStatus,
    GetCompositeScheduleStatus,
)
from ocpp_actors.protocol.types import ConnectorId, DateTime


@frozen(kw_only=True)
class ClearChargingProfile:
    """Removes the charging profiles that match. OCPP 1.6 §6.13."""

    id: int | None = None
    connector_id: ConnectorId | None = None
    charging_profile_purpose: ChargingProfilePurposeType | None = None
    stack_level: int | None = None


@frozen(kw_only=True)
class ClearChargingProfileResponse:
    """Says whether a charging profile was removed. OCPP 1.6 §6.14."""

    status: ClearChargingProfileStatus


@frozen(kw_only=True)
class GetCompositeSchedule:
    """Asks for the limits of the next ``duration`` seconds. OCPP 1.6 §6.21."""

    connector_id: ConnectorId
    duration: int
    charging_rate_unit: ChargingRateUnitType | None = None


@frozen(kw_only=True)
class GetCompositeScheduleResponse:
    """The limits that result from all charging profiles. OCPP 1.6 §6.22."""

    status: GetCompositeScheduleStatus
    connector_id: int | None = None
    schedule_start: DateTime | None = None
    charging_schedule: ChargingSchedule | None = None


@frozen(kw_only=True)
class SetChargingProfile:
    """Sets a charging profile on a connector, or with 0 on the charge point. OCPP 1.6 §6.43."""

    connector_id: ConnectorId
    cs_charging_profiles: ChargingProfile


@frozen(kw_only=True)
class SetChargingProfileResponse:
    """Says whether the charging profile was taken. OCPP 1.6 §6.44."""

    status: ChargingProfileStatus
