"""Is the charger still there? Any traffic is life."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing
from tests.support.central import START, open_central
from tests.support.connection import FakeConnection, session_on

from ocpp_actors.charge_point.heartbeat_monitor import run_heartbeat_monitor
from ocpp_actors.charge_point.session import SessionOver
from ocpp_actors.ledger.port import AdmitChargePoint, ChargePointSettings, SetChargePointSettings
from ocpp_actors.observer import Disconnected

LIMIT = 100_000


async def monitored(
    *,
    until: float = LIMIT,
    life: Callable[[FakeConnection], Any] | None = None,
    pings: bool = True,
    **settings: Any,
) -> tuple[FakeConnection, SessionOver | None, float]:
    """Run the monitor beside what the peer does; return the connection, how it ended, and when."""
    connection = FakeConnection()
    session = session_on(connection, pings=pings, **settings)
    over = None
    with trio.move_on_after(until):
        async with trio.open_nursery() as nursery:
            if life is not None:
                nursery.start_soon(life, connection)
            try:
                await run_heartbeat_monitor(session)
            except SessionOver as ended:
                over = ended
            nursery.cancel_scope.cancel()
    return connection, over, trio.current_time()


def every(seconds: float, do: Callable[[FakeConnection], None], times: float = math.inf) -> Any:
    async def run(connection: FakeConnection) -> None:
        done = 0
        while done < times:
            await trio.sleep(seconds)
            do(connection)
            done += 1

    return run


def bytes_come(connection: FakeConnection) -> None:
    connection.last_received = trio.current_time()


def pong_comes(connection: FakeConnection) -> None:
    connection.last_received = connection.last_pong = trio.current_time()


async def test_a_silent_charger_is_given_up_after_the_silence_limit(autojump_clock: Any) -> None:
    _, over, at = await monitored(ping_interval=0.0, silence_limit=900.0)
    assert over is not None
    assert (over.code, over.abort) == (1006, True)
    assert "nothing received for 900 s" in over.reason
    assert at == 900


async def test_any_traffic_moves_the_silence_limit(autojump_clock: Any) -> None:
    _, over, at = await monitored(
        ping_interval=0.0, silence_limit=100.0, life=every(99, bytes_come, times=10)
    )
    assert over is not None
    assert at == 990 + 100


async def test_a_silence_limit_of_zero_is_none(autojump_clock: Any) -> None:
    _, over, at = await monitored(ping_interval=0.0, silence_limit=0.0)
    assert over is None
    assert at == LIMIT


async def test_a_ping_is_written_every_interval(autojump_clock: Any) -> None:
    connection, over, _ = await monitored(ping_interval=30.0, life=every(30.5, pong_comes), until=100)
    assert over is None
    assert connection.pings == [30, 60, 90]


async def test_pings_keep_to_their_schedule_when_the_server_is_late(
    mock_clock: trio.testing.MockClock,
) -> None:
    """Those that were late together are not written together from then on."""
    connection = FakeConnection()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_heartbeat_monitor, session_on(connection, ping_interval=30, silence_limit=0))
        for passed in (35, 25, 29, 1, 100, 19, 1):
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(passed)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert connection.pings == [35, 60, 90, 190, 210]


@pytest.mark.parametrize(("pings", "interval"), [(True, 0.0), (False, 30.0)])
async def test_no_pings_are_written_where_they_are_switched_off(
    autojump_clock: Any, pings: bool, interval: float
) -> None:
    connection, over, at = await monitored(pings=pings, ping_interval=interval, silence_limit=500.0)
    assert connection.pings == []
    assert over is not None
    assert at == 500


async def test_a_missing_pong_does_not_count_before_the_first_one(autojump_clock: Any) -> None:
    connection, over, at = await monitored(ping_interval=30.0, ping_timeout=10.0, silence_limit=600.0)
    assert over is not None
    assert "nothing received" in over.reason
    assert at == 600
    assert len(connection.pings) == 19


async def test_a_missing_pong_counts_after_the_first_one(autojump_clock: Any) -> None:
    _, over, at = await monitored(
        ping_interval=30.0, ping_timeout=10.0, silence_limit=600.0, life=every(30.1, pong_comes, times=1)
    )
    assert over is not None
    assert (over.code, over.abort) == (1006, True)
    assert "a ping was not answered within 10 s" in over.reason
    assert at == 70


async def test_other_traffic_stands_in_for_a_pong(autojump_clock: Any) -> None:
    async def life(connection: FakeConnection) -> None:
        await trio.sleep(30.1)
        pong_comes(connection)
        await every(7, bytes_come, times=100)(connection)

    _, over, at = await monitored(ping_interval=30.0, ping_timeout=10.0, silence_limit=600.0, life=life)
    assert over is not None
    assert "a ping was not answered" in over.reason
    # The last traffic was at 730.1, the ping after it at 750 was not answered.
    assert at == 760


async def test_a_ping_timeout_longer_than_the_interval_is_waited_out(autojump_clock: Any) -> None:
    connection, over, at = await monitored(
        ping_interval=10.0, ping_timeout=35.0, silence_limit=600.0, life=every(10.1, pong_comes, times=1)
    )
    assert over is not None
    # The ping at 10 was answered, which is seen at 20; the one then is not.
    assert at == 55
    assert connection.pings == [10, 20, 30, 40, 50]


async def test_a_charger_that_answers_pings_and_nothing_else_stays(autojump_clock: Any) -> None:
    async with open_central(ping_interval=30.0, silence_limit=100.0) as central, central.charger():
        await trio.sleep(10_000)
        assert len(central.fleet) == 1


async def test_a_charger_that_only_sends_pings_stays(autojump_clock: Any) -> None:
    async with open_central(silence_limit=100.0) as central, central.charger() as charger:
        for _ in range(10):
            await trio.sleep(90)
            await charger.connection.ping()
        assert len(central.fleet) == 1
        await trio.sleep(101)
        assert len(central.fleet) == 0
        [event] = central.told(Disconnected)
        assert event.code == 1006


async def test_pings_can_be_switched_off_for_one_charger(autojump_clock: Any) -> None:
    async with open_central(ping_interval=30.0, silence_limit=100.0) as central:
        await central.ledger.ask(AdmitChargePoint("CP1", START))
        await central.ledger.ask(SetChargePointSettings("CP1", ChargePointSettings(pings=False)))
        async with central.charger(), central.charger("CP2"):
            await trio.sleep(101)
            # Without pings nothing provokes traffic of the first one.
            assert [session.identity for session in central.fleet.sessions()] == ["CP2"]
