"""The port through which lower floors tell what happened; whoever is interested subscribes."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Literal

import structlog
from attrs import define

log = structlog.get_logger(__name__)


@define
class Event:
    """Something that happened to one charge point, at a moment of the server's clock.

    All subscribers get the same object: none changes it.
    """

    identity: str
    at: datetime


@define
class Connected(Event):
    """A charge point passed admission and its session began."""

    remote: str
    generation: int


@define
class Disconnected(Event):
    """A session ended. ``code`` is the WebSocket close code, 1006 where none was exchanged."""

    generation: int
    code: int
    reason: str


@define
class FrameReceived(Event):
    """A text frame came in, as it was received.

    ``message_id`` and ``action`` are None where they are not known; an answer has the action of its CALL.
    """

    direction: ClassVar[Literal["in"]] = "in"
    text: str
    message_id: str | None = None
    action: str | None = None


@define
class FrameSent(Event):
    """A text frame was written to the socket; ``message_id`` and ``action`` as in FrameReceived."""

    direction: ClassVar[Literal["out"]] = "out"
    text: str
    message_id: str | None = None
    action: str | None = None


@define
class CallHandled(Event):
    """A CALL of the charge point was answered.

    ``outcome`` is ``"CALLRESULT"``, the error code of a CALLERROR, or ``"unanswered"`` where the connection had to be
    closed instead; ``seconds`` is the time from its receipt to its answer.
    """

    action: str
    message_id: str
    outcome: str
    seconds: float


@define
class CommandEnded(Event):
    """A CALL of the server came to its end: answered, callError, invalid, timeout, lost, expired or unknown.

    ``error_code`` is that of a CALLERROR. ``command_id`` names it in the ledger, if an operator asked for it.
    ``seconds`` is the time from its sending, 0 if it was not sent.
    """

    action: str
    outcome: str
    seconds: float
    error_code: str | None = None
    command_id: int | None = None


@define
class Restarted(Event):
    """The task tree of a charge point crashed and was started again."""

    generation: int
    cause: str


@define
class Flagged(Event):
    """A charge point did something odd that was put up with; ``quirk`` is a short stable name for it."""

    quirk: str
    detail: str


@define
class SecurityEventRaised(Event):
    """A security event; ``origin`` is chargePoint, or centralSystem where the server itself noticed it."""

    type: str
    detail: str
    origin: str = "chargePoint"


@define
class ConnectorStatusChanged(Event):
    """A connector reported its status (OCPP 1.6 §4.9)."""

    connector_id: int
    status: str
    error_code: str


@define
class ProgressReported(Event):
    """A job gets on; ``kind`` is diagnostics, firmware, signedFirmware or log."""

    kind: str
    status: str
    request_id: int | None


@define
class ReservationChanged(Event):
    """A reservation was requested, or something became of it."""

    reservation_id: int
    connector_id: int
    state: str


@define
class TransactionStarted(Event):
    """A transaction was recorded for the first time."""

    transaction_id: int
    connector_id: int
    id_tag: str


@define
class TransactionStopped(Event):
    """A transaction got its end; ``transaction_id`` is the server's, whatever the charge point called it."""

    transaction_id: int
    reason: str


@define
class MeterValuesRecorded(Event):
    """Meter values were recorded; the derived figures are in watt-hours and watts, where they could be derived."""

    connector_id: int
    transaction_id: int | None
    energy_wh: float | None
    power_w: float | None


Subscriber = Callable[[Any], None]
"""Is called with each event of the classes that it subscribed to, in the task of whoever tells it."""


class Observer:
    """Passes each event to every subscriber that wants its class.

    A subscriber runs in the task of whoever tells the event: it must not block. Whatever it raises is logged and goes
    no further.
    """

    def __init__(self, *subscribers: Subscriber) -> None:
        self._subscriptions: list[tuple[Subscriber, tuple[type[Event], ...]]] = []
        self._subscribers_of: dict[type[Event], tuple[Subscriber, ...]] = {}
        for subscriber in subscribers:
            self.subscribe(subscriber)

    def subscribe(self, subscriber: Subscriber, *classes: type[Event]) -> None:
        """Add a subscriber; it sees the events of these classes from now on, without any: all events."""
        self._subscriptions.append((subscriber, classes or (Event,)))
        self._subscribers_of.clear()

    def tell(self, event: Event) -> None:
        """Pass the event on, to who subscribed first first."""
        class_ = type(event)
        subscribers = self._subscribers_of.get(class_)
        if subscribers is None:
            subscribers = self._subscribers_of[class_] = self._find_subscribers(class_)
        for subscriber in subscribers:
            try:
                subscriber(event)
            except Exception:
                log.exception("an observer failed", event_type=class_.__name__)

    def _find_subscribers(self, class_: type[Event]) -> tuple[Subscriber, ...]:
        return tuple(subscriber for subscriber, classes in self._subscriptions if issubclass(class_, classes))
