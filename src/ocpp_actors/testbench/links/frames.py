"""Where WebSocket frames begin and end in the bytes of one direction, as they come (RFC 6455 §5.2)."""

from collections.abc import Iterator
from typing import Final

from attrs import define, field, frozen

HEAD_END: Final = b"\r\n\r\n"

_LENGTH_BYTES: Final = {126: 2, 127: 8}
_FIN: Final = 0x80
_MESSAGES: Final = {0x1, 0x2}


@define(eq=False)
class FrameOnTheWay:
    """A frame of which ``passed`` bytes have been seen. ``size`` is that of the whole, None until its header tells."""

    passed: int = 0
    _header: bytearray = field(factory=bytearray)

    @property
    def size(self) -> int | None:
        """The bytes of header and payload."""
        header = self._header_size
        if len(self._header) < header - self._mask_size:
            return None
        marker = self._header[1] & 0x7F
        length = marker
        if marker in _LENGTH_BYTES:
            length = int.from_bytes(self._header[2 : 2 + _LENGTH_BYTES[marker]])
        return header + length

    @property
    def whole_message(self) -> bool:
        """Whether it is a text or binary frame that is a message by itself."""
        return bool(self._header[0] & _FIN) and self._header[0] & 0x0F in _MESSAGES

    @property
    def complete(self) -> bool:
        """Whether all of it has passed."""
        return self.passed == self.size

    def missing(self) -> int:
        """Return how many bytes may pass before it is to be looked at again."""
        size = self.size
        return self._header_size - self._mask_size - self.passed if size is None else size - self.passed

    def add(self, data: bytes) -> None:
        """Let so many bytes pass, at most the missing ones."""
        if self.size is None:
            self._header += data
        self.passed += len(data)

    @property
    def _header_size(self) -> int:
        if len(self._header) < 2:
            return 2
        return 2 + _LENGTH_BYTES.get(self._header[1] & 0x7F, 0) + self._mask_size

    @property
    def _mask_size(self) -> int:
        return 4 if len(self._header) >= 2 and self._header[1] & 0x80 else 0


@frozen
class Part:
    """Bytes that belong together: of the head of the handshake (``frame`` is None), or of one frame.

    ``offset`` is their place in the frame.
    """

    data: bytes
    frame: FrameOnTheWay | None = None
    offset: int = 0


@define(eq=False)
class FrameWalker:
    """Goes through the bytes of one direction: the head of the HTTP handshake, then frames. It keeps no payload."""

    _tail: bytes = b""
    _shaken: bool = False
    _frame: FrameOnTheWay | None = None

    def walk(self, data: bytes) -> Iterator[Part]:
        """Cut the next bytes where frames begin and end, and where the size of a frame becomes known."""
        if data and not self._shaken:
            seen = self._tail + data
            end = seen.find(HEAD_END)
            if end < 0:
                self._tail = seen[-(len(HEAD_END) - 1) :]
                yield Part(data)
                return
            self._shaken = True
            head = end + len(HEAD_END) - len(self._tail)
            yield Part(data[:head])
            data = data[head:]
        while data:
            frame = self._frame = self._frame or FrameOnTheWay()
            offset, part = frame.passed, data[: frame.missing()]
            data = data[len(part) :]
            frame.add(part)
            if frame.complete:
                self._frame = None
            yield Part(part, frame, offset)
