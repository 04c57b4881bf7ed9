"""How fast something may happen: a token bucket without a clock of its own."""


class TokenBucket:
    """Allows ``rate`` events a second on average and ``burst`` at once; a rate of 0 allows any number.

    Times are seconds of a monotonic clock, handed in.
    """

    __slots__ = (
        "_at",
        "_burst",
        "_rate",
        "_tokens",
    )

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, now: float, cost: float = 1) -> float:
        """Count an event, or one that counts as several, and return for how many seconds the next has to wait."""
        if self._rate <= 0:
            return 0.0
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - cost
        self._at = now
        return max(0.0, -self._tokens / self._rate)

    def would_allow(self, now: float) -> bool:
        """Tell whether an event may happen now, without counting one."""
        return self._rate <= 0 or min(self._burst, self._tokens + (now - self._at) * self._rate) >= 1

    def allows(self, now: float) -> bool:
        """Tell whether an event may happen now, and count it only if it may."""
        tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        if self._rate > 0 and tokens < 1:
            return False
        self._tokens, self._at = tokens - 1, now
        return True
