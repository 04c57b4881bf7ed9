"""Security events of charge points (security whitepaper)."""

from ocpp_actors.central_system.context import Context
from ocpp_actors.ledger.masking import mask_document
from ocpp_actors.ledger.port import Origin, RecordSecurityEvent, SecurityEvent
from ocpp_actors.observer import SecurityEventRaised
from ocpp_actors.protocol.messages import SecurityEventNotification, SecurityEventNotificationResponse


async def security_event_notification(
    request: SecurityEventNotification, context: Context
) -> SecurityEventNotificationResponse:
    """Keep a security event, secrets masked; it is stored before it is confirmed (SecurityEventNotification)."""
    said = mask_document({"type": request.type, "techInfo": request.tech_info or ""})
    event = SecurityEvent(
        identity=context.identity,
        type=said["type"],
        timestamp=request.timestamp,
        tech_info=said["techInfo"] if request.tech_info is not None else None,
        origin=Origin.CHARGE_POINT,
        received_at=context.received_at,
    )
    await context.ask(RecordSecurityEvent(event))
    context.tell(SecurityEventRaised(context.identity, context.now(), said["type"], said["techInfo"]))
    return SecurityEventNotificationResponse()
