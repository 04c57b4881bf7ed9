"""TLS towards charge points: what is offered, whose certificates are taken (security whitepaper §2.4, §2.5)."""

import hashlib
import ssl
import stat
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import structlog
import trio
from attrs import define, field, frozen

from ocpp_actors.clock import Clock

log = structlog.get_logger(__name__)

CIPHERS: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
)
"""Of TLS 1.2: the four that a central system has to support (A00.FR.317), and their kind with forward secrecy and RSA.
Those of TLS 1.3 are all good."""

ALERT_TIME: Final = 1.0
"""Seconds for a peer to take the alert of a handshake that failed."""

Stamp = tuple[tuple[int, int, int], ...]


class UnusableCertificate(Exception):
    """TLS cannot be offered; the message says which file is to blame, and why."""


class NoTls(Exception):
    """A TLS handshake failed; the message says why.

    ``event`` is the type of the security event that it is, if it is one (security whitepaper §8).
    """

    def __init__(self, reason: str, event: str | None) -> None:
        super().__init__(reason)
        self.event = event


class OutOfDate(NoTls):
    """The certificate of a resumed session, or one that it was signed with, is not valid now."""


@frozen
class ClientCertificate:
    """The certificate that a charge point showed, and that is valid."""

    common_name: str
    organization: str
    fingerprint: str
    """SHA-256 of it in DER, in hexadecimal digits."""


class SessionContext(ssl.SSLContext):
    """What connections have in common, and the sessions that they may resume."""

    ends: dict[str, str]
    """By fingerprint of a certificate, when the first one of the chain ends by which it was found good. A session keeps
    the certificate, but not its chain."""


@define(eq=False)
class ServerTls:
    """The server's side of TLS, from files that may be replaced while it runs.

    ``certificates`` and ``keys`` are PEM files in the same order, ``keys`` empty where the certificates' files have
    them; ``client_ca`` has the authorities of charge points' certificates, None: none is asked for.

    Raises UnusableCertificate: a file cannot be read, is not PEM, or a key is not that of its certificate.
    """

    certificates: Sequence[str]
    keys: Sequence[str]
    client_ca: str | None
    _context: SessionContext = field(init=False)
    _stamp: Stamp = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._stamp = self._present_stamp()
        self._context = self._new_context()

    def context(self) -> SessionContext:
        """Return what the next connection uses. Where new files cannot be used, it is that of the last ones."""
        try:
            stamp = self._present_stamp()
            if stamp != self._stamp:
                self._stamp = stamp
                self._context = self._new_context()
                log.info("certificates were read again")
        except UnusableCertificate as error:
            log.error("new certificates cannot be used, the last ones stay", reason=str(error))  # noqa: TRY400
        return self._context

    def forget_sessions(self) -> None:
        """Let every charge point show its certificate again: no session that was made so far is resumed.

        Sessions are those of a context, so the next connection makes a new one.
        """
        self._stamp = ()

    def _present_stamp(self) -> Stamp:
        stamps = []
        for file in (*self.certificates, *self.keys, *([self.client_ca] if self.client_ca else ())):
            try:
                status = Path(file).stat()
            except OSError as error:
                raise UnusableCertificate(f"{file} cannot be read: {error.strerror}") from None
            stamps.append((status.st_mtime_ns, status.st_size, status.st_ino))
        return tuple(stamps)

    def _new_context(self) -> SessionContext:
        context = SessionContext(ssl.PROTOCOL_TLS_SERVER)
        context.ends = {}
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(":".join(CIPHERS))
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        for number, certificate in enumerate(self.certificates):
            key = self.keys[number] if self.keys else None
            try:
                context.load_cert_chain(certificate, key, password=_no_password)
            except (OSError, ValueError) as error:  # SSLError is an OSError
                raise UnusableCertificate(
                    f"{certificate}{f' with {key}' if key else ''} cannot be used: {_reason(error)}"
                ) from None
            warn_if_readable(key or certificate)
        if self.client_ca is not None:
            try:
                context.load_verify_locations(self.client_ca)
            except OSError as error:
                raise UnusableCertificate(f"{self.client_ca} cannot be used: {_reason(error)}") from None
            context.verify_mode = ssl.CERT_OPTIONAL
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return context


def warn_if_readable(file: str) -> None:
    """Warn of a file with a secret that others can read."""
    with suppress(OSError):  # it is being replaced
        if Path(file).stat().st_mode & stat.S_IROTH:
            log.warning(
                "every user of this machine can read the secret in a file: take that right away", file=file
            )


def _no_password() -> str:
    raise ValueError("the key is encrypted: give one that is not")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        reasons = {
            "KEY_VALUES_MISMATCH": "the key is not that of the certificate",
            "PEM_LIB": "there is no certificate or no key in PEM in it",
            "NO_START_LINE": "there is no certificate or no key in PEM in it",
            "NO_CERTIFICATE_OR_CRL_FOUND": "there is no certificate in PEM in it",
        }
        return reasons.get(error.reason or "", error.reason or str(error))
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


async def shake_hands(
    stream: "trio.SSLStream[trio.SocketStream]", by: float, clock: Clock
) -> ClientCertificate | None:
    """Do the server's side of a TLS handshake, and return the certificate that the peer showed, if it showed one.

    A stream whose handshake failed is closed, after the peer was told why.

    Raises NoTls: it failed, or was not over at ``by`` of trio's clock; OutOfDate: a session was resumed of whose
        certificates one is not valid any more, which OpenSSL does not look at again.
    """
    try:
        with trio.fail_at(by):
            await stream.do_handshake()
        return _certificate(stream, clock.now())
    except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError) as error:
        fault = _fault_of(error)
    except OutOfDate as error:
        fault = error
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    await _say_why(stream)
    raise fault


def _certificate(stream: "trio.SSLStream[trio.SocketStream]", now: datetime) -> ClientCertificate | None:
    shown: Any = stream.getpeercert(True)
    if not shown:
        return None
    told: Any = stream.getpeercert()
    fingerprint = hashlib.sha256(shown).hexdigest()
    chain_ends = stream.context.ends
    if not stream.session_reused:
        chain_ends[fingerprint] = min(_ends_of_chain(stream), key=ssl.cert_time_to_seconds)
    begins, ends = told["notBefore"], chain_ends[fingerprint]
    if not ssl.cert_time_to_seconds(begins) <= now.timestamp() < ssl.cert_time_to_seconds(ends):
        raise OutOfDate(
            f"{_NOT_VALID}: with those it was signed with it is from {begins} until {ends}", _INVALID
        )
    subject = {name: value for part in told.get("subject", ()) for name, value in part}
    return ClientCertificate(
        common_name=subject.get("commonName", ""),
        organization=subject.get("organizationName", ""),
        fingerprint=fingerprint,
    )


def _ends_of_chain(stream: "trio.SSLStream[trio.SocketStream]") -> list[str]:
    """Return when each certificate ends of the chain that a full handshake verified.

    Python has a public way to the chain from 3.13 on, and there it is in DER.
    """
    verified = stream._ssl_object._sslobj.get_verified_chain()  # type: ignore[attr-defined]  # noqa: SLF001
    return [each.get_info()["notAfter"] for each in verified]


async def _say_why(stream: "trio.SSLStream[trio.SocketStream]") -> None:
    """Send the alert of a handshake that failed, and close the stream.

    trio leaves the alert where OpenSSL wrote it, so the peer would only see its connection closed.
    """
    with trio.move_on_after(ALERT_TIME), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        await stream.transport_stream.send_all(stream._outgoing.read())  # noqa: SLF001
    await trio.aclose_forcefully(stream)


def _fault_of(error: BaseException) -> NoTls:
    """Tell what went wrong, from what trio raised."""
    if isinstance(error, trio.TooSlowError):
        return NoTls("the peer took too long for the TLS handshake", None)
    cause = error.__cause__
    if not isinstance(cause, ssl.SSLError) or isinstance(cause, ssl.SSLZeroReturnError):
        return NoTls("the peer left during the TLS handshake", None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return NoTls(f"{_NOT_VALID}: {cause.verify_message}", _INVALID)
    reason = cause.reason or str(cause)
    return NoTls(reason.lower().replace("_", " "), _EVENTS.get(reason))


_NOT_VALID: Final = "the charge point's certificate is not valid"
_INVALID: Final = "InvalidChargePointCertificate"
_EVENTS: Final = {
    "UNSUPPORTED_PROTOCOL": "InvalidTLSVersion",
    "VERSION_TOO_LOW": "InvalidTLSVersion",
    "WRONG_VERSION_NUMBER": None,  # no TLS at all
    "NO_SHARED_CIPHER": "InvalidTLSCipherSuite",
}
