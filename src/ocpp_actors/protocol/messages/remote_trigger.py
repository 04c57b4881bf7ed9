"""The Remote Trigger profile (OCPP 1.6 §3.3)."""

from attrs import frozen

from ocpp_actors.protocol.messages.enumerations import MessageTrigger, TriggerMessageStatus
from ocpp_actors.protocol.types import ConnectorId


@frozen(kw_only=True)
class TriggerMessage:
    """Asks the charge point to send a message. OCPP 1.6 §6.51."""

    requested_message: MessageTrigger
    connector_id: ConnectorId | None = None


@frozen(kw_only=True)
class TriggerMessageResponse:
    """Says whether the message will come. OCPP 1.6 §6.52."""

    status: TriggerMessageStatus
