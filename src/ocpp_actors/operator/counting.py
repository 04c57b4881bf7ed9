"""Counters and histograms of Prometheus that are cheap to count: they become samples when they are asked for.

They are for one thread.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable
from itertools import accumulate
from typing import Any, Final, TypeVar

from attrs import define, field
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

OTHER: Final = "other"

C = TypeVar("C")


@define(eq=False)
class Count:
    """A number of occurrences."""

    value: int = 0


@define(eq=False)
class Distribution:
    """How many values are up to each bound, in the last place those above all bounds, and their sum."""

    bounds: tuple[float, ...]
    counts: list[int] = field(init=False)
    sum: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Take note of a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class ByLabels(dict[Any, C]):
    """What is counted by its labels, of which only so many are told apart: one value, or a tuple where there are more.

    ``known`` bounds each label: what is not in it becomes ``other``.
    """

    def __init__(self, make: Callable[[], C], known: tuple[Collection[str], ...]) -> None:
        super().__init__()
        self._make = make
        self._known = known

    def __missing__(self, labels: Any) -> C:
        values = labels if isinstance(labels, tuple) else (labels,)
        bounded = tuple(
            str(value) if value in known else OTHER for value, known in zip(values, self._known, strict=True)
        )
        key = bounded if isinstance(labels, tuple) else bounded[0]
        if key != labels:
            return self[key]
        counted = self[key] = self._make()
        return counted

    def samples(self) -> Iterable[tuple[tuple[str, ...], C]]:
        """Yield what is counted, each with the values of its labels."""
        for labels, counted in self.items():
            yield labels if isinstance(labels, tuple) else (labels,), counted


class Counter(Collector):
    """A counter with labels; ``known`` names them and bounds their values. Without labels its only key is ``()``."""

    def __init__(self, name: str, documentation: str, **known: Collection[str]) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = tuple(known)
        self.by_labels: ByLabels[Count] = ByLabels(Count, tuple(known.values()))

    def collect(self) -> Iterable[Metric]:
        """Return the samples."""
        family = CounterMetricFamily(self._name, self._documentation, labels=self._labels)
        for labels, count in self.by_labels.samples():
            family.add_metric(labels, count.value)
        yield family


class Histogram(Collector):
    """A histogram with labels; see Counter."""

    def __init__(
        self, name: str, documentation: str, bounds: tuple[float, ...], **known: Collection[str]
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = tuple(known)
        self._upper = [*map(str, bounds), "+Inf"]
        self.by_labels: ByLabels[Distribution] = ByLabels(lambda: Distribution(bounds), tuple(known.values()))

    def collect(self) -> Iterable[Metric]:
        """Return the samples."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
        for labels, distribution in self.by_labels.samples():
            up_to = list(zip(self._upper, accumulate(distribution.counts), strict=True))
            family.add_metric(labels, up_to, distribution.sum)
        yield family


class Read(Collector):
    """A counter that is counted elsewhere."""

    def __init__(self, name: str, documentation: str) -> None:
        self._name = name
        self._documentation = documentation
        self.read: Callable[[], float] = lambda: 0.0

    def collect(self) -> Iterable[Metric]:
        """Return the number as it is now."""
        yield CounterMetricFamily(self._name, self._documentation, self.read())
