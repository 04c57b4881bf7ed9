"""How answers to a charge point are broken on purpose: rules, and which of them is next. For tests of charge points."""

import random
from enum import StrEnum
from typing import Final

import orjson
from attrs import define, field, frozen

from ocpp_actors.protocol.errors import ErrorCode

MAX_SECONDS: Final = 3600.0
"""Seconds of the longest delay or stall."""

UNSENDABLE: Final = frozenset({1004, 1005, 1006, 1015})
"""Close codes that no close frame may carry (RFC 6455 §7.4.1)."""


class Kind(StrEnum):
    """What becomes of an answer."""

    DELAY = "delay"
    """It is written so many ``seconds`` later; the answers after it wait."""
    DROP = "drop"
    """It is not written."""
    CALL_ERROR = "callError"
    """A CALLERROR of an ``error_code`` is written in its place."""
    WRONG_ID = "wrongId"
    """It is written under another message id."""
    DUPLICATE = "duplicate"
    """It is written twice."""
    INVALID = "invalid"
    """It breaks its schema."""
    MALFORMED = "malformed"
    """It is cut in half, so that it is no JSON."""
    CRASH = "crash"
    """The message is not handled: the task tree of the charge point crashes and is started again."""
    CLOSE = "close"
    """It is not written: the connection is closed with a ``close_code``."""
    CUT = "cut"
    """It is not written: the connection is dropped without a close frame."""
    STALL = "stall"
    """Nothing is read from the connection or written to it for so many ``seconds``; then it is written."""


@frozen(kw_only=True)
class Rule:
    """One way to break answers; ``action`` None is any.

    It applies with a ``probability``, at most so many ``times``. ``seconds``, ``error_code`` and ``close_code`` matter
    to the kinds that name them.
    """

    kind: Kind
    action: str | None = None
    probability: float = 1.0
    times: int | None = None
    seconds: float = 5.0
    error_code: ErrorCode = ErrorCode.INTERNAL_ERROR
    close_code: int = 1011


@define(eq=False)
class Misbehaviour:
    """The rules for one charge point, and how often each was applied."""

    rules: tuple[Rule, ...] = field(factory=tuple)
    applied: list[int] = field(factory=list)

    def decide(self, rules: tuple[Rule, ...]) -> None:
        """Put these rules in place of the present ones."""
        self.rules = rules
        self.applied = [0] * len(rules)

    def choose(self, action: str, chance: random.Random) -> Rule | None:
        """Return the rule for the answer to a CALL of this action: the first that is for it and whose chance comes."""
        for number, rule in enumerate(self.rules):
            if (
                rule.action in (None, action)
                and (rule.times is None or self.applied[number] < rule.times)
                and chance.random() < rule.probability
            ):
                self.applied[number] += 1
                return rule
        return None


def spoilt(text: str, kind: Kind, other_id: str) -> tuple[str, ...]:
    """Return the texts that are written in place of an answer."""
    match kind:
        case Kind.DROP:
            return ()
        case Kind.DUPLICATE:
            return (text, text)
        case Kind.MALFORMED:
            return (text[: len(text) // 2],)
        case Kind.WRONG_ID:
            return (_with(text, 1, other_id),)
        case Kind.INVALID:
            return (_with(text, 2, {"deliberately": "invalid"}),)
        case _:
            return (text,)


def _with(text: str, place: int, value: object) -> str:
    frame = orjson.loads(text)
    frame[place] = value
    return orjson.dumps(frame).decode()
