"""From the observer to the message log: every frame of every charge point, with its message id and action."""

from collections import OrderedDict
from typing import Final

from ocpp_actors.ledger.message_entries import Direction, MessageEntry
from ocpp_actors.ledger.message_log import MessageLog
from ocpp_actors.observer import Event, FrameReceived, FrameSent, Subscriber
from ocpp_actors.protocol.frames import Call, FrameFault, parse

MAX_OPEN_CALLS: Final = 50_000
"""CALLs remembered until their answers come, of all charge points; the oldest is forgotten first."""

_OTHER: Final[dict[Direction, Direction]] = {"in": "out", "out": "in"}


def recorder(log: MessageLog) -> Subscriber:
    """Return a subscriber that records frames; an answer is recorded under the action of its CALL."""
    open_calls: OrderedDict[tuple[str, Direction, str], str] = OrderedDict()

    def observe(event: Event) -> None:
        match event:
            case FrameReceived(text=text):
                record(event, "in", text)
            case FrameSent(text=text):
                record(event, "out", text)

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
                open_calls[event.identity, direction, message_id] = action
                if len(open_calls) > MAX_OPEN_CALLS:
                    open_calls.popitem(last=False)
            else:
                action = open_calls.pop((event.identity, _OTHER[direction], message_id), None)
        log.record(
            MessageEntry(
                at=event.at,
                identity=event.identity,
                direction=direction,
                text=text,
                message_id=message_id,
                action=action,
                verdict=verdict,
            )
        )

    return observe
