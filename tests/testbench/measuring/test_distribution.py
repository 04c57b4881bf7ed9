"""Quantiles of durations, and series over time, in bounded memory."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_actors.testbench.measuring.distribution import MAX_SLOTS, SMALLEST, Distribution, Series

SECONDS = st.floats(min_value=0, max_value=86_400)


def of(*seconds: float) -> Distribution:
    distribution = Distribution()
    for each in seconds:
        distribution.add(each)
    return distribution


def test_nothing_has_no_quantile() -> None:
    assert (Distribution().quantile(0.99), Distribution().max, Distribution().bars(10)) == (0.0, 0.0, [])


@given(st.lists(SECONDS, min_size=1, max_size=200), st.floats(min_value=0.01, max_value=1))
def test_a_quantile_is_that_of_the_sorted_list_within_a_hundredth(seconds: list[float], share: float) -> None:
    exact = sorted(seconds)[max(0, -int(-share * len(seconds) // 1) - 1)]
    assert of(*seconds).quantile(share) == pytest.approx(exact, rel=0.0101, abs=SMALLEST)


@given(st.lists(SECONDS, min_size=1))
def test_no_quantile_is_above_the_maximum(seconds: list[float]) -> None:
    distribution = of(*seconds)
    assert distribution.quantile(0.5) <= distribution.quantile(0.99) <= distribution.max == max(seconds)


@given(st.lists(SECONDS), st.lists(SECONDS))
def test_merged_is_as_if_counted_together(first: list[float], second: list[float]) -> None:
    merged = of(*first)
    merged.merge(of(*second))
    together = of(*first, *second)
    assert merged.total == pytest.approx(together.total)
    assert (merged.count, merged.max, merged.classes) == (together.count, together.max, together.classes)


@given(st.lists(SECONDS, min_size=1), st.integers(1, 60))
def test_bars_have_every_duration_once_and_are_not_too_many(seconds: list[float], number: int) -> None:
    bars = of(*seconds).bars(number)
    assert len(bars) <= number
    assert sum(count for _, _, count in bars) == len(seconds)
    for (_, high, _), (low, _, _) in itertools.pairwise(bars):
        assert high == low
    assert bars[-1][1] >= max(seconds) or bars[-1][1] == pytest.approx(max(seconds))


def test_memory_is_bounded_by_the_range_not_by_the_number() -> None:
    distribution, chance = Distribution(), random.Random(1)
    for _ in range(50_000):
        distribution.add(chance.lognormvariate(-4, 2))
    assert len(distribution.classes) < 1000


def test_a_series_that_grows_has_wider_slots_and_loses_nothing() -> None:
    series = Series()
    for second in range(3 * MAX_SLOTS):
        series.at(second).frames += 1
    assert series.width == 4.0
    assert len(series.slots) <= MAX_SLOTS
    assert sum(slot.frames for slot in series.slots) == 3 * MAX_SLOTS
    assert {slot.frames for slot in series.slots} == {4}


def test_a_series_keeps_the_place_of_what_happened() -> None:
    series = Series()
    series.at(2.5).response_times.add(0.1)
    assert [slot.response_times.count for slot in series.slots] == [0, 0, 1]
    series.at(-0.001).frames += 1
    assert series.slots[0].frames == 1
