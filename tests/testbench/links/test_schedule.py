"""Faults that come and go: as data, from files, and on a network."""

import itertools
import random
from typing import Any

import pytest
import trio
from attrs import evolve
from tests.support.linked import open_linked
from trio.testing import MockClock

from ocpp_actors.testbench.links.conditions import BadFault, LinkConditions, both
from ocpp_actors.testbench.links.schedule import Schedule, run_timeline, schedule_from, timeline
from ocpp_actors.testbench.links.spans import FaultSpan

STALL = both(stall=True)


def spans(schedule: Schedule, seed: int = 1, **how: Any) -> list[FaultSpan]:
    return list(timeline(schedule, random.Random(seed), **how))


def test_steps_are_spans_in_order_for_each_station_or_all() -> None:
    schedule = schedule_from(
        {
            "always": {"latency": 0.1},
            "steps": [
                {"at": 9, "fault": "reset"},
                {"at": 5.0, "for": 3.0, "fault": "stall", "stations": ["A", "B"]},
                {"at": 6, "for": 1, "latency": 2},
            ],
        }
    )
    assert schedule.always == both(latency=0.1)
    assert [(each.start, each.end, each.name, each.station) for each in spans(schedule)] == [
        (5.0, 8.0, "stall", "A"),
        (5.0, 8.0, "stall", "B"),
        (6.0, 7.0, "latency", None),
        (9.0, 9.0, "reset", None),
    ]


RANDOM = {"every": 60, "for": [1, 10], "faults": ["stall", {"fault": "latency", "latency": 2}, "reset"]}


def test_random_faults_are_those_of_the_seed() -> None:
    schedule = schedule_from({"random": RANDOM})
    first = spans(schedule, 1, stations=["A", "B"], seconds=3600)
    assert first == spans(schedule, 1, stations=["A", "B"], seconds=3600)
    assert first != spans(schedule, 2, stations=["A", "B"], seconds=3600)
    assert {each.name for each in first} == {"stall", "latency", "reset"}
    assert {each.station for each in first} == {"A", "B"}
    assert [each.start for each in first] == sorted(each.start for each in first)
    assert len(first) == pytest.approx(2 * 3600 / 65.5, rel=0.3)


@pytest.mark.parametrize("together", [False, True])
def test_random_faults_of_one_station_do_not_overlap(together: bool) -> None:
    schedule = schedule_from({"random": {**RANDOM, "together": together}})
    found = spans(schedule, stations=["A", "B"], seconds=36_000)
    assert {each.station for each in found} == ({None} if together else {"A", "B"})
    for station in {each.station for each in found}:
        own = [each for each in found if each.station == station]
        assert all(1 <= each.end - each.start <= 10 for each in own)
        assert all(earlier.end <= later.start for earlier, later in itertools.pairwise(own))


def test_without_an_end_they_go_on() -> None:
    endless = timeline(schedule_from({"random": RANDOM}), random.Random(1))
    assert len(list(itertools.islice(endless, 1000))) == 1000


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"step": []}, "step is not known here: there are always, steps, random"),
        ({"steps": {}}, "steps is {}: it may be an array"),
        ({"steps": [{"at": 1}]}, r"steps\[0\] names no fault"),
        ({"steps": [{"fault": "reset"}]}, r"steps\[0\]\.at is missing"),
        ({"steps": [{"at": -1, "fault": "reset"}]}, r"steps\[0\]\.at is -1: it may be 0 to"),
        ({"steps": [{"at": 1, "fault": "stall"}]}, r"steps\[0\]\.for is missing or 0, but stall takes time"),
        ({"steps": [{"at": 1, "for": 1, "fault": "x"}]}, r"steps\[0\]: fault is 'x'"),
        ({"steps": [{"at": 1, "for": "1", "fault": "stall"}]}, r"steps\[0\]\.for is '1'"),
        ({"steps": [{"at": 1, "fault": "reset", "stations": "A"}]}, r"steps\[0\]\.stations is 'A'"),
        ({"steps": [3]}, r"steps\[0\] is 3: it may be a table"),
        ({"always": {"latency": -1}}, "always: latency is -1"),
        ({"random": {**RANDOM, "every": 0}}, r"random\.every is 0"),
        ({"random": {**RANDOM, "for": [3, 1]}}, r"random\.for is \[3, 1\]"),
        ({"random": {**RANDOM, "for": 3}}, r"random\.for is 3"),
        ({"random": {**RANDOM, "faults": []}}, r"random\.faults is \[\]"),
        ({"random": {**RANDOM, "faults": ["x"]}}, r"random\.faults\[0\]: fault is 'x'"),
        ({"random": {**RANDOM, "faults": [4]}}, r"random\.faults\[0\] is 4"),
        ({"random": {**RANDOM, "together": 1}}, r"random\.together is 1"),
        ({"random": {"every": 1}}, r"random\.for is missing"),
        ({"random": {**RANDOM, "seed": 1}}, r"random\.seed is not known here"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(document: dict[str, Any], message: str) -> None:
    with pytest.raises(BadFault, match=message):
        schedule_from(document)


# --- on a network ----------------------------------------------------------------------------------------------


async def test_a_timeline_is_put_on_the_network_and_what_was_is_kept(autojump_clock: MockClock) -> None:
    schedule = schedule_from(
        {
            "steps": [
                {"at": 5, "for": 3, "fault": "stall", "stations": ["CP1"]},
                {"at": 6, "for": 10, "fault": "latency", "latency": 1, "jitter": 0},
                {"at": 20, "fault": "half-open", "stations": ["CP2"]},
            ]
        }
    )
    async with open_linked() as linked, linked.client("CP1") as one, linked.client("CP2") as two:
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run_timeline, linked.network, timeline(schedule, random.Random(1)))
            await trio.sleep(5.5)
            assert linked.network.conditions_of("cp1") == STALL
            assert linked.network.conditions_of("CP2") == LinkConditions()
            stalled = await one.call("Heartbeat", {})
            assert trio.current_time() - began == pytest.approx(9)
            assert stalled.seconds == pytest.approx(3.5)
            assert (await two.call("Heartbeat", {})).seconds == pytest.approx(2)
            await trio.sleep_until(began + 19)
            assert (await one.call("Heartbeat", {})).seconds == 0
            assert (await two.call("Heartbeat", {})).seconds == 0
        with trio.move_on_after(100) as given_up:
            await two.call("Heartbeat", {})
        assert given_up.cancelled_caught
        assert (await one.call("Heartbeat", {})).seconds == 0
        expected = list(timeline(schedule, random.Random(1)))
        assert [
            evolve(each, start=each.start - began, end=each.end - began) for each in linked.network.spans
        ] == expected
