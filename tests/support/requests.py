"""Certificate signing requests of charge points."""

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: Any) -> str:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


def csr(
    common_name: str | None = "CP1",
    organization: str | None = None,
    *,
    key: Any = None,
    more: tuple[x509.NameAttribute[str], ...] = (),
) -> str:
    """A request in PEM; without a key it is one of a new key that nobody keeps."""
    pairs = ((NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common_name))
    names = [x509.NameAttribute(kind, text) for kind, text in pairs if text is not None]
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([*names, *more]))
    signed = request.sign(key or new_key(), hashes.SHA256())
    return signed.public_bytes(Encoding.PEM).decode()
