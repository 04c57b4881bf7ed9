"""When bytes leave a link: latency, jitter, bandwidth and coalescing, as a queue without I/O."""

import math
import random
from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import Final

from attrs import define, field

from ocpp_actors.testbench.links.conditions import Conditions

SLICE: Final = 0.1
"""Seconds of bandwidth that are delivered at a time."""

MAX_TAKEN: Final = 16 * 1024
"""Bytes that are taken out at once, unless a longer run was put in at once."""


class Ending(Enum):
    """How the sender ended its stream."""

    FINISHED = "finished"
    RESET = "reset"


@define(eq=False)
class DelayLine:
    """Bytes under way in one direction, in order, each with the time before which it is not delivered.

    What is behind waits for what is before it. ``held`` is their number. Times are handed in.
    """

    _chance: random.Random
    held: int = field(init=False, default=0)
    _queue: deque[tuple[float, bytes | Ending]] = field(init=False, factory=deque)
    _gathered_until: float = field(init=False, default=-math.inf)
    _busy_until: float = field(init=False, default=-math.inf)

    @property
    def due(self) -> float | None:
        """When the next bytes, or the end, are due, at the earliest; None: nothing is under way."""
        return self._queue[0][0] if self._queue else None

    def enter(self, data: bytes, now: float, conditions: Conditions) -> None:
        """Send bytes on their way."""
        start = now
        if conditions.coalesce:
            if now >= self._gathered_until:
                self._gathered_until = now + conditions.coalesce
            start = self._gathered_until
        for piece in _slices(data, conditions.bandwidth):
            if conditions.bandwidth is not None:
                start = self._busy_until = max(start, self._busy_until) + len(piece) / conditions.bandwidth
            self._put(start, piece, conditions)
        self.held += len(data)

    def end(self, ending: Ending, now: float, conditions: Conditions) -> None:
        """Send the end of the stream on its way."""
        self._put(now, ending, conditions)

    def take(self, now: float) -> bytes | Ending:
        """Take out what is due: as many bytes as are, or the end. Something must be due."""
        taken = bytearray()
        while self._queue and self._queue[0][0] <= now and len(taken) < MAX_TAKEN:
            what = self._queue[0][1]
            if isinstance(what, Ending):
                if not taken:
                    self._queue.popleft()
                    return what
                break
            taken += what
            self._queue.popleft()
        self.held -= len(taken)
        return bytes(taken)

    def clear(self) -> None:
        """Lose all that is under way."""
        self._queue.clear()
        self.held = 0

    def _put(self, start: float, what: bytes | Ending, conditions: Conditions) -> None:
        delay = conditions.latency + (self._chance.uniform(0, conditions.jitter) if conditions.jitter else 0)
        self._queue.append((start + delay, what))


def _slices(data: bytes, bandwidth: int | None) -> Iterator[bytes]:
    size = len(data) if bandwidth is None else max(1, int(bandwidth * SLICE))
    return (data[start : start + size] for start in range(0, len(data), size))
