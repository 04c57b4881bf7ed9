"""Certificate chains in PEM, the charge point's own certificate first: what is kept and checked of them."""

import hashlib
from datetime import datetime
from typing import Final

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

MAX_CHAIN: Final = 10_000
"""Characters of CertificateSigned.req's certificateChain (security whitepaper §5.1)."""


_UNREADABLE: Final = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


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
    authority: bool
    """Whether it may sign others."""


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
            authority=is_authority(first),
        )
    except _UNREADABLE:
        raise UnusableChain("it is no certificate chain in PEM") from None


def distrust(pem: str, roots: str, now: datetime) -> str | None:
    """Say why a chain is not to be trusted; None: it is.

    Each certificate has to be valid now and signed by the next one, and one of them by one of the roots.

    Raises UnusableChain: the chain or the roots cannot be read.
    """
    try:
        certificates = x509.load_pem_x509_certificates(pem.encode())
        trusted = x509.load_pem_x509_certificates(roots.encode()) if roots else []
        for number, each in enumerate(certificates):
            name = each.subject.rfc4514_string()
            if not _is_valid(each, now):
                return (
                    f"the certificate of {name} is valid from {each.not_valid_before_utc} until "
                    f"{each.not_valid_after_utc}"
                )
            if any(_is_valid(root, now) and _signed(each, root) for root in trusted):
                return None
            if not any(_signed(each, issuer) for issuer in certificates[number + 1 : number + 2]):
                return f"the certificate of {name} is not signed by a root certificate that is known"
    except _UNREADABLE:
        raise UnusableChain("it is no certificate chain in PEM") from None
    raise UnusableChain("there is no certificate in it")


def is_authority(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate may sign others."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _is_valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return is_authority(issuer)


def _only(subject: x509.Name, kind: x509.ObjectIdentifier) -> str:
    """Return the attribute of a subject, empty where there is none, or several."""
    found = subject.get_attributes_for_oid(kind)
    return str(found[0].value) if len(found) == 1 else ""
