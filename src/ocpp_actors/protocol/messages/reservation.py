"""The Reservation profile (OCPP 1.6 §3.3)."""

from attrs import frozen

from ocpp_actors.protocol.messages.enumerations import CancelReservationStatus, ReservationStatus
from ocpp_actors.protocol.types import ConnectorId, DateTime, IdToken


@frozen(kw_only=True)
class CancelReservation:
    """Cancels a reservation. OCPP 1.6 §6.5."""

    reservation_id: int


@frozen(kw_only=True)
class CancelReservationResponse:
    """Says whether the reservation was cancelled. OCPP 1.6 §6.6."""

    status: CancelReservationStatus


@frozen(kw_only=True)
class ReserveNow:
    """Reserves a connector, or with 0 any connector. OCPP 1.6 §6.37."""

    connector_id: ConnectorId
    expiry_date: DateTime
    id_tag: IdToken
    reservation_id: int
    parent_id_tag: IdToken | None = None


@frozen(kw_only=True)
class ReserveNowResponse:
    """Says whether the connector is reserved. OCPP 1.6 §6.38."""

    status: ReservationStatus
