import pytest
import trio
from tests.support.central import START
from tests.support.failing_ledger import FailingLedger
from trio.testing import MockClock, wait_all_tasks_blocked

from ocpp_actors.clock import TrioClock
from ocpp_actors.ledger.bridge import open_ledger
from ocpp_actors.ledger.port import Ledger, MarkCommandSent
from ocpp_actors.operator.health import KEPT_FOR, LAG_EVERY, LAG_KEPT, LAG_LIMIT, LEDGER_TIME, Health, LoopLag


def make(
    ledger: Ledger, lag: LoopLag | None = None, *, listening: bool = True, testing: bool = False
) -> Health:
    return Health(ledger, lag or LoopLag(), TrioClock(START), listening=lambda: listening, testing=testing)


async def test_a_server_that_runs_is_live() -> None:
    assert make(FailingLedger()).live() == (True, {"status": "ok", "testing": False})


async def test_a_server_that_can_serve_is_ready(autojump_clock: MockClock) -> None:
    assert await make(FailingLedger()).ready() == (
        True,
        {
            "status": "ok",
            "testing": False,
            "checks": {"listener": "ok", "ledger": "ok", "eventLoop": "ok"},
            "loopLagSeconds": 0.0,
        },
    )


async def test_testing_is_shown(autojump_clock: MockClock) -> None:
    health = make(FailingLedger(), testing=True)
    assert health.live()[1]["testing"] is True
    assert (await health.ready())[1]["testing"] is True


async def test_without_a_listener_it_is_not_ready(autojump_clock: MockClock) -> None:
    healthy, shown = await make(FailingLedger(), listening=False).ready()
    assert (healthy, shown["status"]) == (False, "failing")
    assert shown["checks"]["listener"] == "charge points cannot connect"


async def test_without_a_ledger_it_is_not_ready_until_that_is_back(autojump_clock: MockClock) -> None:
    ledger = FailingLedger()
    health = make(ledger)
    ledger.unavailable()
    healthy, shown = await health.ready()
    assert (healthy, shown["checks"]["ledger"]) == (False, "disk full")
    ledger.recovers()
    await trio.sleep(KEPT_FOR)
    assert (await health.ready())[0] is True


async def test_a_ledger_that_hangs_has_a_deadline_and_holds_up_nobody_twice(
    autojump_clock: MockClock,
) -> None:
    ledger = FailingLedger()
    ledger.hangs()
    health = make(ledger)
    verdicts: list[bool] = []

    async def ask() -> None:
        verdicts.append((await health.ready())[0])

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(ask)
    assert verdicts == [False] * 50
    assert trio.current_time() - began == LEDGER_TIME
    assert len(ledger.asked) == 1


async def test_the_ledger_is_asked_at_most_once_a_second(autojump_clock: MockClock) -> None:
    ledger = FailingLedger()
    health = make(ledger)
    for _ in range(10):
        await health.ready()
    assert ledger.count(MarkCommandSent) == 1
    await trio.sleep(KEPT_FOR)
    await health.ready()
    assert ledger.count(MarkCommandSent) == 2


async def test_who_asks_and_leaves_keeps_nobody_from_asking(autojump_clock: MockClock) -> None:
    ledger = FailingLedger()
    ledger.hangs()
    health = make(ledger)
    with trio.move_on_after(LEDGER_TIME / 2):
        await health.ready()
    ledger.recovers()
    assert (await health.ready())[0] is True


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_real_ledger_takes_the_request(kind: str, tmp_path: object) -> None:
    url = "memory:" if kind == "memory" else f"sqlite:///{tmp_path}/ledger.db"
    async with open_ledger(url) as ledger:
        assert (await make(ledger).ready())[1]["checks"]["ledger"] == "ok"


# --- lag -------------------------------------------------------------------------------------------------------


async def measure(clock: MockClock, *late: float) -> tuple[LoopLag, list[float]]:
    """Measure as often as told, each time as late as told."""
    told: list[float] = []
    lag = LoopLag(told.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lag.run)
        for seconds in late:
            await wait_all_tasks_blocked()
            clock.jump(LAG_EVERY + seconds)
            await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    return lag, told


async def test_lag_is_how_late_a_task_is_woken(mock_clock: MockClock) -> None:
    lag, told = await measure(mock_clock, 0.0, 0.25, 0.125)
    assert told == [0.0, 0.25, 0.125]
    assert lag.worst == 0.25


async def test_before_the_first_measurement_there_is_no_lag() -> None:
    assert LoopLag().worst == 0.0


async def test_lag_above_the_limit_is_not_ready_and_passes(mock_clock: MockClock) -> None:
    late, _ = await measure(mock_clock, LAG_LIMIT + 0.5)
    healthy, shown = await make(FailingLedger(), late).ready()
    assert (healthy, shown["checks"]["eventLoop"]) == (False, "it was late by 1.5 s")
    assert shown["loopLagSeconds"] == 1.5
    past, _ = await measure(mock_clock, LAG_LIMIT + 0.5, *[0.0] * LAG_KEPT)
    assert (await make(FailingLedger(), past).ready())[0] is True
