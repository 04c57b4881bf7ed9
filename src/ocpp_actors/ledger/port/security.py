"""Security events and certificate signing requests (security whitepaper)."""

from datetime import datetime
from enum import StrEnum

from attrs import frozen

from ocpp_actors.ledger.port.base import Request


class Origin(StrEnum):
    """Who noticed a security event."""

    CHARGE_POINT = "chargePoint"
    CENTRAL_SYSTEM = "centralSystem"


@frozen
class SecurityEvent:
    """A security event (security whitepaper, SecurityEventNotification)."""

    identity: str
    type: str
    timestamp: datetime
    tech_info: str | None
    origin: Origin
    received_at: datetime
    event_id: int = 0
    """Its number, once it is kept."""


@frozen
class RecordSecurityEvent(Request[None]):
    """Keep a security event."""

    event: SecurityEvent


@frozen
class ListSecurityEvents(Request["list[SecurityEvent]"]):
    """Security events, newest first; ``before`` is the number of the last one seen."""

    identity: str | None = None
    limit: int = 100
    before: int | None = None


@frozen
class RecordSigningRequest(Request[int]):
    """Keep a certificate signing request (SignCertificate.req); answers its id."""

    identity: str
    csr: str
    received_at: datetime


@frozen
class SigningRequest:
    """A certificate signing request of a charge point, in PEM."""

    request_id: int
    identity: str
    csr: str
    received_at: datetime


@frozen
class ListSigningRequests(Request["list[SigningRequest]"]):
    """The certificate signing requests of a charge point, newest first."""

    identity: str
    limit: int = 100
