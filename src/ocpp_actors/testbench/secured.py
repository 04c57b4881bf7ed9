"""The TLS side of a session's own server: its certificate, and the authority of charge points' certificates."""

import ssl
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ocpp_actors.clock import Clock
from ocpp_actors.testbench.target import Target, target_of

LIFE: Final = timedelta(days=30)
SKEW: Final = timedelta(hours=1)
"""Certificates are valid from so long ago on."""

ORGANIZATION: Final = "ocpp-actors test bench"
NAMES: Final = ("127.0.0.1", "localhost", "::1")
ROOT: Final = "root.pem"
SERVER: Final = "server.pem"


@frozen(repr=False)
class Authority:
    """A root certificate and its private key; new() makes one."""

    root: x509.Certificate
    _key: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls, now: datetime) -> "Authority":
        """Make an authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name("test bench root")
        root = _builder(subject, subject, key, now).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        return cls(root.sign(key, hashes.SHA256()), key)

    @property
    def root_pem(self) -> str:
        """The root certificate."""
        return self.root.public_bytes(Encoding.PEM).decode()

    def server_certificate(self, now: datetime) -> str:
        """Return a certificate for the names of this machine, and its private key, in PEM."""
        names: list[x509.GeneralName] = [
            x509.DNSName(each) if each.isalpha() else x509.IPAddress(ip_address(each)) for each in NAMES
        ]
        return self._issued(
            NAMES[0], now, ExtendedKeyUsageOID.SERVER_AUTH, x509.SubjectAlternativeName(names)
        )

    def client_certificate(self, common_name: str, now: datetime) -> str:
        """Return a certificate of a charge point, and its private key, in PEM."""
        return self._issued(common_name, now, ExtendedKeyUsageOID.CLIENT_AUTH)

    def _issued(
        self, common_name: str, now: datetime, usage: x509.ObjectIdentifier, *more: x509.ExtensionType
    ) -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(common_name), self.root.subject, key, now)
        for extension in (x509.ExtendedKeyUsage([usage]), *more):
            builder = builder.add_extension(extension, critical=False)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return (builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM) + private).decode()


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + LIFE)
    )


@frozen
class TlsFiles:
    """What a session's own server needs for TLS, in a directory of its own."""

    directory: Path
    authority: Authority
    clock: Clock

    @classmethod
    def made(cls, directory: Path, clock: Clock) -> "TlsFiles":
        """Make an authority and a certificate of the server."""
        directory.mkdir(mode=0o700)
        files = cls(directory, Authority.new(clock.now()), clock)
        files.write(ROOT, files.authority.root_pem)
        files.write(SERVER, files.authority.server_certificate(clock.now()))
        return files

    def settings(self, port: int) -> dict[str, Any]:
        """Return the server's settings."""
        return {
            "tls_port": port,
            "tls_certificate": (str(self.directory.absolute() / SERVER),),
            "tls_client_ca": str(self.directory.absolute() / ROOT),
        }

    def write(self, name: str, text: str) -> Path:
        """Write a file that nobody else can read."""
        file = self.directory / name
        file.touch(0o600)
        file.write_text(text, "ascii")
        return file


@frozen
class Secured:
    """A central system over TLS, and what charge points show it. ``url`` is without identity."""

    url: str
    files: TlsFiles

    def target(self, common_name: str | None = None) -> Target:
        """Return the central system as a charge point reaches it that shows a certificate of this name, or none."""
        context = ssl.create_default_context(cafile=self.files.directory / ROOT)
        if common_name is not None:
            now = self.files.clock.now()
            shown = self.files.write("shown.pem", self.files.authority.client_certificate(common_name, now))
            context.load_cert_chain(shown)
            shown.unlink()
        return target_of(self.url, context)


def secure_url(urls: tuple[str, ...]) -> str | None:
    """Return the one that is over TLS."""
    return next((each for each in urls if each.startswith("wss:")), None)
