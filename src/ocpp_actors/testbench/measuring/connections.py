"""How long chargers were connected, of the time in which they could have been.

Connection stability = connected charger-seconds ÷ charger-seconds with the link up, less one reconnect interval for
each outage: what a charger needs to come back is nobody's fault.
"""

from enum import StrEnum
from typing import Final

from attrs import define, field, frozen

MAX_SPANS: Final = 400
"""Spans of a charger that are kept for the timeline; later ones only count."""


class LinkState(StrEnum):
    """What a span of a timeline shows."""

    CONNECTED = "connected"
    AWAY = "away"
    """Not connected, though it could be."""
    DOWN = "down"
    """The link, the charger or the server was down, or the charger rebooted as it was told."""


@frozen
class Span:
    """A stretch of a charger's time."""

    start: float
    end: float
    state: LinkState


@define
class Connection:
    """One charger's connection; times are in any unit of seconds that does not run backwards."""

    reconnect_interval: float
    at: float
    connected: bool = False
    connected_seconds: float = 0.0
    expected_seconds: float = 0.0
    outages: int = 0
    spans: list[Span] = field(factory=list)
    _down: set[str] = field(factory=set)
    _gap: float = 0.0

    @property
    def state(self) -> LinkState:
        """What it is at present."""
        if self._down:
            return LinkState.DOWN
        return LinkState.CONNECTED if self.connected else LinkState.AWAY

    @property
    def stability(self) -> float:
        """Its share of time; 1 where nothing was expected."""
        return self.connected_seconds / self.expected_seconds if self.expected_seconds else 1.0

    def down(self, why: str, at: float) -> None:
        """From now on it cannot be connected, for this reason; several may hold at once."""
        self.advance(at)
        self._down.add(why)

    def up(self, why: str, at: float) -> None:
        """The reason does not hold any more; it has one reconnect interval to come back."""
        self.advance(at)
        if why in self._down:
            self._down.discard(why)
            self._gap = 0.0

    def opened(self, at: float) -> None:
        """It is connected."""
        self.advance(at)
        self.connected, self._gap = True, 0.0

    def closed(self, at: float) -> None:
        """It is not connected any more."""
        self.advance(at)
        if self.connected and not self._down:
            self.outages += 1
        self.connected, self._gap = False, 0.0

    def advance(self, at: float) -> None:
        """Count the time up to now."""
        seconds, state = at - self.at, self.state
        if seconds <= 0:
            return
        if state is LinkState.CONNECTED:
            self.connected_seconds += seconds
            self.expected_seconds += seconds
        elif state is LinkState.AWAY:
            excused = min(seconds, max(0.0, self.reconnect_interval - self._gap))
            self._gap += seconds
            self.expected_seconds += seconds - excused
        self._draw(Span(self.at, at, state))
        self.at = at

    def _draw(self, span: Span) -> None:
        if self.spans and self.spans[-1].state is span.state and self.spans[-1].end >= span.start:
            self.spans[-1] = Span(self.spans[-1].start, span.end, span.state)
        elif len(self.spans) < MAX_SPANS:
            self.spans.append(span)
