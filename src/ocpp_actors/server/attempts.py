"""How often somebody may guess a key that takes long to compare."""

from collections import OrderedDict
from typing import Final

import trio
from attrs import define, field

from ocpp_actors.pace import TokenBucket

AT_ONCE: Final = 10.0
RATE: Final = 0.2
"""Wrong keys of one address for one identity at once, and then a second."""

REMEMBERED: Final = 10_000
"""Addresses and identities that are counted; the pair that was wrong longest ago is forgotten first."""


@define(eq=False)
class Attempts:
    """Counts wrong keys by address and identity: whoever guesses locks out only who guesses the same from there.

    A key that is compared quickly, or was right before, needs no permission: the right charge point gets in.
    """

    _buckets: OrderedDict[tuple[str, str], TokenBucket] = field(init=False, factory=OrderedDict)

    def allowed(self, address: str, identity: str) -> bool:
        """Whether one more key may be compared."""
        bucket = self._buckets.get((address, identity.casefold()))
        return bucket is None or bucket.would_allow(trio.current_time())

    def failed(self, address: str, identity: str) -> None:
        """Count a wrong key."""
        pair = (address, identity.casefold())
        now = trio.current_time()
        bucket = self._buckets.setdefault(pair, TokenBucket(RATE, AT_ONCE, now))
        bucket.allows(now)
        self._buckets.move_to_end(pair)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
