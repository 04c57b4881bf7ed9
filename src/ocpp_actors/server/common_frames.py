"""WebSocket frames that go back and forth all day, the short way (RFC 6455 §5.2, §5.3): whole texts, pings, pongs."""

from typing import Final

from wsproto.connection import Connection, ConnectionState

WHOLE_TEXT: Final = 0x81
"""The first byte of a text message in one frame, without extensions."""
MASKED: Final = 0x80

PING: Final = b"\x89\x00"
"""A ping of a server, as one frame."""

PONG: Final = b"\x8a\x80"
"""What the answer to it begins with; a mask follows, which masks nothing."""
PONG_SIZE: Final = 6

LONG: Final = 126
"""In the second byte: the length is in the next two bytes. 127: in the next eight, which is left to wsproto."""


def whole_text(received: bytes, limit: int) -> str | None:
    """Return the text message that was received, if it is one and nothing else; all else is wsproto's business.

    Only a whole, masked, unfragmented frame of at most ``limit`` bytes of valid UTF-8 is taken.
    """
    end = len(received)
    if end < 6 or received[0] != WHOLE_TEXT:
        return None
    size, begin = received[1] - MASKED, 6
    if size >= LONG:
        if size > LONG or end < 8:
            return None
        size, begin = received[2] << 8 | received[3], 8
        if size < LONG:  # fewer bytes would have sufficed, which is a fault (§5.2)
            return None
    if not 0 <= size <= limit or end != begin + size:
        return None
    try:
        return unmasked(received[begin - 4 : begin], received[begin:]).decode()
    except UnicodeDecodeError:
        return None


def is_pong(received: bytes) -> bool:
    """Whether this is the answer to PING, and nothing else."""
    return len(received) == PONG_SIZE and received.startswith(PONG)


def unmasked(mask: bytes, payload: bytes) -> bytes:
    """Return the payload with its mask taken off; or put on, which is the same (§5.3)."""
    size = len(payload)
    key = int.from_bytes((mask * (size // 4 + 1))[:size])
    return (int.from_bytes(payload) ^ key).to_bytes(size)


def text_frame(text: str) -> bytes:
    """Return a text message of a server as one frame."""
    content = text.encode()
    size = len(content)
    if size < LONG:
        return _SHORT_HEADS[size] + content
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2) + content
    return b"\x81\x7f" + size.to_bytes(8) + content


_SHORT_HEADS: Final = [bytes((WHOLE_TEXT, size)) for size in range(LONG)]


def between_messages(connection: Connection) -> bool:
    """Whether an open wsproto connection has taken in nothing of a message or frame that is not complete."""
    protocol = connection._proto  # noqa: SLF001
    decoder = protocol._frame_decoder  # noqa: SLF001
    return (
        connection.state is ConnectionState.OPEN
        and decoder.header is None
        and not len(decoder.buffer)
        and protocol._message_decoder.opcode is None  # noqa: SLF001
    )


def end_parsing(connection: Connection) -> None:
    """Let a wsproto connection read no more: its reader refers to it, and would keep it until garbage is looked for."""
    connection._proto._parse_more.close()  # noqa: SLF001
