from datetime import timedelta

import pytest
import trio
from tests.support.central import START
from trio.testing import MockClock

from ocpp_actors.clock import TrioClock
from ocpp_actors.observer import MeterValuesRecorded, TransactionStopped
from ocpp_actors.operator.live import FORGET_AFTER, Live

MINUTE = 60.0


class World:
    """A Live, and the meter values that it hears of."""

    def __init__(self, **limits: int) -> None:
        self.clock = TrioClock(START)
        self.offline: set[str] = set()
        self.live = Live(self.clock, lambda identity: identity not in self.offline, **limits)

    def measured(self, power: float | None, transaction_id: int | None = 1, identity: str = "CP1") -> None:
        self.live(MeterValuesRecorded(identity, self.clock.now(), 1, transaction_id, 10.0, power))

    def stopped(self, transaction_id: int = 1, identity: str = "CP1") -> None:
        self.live(TransactionStopped(identity, self.clock.now(), transaction_id, "Local"))


@pytest.fixture
async def world() -> World:
    return World()


async def test_nothing_is_known_of_who_was_not_heard_of(world: World, autojump_clock: MockClock) -> None:
    assert world.live.power_of("CP1") is None
    assert world.live.power_of_transaction(1) is None
    assert world.live.total_power() == 0.0


async def test_the_last_power_counts(world: World, autojump_clock: MockClock) -> None:
    world.measured(7000.0)
    world.measured(11_000.0)
    assert world.live.power_of_transaction(1) == 11_000.0
    assert world.live.power_of("CP1") == 11_000.0


async def test_a_charge_point_has_the_power_of_all_its_transactions(
    world: World, autojump_clock: MockClock
) -> None:
    world.measured(1000.0, 1)
    world.measured(500.0, 2)
    world.measured(30.0, 3, "CP2")
    assert world.live.power_of("cp1") == 1500.0
    assert world.live.total_power() == 1530.0


async def test_a_power_of_zero_is_known(world: World, autojump_clock: MockClock) -> None:
    world.measured(0.0)
    assert world.live.power_of("CP1") == 0.0


async def test_values_without_power_or_transaction_tell_nothing(
    world: World, autojump_clock: MockClock
) -> None:
    world.measured(1000.0)
    world.measured(None)
    world.measured(9.0, None)
    assert world.live.total_power() == 1000.0


async def test_a_stopped_transaction_is_forgotten_and_late_values_do_not_revive_it(
    world: World, autojump_clock: MockClock
) -> None:
    world.measured(1000.0, 1)
    world.measured(500.0, 2)
    world.stopped(1)
    world.measured(1000.0, 1)
    assert world.live.power_of_transaction(1) is None
    assert world.live.power_of("CP1") == 500.0
    world.stopped(2)
    assert world.live.power_of("CP1") is None


async def test_after_a_while_without_news_a_transaction_is_forgotten(
    world: World, autojump_clock: MockClock
) -> None:
    world.measured(1000.0, 1)
    world.measured(500.0, 2)
    await trio.sleep(10 * MINUTE)
    world.measured(400.0, 1)
    await trio.sleep(5 * MINUTE)
    assert timedelta(minutes=15) == FORGET_AFTER
    assert world.live.power_of_transaction(2) is None
    assert world.live.total_power() == 400.0
    await trio.sleep(10 * MINUTE)
    assert world.live.power_of("CP1") is None
    assert world.live._readings == {}
    assert world.live._of_charge_point == {}


async def test_the_power_of_who_is_offline_is_not_known(world: World, autojump_clock: MockClock) -> None:
    world.measured(1000.0, 1)
    world.measured(30.0, 2, "CP2")
    world.offline.add("cp1")
    assert world.live.power_of("CP1") is None
    assert world.live.power_of_transaction(1) is None
    assert world.live.total_power() == 30.0
    world.offline.clear()
    assert world.live.total_power() == 1030.0


async def test_only_so_many_transactions_are_remembered(autojump_clock: MockClock) -> None:
    world = World(max_transactions=2)
    for transaction_id in (1, 2):
        world.measured(1.0, transaction_id)
    world.measured(1.0, 1)
    world.measured(1.0, 3)
    assert [world.live.power_of_transaction(number) for number in (1, 2, 3)] == [1.0, None, 1.0]
