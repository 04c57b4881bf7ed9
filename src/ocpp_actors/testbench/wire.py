"""What passes between one charge point and the central system: frames, exchanges and connections, as they happen.

Whoever moves the frames records them here: a client of ours, or a tap on a link. Scenarios wait for what they expect,
measures and reports subscribe. Times are of trio's clock, in seconds. Directions are those of the message log: ``in``
is from the charge point to the central system.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal, TypeVar

import trio
from attrs import define, field, frozen

from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.protocol.frames import Call, CallError, CallResult, Frame, FrameFault, parse
from ocpp_actors.testbench.failures import Failed

Direction = Literal["in", "out"]

MAX_KEPT: Final = 10_000
"""Frames, exchanges and changes that are kept of one charge point, where no other number is given."""

MAX_OPEN: Final = 64
"""CALLs that wait for their answers, in each direction; the oldest are forgotten first."""

_SENDERS: Final[dict[Direction, Role]] = {"in": Role.CHARGE_POINT, "out": Role.CENTRAL_SYSTEM}
_OTHER: Final[dict[Direction, Direction]] = {"in": "out", "out": "in"}

T = TypeVar("T")
Mark = int
"""A place in what happened: what is recorded later has this number or a higher one."""


def _any(_payload: Any) -> bool:
    return True


@frozen
class WireFrame:
    """One text frame. ``frame`` is None where the text is no frame of OCPP-J."""

    number: int
    at: float
    direction: Direction
    text: str
    frame: Frame | None

    @property
    def sender(self) -> Role:
        """Who sent it."""
        return _SENDERS[self.direction]


@frozen
class Exchange:
    """A CALL and its answer."""

    asked: WireFrame
    answered: WireFrame

    @property
    def call(self) -> Call:
        """The CALL."""
        assert isinstance(self.asked.frame, Call)
        return self.asked.frame

    @property
    def reply(self) -> CallResult | CallError:
        """The answer."""
        assert isinstance(self.answered.frame, CallResult | CallError)
        return self.answered.frame

    @property
    def action(self) -> str:
        """The action of the CALL."""
        return self.call.action

    @property
    def payload(self) -> Any:
        """The payload of the CALL."""
        return self.call.payload

    @property
    def seconds(self) -> float:
        """The time from the CALL to its answer."""
        return self.answered.at - self.asked.at

    @property
    def result(self) -> dict[str, Any]:
        """The payload of the CALLRESULT.

        Raises Failed: the answer is a CALLERROR, or its payload is no object.
        """
        reply = self.reply
        if isinstance(reply, CallError):
            raise Failed(
                f"{self.action} was answered with CALLERROR {reply.code} ({reply.description or 'no description'})"
            )
        if not isinstance(reply.payload, dict):
            raise Failed(f"{self.action} was answered with {reply.payload!r}, which is no object")
        return reply.payload

    @property
    def error(self) -> CallError:
        """The CALLERROR.

        Raises Failed: the answer is a CALLRESULT.
        """
        reply = self.reply
        if isinstance(reply, CallResult):
            raise Failed(f"{self.action}: a CALLERROR was expected, the answer was {reply.payload!r}")
        return reply


@frozen
class ConnectionChange:
    """A connection was opened, refused or closed.

    ``code`` is the HTTP status of a refusal, the WebSocket close code of an end, 1006 where none was exchanged.
    """

    number: int
    at: float
    kind: Literal["opened", "refused", "closed"]
    code: int | None = None
    reason: str = ""


Happening = WireFrame | Exchange | ConnectionChange
Subscriber = Callable[[Happening], None]


@define(eq=False)
class Wire:
    """The record of one charge point; the oldest entries are dropped beyond ``max_kept`` of each kind."""

    identity: str
    max_kept: int = MAX_KEPT
    connected: bool = field(init=False, default=False)
    recorded: int = field(init=False, default=0)
    """How many frames there were, with those that were dropped."""
    frames: deque[WireFrame] = field(init=False)
    exchanges: deque[Exchange] = field(init=False)
    changes: deque[ConnectionChange] = field(init=False)
    _next: Mark = field(init=False, default=0)
    strays: deque[WireFrame] = field(init=False)
    """CALLRESULTs that belong to no CALL of their connection."""
    _open: dict[Direction, deque[WireFrame]] = field(init=False)
    _subscribers: list[Subscriber] = field(init=False, factory=list)
    _happened: trio.Event | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.frames = deque(maxlen=self.max_kept)
        self.exchanges = deque(maxlen=self.max_kept)
        self.changes = deque(maxlen=self.max_kept)
        self.strays = deque(maxlen=self.max_kept)
        self._open = {direction: deque(maxlen=MAX_OPEN) for direction in _SENDERS}

    # --- recording ---------------------------------------------------------------------------------------------

    def record(self, direction: Direction, text: str) -> None:
        """Record a text frame, and the exchange that it completes."""
        try:
            parsed = parse(text)
        except FrameFault:
            parsed = None
        frame = WireFrame(self._number(), trio.current_time(), direction, text, parsed)
        self.recorded += 1
        self.frames.append(frame)
        self._tell(frame)
        if isinstance(parsed, Call):
            self._open[direction].append(frame)
        elif parsed is not None:
            asked = self._answered_by(_OTHER[direction], parsed.message_id)
            if asked is not None:
                exchange = Exchange(asked, frame)
                self.exchanges.append(exchange)
                self._tell(exchange)
            elif isinstance(parsed, CallResult):
                self.strays.append(frame)
        self._wake()

    def _answered_by(self, direction: Direction, message_id: str) -> WireFrame | None:
        """Take out the CALL that an answer belongs to: the oldest of this id."""
        waiting = self._open[direction]
        for place, asked in enumerate(waiting):
            if isinstance(asked.frame, Call) and asked.frame.message_id == message_id:
                del waiting[place]
                return asked
        return None

    def opened(self) -> None:
        """Record that a connection was opened; CALLs of an earlier one are not answered any more."""
        for waiting in self._open.values():
            waiting.clear()
        self.connected = True
        self._change("opened")

    def refused(self, status: int, reason: str = "") -> None:
        """Record that the handshake was refused with an HTTP status."""
        self._change("refused", status, reason)

    def closed(self, code: int, reason: str = "") -> None:
        """Record that the connection ended."""
        self.connected = False
        self._change("closed", code, reason)

    def _change(
        self, kind: Literal["opened", "refused", "closed"], code: int | None = None, reason: str = ""
    ) -> None:
        change = ConnectionChange(self._number(), trio.current_time(), kind, code, reason)
        self.changes.append(change)
        self._tell(change)
        self._wake()

    def _number(self) -> Mark:
        self._next += 1
        return self._next - 1

    def _tell(self, happening: Happening) -> None:
        for subscriber in self._subscribers:
            subscriber(happening)

    def _wake(self) -> None:
        if self._happened is not None:
            self._happened.set()
            self._happened = None

    # --- looking and waiting -----------------------------------------------------------------------------------

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call it with everything that is recorded from now on; it must not block, nor raise."""
        self._subscribers.append(subscriber)

    def mark(self) -> Mark:
        """Return this place, to look only at what comes after it."""
        return self._next

    @property
    def unanswered(self) -> Sequence[WireFrame]:
        """The CALLs of the present connection without an answer."""
        return [frame for waiting in self._open.values() for frame in waiting]

    def calls(
        self, action: str | None = None, *, by: Role = Role.CHARGE_POINT, since: Mark = 0
    ) -> list[WireFrame]:
        """Return the CALLs of an action, or all, since a mark, in order."""
        return [
            each
            for each in self.frames
            if each.number >= since
            and each.sender is by
            and isinstance(each.frame, Call)
            and action in (None, each.frame.action)
        ]

    def answered(
        self, action: str | None = None, *, by: Role = Role.CHARGE_POINT, since: Mark = 0
    ) -> list[Exchange]:
        """Return the exchanges of an action, or all, whose CALL was sent since a mark, in the order of the answers."""
        return [
            each
            for each in self.exchanges
            if each.asked.number >= since and each.asked.sender is by and action in (None, each.action)
        ]

    async def until(self, look: Callable[[], T | None]) -> T:
        """Wait until ``look`` finds something, and return it. The caller brings the deadline."""
        while (found := look()) is None:
            if self._happened is None:
                self._happened = trio.Event()
            await self._happened.wait()
        await trio.lowlevel.checkpoint()
        return found

    async def call(
        self,
        action: str,
        *,
        by: Role = Role.CHARGE_POINT,
        since: Mark = 0,
        where: Callable[[Any], object] = _any,
    ) -> WireFrame:
        """Wait until a CALL was sent since a mark, whose payload is as wanted. The caller brings the deadline."""
        return await self.until(
            lambda: _first(
                each
                for each in self.calls(action, by=by, since=since)
                if isinstance(each.frame, Call) and where(each.frame.payload)
            )
        )

    async def exchange(
        self,
        action: str,
        *,
        by: Role = Role.CHARGE_POINT,
        since: Mark = 0,
        where: Callable[[Any], object] = _any,
    ) -> Exchange:
        """Wait until such a CALL was sent since a mark and answered. The caller brings the deadline."""
        return await self.until(
            lambda: _first(each for each in self.answered(action, by=by, since=since) if where(each.payload))
        )

    async def change(
        self, kind: Literal["opened", "refused", "closed"], *, since: Mark = 0
    ) -> ConnectionChange:
        """Wait until the connection changed so since a mark. The caller brings the deadline."""
        return await self.until(
            lambda: _first(each for each in self.changes if each.number >= since and each.kind == kind)
        )


def _first(found: Iterator[T]) -> T | None:
    return next(found, None)
