"""Which of many silent connections have something to say: no task and no stream of their own until then."""

import select
import socket
from typing import Final, Generic, TypeVar

import trio

PEEKED: Final = 16 * 1024
"""Bytes of a request that are looked at: one that is longer is as good as complete, for it will be refused."""

HEARD_AT_ONCE: Final = 32
"""Connections that are looked at before others have their turn."""

BLANK_LINES: Final = (b"\n\r\n", b"\n\n")
"""What ends the head of a request (RFC 9112 §2.2)."""

LAST_WORDS: Final = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


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


Who = TypeVar("Who")


class FirstWords(Generic[Who]):
    """Waits for connections of which something has arrived since they were watched or looked at."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._silent: dict[int, Who] = {}

    def watch(self, connection: socket.socket, who: Who) -> None:
        """Watch a connection, until it is forgotten.

        Raises OSError: the machine has no room for it.
        """
        self._epoll.register(connection, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
        self._silent[connection.fileno()] = who

    def forget(self, connection: socket.socket) -> None:
        """Watch it no more, before it is closed or read."""
        if self._silent.pop(connection.fileno(), None) is not None:
            self._epoll.unregister(connection)

    async def some(self) -> list[tuple[Who, bool]]:
        """Wait until something has come, and return of whom, and whether that peer will say nothing more."""
        await trio.lowlevel.wait_readable(self._epoll)
        return [
            (self._silent[descriptor], bool(event & LAST_WORDS))
            for descriptor, event in self._epoll.poll(0, HEARD_AT_ONCE)
            if descriptor in self._silent
        ]

    def close(self) -> None:
        """Watch nothing any more."""
        self._epoll.close()
