"""How a charge point behaves: the few places at which one may differ from what the specification says.

The defaults are those of a well-behaved one. A quirk is a set of other values for some of the fields.
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from random import Random
from typing import Any, Final

from attrs import evolve, field, frozen

from ocpp_actors.protocol.frames import CallError

MIN_BACK_OFF: Final = 2.0
MAX_BACK_OFF: Final = 120.0
"""Seconds between attempts to connect, doubled after each."""


@frozen
class Raw:
    """Bytes for the stream below, past the WebSocket."""

    data: bytes


Written = str | bytes | Raw


@frozen
class Dialing:
    """How a connection is opened: the ``attempt``-th since the power came on, from 0 on."""

    attempt: int
    identity: str
    path: str
    """Of the handshake, without identity."""
    segment: str
    """The identity as the handshake has it."""
    user: str
    key: bytes | None
    subprotocols: tuple[str, ...] = ("ocpp1.6",)
    separator: str = "/"
    end: str = ""
    preface: bytes = b""
    """Sent instead of a handshake."""

    @property
    def request_target(self) -> str:
        """The path of the handshake."""
        return f"{self.path}{self.separator}{self.segment}{self.end}"

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The credentials (security whitepaper A00.FR.202)."""
        if self.key is None:
            return []
        return [(b"Authorization", b"Basic " + base64.b64encode(self.user.encode() + b":" + self.key))]


DialingHook = Callable[[Dialing], Dialing]
PayloadHook = Callable[[str, bool, Any], Any]
"""Changes a payload that is sent: of this action, of a request (True) or an answer."""
WritingHook = Callable[[int, Written], Sequence[Written]]
"""Turns a message into those that are written; the number counts the messages since the power came on, from 0 on."""
BackOff = Callable[[int, Random], float]
"""Returns the seconds before the next attempt to connect, after so many in vain, from 0 on."""


def back_off(failures: int, chance: Random) -> float:
    """Wait longer each time, and never as long as others: those that were cut off together do not return together."""
    longest = min(MAX_BACK_OFF, MIN_BACK_OFF * 2.0 ** min(failures, 10))
    return longest * (0.5 + chance.random() / 2)


@frozen
class Personality:
    """One way to behave."""

    dialing: tuple[DialingHook, ...] = ()
    payload: tuple[PayloadHook, ...] = ()
    writing: tuple[WritingHook, ...] = ()
    answering: Mapping[str, CallError] = field(factory=dict)
    """How it refuses commands, by action; ``*`` is any."""
    back_off: BackOff = back_off
    boots: bool = True
    waits_for_boot: bool = True
    """It says nothing else before its BootNotification is answered."""
    window: int = 1
    """Requests that it has open at once."""
    repeats: frozenset[str] = frozenset()
    """Actions whose requests it sends again, under another id, though they were answered."""
    answer_delay: float = 0.0
    """Seconds before it answers a command."""
    boot_delay: float = 0.0
    """Seconds between the connection and its BootNotification."""
    flees_early_calls: bool = False
    """A command before the answer to its BootNotification makes it connect anew."""
    answers_pings: bool = True
    closes: bool = True
    """It closes connections that it leaves; otherwise they stay half-open."""
    patience: float = inf
    """Seconds after which it leaves a connection and opens another."""
    returns: bool = True
    """It comes back after the central system closed the connection properly."""
    reboots_after: frozenset[str] = frozenset()
    """Commands that make it reboot."""

    def dialed(self, dialing: Dialing) -> Dialing:
        """Return how the connection is opened."""
        for hook in self.dialing:
            dialing = hook(dialing)
        return dialing

    def shaped(self, action: str, request: bool, payload: Any) -> Any:
        """Return the payload that is sent."""
        for hook in self.payload:
            payload = hook(action, request, payload)
        return payload

    def written(self, number: int, message: Written) -> Sequence[Written]:
        """Return what is written for a message."""
        messages: list[Written] = [message]
        for hook in self.writing:
            messages = [made for each in messages for made in hook(number, each)]
        return messages


WELL_BEHAVED: Final = Personality()


def combined(changes: Iterable[Mapping[str, Any]]) -> Personality:
    """Return the personality that differs in all of these fields; hooks of several add up, the last of others holds."""
    personality = WELL_BEHAVED
    for each in changes:
        merged = {
            name: getattr(personality, name) + value if isinstance(value, tuple) else value
            for name, value in each.items()
        }
        personality = evolve(personality, **merged)
    return personality
