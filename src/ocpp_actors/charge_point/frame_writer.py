"""The one place that writes to a charge point's socket."""

from collections.abc import Callable
from datetime import datetime
from typing import NoReturn

import structlog
import trio

from ocpp_actors.central_system.context import CentralSystem
from ocpp_actors.charge_point.connection import Connection, ConnectionEnded
from ocpp_actors.observer import FrameSent

log = structlog.get_logger(__name__)


class FrameWriter:
    """Writes whole frames, one after the other, each within ``send_timeout`` seconds.

    A write is shielded from cancellation: half a frame on the wire would make the rest of the connection unreadable,
    and an answer that the conversation counts as given must have been given. Where it does not end in time, or fails,
    the connection is aborted. The observer is told of each frame that was written.
    """

    __slots__ = (
        "_clock",
        "_connection",
        "_identity",
        "_observer",
        "_send_timeout",
        "_writes",
    )

    def __init__(
        self, identity: str, central_system: CentralSystem, connection: Connection, send_timeout: float
    ) -> None:
        self._identity = identity
        self._observer = central_system.observer
        self._clock = central_system.clock
        self._connection = connection
        self._send_timeout = send_timeout
        self._writes: list[trio.CancelScope] = []

    def give_up(self) -> None:
        """Abort the connection if a frame is being written: the session must end at once."""
        for write in self._writes:
            write.cancel()

    async def write(self, text: str, message_id: str, action: str | None) -> datetime:
        """Write one frame: a CALL, or the answer to one, with the action of the CALL if it is known.

        Returns when it was written.

        Raises ConnectionEnded: the connection is over, the peer did not read in time, or the write failed.
        """
        await self._write(self._connection.begin_send, text)
        at = self._clock.now()
        self._observer.tell(FrameSent(self._identity, at, text, message_id, action))
        return at

    async def ping(self) -> None:
        """Write a ping.

        Raises ConnectionEnded: the connection is over, the peer did not read in time, or the write failed.
        """
        await self._write(self._connection.begin_ping)

    async def _write(self, begin: Callable[..., bool], *what: str) -> None:
        try:
            if not begin(*what):
                await self._finish()
        except ConnectionEnded:
            raise
        except Exception:
            log.exception("a frame could not be written")
            await self._abort("a frame could not be written")

    async def _finish(self) -> None:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + self._send_timeout) as scope:
            self._writes.append(scope)
            try:
                await self._connection.finish_send()
            finally:
                self._writes.remove(scope)
        if scope.cancelled_caught:
            await self._abort(f"a frame could not be written within {self._send_timeout:g} s")

    async def _abort(self, reason: str) -> NoReturn:
        with trio.CancelScope(shield=True):
            await self._connection.abort()
        raise ConnectionEnded(1006, reason)
