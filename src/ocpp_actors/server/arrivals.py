"""Which of many sockets have something to read, from one epoll for all of them.

Each is put into it once and told of when more arrives, or the peer ends (epoll(7), edge-triggered): trio's own would be
asked again before each read.
"""

import select
import socket
from typing import Final, Generic, TypeVar

import trio

LAST_WORDS: Final = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR

Who = TypeVar("Who")


class Arrivals(Generic[Who]):
    """Waits for sockets at which something has arrived since they were watched or this was last told of them.

    ``at_once``: how many are told of before others have their turn.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._epoll = select.epoll()
        self._watched: dict[int, Who] = {}

    def watch(self, connection: socket.socket | trio.socket.SocketType, who: Who) -> None:
        """Watch a socket, until it is forgotten.

        Raises OSError: the machine has no room for it.
        """
        self._epoll.register(connection.fileno(), select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
        self._watched[connection.fileno()] = who

    def forget(self, connection: socket.socket | trio.socket.SocketType) -> None:
        """Watch it no more."""
        if self._watched.pop(connection.fileno(), None) is not None:
            self._epoll.unregister(connection.fileno())

    def closes(self, connection: socket.socket | trio.socket.SocketType) -> None:
        """Watch it no more, since it is being closed, which takes it out of the epoll."""
        self._watched.pop(connection.fileno(), None)

    async def some(self) -> list[tuple[Who, bool]]:
        """Wait until something has come, and return at whose socket, and whether that peer will say nothing more."""
        await trio.lowlevel.wait_readable(self._epoll)
        return [
            (self._watched[descriptor], bool(event & LAST_WORDS))
            for descriptor, event in self._epoll.poll(0, self._at_once)
            if descriptor in self._watched
        ]

    def close(self) -> None:
        """Watch nothing any more."""
        self._watched.clear()
        self._epoll.close()
