"""Key pairs of charge points, and what they ask to be signed with them (PKCS #10, RFC 2986)."""

from typing import Final

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

MAX_NAME: Final = 64
"""Characters of a CN and of an O (RFC 5280, Appendix A.1); what is longer is cut."""


@frozen(repr=False)
class KeyPair:
    """A key pair on the curve P-256 (security whitepaper A00.FR.503); new() makes one."""

    _private: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls) -> "KeyPair":
        """Make one that is like no other."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @property
    def pem(self) -> str:
        """The private key."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def key_info(self) -> bytes:
        """The public key in DER (SubjectPublicKeyInfo)."""
        return self._private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def request(self, common_name: str, organization: str = "") -> str:
        """Return a request for a certificate of this subject, in PEM (A02.FR.03, A02.FR.13)."""
        pairs = ((NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common_name))
        subject = x509.Name([x509.NameAttribute(kind, text[:MAX_NAME]) for kind, text in pairs if text])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject)
        return request.sign(self._private, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
