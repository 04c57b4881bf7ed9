"""A connection without a WebSocket, and a session on it, to run single tasks of the tree."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import trio
from attrs import define, field

from ocpp_actors.central_system.charge_point import ChargePoint
from ocpp_actors.central_system.context import CentralSystem
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.charge_point.connection import ConnectionEnded
from ocpp_actors.charge_point.mailbox import Mailbox
from ocpp_actors.charge_point.session import Session
from ocpp_actors.clock import TrioClock
from ocpp_actors.ledger.memory import MemoryLedger
from ocpp_actors.ledger.port import ChargePointRecord, ChargePointSettings
from ocpp_actors.protocol.conversation import Conversation
from ocpp_actors.settings import Settings


@define(eq=False)
class FakeConnection:
    """Implements Connection. While ``blocked`` is set to an event, a write waits for it and then writes."""

    last_received: float = field(factory=trio.current_time)
    last_pong: float | None = None
    gone: bool = False
    sent: list[str] = field(factory=list)
    pings: list[float] = field(factory=list)
    closed: tuple[int, str] | None = None
    aborted: bool = False
    blocked: trio.Event | None = None
    halves: int = 0
    """Writes that were cut short."""
    _unsent: list[str] = field(factory=list)
    _unsent_pings: int = 0
    _incoming: Any = field(factory=lambda: trio.open_memory_channel[str](100))

    def say(self, frame: Any) -> None:
        self.last_received = trio.current_time()
        self._incoming[0].send_nowait(orjson.dumps(frame).decode())

    def when_something_comes(self, then: Callable[[], None]) -> bool:
        return False

    async def receive(self) -> str | bytes:
        message: str = await self._incoming[1].receive()
        return message

    def begin_send(self, text: str) -> bool:
        self._unsent.append(text)
        return False

    async def finish_send(self) -> None:
        await self._room()
        while self._unsent:
            self.sent.append(self._unsent.pop(0))
        self.pings += [trio.current_time()] * self._unsent_pings
        self._unsent_pings = 0

    def begin_ping(self) -> bool:
        self._unsent_pings += 1
        return False

    async def _room(self) -> None:
        if self.aborted:
            raise ConnectionEnded(1006, "aborted")
        if self.blocked is None:
            return
        try:
            await self.blocked.wait()
        except trio.Cancelled:
            self.halves += 1
            raise

    async def close(self, code: int, reason: str) -> None:
        self.closed = code, reason

    async def abort(self) -> None:
        self.aborted = True


def session_on(
    connection: FakeConnection,
    *,
    pings: bool = True,
    central_system: CentralSystem | None = None,
    **settings: Any,
) -> Session:
    record = ChargePointRecord(identity="CP1", settings=ChargePointSettings(pings=pings))
    return Session(
        charge_point=ChargePoint(record),
        central_system=central_system
        or CentralSystem(ledger=MemoryLedger(), clock=TrioClock(datetime(2026, 3, 1, tzinfo=UTC))),
        router=default_router(),
        settings=Settings(**settings),
        connection=connection,
        conversation=Conversation(iter("abcdefgh").__next__),
        mailbox=Mailbox(10),
        generation=1,
        remote="test:1",
    )
