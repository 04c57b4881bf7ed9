"""The Firmware Management profile (OCPP 1.6 §3.3): firmware updates and diagnostics."""

from attrs import frozen

from ocpp_actors.protocol.messages.enumerations import DiagnosticsStatus, FirmwareStatus
from ocpp_actors.protocol.types import CiString255, DateTime, Uri


@frozen(kw_only=True)
class DiagnosticsStatusNotification:
    """Reports how far an upload of diagnostics is. OCPP 1.6 §6.17."""

    status: DiagnosticsStatus


@frozen(kw_only=True)
class DiagnosticsStatusNotificationResponse:
    """Confirms the report. OCPP 1.6 §6.18."""


@frozen(kw_only=True)
class FirmwareStatusNotification:
    """Reports how far a firmware update is. OCPP 1.6 §6.19."""

    status: FirmwareStatus


@frozen(kw_only=True)
class FirmwareStatusNotificationResponse:
    """Confirms the report. OCPP 1.6 §6.20."""


@frozen(kw_only=True)
class GetDiagnostics:
    """Asks for an upload of diagnostics; ``retry_interval`` is in seconds. OCPP 1.6 §6.25."""

    location: Uri
    retries: int | None = None
    retry_interval: int | None = None
    start_time: DateTime | None = None
    stop_time: DateTime | None = None


@frozen(kw_only=True)
class GetDiagnosticsResponse:
    """The name of the file that will be uploaded, if there is one. OCPP 1.6 §6.26."""

    file_name: CiString255 | None = None


@frozen(kw_only=True)
class UpdateFirmware:
    """Asks for a firmware update; ``retry_interval`` is in seconds. OCPP 1.6 §6.55."""

    location: Uri
    retrieve_date: DateTime
    retries: int | None = None
    retry_interval: int | None = None


@frozen(kw_only=True)
class UpdateFirmwareResponse:
    """Confirms the request. OCPP 1.6 §6.56."""
