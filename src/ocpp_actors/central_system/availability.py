"""StatusNotification: what each connector is doing (OCPP 1.6 §4.9)."""

from typing import Final

from ocpp_actors.central_system.context import Context
from ocpp_actors.ledger.masking import mask_document
from ocpp_actors.ledger.port import Connector, NoteConnector
from ocpp_actors.observer import ConnectorStatusChanged
from ocpp_actors.protocol.errors import ErrorCode, ProtocolFault
from ocpp_actors.protocol.messages import StatusNotification, StatusNotificationResponse

MAX_CONNECTORS: Final = 1000
"""Connectors of one charge point. OCPP 1.6 sets no limit; more are surely made up, and each is kept."""


def status_notification(request: StatusNotification, context: Context) -> StatusNotificationResponse:
    """Keep the status of a connector; connector 0 is the charge point itself. Answered at once, written behind.

    Secrets in what it says of itself are masked.

    Raises ProtocolFault: PropertyConstraintViolation, where MAX_CONNECTORS others are known (as errata 3.39
        answers an invalid connectorId).
    """
    connectors = context.charge_point.record.connectors
    if request.connector_id not in connectors and len(connectors) >= MAX_CONNECTORS:
        raise ProtocolFault(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "connectorId out of range")
    said = mask_document(
        {
            "info": request.info,
            "vendorId": request.vendor_id,
            "vendorErrorCode": request.vendor_error_code,
        }
    )
    connector = Connector(
        connector_id=request.connector_id,
        status=request.status,
        error_code=request.error_code,
        info=said["info"],
        vendor_id=said["vendorId"],
        vendor_error_code=said["vendorErrorCode"],
        timestamp=request.timestamp,
        received_at=context.received_at,
    )
    connectors[request.connector_id] = connector
    context.note(NoteConnector(context.identity, connector))
    context.tell(
        ConnectorStatusChanged(
            context.identity, context.now(), request.connector_id, request.status, request.error_code
        )
    )
    return StatusNotificationResponse()
