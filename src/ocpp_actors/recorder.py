"""From the observer to the message log: every frame of every charge point, with its message id and action."""

from collections import OrderedDict
from typing import Final

from ocpp_actors.ledger.message_entries import Direction, MessageEntry
from ocpp_actors.ledger.message_log import MessageLog
from ocpp_actors.observer import Connected, Disconnected, Event, FrameReceived, FrameSent, Subscriber
from ocpp_actors.protocol.catalogue import ACTIONS
from ocpp_actors.protocol.frames import MAX_MESSAGE_ID, Call, FrameFault, parse

MAX_OPEN_CALLS: Final = 64
"""CALLs of one charge point remembered until their answers come; the oldest is forgotten first."""

_OTHER: Final[dict[Direction, Direction]] = {"in": "out", "out": "in"}


class _OpenCalls:
    """The actions of CALLs that wait for their answers, of the charge points that are connected."""

    def __init__(self) -> None:
        self._actions: dict[str, OrderedDict[tuple[Direction, str], str]] = {}
        self._generations: dict[str, int] = {}

    def connected(self, event: Connected) -> None:
        self._generations[event.identity] = event.generation

    def disconnected(self, event: Disconnected) -> None:
        """Forget the charge point, unless a newer connection has replaced this one."""
        if self._generations.get(event.identity) == event.generation:
            del self._generations[event.identity]
            self._actions.pop(event.identity, None)

    def asked(self, identity: str, direction: Direction, call: Call) -> None:
        if call.action not in ACTIONS:
            return
        actions = self._actions.setdefault(identity, OrderedDict())
        actions[direction, call.message_id] = call.action
        if len(actions) > MAX_OPEN_CALLS:
            actions.popitem(last=False)

    def answered(self, identity: str, direction: Direction, message_id: str) -> str | None:
        actions = self._actions.get(identity)
        return actions.pop((_OTHER[direction], message_id), None) if actions else None


def recorder(log: MessageLog) -> Subscriber:
    """Return a subscriber that records frames; an answer is recorded under the action of its CALL, if OCPP knows it.

    Of a message id no more is recorded than it may have characters; the text has the whole.
    """
    open_calls = _OpenCalls()

    def observe(event: Event) -> None:
        match event:
            case FrameReceived(text=text):
                record(event, "in", text)
            case FrameSent(text=text):
                record(event, "out", text)
            case Connected():
                open_calls.connected(event)
            case Disconnected():
                open_calls.disconnected(event)

    def record(event: Event, direction: Direction, text: str) -> None:
        message_id: str | None = None
        action: str | None = None
        verdict: str | None = None
        try:
            frame = parse(text)
        except FrameFault as fault:
            message_id = fault.message_id
            verdict = f"{fault.code}: {fault.description}"
        else:
            message_id = frame.message_id
            if isinstance(frame, Call):
                action = frame.action
                open_calls.asked(event.identity, direction, frame)
            else:
                action = open_calls.answered(event.identity, direction, message_id)
        log.record(
            MessageEntry(
                at=event.at,
                identity=event.identity,
                direction=direction,
                text=text,
                message_id=message_id and message_id[:MAX_MESSAGE_ID],
                action=action,
                verdict=verdict,
            )
        )

    return observe
