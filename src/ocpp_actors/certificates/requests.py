"""Certificate signing requests (PKCS #10, RFC 2986): read, and judged before anybody signs them."""

from collections.abc import Collection
from typing import Final

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

MIN_RSA_KEY: Final = 2048
MIN_EC_KEY: Final = 224
"""Bits (security whitepaper A00.FR.502, A00.FR.503)."""

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


class UnusableRequest(Exception):
    """A certificate signing request that nobody should sign; the message says why."""


@frozen
class SigningRequest:
    """A certificate signing request that is good to be signed. ``organization`` is empty where it names none."""

    pem: str
    common_name: str
    organization: str
    public_key: PublicKey

    @property
    def key_info(self) -> bytes:
        """The public key in DER (SubjectPublicKeyInfo)."""
        return self.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def check(pem: str, names: Collection[str], organization: str | None = None) -> SigningRequest:
    """Read a request in PEM and judge it.

    Its CN has to be one of ``names``, the serial numbers and the identity of who sent it (A00.FR.511), and its O
    ``organization``, if there is one (A02.FR.13).

    Raises UnusableRequest: it cannot be read, its signature is not that of its key, its key is too short or of another
        kind than RSA and elliptic curves, or its subject is another.
    """
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        key = request.public_key()
        subject = request.subject
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableRequest(f"it is no certificate signing request in PEM: {_brief(error)}") from None
    _check_key(key)
    assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    try:
        signed = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UnusableRequest(f"its signature cannot be verified: {_brief(error)}") from None
    if not signed:
        raise UnusableRequest("its signature is not that of its key")
    common_name = _only(subject, NameOID.COMMON_NAME, "CN")
    if not common_name or common_name not in names:
        raise UnusableRequest(
            f"its CN is {common_name!r}, which is neither the charge point's serial number nor its identity"
        )
    named = _only(subject, NameOID.ORGANIZATION_NAME, "O")
    if organization is not None and named != organization:
        raise UnusableRequest(f"its O is {named!r} instead of {organization!r}: see the key CpoName")
    return SigningRequest(pem, common_name, named, key)


def _check_key(key: object) -> None:
    match key:
        case rsa.RSAPublicKey():
            shortest = MIN_RSA_KEY
        case ec.EllipticCurvePublicKey():
            shortest = MIN_EC_KEY
        case _:
            raise UnusableRequest("its key is neither one of RSA nor one of an elliptic curve")
    if key.key_size < shortest:
        raise UnusableRequest(f"its key has {key.key_size} bits, it takes {shortest}")


def _only(subject: x509.Name, kind: x509.ObjectIdentifier, name: str) -> str:
    """Return the attribute of a subject, empty where there is none.

    Raises UnusableRequest: there are several.
    """
    found = subject.get_attributes_for_oid(kind)
    if len(found) > 1:
        raise UnusableRequest(f"its subject has {len(found)} {name}")
    return str(found[0].value) if found else ""


def _brief(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0][:100]
