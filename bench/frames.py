"""WebSocket frames (RFC 6455 §5.2), as far as the load generator needs them."""

import struct

MASK = b"\x01\x02\x03\x04"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def frame(opcode: int, text: bytes) -> bytes:
    """Return a masked frame (RFC 6455 §5.2)."""
    size = len(text)
    opcode |= 0x80
    head = struct.pack("!BB", opcode, 0x80 | size) if size < 126 else struct.pack("!BBH", opcode, 0xFE, size)
    masked = int.from_bytes(text) ^ int.from_bytes((MASK * (size // 4 + 1))[:size])
    return head + MASK + masked.to_bytes(size)


def frames(received: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Return opcodes and contents of the whole frames, and the rest."""
    contents, start = [], 0
    while len(received) - start >= 2:
        size, begin = received[start + 1] & 0x7F, start + 2
        if size == 126:
            size, begin = int.from_bytes(received[begin : begin + 2]), begin + 2
        if len(received) < begin + size:
            break
        contents.append((received[start] & 0x0F, received[begin : begin + size]))
        start = begin + size
    return contents, received[start:]
