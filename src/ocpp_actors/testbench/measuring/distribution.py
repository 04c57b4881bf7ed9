"""How durations are distributed, and how they went over time, in bounded memory."""

import math
from collections import Counter
from typing import Final

from attrs import define, field

GROWTH: Final = 1.02
"""Ratio of the bounds of neighbouring classes: a quantile is at most 1 % off."""

SMALLEST: Final = 0.000_1
"""Seconds below which durations are not told apart."""

MAX_SLOTS: Final = 600
"""Slots of a series; when it has more, two become one."""

_LOG_GROWTH: Final = math.log(GROWTH)


@define
class Distribution:
    """Counts durations in classes of about equal relative width; count, sum and maximum are exact."""

    count: int = 0
    total: float = 0.0
    max: float = 0.0
    classes: Counter[int] = field(factory=Counter)

    def add(self, seconds: float) -> None:
        """Count a duration."""
        self.count += 1
        self.total += seconds
        self.max = max(self.max, seconds)
        self.classes[_class_of(seconds)] += 1

    def merge(self, other: "Distribution") -> None:
        """Count what the other counted."""
        self.count += other.count
        self.total += other.total
        self.max = max(self.max, other.max)
        self.classes.update(other.classes)

    def quantile(self, share: float) -> float:
        """Return the duration that ``share`` of all do not exceed; 0 where there is none."""
        wanted, seen = math.ceil(share * self.count), 0
        for each in sorted(self.classes):
            seen += self.classes[each]
            if seen >= max(wanted, 1):
                return min(_middle_of(each), self.max)
        return 0.0

    def bars(self, number: int) -> list[tuple[float, float, int]]:
        """Return how many there are in each of ``number`` classes of equal relative width: from, to, count."""
        if not self.classes:
            return []
        low, high = min(self.classes), max(self.classes)
        width = max(1, math.ceil((high - low + 1) / number))
        counts: Counter[int] = Counter()
        for each, count in self.classes.items():
            counts[(each - low) // width] += count
        return [
            (_bound(low + n * width), _bound(low + (n + 1) * width), counts[n])
            for n in range((high - low) // width + 1)
        ]


@define
class Slot:
    """What happened in one stretch of time."""

    frames: int = 0
    response_times: Distribution = field(factory=Distribution)

    def merge(self, other: "Slot") -> None:
        """Add what happened in the other."""
        self.frames += other.frames
        self.response_times.merge(other.response_times)


@define
class Series:
    """Slots of equal width, from the beginning on; the width doubles when there are too many."""

    width: float = 1.0
    slots: list[Slot] = field(factory=list)

    def at(self, seconds: float) -> Slot:
        """Return the slot of a time since the beginning."""
        while (number := max(0, int(seconds / self.width))) >= MAX_SLOTS:
            self._coarsen()
        while len(self.slots) <= number:
            self.slots.append(Slot())
        return self.slots[number]

    def _coarsen(self) -> None:
        for first, second in zip(self.slots[::2], self.slots[1::2], strict=False):
            first.merge(second)
        self.slots = self.slots[::2]
        self.width *= 2


def _class_of(seconds: float) -> int:
    return max(0, math.ceil(math.log(max(seconds, SMALLEST) / SMALLEST) / _LOG_GROWTH))


def _bound(number: int) -> float:
    return SMALLEST * GROWTH ** (number - 1) if number else 0.0


def _middle_of(number: int) -> float:
    return float(SMALLEST * GROWTH ** (number - 0.5)) if number else SMALLEST
