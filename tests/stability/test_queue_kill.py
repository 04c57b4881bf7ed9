"""Kill -9 at any moment: a queued call is delivered in its turn and at most once, and nobody is told wrong about it."""

import itertools
import random
from collections import Counter
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import trio
from attrs import define, field
from tests.support.client import open_charger
from tests.support.process import ServerProcess, open_server
from trio_websocket import ConnectionClosed, HandshakeError

pytestmark = [pytest.mark.heavy, pytest.mark.unmeasured]

KILLS: Final = 21
IDENTITIES: Final = tuple(f"CP{number}" for number in range(5))
ABSENT: Final = "ABSENT"
"""A charge point that is offline until the last round."""
CALLS_OFFLINE, CALLS_ONLINE = 2, 2
"""Calls that are queued for each charge point in each round, before it connects and from then on."""
A_DAY, AN_INSTANT = 86_400, 1
"""Times to live, in seconds."""
LONGEST: Final = 120.0


class At(Enum):
    """When the server is killed."""

    QUEUED = auto()
    """The API has confirmed so many calls."""
    ANSWERED = auto()
    """So many calls have been delivered, and the last of them was just answered."""
    UNANSWERED = auto()
    """So many calls have been delivered, and the last of them is not answered."""


@define(eq=False)
class Moment:
    """When the server is killed in one round."""

    at: At
    count: int
    come: trio.Event = field(factory=trio.Event)

    def happens(self, what: At) -> bool:
        """Count what happens if it is what is counted; tells whether it was the last one."""
        if what is not self.at or self.come.is_set():
            return False
        self.count -= 1
        return self.count == 0


@define(eq=False)
class ChargePoint:
    """What one charge point was asked through the API, and what it heard."""

    identity: str
    heard: list[int] = field(factory=list)
    """The serial numbers of the calls that were delivered, in order."""
    unanswered: set[int] = field(factory=set)
    unconfirmed: int | None = None
    """A call of which the API could not say that it is queued."""


@define(eq=False)
class World:
    """All that outlives the server."""

    charge_points: dict[str, ChargePoint]
    serials: "itertools.count[int]" = field(factory=lambda: itertools.count(1))
    asked: dict[int, int] = field(factory=dict)
    """Calls that were asked for, by serial number: their time to live."""
    call_ids: dict[int, int] = field(factory=dict)
    """Calls of which the API has said that they are queued: their ids."""
    repeated: int = 0


async def queue(
    client: httpx2.AsyncClient, world: World, identity: str, time_to_live: int, moment: Moment
) -> None:
    """Queue a call; one that the server left unconfirmed when it was killed is asked for again first."""
    charge_point = world.charge_points[identity]
    if charge_point.unconfirmed is None:
        charge_point.unconfirmed = next(world.serials)
        world.asked[charge_point.unconfirmed] = time_to_live
    else:
        world.repeated += 1
    serial = charge_point.unconfirmed
    answer = await client.post(
        f"/api/v1/charge-points/{identity}/calls/DataTransfer",
        params={"wait": "queue", "ttl": world.asked[serial]},
        json={"vendorId": "V", "messageId": str(serial)},
        headers={"Idempotency-Key": str(serial)},
    )
    assert answer.status_code == 202, answer.text
    world.call_ids[serial] = answer.json()["callId"]
    charge_point.unconfirmed = None
    if moment.happens(At.QUEUED):
        moment.come.set()


async def hear(server: ServerProcess, charge_point: ChargePoint, moment: Moment) -> None:
    """Answer whatever comes, until the server is gone."""
    try:
        async with open_charger(server.url, charge_point.identity) as charger:
            await charger.boot()
            while True:
                kind, message_id, action, payload = await charger.receive()
                assert (kind, action) == (2, "DataTransfer")
                serial = int(payload["messageId"])
                charge_point.heard.append(serial)
                if moment.happens(At.UNANSWERED):
                    charge_point.unanswered.add(serial)
                    moment.come.set()
                    await trio.sleep_forever()
                await charger.send([3, message_id, {"status": "Accepted"}])
                if moment.happens(At.ANSWERED):
                    moment.come.set()
    except* (ConnectionClosed, HandshakeError, OSError):
        pass


async def take_part(
    server: ServerProcess,
    client: httpx2.AsyncClient,
    world: World,
    identity: str,
    moment: Moment,
    nursery: trio.Nursery,
) -> None:
    """Queue calls for a charge point, let it come, and queue more."""
    try:
        for _ in range(CALLS_OFFLINE):
            await queue(client, world, identity, A_DAY, moment)
        nursery.start_soon(hear, server, world.charge_points[identity], moment)
        for _ in range(CALLS_ONLINE):
            await queue(client, world, identity, A_DAY, moment)
    except httpx2.TransportError:
        pass


async def leave_alone(client: httpx2.AsyncClient, world: World, moment: Moment) -> None:
    """Queue calls for the charge point that does not come, of which some do not live long."""
    try:
        for time_to_live in (AN_INSTANT, A_DAY):
            await queue(client, world, ABSENT, time_to_live, moment)
    except httpx2.TransportError:
        pass


async def play_round(server: ServerProcess, world: World, moment: Moment, chance: random.Random) -> None:
    async with httpx2.AsyncClient(base_url=server.api) as client, trio.open_nursery() as nursery:
        nursery.start_soon(leave_alone, client, world, moment)
        for identity in chance.sample(IDENTITIES, len(IDENTITIES)):
            nursery.start_soon(take_part, server, client, world, identity, moment, nursery)
        await moment.come.wait()
        await server.kill()
        nursery.cancel_scope.cancel()


async def listed(client: httpx2.AsyncClient, **query: str) -> list[dict[str, Any]]:
    """All calls, as the API lists them, page by page."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await client.get("/api/v1/calls", params={**query, **cursor, "limit": "100"})).json()
        found += page["items"]
        if page["nextCursor"] is None:
            return found
        cursor = {"cursor": page["nextCursor"]}


async def settle(server: ServerProcess, world: World) -> dict[int, dict[str, Any]]:
    """Let everybody come, wait until nothing waits, and return what the API tells of each call, by serial number."""
    never = Moment(At.QUEUED, 0)
    async with httpx2.AsyncClient(base_url=server.api) as client, trio.open_nursery() as nursery:
        for identity, charge_point in world.charge_points.items():
            if charge_point.unconfirmed is not None:
                await queue(client, world, identity, A_DAY, never)
        await until_none_is(client, world, "waiting", AN_INSTANT)
        for charge_point in world.charge_points.values():
            nursery.start_soon(hear, server, charge_point, never)
        for state in ("waiting", "sent"):
            await until_none_is(client, world, state, A_DAY)
        calls = {int(call["request"]["messageId"]): call for call in await listed(client)}
        for serial, call in calls.items():
            assert (await client.get(f"/api/v1/calls/{call['callId']}")).json() == call, serial
        nursery.cancel_scope.cancel()
    return calls


async def until_none_is(client: httpx2.AsyncClient, world: World, state: str, time_to_live: int) -> None:
    """Wait until no call with this time to live is in that state."""
    while True:
        serials = [int(call["request"]["messageId"]) for call in await listed(client, state=state)]
        if not any(world.asked[serial] == time_to_live for serial in serials):
            return
        await trio.sleep(0.05)


def check(world: World, calls: dict[int, dict[str, Any]]) -> Counter[str]:
    """Everything that was asked for has one outcome, and what the charge points heard agrees with it."""
    assert calls.keys() == world.asked.keys()
    assert {serial: call["callId"] for serial, call in calls.items()} == world.call_ids
    assert {call["status"] for call in calls.values()} <= {"answered", "unknown", "expired"}
    for charge_point in world.charge_points.values():
        ids = [world.call_ids[serial] for serial in charge_point.heard]
        assert ids == sorted(set(ids)), f"{charge_point.identity} heard out of order, or twice: {ids}"
        for serial in charge_point.heard:
            assert calls[serial]["chargePoint"] == charge_point.identity
        for serial in charge_point.unanswered:
            assert calls[serial]["status"] == "unknown"
    heard = {serial for charge_point in world.charge_points.values() for serial in charge_point.heard}
    for serial, call in calls.items():
        match call["status"]:
            case "answered":
                assert serial in heard
                assert call["response"] == {"status": "Accepted"}
            case "expired":
                assert serial not in heard
                assert world.asked[serial] == AN_INSTANT
    return Counter(call["status"] for call in calls.values())


async def test_queued_calls_survive_kill_9_and_are_never_sent_twice(
    tmp_path: Path, tallies: dict[str, Counter[str]]
) -> None:
    chance = random.Random(3)
    everybody = (*IDENTITIES, ABSENT)
    world = World({identity: ChargePoint(identity) for identity in everybody})
    moments = [Moment(list(At)[number % len(At)], chance.randrange(1, 11)) for number in range(KILLS)]
    async with open_server(tmp_path, message_log="off") as server:
        async with httpx2.AsyncClient(base_url=server.api) as client:
            for identity in everybody:
                assert (await client.put(f"/api/v1/charge-points/{identity}", json={})).status_code == 201
        await server.kill()
    for moment in moments:
        with trio.fail_after(LONGEST):
            async with open_server(tmp_path, message_log="off") as server:
                await play_round(server, world, moment, chance)
    with trio.fail_after(LONGEST):
        async with open_server(tmp_path, message_log="off") as server:
            calls = await settle(server, world)
    outcomes = check(world, calls)
    unanswered = sum(len(each.unanswered) for each in world.charge_points.values())
    assert unanswered == sum(moment.at is At.UNANSWERED for moment in moments)
    assert outcomes["expired"] > 0
    tallies["queued calls"].update(
        {
            "kills": KILLS,
            "queued": len(calls),
            "heard": sum(len(each.heard) for each in world.charge_points.values()),
            "repeated": world.repeated,
            **outcomes,
        }
    )
