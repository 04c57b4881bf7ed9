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
        self._watched: list[Who | None] = []
        """By their descriptors, which are small: to look one up in a dict would be to look at its key too."""

    def watch(self, connection: socket.socket | trio.socket.SocketType, who: Who) -> None:
        """Watch a socket, until it is forgotten.

        Raises OSError: the machine has no room for it.
        """
        descriptor = connection.fileno()
        self._epoll.register(descriptor, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
        self._watched += [None] * (descriptor + 1 - len(self._watched))
        self._watched[descriptor] = who

    def forget(self, connection: socket.socket | trio.socket.SocketType) -> None:
        """Watch it no more."""
        if self._pop(connection.fileno()) is not None:
            self._epoll.unregister(connection.fileno())

    def closes(self, connection: socket.socket | trio.socket.SocketType) -> None:
        """Watch it no more, since it is being closed, which takes it out of the epoll."""
        self._pop(connection.fileno())

    def _pop(self, descriptor: int) -> Who | None:
        if not 0 <= descriptor < len(self._watched):
            return None
        who, self._watched[descriptor] = self._watched[descriptor], None
        return who

    async def some(self) -> list[tuple[Who, bool]]:
        """Wait until something has come, and return at whose socket, and whether that peer will say nothing more."""
        await trio.lowlevel.wait_readable(self._epoll)
        return [
            (who, bool(event & LAST_WORDS))
            for descriptor, event in self._epoll.poll(0, self._at_once)
            if (who := self._watched[descriptor]) is not None
        ]

    def close(self) -> None:
        """Watch nothing any more."""
        self._watched.clear()
        self._epoll.close()
