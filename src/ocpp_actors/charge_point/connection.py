"""What a task tree needs of a connection, whatever carries it."""

from collections.abc import Callable
from typing import Protocol


class ConnectionEnded(Exception):
    """The connection is over. ``code`` is the WebSocket close code, 1006 where none was exchanged."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class Connection(Protocol):
    """A WebSocket connection after its handshake."""

    @property
    def last_received(self) -> float:
        """When anything was received last, in seconds of trio's clock."""
        ...

    @property
    def last_pong(self) -> float | None:
        """When a pong was received last, in seconds of trio's clock; None before the first."""
        ...

    @property
    def gone(self) -> bool:
        """Whether the peer has left, so that nothing more will come."""
        ...

    def when_something_comes(self, then: Callable[[], None]) -> bool:
        """Call ``then``, once, when something comes while nobody reads; False: that cannot be told, or it is there."""
        ...

    async def receive(self) -> str | bytes:
        """Wait for the next message.

        Raises ConnectionEnded: there is none any more.
        """
        ...

    def begin_send(self, text: str) -> bool:
        """Write one text message as far as that is possible without waiting; False: finish_send() has to follow.

        Raises ConnectionEnded: the connection is over.
        """
        ...

    def begin_ping(self) -> bool:
        """Write a ping as far as that is possible without waiting; False: finish_send() has to follow.

        Raises ConnectionEnded: the connection is over.
        """
        ...

    async def finish_send(self) -> None:
        """Write what is left. Cancelled midway it leaves the connection unusable.

        Raises ConnectionEnded: the connection is over.
        """
        ...

    async def close(self, code: int, reason: str) -> None:
        """Exchange close frames. The caller brings the deadline."""
        ...

    async def abort(self) -> None:
        """Drop the connection without a word."""
        ...
