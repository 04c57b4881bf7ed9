"""Two connections of one identity: the newer wins at once, in every interleaving."""

import pytest
import trio
from tests.faults.injection import TASKS, Injector, covered
from tests.faults.play import play
from tests.faults.scenarios import CALL_TIMEOUT, Scenario, say_nothing
from tests.faults.world import IDENTITY, World

from ocpp_actors.ledger.port import CommandState
from ocpp_actors.observer import Connected
from ocpp_actors.protocol.messages import ClearCache, UnlockConnector

pytestmark = [pytest.mark.heavy, pytest.mark.unmeasured]

SCHEDULES = 100


async def older_at_work(world: World) -> None:
    """Let the first connection boot, with a command in flight, one waiting and a CALL in hand."""
    world.replies["UnlockConnector"] = say_nothing
    older = await world.connect()
    await older.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
    if older.closed is None:
        await world.submit(UnlockConnector(connector_id=1))
        await world.submit(ClearCache())
        await trio.sleep(0.1)
        await older.send([2, world.new_id(), "Authorize", {"idTag": "TAG"}])


async def find_newest_only(world: World) -> None:
    """Show that the connection that was attached last is the only one left, and works."""
    attached = [event for event in world.central.told(Connected) if event.identity == IDENTITY]
    newest = next(line for line in world.lines if line.remote == attached[-1].remote)
    entry = world.central.fleet.find(IDENTITY)
    assert entry is not None
    for step in range(2):
        for line in world.lines:
            if line is not newest:
                await line.until(lambda: False)
                assert line.dropped or line.closed == (1008, "replaced")
        assert entry.session is not None, "the end of the older unregistered the newer"
        assert entry.session.remote == newest.remote
        assert entry.session.generation == max(event.generation for event in attached)
        assert len(world.central.fleet) == 2
        answer = await newest.call("Heartbeat", {})
        assert answer is not None
        assert answer[0] == 3
        if step == 0:
            await trio.sleep(5)  # whatever the older one still had to do
    command = await world.submit(ClearCache())
    assert await world.outcome(command) is CommandState.ANSWERED
    assert newest.closed is None


async def newer_arrives(world: World) -> None:
    """The newer connection begins when the injector says so, or at the end."""
    arrived = trio.Event()

    async def connect() -> None:
        await world.happened.wait()
        await world.connect()
        arrived.set()

    world.nursery.start_soon(connect)
    await older_at_work(world)
    world.happened.set()
    await arrived.wait()
    await find_newest_only(world)


async def older_ends(world: World) -> None:
    """The older connection is dropped when the injector says so, while the newer arrives."""

    async def drop() -> None:
        await world.happened.wait()
        await world.lines[0].drop()

    await older_at_work(world)
    world.nursery.start_soon(drop)
    world.injector.counts.clear()
    world.injector.counting = True
    await world.connect()
    world.happened.set()
    await find_newest_only(world)


async def both_at_once(world: World) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.connect)
        nursery.start_soon(world.connect)
    await find_newest_only(world)


@pytest.mark.parametrize("task", TASKS)
def test_newer_wins_whenever_it_comes(task: str) -> None:
    scenario, points = Scenario(newer_arrives, {"call_timeout": CALL_TIMEOUT}), 0
    while True:
        injector = Injector(task, at=points + 1)
        play(scenario, injector)
        if not injector.done:
            break
        points += 1
    assert points
    covered["arrivals"] += points


@pytest.mark.parametrize("task", TASKS)
def test_newer_stays_whenever_the_older_ends(task: str) -> None:
    scenario, points = Scenario(older_ends, {"call_timeout": CALL_TIMEOUT}), 0
    while True:
        injector = Injector(task, at=points + 1, counting=False)
        play(scenario, injector)
        if not injector.done:
            break
        points += 1
    covered["ends"] += points


def test_last_to_be_let_in_wins_in_any_order_of_tasks() -> None:
    winners = set()
    for schedule in range(SCHEDULES):
        play(
            Scenario(both_at_once),
            Injector(),
            schedule=schedule,
            check=lambda world, _: winners.add(world.central.told(Connected)[-1].remote),
        )
    assert len(winners) == 2, "the schedules are all alike"
