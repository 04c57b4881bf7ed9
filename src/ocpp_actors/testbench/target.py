"""Where the central system under test is, and how a stream to it is opened."""

import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final
from urllib.parse import quote, urlsplit

import trio
from attrs import frozen

Dial = Callable[[], Awaitable[trio.abc.Stream]]
"""Opens a stream to the central system.

Raises OSError: it cannot be reached; ssl.SSLCertVerificationError is one: its certificate is not trusted.
"""

_PORTS: Final = {"ws": 80, "wss": 443}


class NotAUrl(ValueError):
    """What was given is no WebSocket URL; the message says why."""


@frozen
class Target:
    """A central system: ``url`` is where charge points connect, without identity."""

    url: str
    dial: Dial

    @property
    def host(self) -> str:
        """Host and port, as the Host header has them."""
        return urlsplit(self.url).netloc

    def request_target(self, identity: str) -> str:
        """Return the path of the handshake, the identity percent-encoded (OCPP-J 1.6 §3.1.1)."""
        return f"{urlsplit(self.url).path.rstrip('/')}/{quote(identity, safe='')}"


@frozen
class SecureTarget:
    """A central system that is reached over TLS: ``transport`` opens the stream below it.

    ``url`` begins with ``wss``; its host is the name of which the central system has to have a certificate.
    """

    url: str
    transport: Dial

    def over(self, tls: ssl.SSLContext) -> Target:
        """Return it as it is reached with this context, which says whom it trusts and what it shows."""
        return Target(self.url, partial(_dial_securely, self, tls))


async def _dial_securely(target: SecureTarget, tls: ssl.SSLContext) -> trio.abc.Stream:
    below = await target.transport()
    stream = trio.SSLStream(below, tls, server_hostname=urlsplit(target.url).hostname, https_compatible=True)
    try:
        await _shake_hands(stream)
    except trio.BrokenResourceError as error:
        if isinstance(error.__cause__, ssl.SSLError):
            raise error.__cause__ from None
        raise ConnectionResetError("it left during the TLS handshake") from None
    return stream


async def _shake_hands(stream: "trio.SSLStream[trio.abc.Stream]") -> None:
    try:
        await stream.do_handshake()
    except BaseException:
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(stream.transport_stream)
        raise


def target_of(url: str, tls: ssl.SSLContext | None = None) -> Target:
    """Return the central system at a URL, over TCP, or over TLS where it begins with ``wss``.

    ``tls`` is the context of such a connection; the system's certificates are trusted where none is given.

    Raises NotAUrl: it is not of the form ``ws[s]://HOST[:PORT]/PATH``.
    """
    dial, secure = _tcp_to(url)
    if secure:
        return SecureTarget(url.rstrip("/"), dial).over(tls or ssl.create_default_context())
    return Target(url.rstrip("/"), dial)


def secure_target_of(url: str) -> SecureTarget:
    """Return the central system at a URL that begins with ``wss``.

    Raises NotAUrl: it is not of the form ``wss://HOST[:PORT]/PATH``.
    """
    dial, secure = _tcp_to(url)
    if not secure:
        raise NotAUrl(f"{url!r} is not over TLS: write it as wss://HOST:PORT/PATH")
    return SecureTarget(url.rstrip("/"), dial)


def _tcp_to(url: str) -> tuple[Dial, bool]:
    """Return what opens a TCP connection, and whether TLS is to be spoken on it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise NotAUrl(f"{url!r} is no URL of a central system: {error}") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise NotAUrl(f"{url!r} is no URL of a central system: write it as ws://HOST:PORT/PATH, or wss://…")
    if parts.query or parts.fragment or parts.username is not None:
        raise NotAUrl(f"{url!r} has more than host, port and path: an identity is put after the path")
    return partial(trio.open_tcp_stream, parts.hostname, port or _PORTS[parts.scheme]), parts.scheme == "wss"
