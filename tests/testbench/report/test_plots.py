"""Axes and plots: numbers in, SVG out."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_actors.testbench.report import plots
from ocpp_actors.testbench.report.axes import (
    Scale,
    clock,
    count,
    decades,
    duration,
    even_ticks,
    time_ticks,
)

POSITIVE = st.floats(min_value=1e-4, max_value=1e5)
SVG = "{http://www.w3.org/2000/svg}"


def parse(svg: str) -> ET.Element:
    return ET.fromstring(svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1))


def numbers(svg: str) -> list[float]:
    """All coordinates of the rectangles."""
    return [
        float(rect.get(name) or "nan")
        for rect in parse(svg).iter(f"{SVG}rect")
        for name in ("x", "y", "width", "height")
    ]


@given(POSITIVE)
def test_even_ticks_are_round_from_0_and_reach_the_top(high: float) -> None:
    ticks = even_ticks(high)
    assert ticks[0] == 0
    assert ticks[-1] >= high * (1 - 1e-9)
    assert 2 <= len(ticks) <= 6
    assert f"{ticks[1]:e}"[0] in "125"


@given(POSITIVE, POSITIVE)
def test_decades_contain_both_ends(one: float, other: float) -> None:
    low, high = sorted((one, other))
    ticks = decades(low, high)
    assert ticks[0] <= low * (1 + 1e-6)
    assert ticks[-1] >= high * (1 - 1e-6)
    assert len(ticks) >= 2


@given(st.floats(min_value=0.01, max_value=10**7))
def test_time_ticks_are_few_and_within(seconds: float) -> None:
    ticks = time_ticks(seconds)
    assert ticks[0] == 0
    assert ticks[-1] <= seconds * (1 + 1e-6)
    assert len(ticks) <= 10


@given(POSITIVE, st.booleans())
def test_a_scale_keeps_to_its_ends(value: float, logarithmic: bool) -> None:
    scale = Scale(0.01, 100, 10, 50, logarithmic)
    assert 10 <= scale(value) <= 50
    assert (scale(0.01), scale(100)) == (10, 50)


def test_a_scale_without_a_width() -> None:
    assert Scale(3, 3, 10, 50)(3) == 10


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.000_85, "850 µs"),
        (0.0015, "1.5 ms"),
        (0.0987, "98.7 ms"),
        (0.0999, "100 ms"),
        (0.999_9, "1 s"),
        (12.34, "12.3 s"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (12.5, "12.5 s"), (60, "1:00"), (200, "3:20"), (3720, "1:02:00")]
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_counts() -> None:
    assert (count(0.5), count(999), count(12345)) == ("0.5", "999", "12\u202f345")


def slot(at: float, answers: int = 1, frames: int = 10) -> dict[str, Any]:
    return {"at": at, "frames": frames, "answers": answers, "p50": 0.01, "p95": 0.1, "max": 1.0}


@pytest.mark.parametrize(
    "plot",
    [
        plots.response_times([], 1, 10),
        plots.response_times([slot(0, answers=0)], 1, 10),
        plots.throughput([], 1, 10),
        plots.distribution([]),
        plots.faults([], 10),
        plots.timelines([], 10),
    ],
)
def test_where_there_is_nothing_it_is_said(plot: str) -> None:
    assert plot.startswith('<p class="empty">')


def test_answers_that_took_no_time_are_drawn() -> None:
    at_once = slot(0) | {"p50": 0.0, "p95": 0.0, "max": 0.0}
    assert "<path" in plots.response_times([at_once], 1, 10)
    assert "<rect" in plots.distribution([{"from": 0.0, "to": 0.0, "count": 3}])


def test_lines_are_not_drawn_where_nothing_was_answered() -> None:
    svg = plots.response_times([slot(0), slot(1), slot(2, answers=0), slot(3)], 1, 4)
    paths = [each.get("d") or "" for each in parse(svg).iter(f"{SVG}path")]
    assert len(paths) == 3
    assert all(each.count("M") == 2 for each in paths)
    assert len(list(parse(svg).iter(f"{SVG}rect"))) == 3, "one to hover over for each slot with an answer"


def test_bars_are_as_high_as_what_they_show() -> None:
    svg = plots.throughput([slot(0, frames=10), slot(1, frames=20), slot(2, frames=0)], 1, 3)
    heights = [float(each.get("height") or 0) for each in parse(svg).iter(f"{SVG}rect")]
    assert heights == [plots.HEIGHT / 2, plots.HEIGHT]


def test_a_distribution_has_a_bar_for_each_class_that_is_not_empty() -> None:
    bars = [{"from": 0.001, "to": 0.002, "count": 3}, {"from": 0.002, "to": 0.004, "count": 0}]
    assert len(list(parse(plots.distribution(bars)).iter(f"{SVG}rect"))) == 1


def test_all_over_time_have_the_same_horizontal_axis() -> None:
    drawn = (
        plots.response_times([slot(0)], 1, 100),
        plots.throughput([slot(0)], 1, 100),
        plots.connected([[0, 3]], 3, 100),
        plots.faults([{"at": 1, "until": 2, "kind": "stall", "text": "stall", "who": ""}], 100),
        plots.timelines([{"identity": "CP1", "spans": [[0, 5, "connected"]]}], 100),
    )
    ticks = [
        [each.get("x") for each in parse(svg).iter(f"{SVG}text") if each.get("class") == "tick middle"]
        for svg in drawn
    ]
    assert all(each == ticks[0] for each in ticks)
    assert len(ticks[0]) > 3


def test_kinds_of_faults_beyond_the_rows_share_one() -> None:
    events = [{"at": n, "until": n + 1, "kind": f"kind {n}", "text": "x", "who": "CP1"} for n in range(14)]
    texts = [each.text for each in parse(plots.faults(events, 10)).iter(f"{SVG}text")]
    assert "others" in texts
    assert "kind 13" not in texts


def test_what_lies_outside_stays_inside() -> None:
    spans = [[-5, 2, "connected"], [90, 1000, "down"]]
    found = numbers(plots.timelines([{"identity": "X" * 60, "spans": spans}], 100))
    assert all(0 <= each <= plots.WIDTH for each in found)


def test_names_from_outside_are_escaped() -> None:
    svg = plots.timelines([{"identity": '<b>&"\u202e', "spans": [[0, 5, "connected"]]}], 10)
    assert "<b>" not in svg
    assert "\u202e" not in svg
    parse(svg)
