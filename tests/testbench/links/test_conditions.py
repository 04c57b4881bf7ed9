"""Conditions as data: limits, names in files, one on top of another."""

from typing import Any

import pytest
from attrs import fields
from hypothesis import given
from hypothesis import strategies as st

from ocpp_actors.testbench.links.conditions import (
    FAULTS,
    BadFault,
    Conditions,
    LinkConditions,
    both,
    conditions_from,
    name_of,
)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"latency": -1}, "latency is -1: it may be 0 to 3600 seconds"),
        ({"latency": True}, "latency is True: it may be 0 to 3600 seconds"),
        ({"latency": "1"}, "latency is '1'"),
        ({"latency": float("nan")}, "latency is nan: it must be finite"),
        ({"jitter": 3601}, "jitter is 3601"),
        ({"bandwidth": 0}, "bandwidth is 0: it may be 1 to 1000000000 bytes a second, a whole number"),
        ({"bandwidth": 1.5}, "bandwidth is 1.5"),
        ({"window": 0}, "window is 0: it may be 1 to 16777216 bytes, a whole number"),
        ({"window": None}, "window is None"),
        ({"fragment": 65537}, "fragment is 65537"),
        ({"coalesce": -0.1}, "coalesce is -0.1"),
        ({"stall": 1}, "stall is 1: it may be true or false"),
        ({"half_open_after": 86401}, "half_open_after is 86401: it may be 0 to 86400 seconds"),
        ({"reset_after": -1}, "reset_after is -1"),
        ({"corrupt": 1.1}, "corrupt is 1.1: it may be 0 to 1$"),
        ({"corrupt_at": True}, "corrupt_at is True"),
        ({"partition": "gone"}, "partition is 'gone': it may be refused or unanswered"),
        ({"latncy": 1}, "^latncy is no condition of a link: there are latency, jitter"),
        ({"in": {"latency": -1}}, r"^in\.latency is -1"),
        ({"out": {"partition": "refused"}}, r"^out\.partition is no condition"),
        ({"in": 3}, "in is 3: it may be a table"),
        ({"fault": "slowness"}, "fault is 'slowness': it may be latency, narrow"),
    ],
)
def test_what_is_wrong_is_told_with_its_key_and_its_limits(mapping: dict[str, Any], message: str) -> None:
    with pytest.raises(BadFault, match=message):
        conditions_from(mapping)


def test_a_direction_of_its_own_goes_before_both_wherever_it_stands() -> None:
    expected = LinkConditions(
        inbound=Conditions(latency=2.0, jitter=1.0), outbound=Conditions(latency=1.0, jitter=1.0)
    )
    for mapping in (
        {"latency": 1.0, "jitter": 1.0, "in": {"latency": 2.0}},
        {"in": {"latency": 2.0}, "latency": 1.0, "jitter": 1.0},
    ):
        assert conditions_from(mapping) == expected


def test_a_named_fault_takes_other_parameters() -> None:
    assert conditions_from({"fault": "latency", "latency": 3}) == both(latency=3, jitter=0.2)
    assert conditions_from({"fault": "slow-reader", "window": 9}) == LinkConditions(
        inbound=Conditions(window=9), outbound=Conditions(stall=True, window=9)
    )


@pytest.mark.parametrize("name", FAULTS)
def test_each_named_fault_does_something(name: str) -> None:
    assert conditions_from({"fault": name}) != LinkConditions()


def test_names_in_a_report() -> None:
    assert name_of({"fault": "stall", "latency": 1}) == "stall"
    assert name_of({"latency": 1, "in": {"stall": True}}) == "latency + in.stall"
    assert name_of({}) == "nothing"


def test_which_conditions_take_a_link_down() -> None:
    up = {"latency", "jitter", "bandwidth", "window", "fragment", "coalesce", "duplicate_frames"}
    values: dict[str, Any] = {"stall": True, "reset_in_frame": True, "corrupt": 0.1, "duplicate_bytes": 0.1}
    for each in fields(Conditions):
        one_way = LinkConditions(outbound=Conditions(**{each.name: values.get(each.name, 1)}))
        assert one_way.down is (each.name not in up), each.name
    assert LinkConditions(partition="refused").down


def test_a_partition_stalls_both_directions() -> None:
    partitioned = LinkConditions(inbound=Conditions(latency=1), partition="unanswered")
    assert partitioned.towards("in") == Conditions(latency=1, stall=True)
    assert partitioned.towards("out") == Conditions(stall=True)


CONDITIONS = st.builds(
    Conditions,
    latency=st.sampled_from([0.0, 1.0, 2.0]),
    window=st.sampled_from([1, 64 * 1024]),
    stall=st.booleans(),
    half_open_after=st.sampled_from([None, 0.0, 5.0]),
)
LINKS = st.builds(
    LinkConditions, inbound=CONDITIONS, outbound=CONDITIONS, partition=st.sampled_from([None, "refused"])
)


@given(LINKS, LINKS, LINKS)
def test_one_on_top_of_another(a: LinkConditions, b: LinkConditions, c: LinkConditions) -> None:
    assert a.over(LinkConditions()) == LinkConditions().over(a) == a.over(a) == a
    assert a.over(b.over(c)) == a.over(b).over(c)
    assert (a.over(b)).down == (a.down or b.down)
