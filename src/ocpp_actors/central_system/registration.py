"""Who is registered: BootNotification, Heartbeat, and what may be said before (OCPP 1.6 §4.2, §4.6)."""

from ocpp_actors.central_system import commands
from ocpp_actors.central_system.context import Context
from ocpp_actors.ledger.masking import mask_document
from ocpp_actors.ledger.port import FindChargePoint, NoteBoot, NoteSeen, RecordBoot
from ocpp_actors.protocol.codec import encode
from ocpp_actors.protocol.errors import ErrorCode, ProtocolFault
from ocpp_actors.protocol.messages import (
    BootNotification,
    BootNotificationResponse,
    Heartbeat,
    HeartbeatResponse,
    RegistrationStatus,
)

JITTER = 0.1
"""By how much of itself the interval before the next BootNotification varies, so that charge points that were turned
away together do not return together."""


def check_registration(action: str, context: Context) -> None:
    """Let the CALL through, or not.

    A charge point that is Rejected, or Pending and was not asked for this message, gets SecurityError (OCPP-J errata
    3.8). One that never booted here is treated as its first boot would be: it may come from another central system, and
    need not boot again only to reconnect (OCPP-J §5.4). It is then asked for a BootNotification, once.

    Raises ProtocolFault: SecurityError.
    """
    charge_point = context.charge_point
    if charge_point.record.registration is RegistrationStatus.ACCEPTED or action == BootNotification.__name__:
        return
    registration = charge_point.registration
    if registration is RegistrationStatus.ACCEPTED:
        if not charge_point.boot_requested:
            requested = context.command("TriggerMessage", {"requestedMessage": "BootNotification"})
            if requested:
                context.flag("no boot", f"{action} came before any BootNotification")
            charge_point.boot_requested = requested
        return
    if registration is RegistrationStatus.PENDING and commands.came(charge_point, action):
        return
    raise ProtocolFault(
        ErrorCode.SECURITY_ERROR,
        f"the charge point's registration is {registration}: only BootNotification is let in",
    )


async def boot_notification(request: BootNotification, context: Context) -> BootNotificationResponse:
    """Register the charge point (OCPP 1.6 §4.2).

    While it is not Accepted the operator may have decided since, so the ledger is asked. A boot that tells something
    new is stored before it is answered; the same boot again only moves the time of the last one.
    """
    charge_point = context.charge_point
    record = charge_point.record
    charge_point.triggered.pop(BootNotification.__name__, None)
    if record.registration is not RegistrationStatus.ACCEPTED:
        known = await context.ask(FindChargePoint(context.identity))
        record.registration = known.registration if known else None
    registration = record.registration or context.policy.first_boot
    boot = mask_document(encode(request))
    if record.registration is not registration or record.boot != boot:
        await context.ask(RecordBoot(context.identity, registration, boot, context.received_at))
    else:
        context.note(NoteBoot(context.identity, context.received_at))
    record.registration = registration
    record.boot = boot
    record.booted_at = context.received_at
    return BootNotificationResponse(
        status=registration, current_time=context.now(), interval=_interval(registration, context)
    )


def _interval(registration: RegistrationStatus, context: Context) -> int:
    interval = context.policy.heartbeat_interval
    if registration is RegistrationStatus.ACCEPTED:
        return interval
    return max(1, round(interval * context.central_system.chance.uniform(1 - JITTER, 1 + JITTER)))


def heartbeat(_request: Heartbeat, context: Context) -> HeartbeatResponse:
    """Tell the time (OCPP 1.6 §4.6)."""
    context.note(NoteSeen(context.identity, context.received_at))
    return HeartbeatResponse(current_time=context.now())
