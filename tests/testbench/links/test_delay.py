"""When bytes leave a link."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_actors.testbench.links.conditions import Conditions
from ocpp_actors.testbench.links.delay import DelayLine, Ending


def drained(line: DelayLine) -> list[tuple[float, bytes | Ending]]:
    out = []
    while (due := line.due) is not None:
        out.append((due, line.take(due)))
    return out


def test_latency_is_added_to_each() -> None:
    line = DelayLine(random.Random(1))
    conditions = Conditions(latency=2.0)
    line.enter(b"a", 0.0, conditions)
    line.enter(b"b", 0.5, conditions)
    line.end(Ending.FINISHED, 0.5, conditions)
    assert drained(line) == [(2.0, b"a"), (2.5, b"b"), (2.5, Ending.FINISHED)]


def test_jitter_adds_at_most_so_much_and_reorders_nothing() -> None:
    line = DelayLine(random.Random(1))
    for number in range(200):
        line.enter(bytes([number]), 0.0, Conditions(latency=1.0, jitter=0.5))
    out = drained(line)
    assert b"".join(data for _, data in out if isinstance(data, bytes)) == bytes(range(200))
    times = [at for at, _ in out]
    assert times == sorted(times)
    assert len(set(times)) > 1
    assert min(times) >= 1.0
    assert max(times) <= 1.5


def test_bandwidth_spreads_bytes_over_time() -> None:
    line = DelayLine(random.Random(1))
    conditions = Conditions(bandwidth=1000)
    line.enter(b"x" * 450, 0.0, conditions)
    line.enter(b"y" * 50, 0.1, conditions)
    out = drained(line)
    assert [at for at, _ in out] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.45, 0.5])
    assert [len(data) for _, data in out if isinstance(data, bytes)] == [100, 100, 100, 100, 50, 50]


def test_an_idle_line_has_its_whole_bandwidth_but_saves_none() -> None:
    line = DelayLine(random.Random(1))
    line.enter(b"x" * 100, 100.0, Conditions(bandwidth=100))
    assert drained(line)[-1][0] == pytest.approx(101.0)


def test_coalesced_bytes_are_delivered_together() -> None:
    line = DelayLine(random.Random(1))
    conditions = Conditions(coalesce=1.0)
    for at in (0.0, 0.4, 0.9, 1.0, 1.7):
        line.enter(str(at).encode(), at, conditions)
    assert drained(line) == [(1.0, b"0.00.40.9"), (2.0, b"1.01.7")]


STEPS = st.lists(
    st.tuples(
        st.binary(min_size=1, max_size=50),
        st.floats(0, 3),
        st.builds(
            Conditions,
            latency=st.sampled_from([0.0, 0.1, 5.0]),
            jitter=st.sampled_from([0.0, 3.0]),
            bandwidth=st.sampled_from([None, 1, 7, 1000]),
            coalesce=st.sampled_from([0.0, 2.0]),
        ),
    ),
    max_size=12,
)


@given(STEPS, st.integers(0, 2**32))
def test_under_changing_conditions_all_comes_out_once_in_order_and_never_early(
    steps: list[tuple[bytes, float, Conditions]], seed: int
) -> None:
    line, now, entered = DelayLine(random.Random(seed)), 0.0, b""
    for data, pause, conditions in steps:
        line.enter(data, now, conditions)
        entered += data
        assert line.held == len(entered)
        assert line.due is not None
        now += pause
    line.end(Ending.RESET, now, Conditions())
    out = drained(line)
    assert out.pop()[1] is Ending.RESET
    assert b"".join(data for _, data in out if isinstance(data, bytes)) == entered
    assert [at for at, _ in out] == sorted(at for at, _ in out)
    assert line.held == 0


def test_what_is_cleared_is_lost() -> None:
    line = DelayLine(random.Random(1))
    line.enter(b"abc", 0.0, Conditions())
    line.clear()
    assert line.held == 0
    assert line.due is None
