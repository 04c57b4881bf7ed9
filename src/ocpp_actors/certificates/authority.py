"""A small certificate authority, for trying things out and for the test bench. It keeps no list of what it signed."""

import ipaddress
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ocpp_actors.certificates.requests import MIN_RSA_KEY, PublicKey, check

ROOT_LIFE: Final = timedelta(days=3650)
LIFE: Final = timedelta(days=365)
"""How long a certificate is valid, where nothing else is said."""

SKEW: Final = timedelta(hours=1)
"""Certificates are valid from so long ago on: the clocks of charge points go wrong."""

KeyKind = Literal["ecdsa", "rsa"]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class UnusableAuthority(Exception):
    """A text that is not an authority's own; the message says why."""


@frozen
class ServerCertificate:
    """A server's certificate and its private key, both in PEM."""

    certificate: str
    key: str


@frozen(repr=False)
class Authority:
    """A root certificate and its private key; new() makes one.

    It signs with ECDSA or RSA-PSS, and SHA-256 (security whitepaper A00.FR.505, A00.FR.506).
    """

    root: x509.Certificate
    _key: PrivateKey

    @classmethod
    def new(
        cls, now: datetime, *, name: str = "ocpp-actors", key: KeyKind = "ecdsa", life: timedelta = ROOT_LIFE
    ) -> "Authority":
        """Make an authority. ``name`` is the O of its root."""
        private = _new_key(key)
        subject = _name(f"{name} root", name)
        root = (
            _certificate(subject, subject, private.public_key(), now, life)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        )
        return cls(_signed(root, private), private)

    @classmethod
    def load(cls, pem: str) -> "Authority":
        """Return the authority whose pem() this is.

        Raises UnusableAuthority: it is none.
        """
        try:
            root, key = x509.load_pem_x509_certificate(pem.encode()), load_pem_private_key(pem.encode(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise UnusableAuthority("there is no certificate with its private key in PEM in it") from None
        if (
            not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
            or key.public_key() != root.public_key()
        ):
            raise UnusableAuthority("the private key is not that of the certificate")
        return cls(root, key)

    @property
    def pem(self) -> str:
        """Root certificate and private key. Whoever has it can sign."""
        return self.root_pem + _key_pem(self._key)

    @property
    def root_pem(self) -> str:
        """The root certificate."""
        return _pem(self.root)

    def sign(
        self,
        csr: str,
        now: datetime,
        *,
        names: Collection[str],
        organization: str | None = None,
        life: timedelta = LIFE,
    ) -> str:
        """Return the certificate chain that a charge point's request in PEM asks for: one certificate.

        The request is judged first, as requests.check() does it; of its subject CN and O are kept.

        Raises UnusableRequest: it should not be signed.
        """
        request = check(csr, names, organization)
        subject = _name(request.common_name, request.organization)
        return _pem(
            self._issue(subject, request.public_key, now, life, ExtendedKeyUsageOID.CLIENT_AUTH, names=())
        )

    def server_certificate(
        self, names: Sequence[str], now: datetime, *, key: KeyKind = "ecdsa", life: timedelta = LIFE
    ) -> ServerCertificate:
        """Return a certificate of a central system for host names and addresses, of which the first is its CN
        (A00.FR.510), with a new private key.
        """
        private = _new_key(key)
        organization = self.root.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        subject = _name(names[0], str(organization[0].value) if organization else "")
        certificate = self._issue(
            subject, private.public_key(), now, life, ExtendedKeyUsageOID.SERVER_AUTH, names=names
        )
        return ServerCertificate(_pem(certificate), _key_pem(private))

    def _issue(
        self,
        subject: x509.Name,
        key: PublicKey,
        now: datetime,
        life: timedelta,
        purpose: x509.ObjectIdentifier,
        names: Sequence[str],
    ) -> x509.Certificate:
        ends = min(now + life, self.root.not_valid_after_utc)
        builder = (
            _certificate(subject, self.root.subject, key, now, ends - now)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                _usage(digital_signature=True, key_encipherment=isinstance(key, rsa.RSAPublicKey)),
                critical=True,
            )
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(map(_host, names)), critical=False)
        return _signed(builder, self._key)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _signed(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        return builder.sign(key, hashes.SHA256(), rsa_padding=pss)
    return builder.sign(key, hashes.SHA256())


def _new_key(kind: KeyKind) -> PrivateKey:
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=MIN_RSA_KEY)
    return ec.generate_private_key(ec.SECP256R1())


def _name(common_name: str, organization: str) -> x509.Name:
    pairs = ((NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common_name))
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in pairs if text])


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    """What a key may be used for (A00.FR.512)."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _key_pem(key: PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
