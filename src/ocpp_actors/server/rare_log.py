"""Log lines about strangers, of whom there may be many."""

from typing import Any, Final

import trio

from ocpp_actors.pace import TokenBucket

RATE: Final = 1.0
AT_ONCE: Final = 20.0
"""Lines a second, and at once."""


class RareLog:
    """A burst of lines, then one a second; the others are counted, and their number is on the next line."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._bucket = TokenBucket(RATE, AT_ONCE, trio.current_time())
        self._unsaid = 0

    def warning(self, event: str, **values: object) -> None:
        """Write a line, or count it."""
        if not self._bucket.allows(trio.current_time()):
            self._unsaid += 1
            return
        if self._unsaid:
            values["lines_left_out"] = self._unsaid
            self._unsaid = 0
        self._log.warning(event, **values)
