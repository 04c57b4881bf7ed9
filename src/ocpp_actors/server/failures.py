"""Who failed often lately."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

import trio
from attrs import define, field

from ocpp_actors.pace import TokenBucket

REMEMBERED: Final = 10_000
"""How many are counted; the one that failed longest ago is forgotten first."""


@define(eq=False)
class Failures:
    """Counts failures of each by a token bucket: ``at_once`` are few, and then ``rate`` a second."""

    rate: float
    at_once: float
    _buckets: OrderedDict[Hashable, TokenBucket] = field(init=False, factory=OrderedDict)

    def few(self, who: Hashable) -> bool:
        """Whether one more may be borne with."""
        bucket = self._buckets.get(who)
        return bucket is None or bucket.would_allow(trio.current_time())

    def count(self, who: Hashable) -> None:
        """Count a failure."""
        now = trio.current_time()
        bucket = self._buckets.setdefault(who, TokenBucket(self.rate, self.at_once, now))
        bucket.allows(now)
        self._buckets.move_to_end(who)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
