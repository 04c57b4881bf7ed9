"""Reservations: their ids are given here, and what became of them (OCPP 1.6 §5.2, §5.13)."""

from datetime import datetime
from enum import StrEnum

from attrs import frozen

from ocpp_actors.ledger.port.base import Request, RequestFailed


class ReservationState(StrEnum):
    """What became of a reservation. Requested and Accepted may still change; Unknown: the answer never came."""

    REQUESTED = "Requested"
    ACCEPTED = "Accepted"
    FAULTED = "Faulted"
    OCCUPIED = "Occupied"
    REJECTED = "Rejected"
    UNAVAILABLE = "Unavailable"
    CANCELLED = "Cancelled"
    USED = "Used"
    EXPIRED = "Expired"
    UNKNOWN = "Unknown"


@frozen
class Reservation:
    """A reservation; ``transaction_id`` is that of the transaction that used it."""

    reservation_id: int
    identity: str
    connector_id: int
    id_tag: str
    parent_id_tag: str | None
    expiry_date: datetime
    state: ReservationState
    created_at: datetime
    changed_at: datetime
    transaction_id: int | None = None


class ReservationTaken(RequestFailed):
    """The reservation id belongs to another charge point."""


@frozen
class AddReservation(Request[Reservation]):
    """Keep a reservation that is about to be requested, or what became of one that was.

    ``reservation_id`` None: it is given here, a positive integer that no other has. The same id again, of the same
    charge point, replaces the reservation (§5.13), which keeps when it was created. One that was used stays Used where
    the same is reserved: what became of its request may be known only after the transaction began.

    Raises ReservationTaken: the id given is that of another charge point.
    """

    identity: str
    connector_id: int
    id_tag: str
    parent_id_tag: str | None
    expiry_date: datetime
    at: datetime
    reservation_id: int | None = None
    state: ReservationState = ReservationState.REQUESTED


@frozen
class SetReservationState(Request["Reservation | None"]):
    """Change what became of a reservation of this charge point; answers it, None where there is none.

    Only one that is Requested, Accepted or Unknown changes: a reservation that was used stays Used.
    """

    identity: str
    reservation_id: int
    state: ReservationState
    at: datetime


@frozen
class ExpireReservations(Request["list[Reservation]"]):
    """Requested, Accepted and Unknown reservations whose expiry date has passed become Expired; answers these."""

    now: datetime


@frozen
class FindReservation(Request["Reservation | None"]):
    """One reservation."""

    reservation_id: int


@frozen
class ListReservations(Request["list[Reservation]"]):
    """Reservations, newest first; ``before`` is the id of the last one seen.

    ``active``: only those that are Requested or Accepted, or only the others.
    """

    identity: str | None = None
    active: bool | None = None
    limit: int = 100
    before: int | None = None
