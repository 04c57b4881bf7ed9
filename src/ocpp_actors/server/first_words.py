"""Whether a silent connection has something to say: no task and no stream of its own until then."""

import socket
from typing import Final

PEEKED: Final = 16 * 1024
"""Bytes of a request that are looked at: one that is longer is as good as complete, for it will be refused."""

BLANK_LINES: Final = (b"\n\r\n", b"\n\n")
"""What ends the head of a request (RFC 9112 §2.2)."""


def has_spoken(connection: socket.socket) -> bool:
    """Whether the peer has sent what it can be answered to, which is left where it is.

    That is the whole head of an HTTP request, or anything that is none: TLS, or nonsense.

    Raises OSError: the peer has left.
    """
    try:
        said = connection.recv(PEEKED, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    if not said:
        raise ConnectionResetError
    http = said[:1].isalpha()
    return not http or len(said) == PEEKED or any(end in said for end in BLANK_LINES)
