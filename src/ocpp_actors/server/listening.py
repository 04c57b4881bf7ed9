"""Accepts TCP connections, several in one turn of the loop when so many come: a turn costs more than a connection."""

import errno
import os
import socket
from typing import Final

import trio

ACCEPTED_AT_ONCE: Final = 8
"""Connections that are accepted before others have their turn."""

NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class EagerListener(trio.abc.Listener[trio.SocketStream]):
    """Listens where ``listener`` does, which lets others have their turn after each connection."""

    def __init__(self, listener: trio.SocketListener) -> None:
        self.socket = listener.socket
        self._descriptor = socket.socket(fileno=os.dup(self.socket.fileno()))
        self._descriptor.setblocking(False)
        self._accepted = 0

    async def accept(self) -> trio.SocketStream:
        """Return the next connection.

        Raises OSError: one could not be accepted, because the machine has no room for it.
        Raises ClosedResourceError: this is closed.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._accepted >= ACCEPTED_AT_ONCE:
            self._accepted = 0
            await trio.lowlevel.checkpoint()
        while True:
            if self._descriptor.fileno() < 0:
                raise trio.ClosedResourceError
            try:
                connection, _ = self._descriptor.accept()
            except BlockingIOError:
                self._accepted = 0
                await trio.lowlevel.wait_readable(self._descriptor)
            except OSError as error:
                if error.errno in NO_ROOM:
                    raise
                await trio.lowlevel.checkpoint()  # one that is gone already; accept(2) tells its errors
            else:
                self._accepted += 1
                return trio.SocketStream(trio.socket.from_stdlib_socket(connection))

    async def aclose(self) -> None:
        """Listen no more."""
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Listen no more; at once."""
        if self._descriptor.fileno() >= 0:
            trio.lowlevel.notify_closing(self._descriptor)
            self._descriptor.close()
        self.socket.close()
