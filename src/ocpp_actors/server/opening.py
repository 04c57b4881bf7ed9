"""The opening handshake, the short way (RFC 6455 §4.2): a request of the shape that chargers send, which is accepted.

What is read and written is what wsproto makes of it; whatever else is said goes through wsproto.
"""

from collections.abc import Iterator
from typing import Final

from wsproto import WSConnection
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import AcceptConnection, Event, Request
from wsproto.utilities import generate_accept_token, split_comma_header

TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
"""What a name of a header may be made of, in lower case (RFC 9110 §5.6.2)."""

BLANKS: Final = b" \t"
PLAIN: Final = bytes(range(0x21, 0x7F)) + BLANKS
"""What lines may be made of here: h11 lets values have more."""

ONCE: Final = frozenset({b"connection", b"host", b"sec-websocket-key", b"sec-websocket-version", b"upgrade"})
"""Headers without which there is no handshake, and that are left to wsproto where one comes twice."""

LEFT_ALONE: Final = frozenset({b"content-length", b"expect", b"transfer-encoding"})
"""Headers of a request with a body, which is left to h11."""


def read_request(received: bytes) -> Request | None:
    """Return the request that the data begins with, as wsproto would; None: that is left to wsproto.

    Only a whole GET over HTTP/1.1 is read, in lines of plain ASCII, without a body, with every header that a handshake
    needs. What follows it is not looked at.
    """
    head, end, _ = received.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    if not end or b"".join((first, *lines)).translate(None, PLAIN):
        return None
    match first.split(b" "):
        case [b"GET", target, b"HTTP/1.1"] if target and b"\t" not in target:
            pass
        case _:
            return None
    found: dict[bytes, bytes] = {}
    extra_headers: list[tuple[bytes, bytes]] = []
    extensions: list[str] = []
    subprotocols: list[str] = []
    for line in lines:
        raw_name, colon, value = line.partition(b":")
        name, value = raw_name.lower(), value.strip(BLANKS)
        if not name or not colon or name.translate(None, TOKEN) or name in LEFT_ALONE:
            return None
        if name in ONCE:
            if name in found:
                return None
            found[name] = value
        if name == b"sec-websocket-extensions":
            extensions += split_comma_header(value)
        elif name == b"sec-websocket-protocol":
            subprotocols += split_comma_header(value)
        elif name != b"host":
            extra_headers.append((name, value))
    if (
        len(found) < len(ONCE)
        or found[b"sec-websocket-version"] != b"13"
        or found[b"upgrade"].lower() != b"websocket"
        or b"upgrade" not in (token.strip() for token in found[b"connection"].lower().split(b","))
        or b"xn--" in found[b"host"].lower()  # a name that has to be decoded (RFC 3490 §5)
    ):
        return None
    return Request(
        host=found[b"host"].decode(),
        target=target.decode(),
        extensions=extensions,
        extra_headers=extra_headers,
        subprotocols=subprotocols,
    )


def acceptance(request: Request, answer: AcceptConnection) -> bytes | None:
    """Return what wsproto would answer to a request that was read here; None: that is left to wsproto.

    Only an answer without extensions and extra headers is written, with a subprotocol that was offered, if any.
    """
    if answer.extensions or answer.extra_headers:
        return None
    key = next(value for name, value in request.extra_headers if name == b"sec-websocket-key")
    head = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n" % generate_accept_token(key)
    )
    if answer.subprotocol is None:
        return head + b"\r\n"
    if answer.subprotocol not in request.subprotocols:
        return None
    return head + b"Sec-WebSocket-Protocol: %b\r\n\r\n" % answer.subprotocol.encode()


class Opening:
    """A server's connection until its opening handshake is over, used as wsproto's WSConnection is.

    The first data that is received goes the short way if the whole request is in it. If the answer does not, wsproto
    is given that data first, and writes the answer.
    """

    def __init__(self) -> None:
        self.connection: Connection | None = None
        """The connection after the handshake, once it was accepted."""
        self._request: Request | None = None
        self._new: Request | None = None
        """The same, until events() has told of it."""
        self._received = b""
        self._long: WSConnection | None = None

    @property
    def state(self) -> ConnectionState:
        """What WSConnection would say of its state."""
        if self.connection is not None:
            return self.connection.state
        return ConnectionState.CONNECTING if self._long is None else self._long.state

    def receive_data(self, data: bytes) -> None:
        """Take in what has arrived.

        Raises RemoteProtocolError: it is no handshake; see wsproto.
        """
        if self._long is None and self._request is None:
            self._request = self._new = read_request(data)
            if self._request is not None:
                self._received = data
                return
        self._the_long_way().receive_data(data)

    def events(self) -> Iterator[Event]:
        """Yield what was found in what has arrived."""
        if self._new is not None:
            new, self._new = self._new, None
            yield new
        if self._long is not None:
            yield from self._long.events()

    def send(self, event: Event) -> bytes:
        """Return what is to be written to answer the request.

        Raises LocalProtocolError: this is no answer to it; see wsproto.
        """
        if self._long is None and self._request is not None and isinstance(event, AcceptConnection):
            answer = acceptance(self._request, event)
            if answer is not None:
                self.connection = Connection(ConnectionType.SERVER)
                return answer
        long = self._the_long_way()
        data = long.send(event)
        self.connection = long.connection
        return data

    def _the_long_way(self) -> WSConnection:
        if self._long is None:
            self._long = WSConnection(ConnectionType.SERVER)
            if self._received:
                self._long.receive_data(self._received)
                list(self._long.events())  # the request, which is known
        return self._long
