"""StatusNotification: what each connector is doing (OCPP 1.6 §4.9)."""

from ocpp_actors.central_system.context import Context
from ocpp_actors.ledger.port import Connector, NoteConnector
from ocpp_actors.observer import ConnectorStatusChanged
from ocpp_actors.protocol.messages import StatusNotification, StatusNotificationResponse


def status_notification(request: StatusNotification, context: Context) -> StatusNotificationResponse:
    """Keep the status of a connector; connector 0 is the charge point itself. Answered at once, written behind."""
    connector = Connector(
        connector_id=request.connector_id,
        status=request.status,
        error_code=request.error_code,
        info=request.info,
        vendor_id=request.vendor_id,
        vendor_error_code=request.vendor_error_code,
        timestamp=request.timestamp,
        received_at=context.received_at,
    )
    context.charge_point.record.connectors[request.connector_id] = connector
    context.note(NoteConnector(context.identity, connector))
    context.tell(
        ConnectorStatusChanged(
            context.identity, context.now(), request.connector_id, request.status, request.error_code
        )
    )
    return StatusNotificationResponse()
