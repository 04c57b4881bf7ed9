"""From the observer to the message log: every frame of every charge point, with its message id and action."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from attrs import define, field

from ocpp_actors.ledger.message_entries import Direction, MessageEntry
from ocpp_actors.ledger.message_log import MessageLog
from ocpp_actors.observer import Connected, Disconnected, Event, FrameReceived, FrameSent, Observer
from ocpp_actors.protocol.catalogue import ACTIONS
from ocpp_actors.protocol.frames import MAX_MESSAGE_ID, Call, FrameFault, parse

MAX_OPEN_CALLS: Final = 64
"""CALLs of one charge point remembered until their answers come; the oldest is forgotten first."""

MAX_CHARGE_POINTS: Final = 100_000
"""Charge points whose CALLs are remembered, should the log have lost that some have left."""

_OTHER: Final[dict[Direction, Direction]] = {"in": "out", "out": "in"}


def record_frames(observer: Observer, log: MessageLog) -> None:
    """Have all frames recorded by a log that reads them with a FrameReader."""
    observer.subscribe(log.record, FrameReceived, FrameSent)
    observer.subscribe(log.mark, Connected, Disconnected)


@define
class _Connection:
    """The CALLs of a charge point that wait for their answers: their actions."""

    generation: int | None = None
    actions: dict[tuple[Direction, str], str] = field(factory=dict)


class FrameReader:
    """Makes entries of events; an answer is recorded under the action of its CALL, if OCPP knows it.

    Of a message id no more is recorded than it may have characters; the text has the whole.
    """

    def __init__(self) -> None:
        self._connections: OrderedDict[str, _Connection] = OrderedDict()

    def __call__(self, events: Sequence[Event]) -> list[MessageEntry]:
        """Return the entries of events that follow on those of the last call."""
        entries = []
        for event in events:
            match event:
                case FrameReceived():
                    entries.append(self._read(event, "in"))
                case FrameSent():
                    entries.append(self._read(event, "out"))
                case Connected():
                    self._connection(event.identity).generation = event.generation
                case Disconnected():
                    self._forget(event)
        return entries

    def _read(self, event: FrameReceived | FrameSent, direction: Direction) -> MessageEntry:
        message_id: str | None
        action: str | None = None
        verdict: str | None = None
        try:
            frame = parse(event.text)
        except FrameFault as fault:
            message_id = fault.message_id
            verdict = f"{fault.code}: {fault.description}"
        else:
            message_id = frame.message_id
            if isinstance(frame, Call):
                action = frame.action
                self._remember(event.identity, direction, frame)
            else:
                action = self._action_of(event.identity, direction, message_id)
        return MessageEntry(
            at=event.at,
            identity=event.identity,
            direction=direction,
            text=event.text,
            message_id=message_id and message_id[:MAX_MESSAGE_ID],
            action=action,
            verdict=verdict,
        )

    def _remember(self, identity: str, direction: Direction, call: Call) -> None:
        if call.action not in ACTIONS:
            return
        actions = self._connection(identity).actions
        actions[direction, call.message_id] = call.action
        if len(actions) > MAX_OPEN_CALLS:
            del actions[next(iter(actions))]

    def _action_of(self, identity: str, direction: Direction, message_id: str) -> str | None:
        connection = self._connections.get(identity)
        if connection is None:
            return None
        return connection.actions.pop((_OTHER[direction], message_id), None)

    def _connection(self, identity: str) -> _Connection:
        connection = self._connections.get(identity)
        if connection is None:
            connection = self._connections[identity] = _Connection()
            if len(self._connections) > MAX_CHARGE_POINTS:
                self._connections.popitem(last=False)
        return connection

    def _forget(self, event: Disconnected) -> None:
        """Forget the charge point, unless a newer connection has replaced this one."""
        connection = self._connections.get(event.identity)
        if connection is not None and connection.generation == event.generation:
            del self._connections[event.identity]
