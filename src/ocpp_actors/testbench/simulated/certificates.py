"""Certificates that a charge point keeps: roots that were installed, and its own (security whitepaper A02, M03 to M05).

Without I/O.
"""

from datetime import datetime
from typing import Final

from attrs import define, field, frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from ocpp_actors.certificates.chains import UnusableChain, distrust, is_authority, read_chain
from ocpp_actors.certificates.key_pairs import MAX_NAME, KeyPair
from ocpp_actors.protocol.messages import (
    CertificateHashData,
    CertificateStatus,
    CertificateUse,
    HashAlgorithm,
)

MAX_INSTALLED: Final = 10
"""CertificateStoreMaxLength."""


class NotACertificate(ValueError):
    """A text that is no certificate in PEM."""


def read(pem: str) -> x509.Certificate:
    """Read the first certificate of a chain.

    Raises NotACertificate.
    """
    try:
        certificate = x509.load_pem_x509_certificates(pem.encode())[0]
        certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise NotACertificate("there is no certificate in it") from None
    return certificate


def hash_data(certificate: x509.Certificate) -> CertificateHashData:
    """Return what identifies a root certificate, which is its own issuer (security whitepaper §6.1)."""
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, certificate, hashes.SHA256()).build()
    return CertificateHashData(
        hash_algorithm=HashAlgorithm.SHA256,
        issuer_name_hash=request.issuer_name_hash.hex(),
        issuer_key_hash=request.issuer_key_hash.hex(),
        serial_number=f"{request.serial_number:x}",
    )


@frozen
class OwnCertificate:
    """The certificate of a charge point and its private key, in PEM."""

    chain: str
    key: str = field(repr=False)

    @property
    def pem(self) -> str:
        """Both."""
        return self.chain + self.key

    def is_valid(self, now: datetime) -> bool:
        """Tell whether it can be shown now."""
        chain = read_chain(self.chain)
        return chain.not_before <= now < chain.not_after


@frozen
class _Installed:
    use: CertificateUse
    pem: str
    data: CertificateHashData


@define
class Certificates:
    """The root certificates by use, and its own. ``factory_roots`` are trusted, too, and cannot be removed; in PEM."""

    factory_roots: str = ""
    own: OwnCertificate | None = None
    _asked_with: KeyPair | None = field(init=False, default=None)
    """The key of the last request."""
    _installed: list[_Installed] = field(init=False, factory=list)

    # --- roots -------------------------------------------------------------------------------------------------

    @property
    def roots(self) -> str:
        """Those with which the central system is verified, in PEM."""
        use = CertificateUse.CENTRAL_SYSTEM_ROOT_CERTIFICATE
        return self.factory_roots + "".join(each.pem for each in self._installed if each.use is use)

    def install(self, use: CertificateUse, pem: str, now: datetime) -> CertificateStatus:
        """Install one. Rejected: it is none of an authority, or not valid now (M05.FR.06), or there are too many
        (M05.FR.03).
        """
        try:
            certificate = read(pem)
        except NotACertificate:
            return CertificateStatus.REJECTED
        valid = certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc
        if not (valid and is_authority(certificate)):
            return CertificateStatus.REJECTED
        data = hash_data(certificate)
        if not any((each.use, each.data) == (use, data) for each in self._installed):
            if len(self._installed) >= MAX_INSTALLED:
                return CertificateStatus.REJECTED
            self._installed.append(_Installed(use, certificate.public_bytes(Encoding.PEM).decode(), data))
        return CertificateStatus.ACCEPTED

    def of(self, use: CertificateUse) -> list[CertificateHashData]:
        """Return those of a use (M03)."""
        return [each.data for each in self._installed if each.use is use]

    def delete(self, wanted: CertificateHashData) -> bool:
        """Remove one; False: it is not there (M04)."""
        key = _key(wanted)
        kept = [each for each in self._installed if _key(each.data) != key]
        found = len(kept) < len(self._installed)
        self._installed = kept
        return found

    # --- its own -----------------------------------------------------------------------------------------------

    def request(self, common_name: str, organization: str) -> str:
        """Make a new key pair, and return the request for its certificate, in PEM (A02.FR.02, A02.FR.03)."""
        self._asked_with = KeyPair.new()
        return self._asked_with.request(common_name, organization)

    def take(self, chain: str, common_name: str, now: datetime) -> str | None:
        """Take the certificate that was asked for; say why not (A02.FR.06, A02.FR.07)."""
        try:
            certificate = read_chain(chain)
            reason = distrust(chain, self.roots, now)
        except UnusableChain as error:
            return str(error)
        if self._asked_with is None or certificate.key_info != self._asked_with.key_info:
            return "it is not of the key that a certificate was asked for"
        if certificate.common_name != common_name[:MAX_NAME]:
            return f"its CN is {certificate.common_name!r}"
        if reason is None:
            self.own, self._asked_with = OwnCertificate(certificate.pem, self._asked_with.pem), None
        return reason


def _key(data: CertificateHashData) -> tuple[str, ...]:
    hexadecimal = (data.issuer_name_hash, data.issuer_key_hash, data.serial_number)
    return (data.hash_algorithm, *(text.lower().lstrip("0") for text in hexadecimal))
