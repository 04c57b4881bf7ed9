"""What a charger and the central system do with each other while a fault happens.

Each goes on in spite of the fault, as a charger does: it connects again and says again what got no answer.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import trio
from attrs import define, field
from tests.faults.world import IDENTITY, SILENCE_LIMIT, Line, World

from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.central_system.router import Router
from ocpp_actors.ledger.memory import MemoryLedger
from ocpp_actors.ledger.port import CommandState, ListMeterValues, ListTransactions
from ocpp_actors.protocol.messages import (
    BootNotification,
    ClearCache,
    GetConfiguration,
    Reset,
    ResetType,
    UnlockConnector,
)
from ocpp_actors.server.fleet import Fleet

CALL_TIMEOUT = 4.0
TIME = "2026-03-01T12:00:00Z"


@define(eq=False)
class Scenario:
    run: Callable[[World], Awaitable[None]]
    settings: dict[str, Any] = field(factory=dict)

    @property
    def name(self) -> str:
        return self.run.__name__.replace("_", " ")


def router_with_follow_up(fleet: Callable[[], Fleet]) -> Router:
    """A router that asks the charger for its configuration after it has booted."""
    router = default_router()

    @router.after(BootNotification)
    async def ask(_request: BootNotification, context: Context) -> None:
        if context.identity == IDENTITY:
            await fleet().call(IDENTITY, GetConfiguration())

    return router


async def say_nothing(_line: Line, _message_id: str) -> None:
    """Leave a CALL unanswered."""
    await trio.lowlevel.checkpoint()


async def boot_and_heartbeats(world: World) -> None:
    await world.boot()
    await world.say("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
    for _ in range(2):
        await trio.sleep(1)
        await world.say("Heartbeat", {})


async def transaction(world: World) -> None:
    await world.say("Authorize", {"idTag": "TAG"})
    start = {"connectorId": 1, "idTag": "TAG", "meterStart": 100, "timestamp": TIME}
    transaction_id = (await world.say("StartTransaction", start))["transactionId"]
    for value in ("150", "200"):
        sample = [{"timestamp": TIME, "sampledValue": [{"value": value}]}]
        await world.say(
            "MeterValues", {"connectorId": 1, "transactionId": transaction_id, "meterValue": sample}
        )
    await world.say("StopTransaction", {"transactionId": transaction_id, "meterStop": 300, "timestamp": TIME})
    assert isinstance(world.central.ledger, MemoryLedger)
    (kept,) = world.central.ledger.carry_out(ListTransactions())
    assert kept.transaction_id == transaction_id
    assert kept.meter_stop == 300
    assert len(world.central.ledger.carry_out(ListMeterValues(transaction_id=transaction_id))) == 2


async def duplicates(world: World) -> None:
    line = await world.online()
    first, other = [2, "dup", "Authorize", {"idTag": "A"}], [2, "dup", "Authorize", {"idTag": "B"}]
    await line.send(first)
    await line.send(first)
    await line.answer("dup")
    await line.send(first)
    await line.answer("dup", 2)
    await line.send(other)
    await line.send(first)
    await line.send([2, "next", "Heartbeat", {}])
    await line.send([2, "short"])
    await line.send("no JSON")
    await line.send([3, "foreign", {}])
    await line.answer("short")
    if not world.injector.done:
        assert [answer[0] for answer in line.answers["dup"]] == [3, 3, 3, 4]
        assert len(line.answers["next"]) == len(line.answers["short"]) == 1


async def commands(world: World) -> None:
    async def refuse(line: Line, message_id: str) -> None:
        await line.send([4, message_id, "NotSupported", "", {}])

    async def reply_late(line: Line, message_id: str) -> None:
        await trio.sleep(CALL_TIMEOUT + 1)
        await line.send([3, message_id, {}])

    async def reply_badly(line: Line, message_id: str) -> None:
        await line.send([3, message_id, {"status": "Perhaps"}])

    world.replies |= {"UnlockConnector": refuse, "GetConfiguration": reply_late, "Reset": reply_badly}
    await world.come_online()
    requests = (
        ClearCache(), UnlockConnector(connector_id=1), GetConfiguration(), Reset(type=ResetType.SOFT), ClearCache()
    )  # fmt: skip
    submitted = [await world.submit(request) for request in requests]
    await world.say("Authorize", {"idTag": "TAG"})
    states = [await world.outcome(command) for command in submitted]
    await trio.sleep(2)
    states.append(await world.outcome(await world.submit(ClearCache())))
    if not world.injector.done:
        assert states == ["answered", "callError", "timeout", "invalid", "answered", "answered"]


async def pings_with_pongs(world: World) -> None:
    line = await world.online()
    await trio.sleep(7)
    if not world.injector.done:
        assert line.closed is None


async def pings_without_pongs(world: World) -> None:
    line = await world.online()
    await trio.sleep(4)
    line.ours.mute = True
    silent_since = trio.current_time()
    await line.until(lambda: False)
    if not world.injector.done:
        assert line.closed_at - silent_since < SILENCE_LIMIT / 2
    await world.online()


async def durable_commands(world: World) -> None:
    expired = await world.queue(Reset(type=ResetType.HARD), seconds=1)
    before = await world.queue(ClearCache())
    await trio.sleep(2.5)
    await world.boot()
    queued = [expired, before, await world.queue(GetConfiguration()), await world.submit(ClearCache())]
    states = [await world.outcome(command) for command in queued]
    if not world.injector.done:
        assert states == ["expired", "answered", "answered", "answered"]


async def takeover(world: World) -> None:
    world.replies["UnlockConnector"] = say_nothing
    older = await world.come_online()
    lost, kept = await world.submit(UnlockConnector(connector_id=1)), await world.submit(ClearCache())
    await trio.sleep(0.1)
    await older.send([2, world.new_id(), "Authorize", {"idTag": "TAG"}])
    newer = await world.connect()
    await older.until(lambda: False)
    await world.say("Heartbeat", {})
    states = [await world.outcome(lost), await world.outcome(kept)]
    if not world.injector.done:
        assert older.closed == (1008, "replaced")
        assert newer.closed is None
        assert states == [CommandState.LOST, CommandState.ANSWERED]


async def shutdown(world: World) -> None:
    world.replies["UnlockConnector"] = say_nothing
    line = await world.come_online()
    command = await world.submit(UnlockConnector(connector_id=1))
    await trio.sleep(0.1)
    ids = [world.new_id(), world.new_id()]
    for message_id in ids:
        await line.send([2, message_id, "Authorize", {"idTag": "TAG"}])
    await trio.sleep(0.005)
    session = world.session
    if session is not None:
        session.drain()
        await line.until(lambda: False)
    await world.outcome(command)
    if not world.injector.done:
        assert line.closed == (1001, "the central system is shutting down")
        assert [line.answers[message_id][0][0] for message_id in ids] == [3, 3]


async def peer_vanishes(world: World) -> None:
    world.replies["UnlockConnector"] = say_nothing
    line = await world.come_online()
    sent = await world.queue(UnlockConnector(connector_id=1))
    await trio.sleep(0.1)
    waiting = await world.submit(ClearCache())
    await line.send([2, world.new_id(), "Authorize", {"idTag": "TAG"}])
    await trio.sleep(0.005)
    await line.drop()
    states = [await world.outcome(sent), await world.outcome(waiting)]
    if not world.injector.done:
        assert states == [CommandState.LOST, CommandState.LOST]
    line = await world.online()
    line.theirs.stalled = True
    await line.send([2, world.new_id(), "Heartbeat", {}])
    await line.until(lambda: False)


async def silence(world: World) -> None:
    await world.come_online()
    await world.find_tree_whole()


PINGS = {"ping_interval": 3.0, "ping_timeout": 2.0}
SCENARIOS = (
    Scenario(boot_and_heartbeats),
    Scenario(transaction),
    Scenario(duplicates),
    Scenario(commands, {"call_timeout": CALL_TIMEOUT}),
    Scenario(pings_with_pongs, PINGS),
    Scenario(pings_without_pongs, PINGS),
    Scenario(durable_commands),
    Scenario(takeover),
    Scenario(shutdown),
    Scenario(peer_vanishes),
    Scenario(silence),
)
