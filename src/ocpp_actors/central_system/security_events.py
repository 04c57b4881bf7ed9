"""Security events of charge points (security whitepaper)."""

from ocpp_actors.central_system.context import Context
from ocpp_actors.ledger.port import Origin, RecordSecurityEvent, SecurityEvent
from ocpp_actors.observer import SecurityEventRaised
from ocpp_actors.protocol.messages import SecurityEventNotification, SecurityEventNotificationResponse


async def security_event_notification(
    request: SecurityEventNotification, context: Context
) -> SecurityEventNotificationResponse:
    """Keep a security event; it is stored before it is confirmed (SecurityEventNotification)."""
    event = SecurityEvent(
        identity=context.identity,
        type=request.type,
        timestamp=request.timestamp,
        tech_info=request.tech_info,
        origin=Origin.CHARGE_POINT,
        received_at=context.received_at,
    )
    await context.ask(RecordSecurityEvent(event))
    context.tell(SecurityEventRaised(context.identity, context.now(), request.type, request.tech_info or ""))
    return SecurityEventNotificationResponse()
