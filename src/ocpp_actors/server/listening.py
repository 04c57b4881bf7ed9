"""Accepts TCP connections, several in one turn of the loop when so many come: a turn costs more than a connection."""

import errno
import os
import socket
from abc import abstractmethod
from typing import Any, Final

import trio
from attrs import define

ACCEPTED_AT_ONCE: Final = 32
"""Connections that are accepted before others have their turn."""

GONE: Final = frozenset(
    {
        errno.ECONNABORTED,
        errno.EPERM,
        errno.EPROTO,
        errno.ENETDOWN,
        errno.ENOPROTOOPT,
        errno.EHOSTDOWN,
        errno.ENONET,
        errno.EHOSTUNREACH,
        errno.EOPNOTSUPP,
        errno.ENETUNREACH,
    }
)
"""What accept(2) says where a connection was over before it was accepted."""


@define(eq=False)
class Accepted:
    """A connection that was accepted. ``remote`` is the address of its peer with the port.

    It is a bare socket until somebody asks for its stream: most of a flood is closed before.
    """

    remote: str
    socket: socket.socket
    _stream: trio.SocketStream | None = None

    def stream(self) -> trio.SocketStream:
        """Return what it is read and written with."""
        if self._stream is None:
            self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(self.socket))
        return self._stream

    def close(self) -> None:
        """Close it at once; once is enough. Whoever waits for its stream is woken."""
        (self.socket if self._stream is None else self._stream.socket).close()


class Listener(trio.abc.AsyncResource):
    """Where connections come from."""

    @abstractmethod
    async def accept(self) -> Accepted:
        """Return the next connection.

        Raises OSError: one could not be accepted, mostly because the machine has no room for it, and the next may not.
        Raises ClosedResourceError: this is closed.
        """


class EagerListener(Listener):
    """Listens where ``listener`` does, which lets others have their turn after each connection."""

    def __init__(self, listener: trio.SocketListener) -> None:
        self.socket = listener.socket
        self._descriptor = socket.socket(fileno=os.dup(self.socket.fileno()))
        self._descriptor.setblocking(False)
        self._accepted = 0

    async def accept(self) -> Accepted:
        """Return the next connection; see Listener."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._accepted >= ACCEPTED_AT_ONCE:
            self._accepted = 0
            await trio.lowlevel.checkpoint()
        while True:
            if self._descriptor.fileno() < 0:
                raise trio.ClosedResourceError
            try:
                connection, address = self._descriptor.accept()
            except BlockingIOError:
                self._accepted = 0
                await trio.lowlevel.wait_readable(self._descriptor)
            except OSError as error:
                if error.errno not in GONE:
                    raise
                await trio.lowlevel.checkpoint()
            else:
                connection.setblocking(False)
                self._accepted += 1
                return Accepted(name_of(address), connection)

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


def name_of(address: tuple[Any, ...]) -> str:
    """Write a socket's address and port."""
    host, port, *_ = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def address_of(remote: str) -> str:
    """Return the address in what name_of() has written."""
    return remote.rpartition(":")[0].strip("[]")
