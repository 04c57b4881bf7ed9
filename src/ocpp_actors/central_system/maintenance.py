"""How firmware updates and uploads of diagnostics and logs get on (OCPP 1.6 §4.4, §4.5; security whitepaper)."""

from ocpp_actors.central_system.context import Context
from ocpp_actors.ledger.port import NoteProgress
from ocpp_actors.observer import ProgressReported
from ocpp_actors.protocol.messages import (
    DiagnosticsStatusNotification,
    DiagnosticsStatusNotificationResponse,
    FirmwareStatusNotification,
    FirmwareStatusNotificationResponse,
    LogStatusNotification,
    LogStatusNotificationResponse,
    SignedFirmwareStatusNotification,
    SignedFirmwareStatusNotificationResponse,
)


def diagnostics_status_notification(
    request: DiagnosticsStatusNotification, context: Context
) -> DiagnosticsStatusNotificationResponse:
    """Keep how the upload of diagnostics gets on (§4.4)."""
    _keep("diagnostics", request.status, None, context)
    return DiagnosticsStatusNotificationResponse()


def firmware_status_notification(
    request: FirmwareStatusNotification, context: Context
) -> FirmwareStatusNotificationResponse:
    """Keep how the firmware update gets on (§4.5)."""
    _keep("firmware", request.status, None, context)
    return FirmwareStatusNotificationResponse()


def signed_firmware_status_notification(
    request: SignedFirmwareStatusNotification, context: Context
) -> SignedFirmwareStatusNotificationResponse:
    """Keep how the signed firmware update gets on (security whitepaper, SignedFirmwareStatusNotification)."""
    _keep("signedFirmware", request.status, request.request_id, context)
    return SignedFirmwareStatusNotificationResponse()


def log_status_notification(
    request: LogStatusNotification, context: Context
) -> LogStatusNotificationResponse:
    """Keep how the upload of a log gets on (security whitepaper, LogStatusNotification)."""
    _keep("log", request.status, request.request_id, context)
    return LogStatusNotificationResponse()


def _keep(kind: str, status: str, request_id: int | None, context: Context) -> None:
    context.charge_point.record.progress[kind] = status
    context.note(NoteProgress(context.identity, kind, status, request_id, context.received_at))
    context.tell(ProgressReported(context.identity, context.now(), kind, status, request_id))
