"""Scales of plots: where a value lies, and which values are written at an axis."""

import math
from collections.abc import Callable
from typing import Final

from attrs import frozen

_STEPS: Final = (1.0, 2.0, 5.0)
_TIME_STEPS: Final = (
    0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
)  # fmt: skip


@frozen
class Scale:
    """Maps values from ``low`` to ``high`` on coordinates from ``start`` to ``end``, evenly or by their logarithm."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """Return where a value lies; one outside lies at the edge."""
        low, high, inside = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, inside = math.log(low), math.log(high), math.log(inside)
        share = (inside - low) / (high - low) if high > low else 0.0
        return self.start + share * (self.end - self.start)


def even_ticks(high: float, most: int = 4) -> list[float]:
    """Return round values from 0 to at least ``high``."""
    if high <= 0:
        return [0.0, 1.0]
    rough = high / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (*_STEPS, 10.0) if each * power >= rough * (1 - 1e-9))
    return [n * step for n in range(math.ceil(high / step - 1e-9) + 1)]


SHORTEST: Final = 1e-4
"""Seconds: what is shorter is drawn as if it took so long."""


def decades(low: float, high: float) -> list[float]:
    """Return powers of ten from at most ``low`` to at least ``high``, two at least; none is below SHORTEST."""
    low, high = max(low, SHORTEST), max(high, SHORTEST)
    first = math.floor(math.log10(low) + 1e-9)
    last = max(first + 1, math.ceil(math.log10(high) - 1e-9))
    return [10.0**exponent for exponent in range(first, last + 1)]


def time_ticks(seconds: float, most: int = 8) -> list[float]:
    """Return times at round distances from 0 to at most ``seconds``."""
    step = next(
        (each for each in _TIME_STEPS if seconds / each <= most), math.ceil(seconds / most / 86_400) * 86_400
    )
    return [n * step for n in range(int(seconds / step + 1e-9) + 1)]


def clock(seconds: float) -> str:
    """Write a time since the beginning: 12 s, 3:20, 1:02:00."""
    if seconds < 60:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration(seconds: float) -> str:
    """Write a short time with its unit: 850 µs, 1.5 ms, 2 s."""
    if seconds == 0:
        return "0 s"
    if seconds < 0.000_999_5:
        return f"{_three(seconds * 1e6)} µs"
    if seconds < 0.999_5:
        return f"{_three(seconds * 1e3)} ms"
    return f"{_three(seconds)} s"


def count(value: float) -> str:
    """Write a number with thin groups: 12 000."""
    return f"{value:,.0f}".replace(",", "\u202f") if value >= 1000 else f"{value:g}"


def _three(value: float) -> str:
    return f"{value:.0f}" if value >= 99.5 else f"{value:.3g}"


Written = Callable[[float], str]
