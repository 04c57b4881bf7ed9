"""A few pass in each turn of the loop, in the order in which they came."""

from contextlib import AsyncExitStack

import trio
import trio.testing
from tests.support.central import open_central
from tests.support.listening import PipeListener, charger_on

from ocpp_actors.server.turnstile import AT_ONCE, Turnstile


class Turns(trio.abc.Instrument):
    """Counts the turns of the loop."""

    def __init__(self) -> None:
        self.now = 0

    def before_io_wait(self, timeout: float) -> None:
        self.now += 1


async def held(
    turnstile: Turnstile, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Let nobody pass until this is cancelled."""
    async with AsyncExitStack() as stack:
        for _ in range(AT_ONCE):
            await stack.enter_async_context(turnstile._few)
        task_status.started()
        await trio.sleep_forever()


async def test_few_pass_in_one_turn_of_the_loop() -> None:
    turns, turnstile, passed = Turns(), Turnstile(), list[tuple[int, int]]()
    trio.lowlevel.add_instrument(turns)

    async def one(number: int) -> None:
        await turnstile.pass_through()
        passed.append((turns.now, number))

    async with trio.open_nursery() as nursery:
        for number in range(5 * AT_ONCE):
            nursery.start_soon(one, number)
    trio.lowlevel.remove_instrument(turns)
    times = [turn for turn, _ in passed]
    assert len(passed) == 5 * AT_ONCE
    assert max(times.count(turn) for turn in times) == AT_ONCE


async def test_who_waits_passes_in_the_order_of_arrival(autojump_clock: trio.testing.MockClock) -> None:
    turnstile, passed = Turnstile(), list[int]()

    async def one(number: int) -> None:
        await turnstile.pass_through()
        passed.append(number)

    async with trio.open_nursery() as nursery, trio.open_nursery() as holding:
        await holding.start(held, turnstile)
        for number in range(20):
            nursery.start_soon(one, number)
            await trio.testing.wait_all_tasks_blocked()
        holding.cancel_scope.cancel()
    waves = [sorted(passed[start : start + AT_ONCE]) for start in range(0, 20, AT_ONCE)]
    assert waves == [list(range(start, start + AT_ONCE)) for start in range(0, 20, AT_ONCE)]


async def test_who_gives_up_waiting_keeps_nobody_from_passing() -> None:
    turnstile = Turnstile()
    async with trio.open_nursery() as nursery:
        for _ in range(3 * AT_ONCE):
            nursery.start_soon(turnstile.pass_through)
        nursery.cancel_scope.cancel()
    with trio.testing.assert_checkpoints():
        await turnstile.pass_through()


async def test_who_goes_waits_for_its_turn_and_keeps_nobody_from_coming(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_central() as central, trio.open_nursery() as holding:
        listener = PipeListener()
        central.nursery.start_soon(central.server.run, [listener])
        leaving = listener.connect(central)
        async with charger_on(leaving) as charger:
            await charger.boot()
            await holding.start(held, central.server._turnstile)
            await leaving.aclose()
            async with charger_on(listener.connect(central), "CP2") as other:
                await other.boot()
                assert [each.identity for each in central.fleet.sessions()] == ["CP1", "CP2"]
                holding.cancel_scope.cancel()
                await trio.testing.wait_all_tasks_blocked()
                assert [each.identity for each in central.fleet.sessions()] == ["CP2"]
