"""Who is let in: an ordered chain of steps over the opening handshake (OCPP-J 1.6 §3.1, §3.2)."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Final
from urllib.parse import unquote_to_bytes

import structlog
from attrs import define, field, frozen

from ocpp_actors.central_system.credentials import key_matches
from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    ChargePointRecord,
    FindChargePoint,
    Ledger,
    LedgerUnavailable,
    RequestFailed,
)

log = structlog.get_logger(__name__)

SUBPROTOCOL: Final = "ocpp1.6"

MAX_IDENTITY: Final = 255
"""Characters in an identity. OCPP 1.6 sets no limit in OCPP-J; longer ones are surely no charge point."""

RETRY_AFTER: Final = "30"
"""Seconds after which a charge point that was turned away for load may try again."""


class Refused(Exception):
    """The handshake is answered with this HTTP status instead of an upgrade. ``reason`` may be shown to the peer."""

    def __init__(self, status: int, reason: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason
        self.headers = tuple(headers)


@define
class Handshake:
    """What a peer asked for, and what the steps found out about it so far."""

    target: str
    """The request target, percent-encoded as it came, with its query if it has one."""
    headers: Sequence[tuple[bytes, bytes]]
    subprotocols: Sequence[str]
    remote: str
    at: datetime
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

    @property
    def known(self) -> ChargePointRecord:
        """The record that the identity step found."""
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
    """Turn peers away while there is a reason why there is no room for them: 503 with Retry-After.

    It comes before the identity step, which keeps what it finds.
    """

    async def step(handshake: Handshake) -> None:
        reason = why_no_room(handshake)
        if reason is not None:
            raise Refused(503, reason, [("Retry-After", RETRY_AFTER)])

    return step


# --- identity --------------------------------------------------------------------------------------------------


def identity_step(ledger: Ledger, *, unknown_admitted: bool) -> Step:
    """Find the charge point's record, or create it if unknown ones are admitted; otherwise 404 (OCPP-J §3.2)."""

    async def step(handshake: Handshake) -> None:
        assert handshake.identity is not None
        try:
            if unknown_admitted:
                handshake.record = await ledger.ask(AdmitChargePoint(handshake.identity, handshake.at))
            else:
                handshake.record = await ledger.ask(FindChargePoint(handshake.identity))
        except (LedgerUnavailable, RequestFailed):
            raise Refused(
                503, "charge points cannot be looked up now", [("Retry-After", RETRY_AFTER)]
            ) from None
        if handshake.record is None:
            raise Refused(404, "unknown charge point")

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


async def credentials_step(handshake: Handshake) -> None:
    """Ask for HTTP Basic credentials where the charge point has a key: 401 unless they are right.

    The user name should be the identity (§6.2.2); charge points that send another one are known by their key all the
    same.
    """
    key = handshake.known.key
    if key is None:
        return
    credentials = basic_credentials(handshake.header(b"authorization"))
    if credentials is None or not key_matches(credentials.password, key):
        raise Refused(401, "wrong or missing credentials", [("WWW-Authenticate", 'Basic realm="OCPP"')])


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
