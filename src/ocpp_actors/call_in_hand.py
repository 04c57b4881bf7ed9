"""The CALL that a task answers, so that each line of the log can name it."""

from contextvars import ContextVar
from typing import Final, Protocol

from structlog.typing import EventDict, WrappedLogger

MAX_LOGGED: Final = 100
"""Characters of a name or an id that a charge point made up; it may send a megabyte."""


class NamedCall(Protocol):
    """What is read of a CALL."""

    @property
    def action(self) -> str:
        """Its action, as it was received."""
        ...

    @property
    def message_id(self) -> str:
        """Its message id, as it was received."""
        ...


class Hand:
    """What has a CALL in hand while that is answered, and at other times none."""

    __slots__ = ("call",)

    def __init__(self, call: NamedCall | None = None) -> None:
        self.call = call


call_in_hand: Final[ContextVar[Hand | None]] = ContextVar("call_in_hand", default=None)
"""The hand of whoever answers, set once for all that it answers; a task that goes on after an answer needs its own."""


def add_call_in_hand(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Add ``action`` and ``message_id`` of the CALL in hand, where the line has none of its own: for structlog."""
    hand = call_in_hand.get()
    if hand is None or hand.call is None:
        return event_dict
    call = hand.call
    return {"action": brief(call.action), "message_id": brief(call.message_id), **event_dict}


def brief(text: str) -> str:
    """Return what a charge point sent, short enough for a log."""
    return text if len(text) <= MAX_LOGGED else text[: MAX_LOGGED - 1] + "…"
