"""A few pass in each turn of the loop, in the order in which they came."""

from contextlib import AsyncExitStack
from typing import Any

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs
from tests.support.central import open_central
from tests.support.listening import PipeListener, charger_on

from ocpp_actors.server.handshakes import PATIENCE
from ocpp_actors.server.turnstile import AT_ONCE, Turnstile, first_word


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


@pytest.mark.parametrize("says", [b"G", None], ids=["a byte", "leaves"])
async def test_the_first_word_is_waited_for_and_not_taken(
    autojump_clock: trio.testing.MockClock, says: bytes | None
) -> None:
    ours, theirs = map(trio.SocketStream, trio.socket.socketpair())
    heard = trio.Event()

    async def hear() -> None:
        await first_word(ours)
        heard.set()

    async with ours, theirs, trio.open_nursery() as nursery:
        nursery.start_soon(hear)
        await trio.testing.wait_all_tasks_blocked()
        assert not heard.is_set()
        if says is None:
            await theirs.aclose()
        else:
            await theirs.send_all(says)
        await heard.wait()
        assert await ours.receive_some(10) == (says or b"")


async def test_who_never_says_a_word_is_dropped_in_time(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = map(trio.SocketStream, trio.socket.socketpair())
    async with open_central(handshake_timeout=7.0) as central, theirs:
        begun = trio.current_time()
        with capture_logs() as logs:
            await central.server.serve(ours, "192.0.2.1:50000")
        assert trio.current_time() - begun == pytest.approx(7.0)
        assert await theirs.receive_some(10) == b""
    assert [entry["event"] for entry in logs] == ["the handshake took too long"]


async def test_who_comes_and_who_goes_waits_for_its_turn_and_loses_nothing_by_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with (
        open_central(max_handshakes=1) as central,
        trio.open_nursery() as holding,
        trio.open_nursery() as nursery,
    ):
        listener = PipeListener()
        central.nursery.start_soon(central.server.run, [listener])
        leaving, came = listener.connect(central), trio.Event()

        async def come() -> None:
            async with charger_on(listener.connect(central), "CP2") as charger:
                await charger.boot()
                came.set()

        async with charger_on(leaving) as charger:
            await charger.boot()
            await holding.start(held, central.server._turnstile)
            await leaving.aclose()
            nursery.start_soon(come)
            await trio.sleep(1)
            nursery.start_soon(listener.connect(central).receive_some)
            await trio.sleep(5 * PATIENCE)
            # It has waited for longer than others may keep us waiting, and another has come: it still has its place.
            assert [each.identity for each in central.fleet.sessions()] == ["CP1"]
            assert not came.is_set()
            holding.cancel_scope.cancel()
            await came.wait()
            assert [each.identity for each in central.fleet.sessions()] == ["CP2"]
            nursery.cancel_scope.cancel()


async def test_a_stream_that_is_no_socket_is_not_waited_for() -> None:
    stream: Any = trio.testing.memory_stream_pair()[0]
    await first_word(stream)
