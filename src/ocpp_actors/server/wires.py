"""How a stream is read and written: any of trio's, or a TCP socket with bare system calls."""

import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol

import structlog
import trio

from ocpp_actors.server.arrivals import Arrivals

log = structlog.get_logger(__name__)

RECEIVE_SIZE: Final = 16 * 1024

HEARD_AT_ONCE: Final = 50
"""Sockets whose readers are woken in one turn of the loop; with many more, what was read of one has left the processor
when its turn comes to be answered."""


class Wire(Protocol):
    """How a stream is read and written."""

    def wait(self) -> Awaitable[object]:
        """Wait until there may be something to read; to be awaited at once. Others have their turn meanwhile."""
        ...

    def read_some(self) -> bytes | None:
        """Read what is there; None: wait first. Nothing is returned when there will be no more."""
        ...

    def write_some(self, data: bytes) -> int:
        """Write what can be written without waiting, and return how much that was.

        Raises BrokenResourceError: the peer has left, or it is closed.
        """
        ...

    def when_readable(self, then: Callable[[], None]) -> bool:
        """Call ``then``, once, when something comes while nobody reads; False: that cannot be told."""
        ...

    async def close(self) -> None:
        """Close the stream, without a word to the peer; once is enough."""
        ...


class AnyStream:
    """Any stream: nothing can be written without waiting."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._received: bytes | None = None

    async def wait(self) -> None:
        """Receive what comes next; see Wire."""
        try:
            self._received = bytes(await self._stream.receive_some(RECEIVE_SIZE))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._received = b""

    def read_some(self) -> bytes | None:
        """Return what was received; see Wire."""
        received, self._received = self._received, None
        return received

    def write_some(self, data: bytes) -> int:  # noqa: ARG002
        """Write nothing; see Wire."""
        return 0

    def when_readable(self, then: Callable[[], None]) -> bool:  # noqa: ARG002
        """Return False; see Wire."""
        return False

    async def close(self) -> None:
        """Close it; see Wire."""
        await trio.aclose_forcefully(self._stream)


class Socket:
    """A TCP socket: waited for until it is readable, then read once; a write does not wait for its turn.

    Waiting always lets other tasks have theirs, so that no charge point starves the others.
    """

    __slots__ = (
        "_descriptor",
        "_ending",
        "_hearing",
        "_readable",
        "_reader",
        "_socket",
        "_then",
    )

    def __init__(self, stream: trio.SocketStream) -> None:
        self._socket = stream.socket
        self._descriptor = stream.socket.fileno()
        """-1 once it is closed."""
        self._hearing: Hearing | None = None
        """Who tells when it is readable; None: trio does."""
        self._readable = True
        self._ending = False
        """Whether the peer will say nothing more than what is there, of which it is told but once."""
        self._reader: trio.lowlevel.Task | None = None
        self._then: Callable[[], None] | None = None

    def hear(self, hearing: "Hearing") -> None:
        """Be told by ``hearing`` from now on."""
        try:
            hearing.watch(self._socket, self)
        except OSError as error:  # the machine has no room for it: epoll_ctl(2)
            log.warning("a connection takes the slow path", reason=error.strerror)
        else:
            self._hearing = hearing

    def heard(self, *, last: bool) -> None:
        """Let whoever reads, or wants to know, go on: there may be something to read, and it may be the ``last``."""
        self._ending |= last
        self._readable = True
        if self._reader is not None:
            trio.lowlevel.reschedule(self._reader)
            self._reader = None
        elif self._then is not None:
            then, self._then = self._then, None
            then()

    def when_readable(self, then: Callable[[], None]) -> bool:
        """Call ``then`` when something comes, if somebody tells; see Wire."""
        if self._hearing is None or self._readable:
            return False
        self._then = then
        return True

    async def close(self) -> None:
        """Close it, and wake who reads; see Wire."""
        self._descriptor = -1
        if self._hearing is not None:
            self._hearing.closes(self._socket)
            self._then = None
            self.heard(last=True)
        self._socket.close()

    def wait(self) -> Awaitable[object]:
        """Wait until it is readable; see Wire."""
        if self._hearing is None:
            return self._wait_for_trio()
        if self._readable or self._descriptor < 0:
            return trio.lowlevel.checkpoint()  # noqa: ASYNC105, it is awaited by whoever waits
        assert self._reader is None, "one task at a time reads"
        self._reader = trio.lowlevel.current_task()
        return trio.lowlevel.wait_task_rescheduled(self._read_no_more)  # noqa: ASYNC105, as above

    async def _wait_for_trio(self) -> None:
        self._look_up()
        if self._readable or self._descriptor < 0:
            await trio.lowlevel.checkpoint()
            return
        try:
            with suppress(trio.ClosedResourceError):
                await trio.lowlevel.wait_readable(self._descriptor)
        except OSError as error:  # the machine has no room for it: epoll_ctl(2)
            log.warning("a connection cannot be waited for", reason=error.strerror)
            self._socket.close()

    def _look_up(self) -> None:
        """Look whether it was closed past us, as during a handshake: its number may be another connection's by now."""
        self._descriptor = self._socket.fileno()

    def read_some(self) -> bytes | None:
        """Read once; see Wire."""
        if self._hearing is None:
            self._look_up()
        if self._descriptor < 0:
            return b""
        # Less than this is all there is: of more it will be told again, but not of the end.
        self._readable = False
        try:
            data = os.read(self._descriptor, RECEIVE_SIZE)
        except BlockingIOError:
            return None
        except OSError:
            return b""
        self._readable = self._ending or len(data) in (0, RECEIVE_SIZE)
        return data

    def _read_no_more(self, _: object) -> trio.lowlevel.Abort:
        self._reader = None
        return trio.lowlevel.Abort.SUCCEEDED

    def write_some(self, data: bytes) -> int:
        """Write what there is room for; see Wire.

        Raises BrokenResourceError: the peer has left, or it is closed.
        """
        if self._hearing is None:
            self._look_up()
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise trio.BrokenResourceError from error


class Hearing(Arrivals[Socket]):
    """Wakes the readers of the sockets of open connections."""

    def __init__(self) -> None:
        super().__init__(HEARD_AT_ONCE)

    async def run(self) -> None:
        """Wake them, until this is cancelled."""
        while True:
            for connection, last in await self.some():
                try:
                    connection.heard(last=last)
                except Exception:
                    log.exception("a reader could not be woken")
