"""The router of the server: a handler for every action that a charge point may send."""

from ocpp_actors.central_system import (
    authorization,
    availability,
    certificates,
    maintenance,
    metering,
    registration,
    security_events,
    transactions,
)
from ocpp_actors.central_system.data_transfer import Vendors
from ocpp_actors.central_system.router import Router
from ocpp_actors.protocol import messages


def default_router(vendors: Vendors | None = None) -> Router:
    """Return a router with the server's own handlers, to be used as it is or changed.

    ``vendors`` are the handlers of DataTransfer; without them every vendor is unknown.
    """
    router = Router()
    router.on(messages.Authorize)(authorization.authorize)
    router.on(messages.BootNotification)(registration.boot_notification)
    router.on(messages.DataTransfer)((vendors or Vendors()).data_transfer)
    router.on(messages.DiagnosticsStatusNotification)(maintenance.diagnostics_status_notification)
    router.on(messages.FirmwareStatusNotification)(maintenance.firmware_status_notification)
    router.on(messages.Heartbeat)(registration.heartbeat)
    router.on(messages.LogStatusNotification)(maintenance.log_status_notification)
    router.on(messages.MeterValues)(metering.meter_values)
    router.on(messages.SecurityEventNotification)(security_events.security_event_notification)
    router.on(messages.SignCertificate)(certificates.sign_certificate)
    router.after(messages.SignCertificate)(certificates.begin_signing)
    router.on(messages.SignedFirmwareStatusNotification)(maintenance.signed_firmware_status_notification)
    router.on(messages.StartTransaction)(transactions.start_transaction)
    router.on(messages.StatusNotification)(availability.status_notification)
    router.on(messages.StopTransaction)(transactions.stop_transaction)
    return router
