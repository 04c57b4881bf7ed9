"""Certificate chains in PEM, the charge point's own certificate first: what is kept and checked of them."""

import hashlib
from datetime import datetime
from typing import Final

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

MAX_CHAIN: Final = 10_000
"""Characters of CertificateSigned.req's certificateChain (security whitepaper §5.1)."""


class UnusableChain(Exception):
    """A text that is no certificate chain; the message says why."""


@frozen
class Chain:
    """A chain, and what its first certificate says. ``pem`` has certificates only."""

    pem: str
    fingerprint: str
    """SHA-256 of the first certificate in DER, in hexadecimal digits."""
    serial_number: str
    """In hexadecimal digits, without leading zeros."""
    issuer: str
    subject: str
    common_name: str
    organization: str
    key_info: bytes
    """Its public key in DER (SubjectPublicKeyInfo)."""
    not_before: datetime
    not_after: datetime


def read_chain(pem: str) -> Chain:
    """Read a chain.

    Raises UnusableChain: there is no certificate in it, or one that cannot be read.
    """
    try:
        certificates = x509.load_pem_x509_certificates(pem.encode())
        first = certificates[0]
        key_info = first.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return Chain(
            pem="".join(each.public_bytes(Encoding.PEM).decode() for each in certificates),
            fingerprint=hashlib.sha256(first.public_bytes(Encoding.DER)).hexdigest(),
            serial_number=f"{first.serial_number:x}",
            issuer=first.issuer.rfc4514_string(),
            subject=first.subject.rfc4514_string(),
            common_name=_only(first.subject, NameOID.COMMON_NAME),
            organization=_only(first.subject, NameOID.ORGANIZATION_NAME),
            key_info=key_info,
            not_before=first.not_valid_before_utc,
            not_after=first.not_valid_after_utc,
        )
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableChain("it is no certificate chain in PEM") from None


def _only(subject: x509.Name, kind: x509.ObjectIdentifier) -> str:
    """Return the attribute of a subject, empty where there is none, or several."""
    found = subject.get_attributes_for_oid(kind)
    return str(found[0].value) if len(found) == 1 else ""
