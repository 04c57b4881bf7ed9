"""The one clock: wall time is passed in, so that tests can run hours in seconds."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

import trio


class Clock(Protocol):
    """What time it is, for facts that are kept and answers that are sent."""

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        ...


class SystemClock:
    """The clock of the machine."""

    now = staticmethod(partial(datetime.now, UTC))
    """Return the machine's time of day in UTC; it is asked for several times a message, so no more is done."""


class TrioClock:
    """Wall time that follows trio's clock from a fixed start, virtual if trio's clock is."""

    def __init__(self, start: datetime) -> None:
        self._start = start

    def now(self) -> datetime:
        """Return the start plus trio's current time; call it only inside trio."""
        return self._start + timedelta(seconds=trio.current_time())
