"""Garbage is looked for often where it is new, and seldom everywhere."""

import gc
from collections.abc import Iterator
from itertools import accumulate

import pytest
import trio
import trio.testing

from ocpp_actors import garbage


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When everything was looked at, in seconds of trio's clock since the begin."""
    times: list[float] = []
    monkeypatch.setattr(gc, "collect", lambda: times.append(trio.current_time()))
    return times


@pytest.mark.parametrize(("takes", "pause"), [(0.01, 3600.0), (0.1, 10_000.0)])
async def test_the_longer_a_look_takes_the_rarer_it_is(
    autojump_clock: trio.testing.MockClock, looks: list[float], takes: float, pause: float
) -> None:
    readings = iter(reading for number in range(100) for reading in (10.0 * number, 10.0 * number + takes))
    first = trio.current_time() + garbage.SELDOM
    with trio.move_on_after(garbage.SELDOM + 2.5 * pause):
        await garbage.collect_garbage(lambda: 0, memory=lambda: 0, timer=lambda: next(readings))
    assert looks == pytest.approx([first, first + pause, first + 2 * pause])


@pytest.mark.parametrize(
    ("connected", "grown", "looked"),
    [
        (0, garbage.GROWTH, False),
        (0, garbage.GROWTH + 1, True),
        (1000, garbage.GROWTH + 1000 * garbage.GROWTH_OF_A_CONNECTION, False),
        (1000, garbage.GROWTH + 1000 * garbage.GROWTH_OF_A_CONNECTION + 1, True),
    ],
)
async def test_more_memory_than_charge_points_explain_is_a_reason_to_look(
    autojump_clock: trio.testing.MockClock, looks: list[float], connected: int, grown: int, looked: bool
) -> None:
    begun, taken = trio.current_time(), 50_000

    def memory() -> int:
        return taken if trio.current_time() == begun else taken + grown

    with trio.move_on_after(10 * garbage.ASK_EVERY):
        await garbage.collect_garbage(lambda: connected, memory=memory)
    assert looks == ([begun + garbage.ASK_EVERY] if looked else [])


async def test_memory_is_explained_by_charge_points_that_have_left(
    autojump_clock: trio.testing.MockClock, looks: list[float]
) -> None:
    begun, grown = trio.current_time(), garbage.GROWTH + 1

    def connected() -> int:
        return 1000 if trio.current_time() < begun + 5 * garbage.ASK_EVERY else 0

    def memory() -> int:
        return grown if trio.current_time() > begun else 0

    with trio.move_on_after(10 * garbage.ASK_EVERY):
        await garbage.collect_garbage(connected, memory=memory)
    assert looks == []


def test_the_memory_that_is_taken_is_known_on_linux() -> None:
    assert 10_000 < garbage.memory() < 10_000_000


@pytest.fixture
def settled() -> Iterator[None]:
    with garbage.settled():
        yield


def looks_at(generation: int) -> int:
    looks: int = gc.get_stats()[generation]["collections"]
    return looks


def test_afterwards_the_interpreter_is_left_alone_again() -> None:
    with garbage.settled():
        assert not gc.isenabled()
        assert gc.get_freeze_count()
    assert gc.isenabled()
    assert not gc.get_freeze_count()


async def test_the_interpreter_looks_at_what_is_new_when_it_is_asked_to(
    autojump_clock: trio.testing.MockClock, settled: None
) -> None:
    """Never by itself, however much there is."""
    before = [looks_at(generation) for generation in range(3)]
    leave_garbage(100_000)
    assert [looks_at(generation) for generation in range(3)] == before
    with trio.move_on_after(10.5 * garbage.LOOK_AT_NEW_EVERY):
        await garbage.collect_new_garbage(lambda: 10_000, timer=lambda: 0.0)
    assert looks_at(garbage.NEW) == before[garbage.NEW] + 10
    assert looks_at(2) == before[2]
    assert not still_there(100_000)


async def test_where_a_look_at_what_is_new_takes_long_the_next_is_later(
    autojump_clock: trio.testing.MockClock, settled: None
) -> None:
    times = iter([10.0, 10.005, 20.0, 20.0, 30.0, 1000.0, 2000.0, 2000.0])
    looks = looks_at(garbage.NEW)
    looked = []
    with trio.move_on_after(
        0.005 * garbage.SHARE_OF_NEW + 2.5 * garbage.LOOK_AT_NEW_EVERY + garbage.LONGEST_PAUSE
    ):

        def timer() -> float:
            looked.append(trio.current_time())
            return next(times)

        await garbage.collect_new_garbage(lambda: 100, timer=timer)
    pauses = [
        garbage.LOOK_AT_NEW_EVERY,
        0.005 * garbage.SHARE_OF_NEW,
        garbage.LOOK_AT_NEW_EVERY,
        garbage.LONGEST_PAUSE,
    ]
    assert looked[::2] == pytest.approx(list(accumulate(pauses)))
    assert looks_at(garbage.NEW) == looks + 4


def leave_garbage(size: int) -> None:
    cycle: list[object] = [[] for _ in range(size)]
    cycle[0] = cycle


def still_there(size: int) -> bool:
    gc.unfreeze()
    return any(len(each) == size for each in gc.get_objects() if type(each) is list)


async def test_what_comes_in_a_storm_is_looked_at_with_everything(
    autojump_clock: trio.testing.MockClock, settled: None
) -> None:
    leave_garbage(100_001)
    charge_points = iter(range(0, 10 * garbage.STORM, garbage.STORM))
    looks = looks_at(garbage.NEW)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(garbage.collect_garbage, lambda: 0)
        with trio.move_on_after(3.5 * garbage.LOOK_AT_NEW_EVERY):
            await garbage.collect_new_garbage(lambda: next(charge_points))
        assert looks_at(garbage.NEW) == looks
        assert next(charge_points) == 4 * garbage.STORM
        await trio.sleep(garbage.SELDOM)
        nursery.cancel_scope.cancel()
    assert not still_there(100_001)
