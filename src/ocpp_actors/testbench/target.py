"""Where the central system under test is, and how a stream to it is opened."""

import ssl
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote, urlsplit

import trio
from attrs import frozen

Dial = Callable[[], Awaitable[trio.abc.Stream]]
"""Opens a stream to the central system. Raises OSError: it cannot be reached."""

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


def target_of(url: str, tls: ssl.SSLContext | None = None) -> Target:
    """Return the central system at a URL, over TCP, or over TLS where it begins with ``wss``.

    ``tls`` is the context of such a connection; the system's certificates are trusted where none is given.

    Raises NotAUrl: it is not of the form ``ws[s]://HOST[:PORT]/PATH``.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise NotAUrl(f"{url!r} is no URL of a central system: {error}") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise NotAUrl(f"{url!r} is no URL of a central system: write it as ws://HOST:PORT/PATH, or wss://…")
    if parts.query or parts.fragment or parts.username is not None:
        raise NotAUrl(f"{url!r} has more than host, port and path: an identity is put after the path")
    host, number = parts.hostname, port or _PORTS[parts.scheme]
    context = (tls or ssl.create_default_context()) if parts.scheme == "wss" else None

    async def dial() -> trio.abc.Stream:
        stream = await trio.open_tcp_stream(host, number)
        if context is None:
            return stream
        return trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)

    return Target(url.rstrip("/"), dial)
