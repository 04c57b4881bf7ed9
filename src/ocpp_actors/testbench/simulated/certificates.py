"""Certificates that are installed on a charge point (security whitepaper M03 to M05), without I/O.

Only what identifies a certificate is read of it; nothing is verified.
"""

import hashlib
import re
import ssl
from collections.abc import Iterator
from typing import Final

from attrs import define, field, frozen

from ocpp_actors.protocol.messages import (
    CertificateHashData,
    CertificateStatus,
    CertificateUse,
    HashAlgorithm,
)

MAX_INSTALLED: Final = 10
"""CertificateStoreMaxLength."""

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
_BIT_STRING: Final = 0x03
_VERSION: Final = 0xA0


class NotACertificate(ValueError):
    """A text that is no certificate in PEM."""


@frozen
class Certificate:
    """What identifies a certificate, in DER."""

    serial: int
    issuer: bytes
    subject: bytes
    public_key: bytes


def read(pem: str) -> Certificate:
    """Read the first certificate of a chain.

    Raises NotACertificate.
    """
    found = _PEM.search(pem)
    if found is None:
        raise NotACertificate("there is no certificate in it")
    try:
        der = ssl.PEM_cert_to_DER_cert(found[0])
        ((_, certificate, _),) = _elements(der)
        fields = list(_elements(next(_elements(certificate))[1]))
        if fields[0][0] == _VERSION:
            del fields[0]
        serial, _, issuer, _, subject, key = fields[:6]
        bits = list(_elements(key[1]))[1]
        if (serial[0], issuer[0], subject[0], bits[0]) != (_INTEGER, _SEQUENCE, _SEQUENCE, _BIT_STRING):
            raise NotACertificate("it has not the structure of X.509")
        return Certificate(int.from_bytes(serial[1]), issuer[2], subject[2], bits[1][1:])
    except (ValueError, IndexError, StopIteration):
        raise NotACertificate("it cannot be decoded") from None


def _elements(der: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Return the elements of a piece of DER: tag, content, and the whole."""
    at = 0
    while at < len(der):
        tag, size, content = der[at], der[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(der[content : content + count])
            content += count
        end = content + size
        if end > len(der):
            raise ValueError("it ends too early")
        yield tag, der[content:end], der[at:end]
        at = end


def hashes(certificate: Certificate) -> CertificateHashData:
    """Return what identifies a root certificate, which is its own issuer (security whitepaper §6.1)."""
    return CertificateHashData(
        hash_algorithm=HashAlgorithm.SHA256,
        issuer_name_hash=hashlib.sha256(certificate.issuer).hexdigest(),
        issuer_key_hash=hashlib.sha256(certificate.public_key).hexdigest(),
        serial_number=f"{certificate.serial:x}",
    )


@define
class Certificates:
    """The root certificates that are installed, by use."""

    _installed: list[tuple[CertificateUse, CertificateHashData]] = field(init=False, factory=list)

    def install(self, use: CertificateUse, pem: str) -> CertificateStatus:
        """Install one. Rejected: it is no certificate, or there are too many (M05)."""
        try:
            entry = (use, hashes(read(pem)))
        except NotACertificate:
            return CertificateStatus.REJECTED
        if entry not in self._installed:
            if len(self._installed) >= MAX_INSTALLED:
                return CertificateStatus.REJECTED
            self._installed.append(entry)
        return CertificateStatus.ACCEPTED

    def of(self, use: CertificateUse) -> list[CertificateHashData]:
        """Return those of a use (M03)."""
        return [data for each, data in self._installed if each is use]

    def delete(self, wanted: CertificateHashData) -> bool:
        """Remove one; False: it is not there (M04)."""
        key = _key(wanted)
        kept = [entry for entry in self._installed if _key(entry[1]) != key]
        found = len(kept) < len(self._installed)
        self._installed = kept
        return found


def _key(data: CertificateHashData) -> tuple[str, ...]:
    hexadecimal = (data.issuer_name_hash, data.issuer_key_hash, data.serial_number)
    return (data.hash_algorithm, *(text.lower().lstrip("0") for text in hexadecimal))
