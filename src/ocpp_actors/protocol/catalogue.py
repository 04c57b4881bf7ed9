"""The actions of OCPP 1.6 and its security extension: their messages, senders and feature profiles.

OCPP 1.6 §3.3 (feature profiles), §4 (operations initiated by the charge point), §5 (by the central system);
security whitepaper §5.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from attrs import AttrsInstance, field, frozen

from ocpp_actors.protocol import messages as m


class Role(StrEnum):
    """The two parties of a conversation."""

    CHARGE_POINT = "charge point"
    CENTRAL_SYSTEM = "central system"


class FeatureProfile(StrEnum):
    """A feature profile as the key SupportedFeatureProfiles spells it (OCPP 1.6 §9.1.29).

    ``Security`` stands for the security extension, which the key does not know.
    """

    CORE = "Core"
    FIRMWARE_MANAGEMENT = "FirmwareManagement"
    LOCAL_AUTH_LIST_MANAGEMENT = "LocalAuthListManagement"
    RESERVATION = "Reservation"
    SMART_CHARGING = "SmartCharging"
    REMOTE_TRIGGER = "RemoteTrigger"
    SECURITY = "Security"


@frozen
class Action:
    """One action: its classes and who may send the request."""

    request: type[AttrsInstance]
    response: type[AttrsInstance]
    senders: frozenset[Role]
    profile: FeatureProfile
    name: str = field(init=False)

    @name.default
    def _name(self) -> str:
        return self.request.__name__


_CHARGE_POINT = frozenset({Role.CHARGE_POINT})
_CENTRAL_SYSTEM = frozenset({Role.CENTRAL_SYSTEM})
_BOTH = _CHARGE_POINT | _CENTRAL_SYSTEM

_P = FeatureProfile

_ACTIONS = (
    Action(m.Authorize, m.AuthorizeResponse, _CHARGE_POINT, _P.CORE),
    Action(m.BootNotification, m.BootNotificationResponse, _CHARGE_POINT, _P.CORE),
    Action(m.ChangeAvailability, m.ChangeAvailabilityResponse, _CENTRAL_SYSTEM, _P.CORE),
    Action(m.ChangeConfiguration, m.ChangeConfigurationResponse, _CENTRAL_SYSTEM, _P.CORE),
    Action(m.ClearCache, m.ClearCacheResponse, _CENTRAL_SYSTEM, _P.CORE),
    Action(m.DataTransfer, m.DataTransferResponse, _BOTH, _P.CORE),
    Action(m.GetConfiguration, m.GetConfigurationResponse, _CENTRAL_SYSTEM, _P.CORE),
    Action(m.Heartbeat, m.HeartbeatResponse, _CHARGE_POINT, _P.CORE),
    Action(m.MeterValues, m.MeterValuesResponse, _CHARGE_POINT, _P.CORE),
    Action(m.RemoteStartTransaction, m.RemoteStartTransactionResponse, _CENTRAL_SYSTEM, _P.CORE),
    Action(m.RemoteStopTransaction, m.RemoteStopTransactionResponse, _CENTRAL_SYSTEM, _P.CORE),
    Action(m.Reset, m.ResetResponse, _CENTRAL_SYSTEM, _P.CORE),
    Action(m.StartTransaction, m.StartTransactionResponse, _CHARGE_POINT, _P.CORE),
    Action(m.StatusNotification, m.StatusNotificationResponse, _CHARGE_POINT, _P.CORE),
    Action(m.StopTransaction, m.StopTransactionResponse, _CHARGE_POINT, _P.CORE),
    Action(m.UnlockConnector, m.UnlockConnectorResponse, _CENTRAL_SYSTEM, _P.CORE),
    Action(
        m.DiagnosticsStatusNotification,
        m.DiagnosticsStatusNotificationResponse,
        _CHARGE_POINT,
        _P.FIRMWARE_MANAGEMENT,
    ),
    Action(
        m.FirmwareStatusNotification,
        m.FirmwareStatusNotificationResponse,
        _CHARGE_POINT,
        _P.FIRMWARE_MANAGEMENT,
    ),
    Action(m.GetDiagnostics, m.GetDiagnosticsResponse, _CENTRAL_SYSTEM, _P.FIRMWARE_MANAGEMENT),
    Action(m.UpdateFirmware, m.UpdateFirmwareResponse, _CENTRAL_SYSTEM, _P.FIRMWARE_MANAGEMENT),
    Action(
        m.GetLocalListVersion, m.GetLocalListVersionResponse, _CENTRAL_SYSTEM, _P.LOCAL_AUTH_LIST_MANAGEMENT
    ),
    Action(m.SendLocalList, m.SendLocalListResponse, _CENTRAL_SYSTEM, _P.LOCAL_AUTH_LIST_MANAGEMENT),
    Action(m.TriggerMessage, m.TriggerMessageResponse, _CENTRAL_SYSTEM, _P.REMOTE_TRIGGER),
    Action(m.CancelReservation, m.CancelReservationResponse, _CENTRAL_SYSTEM, _P.RESERVATION),
    Action(m.ReserveNow, m.ReserveNowResponse, _CENTRAL_SYSTEM, _P.RESERVATION),
    Action(m.CertificateSigned, m.CertificateSignedResponse, _CENTRAL_SYSTEM, _P.SECURITY),
    Action(m.DeleteCertificate, m.DeleteCertificateResponse, _CENTRAL_SYSTEM, _P.SECURITY),
    Action(m.ExtendedTriggerMessage, m.ExtendedTriggerMessageResponse, _CENTRAL_SYSTEM, _P.SECURITY),
    Action(m.GetInstalledCertificateIds, m.GetInstalledCertificateIdsResponse, _CENTRAL_SYSTEM, _P.SECURITY),
    Action(m.GetLog, m.GetLogResponse, _CENTRAL_SYSTEM, _P.SECURITY),
    Action(m.InstallCertificate, m.InstallCertificateResponse, _CENTRAL_SYSTEM, _P.SECURITY),
    Action(m.LogStatusNotification, m.LogStatusNotificationResponse, _CHARGE_POINT, _P.SECURITY),
    Action(m.SecurityEventNotification, m.SecurityEventNotificationResponse, _CHARGE_POINT, _P.SECURITY),
    Action(m.SignCertificate, m.SignCertificateResponse, _CHARGE_POINT, _P.SECURITY),
    Action(
        m.SignedFirmwareStatusNotification,
        m.SignedFirmwareStatusNotificationResponse,
        _CHARGE_POINT,
        _P.SECURITY,
    ),
    Action(m.SignedUpdateFirmware, m.SignedUpdateFirmwareResponse, _CENTRAL_SYSTEM, _P.SECURITY),
    Action(m.ClearChargingProfile, m.ClearChargingProfileResponse, _CENTRAL_SYSTEM, _P.SMART_CHARGING),
    Action(m.GetCompositeSchedule, m.GetCompositeScheduleResponse, _CENTRAL_SYSTEM, _P.SMART_CHARGING),
    Action(m.SetChargingProfile, m.SetChargingProfileResponse, _CENTRAL_SYSTEM, _P.SMART_CHARGING),
)

ACTIONS: Final[Mapping[str, Action]] = MappingProxyType({action.name: action for action in _ACTIONS})
"""Action by name, as the third element of a CALL spells it."""

ACTION_OF: Final[Mapping[type[AttrsInstance], Action]] = MappingProxyType(
    {message: action for action in _ACTIONS for message in (action.request, action.response)}
)
"""Action by its request class and by its response class."""
