"""Reads along what passes on a link, and records it as the wire of its charge point.

It only listens: a stream that it cannot read, such as one with corrupted bytes, ends its listening to that connection.
"""

from collections.abc import Callable
from typing import Any, Final

import structlog
from attrs import define, field
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, TextMessage
from wsproto.extensions import Extension, PerMessageDeflate

from ocpp_actors.testbench.links.frames import HEAD_END
from ocpp_actors.testbench.wire import Direction, Wire

log = structlog.get_logger(__name__)

MAX_HEAD: Final = 64 * 1024
"""Bytes of a handshake, and of what is sent before it is answered."""

MAX_MESSAGE: Final = 16 * 1024 * 1024
"""Characters of a message."""

MAX_REASON: Final = 200
"""Characters of the body of a refusal that are kept."""

WireOf = Callable[[str], Wire | None]
"""The wire of an identity; None: it is not recorded."""

SUPERSEDED: Final = "a newer connection was opened"


class Unreadable(Exception):
    """The bytes are no WebSocket connection that can be read."""


@define(eq=False)
class _Side:
    """What one side has sent: the head of its handshake, then messages."""

    kind: ConnectionType
    head: bytes | None = None
    connection: Connection | None = None
    _kept: bytearray = field(factory=bytearray)
    _message: list[str] = field(factory=list)
    _size: int = 0

    def receive(self, data: bytes) -> None:
        if self.connection is not None:
            self.connection.receive_data(data)
            return
        self._kept += data
        if len(self._kept) > MAX_HEAD:
            raise Unreadable("the handshake is too long")
        if self.head is None and HEAD_END in self._kept:
            head, _, rest = bytes(self._kept).partition(HEAD_END)
            self.head, self._kept = head, bytearray(rest)

    @property
    def rest(self) -> bytes:
        return bytes(self._kept)

    def open(self, extensions: list[Extension]) -> None:
        self.connection = Connection(self.kind, extensions, self.rest)
        self._kept.clear()

    def events(self) -> list[str | CloseConnection]:
        """Return the messages, and the close, that have become complete."""
        found: list[str | CloseConnection] = []
        if self.connection is None:
            return found
        for event in self.connection.events():
            if isinstance(event, CloseConnection):
                if self.connection.state is ConnectionState.OPEN:
                    raise Unreadable(event.reason or "a broken frame")
                found.append(event)
            elif isinstance(event, TextMessage | BytesMessage):
                text = event.data if isinstance(event, TextMessage) else event.data.decode("utf-8", "replace")
                self._message.append(text)
                self._size += len(text)
                if self._size > MAX_MESSAGE:
                    raise Unreadable("a message is too long")
                if event.message_finished:
                    found.append("".join(self._message))
                    self._message.clear()
                    self._size = 0
        return found


@define(eq=False)
class Tap:
    """Listens to one connection. ``stopped`` says why it does not any more, where the bytes were the reason."""

    wire: Wire
    on_opened: Callable[["Tap"], None]
    stopped: str | None = field(init=False, default=None)
    _opened: bool = field(init=False, default=False)
    _over: bool = field(init=False, default=False)
    _refusal: int | None = field(init=False, default=None)
    _close: tuple[int, str] | None = field(init=False, default=None)
    _sides: dict[Direction, _Side] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._sides = {"in": _Side(ConnectionType.SERVER), "out": _Side(ConnectionType.CLIENT)}

    def feed(self, direction: Direction, data: bytes) -> None:
        """Hear bytes of a direction; see Listener."""
        if self._over or self.stopped is not None or not data:
            return
        try:
            self._sides[direction].receive(data)
            if not self._opened:
                self._shake_hands()
            if self._opened:
                # A message of the charge point that came before the handshake was answered is older than any answer.
                self._record("in")
                self._record("out")
        except Exception as error:  # noqa: BLE001 — whatever the bytes make of the parser, the link goes on
            self.stopped = str(error) or type(error).__name__
            log.info("a connection cannot be read along", identity=self.wire.identity, reason=self.stopped)

    def end(self) -> None:
        """Hear that one of the two has left; see Listener."""
        if self._over:
            return
        if self._refusal is not None:
            self._refused(self._refusal)
        self._over = True
        if self._opened:
            self.wire.closed(*(self._close or (1006, "")))

    def supersede(self) -> None:
        """Stop: a newer connection of the same charge point was opened."""
        if not self._over:
            self._over = True
            self.wire.closed(1006, SUPERSEDED)

    def _shake_hands(self) -> None:
        answer = self._sides["out"]
        if answer.head is None:
            return
        status = _status(answer.head)
        if status != 101:
            self._refusal = status
            if len(answer.rest) >= int(_header(answer.head, b"content-length") or MAX_HEAD):
                self._refused(status)
            return
        offered = _header(answer.head, b"sec-websocket-extensions")
        for side in self._sides.values():
            side.open(_extensions(offered))
        self._opened = True
        self.on_opened(self)
        self.wire.opened()

    def _refused(self, status: int) -> None:
        self._over = True
        body = self._sides["out"].rest.decode("utf-8", "replace").strip()
        self.wire.refused(status, body[:MAX_REASON])

    def _record(self, direction: Direction) -> None:
        for event in self._sides[direction].events():
            if isinstance(event, str):
                self.wire.record(direction, event)
            elif self._close is None:
                self._close = int(event.code), event.reason or ""


@define(eq=False)
class Taps:
    """Gives a tap to each connection; of one charge point only the newest that was opened is recorded."""

    _wire_of: WireOf
    _present: dict[str, Tap] = field(init=False, factory=dict)

    def open(self, identity: str) -> Tap | None:
        """Return a tap for a new connection; None: this charge point is not recorded."""
        wire = self._wire_of(identity)
        return None if wire is None else Tap(wire, self._opened)

    def _opened(self, tap: Tap) -> None:
        key = tap.wire.identity.casefold()
        if key in self._present:
            self._present[key].supersede()
        self._present[key] = tap


def _status(head: bytes) -> int:
    version, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    status = rest.partition(" ")[0]
    if not version.startswith("HTTP/") or not (status.isascii() and status.isdecimal()):
        raise Unreadable("no HTTP answer to the handshake")
    return int(status)


def _header(head: bytes, name: bytes) -> str:
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return ", ".join(
        value.strip().decode("latin-1") for key, _, value in lines if key.strip().lower() == name
    )


def _extensions(agreed: str) -> list[Extension]:
    if not agreed:
        return []
    if agreed.split(";", maxsplit=1)[0].strip() != PerMessageDeflate.name or "," in agreed:
        raise Unreadable(f"an extension that is not known: {agreed}")
    extension: Any = PerMessageDeflate()
    extension.finalize(agreed)
    return [extension]
