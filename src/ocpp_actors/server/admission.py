"""Who is let in: an ordered chain of steps over the opening handshake (OCPP-J 1.6 §3.1, §3.2)."""

import base64
import binascii
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Final
from urllib.parse import unquote_to_bytes

import structlog
from attrs import define, field, frozen

from ocpp_actors.central_system.keys import Keys, TooManyKeys
from ocpp_actors.central_system.security_log import SecurityLog
from ocpp_actors.homes import home_of
from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    CertificateState,
    ChargePointRecord,
    FindCertificate,
    FindChargePoint,
    KeyHash,
    Ledger,
    LedgerUnavailable,
    R,
    Request,
    RequestFailed,
    SetKey,
)
from ocpp_actors.server.failures import Failures
from ocpp_actors.server.tls import ClientCertificate

log = structlog.get_logger(__name__)

SUBPROTOCOL: Final = "ocpp1.6"

MAX_IDENTITY: Final = 255
"""Characters in an identity. OCPP 1.6 sets no limit in OCPP-J; longer ones are surely no charge point."""

RETRY_AFTER: Final = "30"
"""Seconds after which a charge point that was turned away for load may try again."""

ATTEMPTS_AT_ONCE: Final = 10.0
ATTEMPT_RATE: Final = 0.2
"""Wrong keys of one address for one identity at once, and then a second, after which no key is compared that takes
long. One that is compared quickly, or was right before, needs no permission: the right charge point gets in."""

NOT_KEPT: Final = 0
"""The version of a record that the ledger does not have."""

HASHED_AT_ONCE: Final = 2
"""Keys of one address for one identity that are compared slowly at the same time: a charge point gives one."""

BASIC: Final = 1
TLS: Final = 2
CERTIFICATES: Final = 3
"""Security profiles: 1 with a key, from 2 on over TLS, 3 with certificates of charge points. 0 is none of them."""

FAILED_TO_AUTHENTICATE: Final = "FailedToAuthenticateAtCentralSystem"
INVALID_CERTIFICATE: Final = "InvalidChargePointCertificate"
PROFILE_TOO_LOW: Final = "SecurityProfileTooLow"
"""Types of security events: those of the whitepaper (§8) that fit, and one of our own."""

NOT_ITS_OWN: Final = "the certificate is not one of this charge point"


class Refused(Exception):
    """The handshake is answered with this HTTP status instead of an upgrade. ``reason`` may be shown to the peer.

    ``event`` is the type of the security event that it is, if it is one. ``blamed``: the peer is at fault, not our
    load; without it, that is what the status says.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        headers: Sequence[tuple[str, str]] = (),
        *,
        event: str | None = None,
        blamed: bool | None = None,
    ) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason
        self.headers = tuple(headers)
        self.event = event
        self.blamed = status < 500 if blamed is None else blamed


@define
class Handshake:
    """What a peer asked for, and what the steps found out about it so far."""

    target: str
    """The request target, percent-encoded as it came, with its query if it has one."""
    headers: Sequence[tuple[bytes, bytes]]
    subprotocols: Sequence[str]
    remote: str
    """Address and port of the connection."""
    at: datetime
    address: str = ""
    """Where the peer is, without a port; what a trusted proxy says of it."""
    secure: bool = False
    """Whether it speaks TLS, to this server or to a trusted proxy."""
    certificate: ClientCertificate | None = None
    """The certificate that it showed, and that is valid."""
    security_profile: int = 0
    """The security profile that it uses: what it proved who it is with."""
    identity: str | None = field(default=None)
    record: ChargePointRecord | None = field(default=None)
    subprotocol: str | None = field(default=None)
    """What is spoken. None: nothing was agreed on, so the connection is upgraded and closed at once (§3.2)."""
    unnamed: bool = field(default=False)
    """OCPP 1.6 is spoken, but not named in the answer, because the peer did not offer it by name."""
    stay: ExitStack = field(factory=ExitStack)
    """What is undone when the connection has ended, or was refused."""

    def header(self, name: bytes) -> bytes | None:
        """Return the first header of that lower-case name."""
        return next((value for key, value in self.headers if key == name), None)

    def joined(self, name: bytes) -> str:
        """Return all headers of that lower-case name as one, as RFC 9110 §5.3 joins them."""
        return ", ".join(value.decode("latin-1") for key, value in self.headers if key == name)

    @property
    def known(self) -> ChargePointRecord:
        """The record that the identity step found, or made."""
        assert self.record is not None, "the step that finds the record comes first"
        return self.record


Step = Callable[[Handshake], Awaitable[None]]
"""Looks at a handshake, adds what it finds out, or raises Refused."""


# --- path ------------------------------------------------------------------------------------------------------


def identity_of(target: str, prefix: str) -> str:
    """Take the identity out of a request target: the segment after the prefix, percent-decoded once.

    Slashes before and after it do not matter; a query is ignored.

    Raises Refused: 404, where the path is not below the prefix; 400, where there is no identity, or it is no UTF-8,
        is too long, or has a slash or a control character in it.
    """
    segments = [segment for segment in target.partition("?")[0].split("/") if segment]
    expected = [segment for segment in prefix.split("/") if segment]
    if segments[: len(expected)] != expected:
        raise Refused(404, f"charge points connect below {prefix}")
    rest = segments[len(expected) :]
    if not rest:
        raise Refused(400, f"the path lacks the charge point's identity: {prefix.rstrip('/')}/IDENTITY")
    if len(rest) > 1:
        raise Refused(404, "the identity is the last part of the path")
    try:
        identity = unquote_to_bytes(rest[0]).decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(400, "the identity is not UTF-8") from None
    if len(identity) > MAX_IDENTITY:
        raise Refused(400, f"the identity is longer than {MAX_IDENTITY} characters")
    if "/" in identity or not identity.isprintable():
        raise Refused(400, "the identity has a slash or an unprintable character in it")
    return identity


def path_step(prefix: str) -> Step:
    """Find the identity; see identity_of."""

    async def step(handshake: Handshake) -> None:
        handshake.identity = identity_of(handshake.target, prefix)

    return step


# --- browsers --------------------------------------------------------------------------------------------------


async def browsers_step(handshake: Handshake) -> None:
    """Turn browsers away (403): any page that is open in one could speak as a charge point.

    A browser tells the page's Origin and is a "Mozilla", and no page can change either. An Origin alone is no sign of
    one: some WebSocket libraries of charge points send their server's name, or ``file://``.
    """
    agent = handshake.header(b"user-agent") or b""
    if handshake.header(b"origin") is not None and agent.strip().startswith(b"Mozilla"):
        raise Refused(403, "browsers are not let in")


# --- limits ----------------------------------------------------------------------------------------------------


def limits_step(why_no_room: Callable[[Handshake], str | None]) -> Step:
    """Turn peers away while there is a reason why there is no room for them: 503 with Retry-After."""

    async def step(handshake: Handshake) -> None:
        reason = why_no_room(handshake)
        if reason is not None:
            raise Refused(503, reason, [("Retry-After", RETRY_AFTER)])

    return step


# --- identity --------------------------------------------------------------------------------------------------


def identity_step(ledger: Ledger, *, unknown_admitted: bool) -> Step:
    """Find the charge point's record, or make one if unknown ones are admitted; otherwise 404 (OCPP-J §3.2)."""

    async def step(handshake: Handshake) -> None:
        assert handshake.identity is not None
        handshake.record = await _ask(ledger, FindChargePoint(handshake.identity))
        if handshake.record is None:
            if not unknown_admitted:
                raise Refused(404, "unknown charge point")
            handshake.record = ChargePointRecord(identity=handshake.identity, version=NOT_KEPT)

    return step


def keeping_step(ledger: Ledger) -> Step:
    """Keep the record of a charge point that was unknown, once it has passed: strangers leave nothing behind.

    Where somebody added it meanwhile with a key or settings, which were not looked at, it comes again: 503.
    """

    async def step(handshake: Handshake) -> None:
        new = handshake.known
        if new.version != NOT_KEPT:
            return
        kept = await _ask(ledger, AdmitChargePoint(new.identity, handshake.at))
        if (kept.settings, kept.key, kept.next_keys) != (new.settings, new.key, new.next_keys):
            raise Refused(503, "the charge point was added just now", [("Retry-After", RETRY_AFTER)])
        handshake.record = kept

    return step


# --- credentials -----------------------------------------------------------------------------------------------


@frozen
class BasicCredentials:
    """User name and password of an Authorization header, as bytes (RFC 7617; OCPP-J §6.2.2)."""

    user: bytes
    password: bytes


def basic_credentials(header: bytes | None) -> BasicCredentials | None:
    """Read an Authorization header; None where there is none, or not one of Basic.

    The user name ends at the first colon: a key may contain some.
    """
    scheme, _, encoded = (header or b"").strip().partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except binascii.Error:
        return None
    return BasicCredentials(user, password) if colon else None


@frozen(kw_only=True)
class Credentials:
    """How charge points prove who they are: the step of admission, and what it needs (security whitepaper A00).

    ``lowest`` is the lowest security profile of any charge point, ``organization`` what the O of their certificates
    has to be, None: anything.
    """

    lowest: int
    organization: str | None
    ledger: Ledger
    keys: Keys
    security_log: SecurityLog
    attempts: Failures = field(factory=lambda: Failures(ATTEMPT_RATE, ATTEMPTS_AT_ONCE))
    """Wrong keys by address and identity: whoever guesses locks out only who guesses the same from there."""

    hashing: Counter[tuple[str, str]] = field(init=False, factory=Counter)
    """Keys that are being compared slowly, by who gave them."""

    async def step(self, handshake: Handshake) -> None:
        """Ask for what the charge point's security profile asks for, or for more.

        A certificate that is not its own is recorded, also where a key lets it in.

        Raises Refused: 403, where the profile is too low; 401, where key or certificate are wrong or missing; 503,
            where too many wrong keys were given.
        """
        required = max(self.lowest, handshake.known.settings.security_profile)
        if required >= TLS and not handshake.secure:
            raise _too_low(required, "connect over TLS")
        if handshake.certificate is not None:
            if await self._is_owner(handshake, handshake.certificate):
                handshake.security_profile = CERTIFICATES
                return
            await self.security_log.record(
                handshake.known.identity, INVALID_CERTIFICATE, f"{NOT_ITS_OWN}, from {handshake.address}"
            )
            if required == CERTIFICATES:
                raise _wrong(NOT_ITS_OWN)
        elif required == CERTIFICATES:
            raise _too_low(required, "show a client certificate")
        if await self._has_key(handshake, required):
            handshake.security_profile = TLS if handshake.secure else BASIC

    async def _is_owner(self, handshake: Handshake, certificate: ClientCertificate) -> bool:
        """Whether the certificate is the operator's (A00.FR.404), for this charge point (A00.FR.405), and not revoked.

        Its CN is the serial number of the charge point, or its identity. One that was signed for another charge point
        is not this one's: a charge point says itself which serial number it has.
        """
        if self.organization is not None and certificate.organization != self.organization:
            return False
        if certificate.common_name not in handshake.known.names:
            return False
        kept = await _ask(self.ledger, FindCertificate(certificate.fingerprint))
        if kept is None:
            return True
        own = kept.identity.casefold() == handshake.known.identity.casefold()
        return own and kept.state is not CertificateState.REVOKED

    async def _has_key(self, handshake: Handshake, required: int) -> bool:
        """Ask for HTTP Basic credentials where the charge point has a key, or has to have one; False: it has none.

        The user name should be the identity (A00.FR.204); charge points that send another one are known by their key
        all the same. One that was sent its first key needs none until it uses that.
        """
        record = handshake.known
        if record.key is None and not record.next_keys and required:
            raise _wrong("this charge point has no key yet: set one", FAILED_TO_AUTHENTICATE)
        credentials = basic_credentials(handshake.header(b"authorization"))
        if credentials is not None and await self._is_right(handshake, credentials.password):
            return True
        if record.key is None and not required:
            return False
        if credentials is not None:
            self.attempts.count(_who_guesses(handshake))
        raise _wrong("wrong or missing credentials", FAILED_TO_AUTHENTICATE)

    async def _is_right(self, handshake: Handshake, password: bytes) -> bool:
        """Whether a password is the charge point's key, or a next one, which is its key from then on.

        What was sent before that one was overwritten in the charge point; what was sent after it may still be used.
        """
        record = handshake.known
        keys = [key for key in (record.key, *record.next_keys) if key is not None]
        # The slow ones come last: that they may have to wait keeps nobody out whose key is compared at once.
        for key in sorted(keys, key=lambda each: self.keys.known(password, each) is None):
            if await self._matches(handshake, password, key):
                if key is not record.key:
                    later = record.next_keys[record.next_keys.index(key) + 1 :]
                    await _ask(self.ledger, SetKey(record.identity, key, later))
                    record.key, record.next_keys = key, later
                return True
        return False

    async def _matches(self, handshake: Handshake, password: bytes, key: KeyHash) -> bool:
        known = self.keys.known(password, key)
        if known is not None:
            return known
        if not self.attempts.few(_who_guesses(handshake)):
            raise Refused(503, "too many wrong keys", [("Retry-After", RETRY_AFTER)], blamed=True)
        who = _who_guesses(handshake)
        if self.hashing[who] >= HASHED_AT_ONCE:
            raise Refused(503, "a key is being compared already", [("Retry-After", RETRY_AFTER)], blamed=True)
        self.hashing[who] += 1
        try:
            return await self.keys.matches(password, key)
        except TooManyKeys as error:
            raise Refused(503, str(error), [("Retry-After", RETRY_AFTER)]) from None
        finally:
            self.hashing[who] -= 1
            if not self.hashing[who]:
                del self.hashing[who]


def _who_guesses(handshake: Handshake) -> tuple[str, str]:
    return home_of(handshake.address), handshake.known.identity.casefold()


def _too_low(required: int, what_to_do: str) -> Refused:
    return Refused(403, f"security profile {required} is required: {what_to_do}", event=PROFILE_TOO_LOW)


def _wrong(reason: str, event: str | None = None) -> Refused:
    return Refused(401, reason, [("WWW-Authenticate", 'Basic realm="OCPP"')], event=event)


async def _ask(ledger: Ledger, request: Request[R]) -> R:
    try:
        return await ledger.ask(request)
    except (LedgerUnavailable, RequestFailed):
        raise Refused(503, "charge points cannot be looked up now", [("Retry-After", RETRY_AFTER)]) from None


# --- subprotocol -----------------------------------------------------------------------------------------------


async def subprotocol_step(handshake: Handshake) -> None:
    """Agree on ocpp1.6 if it is offered, wherever it stands in the list (§3.1.2).

    A charge point that offers nothing at all is taken at its word only if it is marked lenient.
    """
    if SUBPROTOCOL in handshake.subprotocols:
        handshake.subprotocol = SUBPROTOCOL
    elif not handshake.subprotocols and handshake.known.settings.lenient:
        handshake.subprotocol = SUBPROTOCOL
        handshake.unnamed = True


async def admit(handshake: Handshake, steps: Sequence[Step]) -> None:
    """Take a handshake through the steps, in order.

    Raises Refused: a step turned the peer away, or failed (500).
    """
    for step in steps:
        try:
            await step(handshake)
        except Refused:
            raise
        except Exception:
            log.exception("an admission step failed", identity=handshake.identity)
            raise Refused(500, "the central system failed to look at this connection") from None
