"""Security events and certificate signing requests (security whitepaper)."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from attrs import frozen

from ocpp_actors.ledger.port.base import Request

SECURITY_EVENTS_KEPT: Final = 100_000
"""Security events that are kept, of all charge points together: anybody may cause some."""

SIGNING_REQUESTS_KEPT: Final = 100
"""Certificate signing requests of a charge point that are kept."""


class Origin(StrEnum):
    """Who noticed a security event."""

    CHARGE_POINT = "chargePoint"
    CENTRAL_SYSTEM = "centralSystem"


@frozen
class SecurityEvent:
    """A security event (security whitepaper, SecurityEventNotification)."""

    identity: str
    """Empty where it is not known whose it is."""
    type: str
    timestamp: datetime
    tech_info: str | None
    origin: Origin
    received_at: datetime
    event_id: int = 0
    """Its number, once it is kept."""


@frozen
class RecordSecurityEvent(Request[None]):
    """Keep a security event. Of all of them the newest SECURITY_EVENTS_KEPT stay."""

    event: SecurityEvent


@frozen
class ListSecurityEvents(Request["list[SecurityEvent]"]):
    """Security events, newest first; ``before`` is the number of the last one seen.

    ``identity`` limits to those of a charge point, ``type`` and ``origin`` to those of one type, and of one who noticed
    them.
    """

    identity: str | None = None
    limit: int = 100
    before: int | None = None
    type: str | None = None
    origin: Origin | None = None


@frozen
class RecordSigningRequest(Request[int]):
    """Keep a certificate signing request (SignCertificate.req); answers its id.

    Of each charge point the newest SIGNING_REQUESTS_KEPT stay.
    """

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
    limit: int = SIGNING_REQUESTS_KEPT


class CertificateState(StrEnum):
    """What became of a certificate that was signed for a charge point."""

    SIGNED = "Signed"
    """It is on its way to the charge point."""
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    """The charge point did not take it."""
    REVOKED = "Revoked"
    """An operator wants nobody to be let in with it."""


@frozen(kw_only=True)
class Certificate:
    """A certificate that was signed for a charge point. ``chain`` is PEM, its own certificate first."""

    identity: str
    fingerprint: str
    """SHA-256 of the certificate in DER, in hexadecimal digits."""
    serial_number: str
    """In hexadecimal digits, without leading zeros."""
    issuer: str
    subject: str
    chain: str
    not_before: datetime
    not_after: datetime
    state: CertificateState
    changed_at: datetime
    certificate_id: int = 0
    """Its number, once it is kept."""


@frozen
class RecordCertificate(Request[int]):
    """Keep a certificate; answers its number. One that is kept already stays as it is."""

    certificate: Certificate


@frozen
class SetCertificateState(Request[bool]):
    """Say what became of a certificate; answers whether it is kept. A revoked one stays revoked."""

    certificate_id: int
    state: CertificateState
    at: datetime


@frozen
class RecordCertificateAnswer(Request[bool]):
    """A charge point was sent its certificate and answered; answers whether it is kept. A revoked one stays revoked."""

    identity: str
    fingerprint: str
    accepted: bool
    at: datetime


@frozen
class FindCertificate(Request["Certificate | None"]):
    """The certificate of this fingerprint, if it is kept."""

    fingerprint: str


@frozen
class ListCertificates(Request["list[Certificate]"]):
    """Certificates, newest first; ``before`` is the number of the last one seen.

    ``identity`` limits to those of a charge point, ``expire_before`` to those that end before then, ``state`` to those
    that are in it.
    """

    identity: str | None = None
    expire_before: datetime | None = None
    state: CertificateState | None = None
    limit: int = 100
    before: int | None = None
