"""Many charge points with something going on, and what is counted of them."""

import random
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from ocpp_actors.testbench.simulated.charge_point import SimulatedChargePoint
from ocpp_actors.testbench.simulated.crowd import Crowd
from ocpp_actors.testbench.simulated.personality import WELL_BEHAVED, Dialing, Personality
from ocpp_actors.testbench.simulated.tally import Latencies
from ocpp_actors.testbench.simulated.traffic import Traffic, car
from ocpp_actors.testing.in_process import InProcess, open_in_process


def crowd_at(central: InProcess, count: int = 10, **more: Any) -> Crowd:
    return Crowd(
        **{
            "target": central.target,
            "identities": [f"S{number}" for number in range(count)],
            "clock": central.clock,
            "chance": random.Random(1),
            "personality": WELL_BEHAVED,
            **more,
        }
    )


async def live(crowd: Crowd, seconds: float) -> None:
    over = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(crowd.run, over)
        await trio.sleep(seconds)
        over.set()


async def test_an_idle_crowd(autojump_clock: MockClock) -> None:
    async with open_in_process() as central:
        crowd = crowd_at(central, starts=2.0)
        await live(crowd, 60)
        tally = crowd.tally
        assert (tally.connected, tally.opened, tally.lost, tally.refused) == (0, 10, 10, 0)
        assert (tally.sent, tally.started, sum(tally.call_errors.values())) == (30, 0, 0)
        opened = [station.wire.changes[0].at for station in crowd.stations]
        assert opened == [number / 2 for number in range(10)]
        assert {station.wire.changes[-1].code for station in crowd.stations} == {1000}
        assert crowd.failure is None


async def test_cars_come_charge_and_leave(autojump_clock: MockClock) -> None:
    async with open_in_process() as central:
        activity = Traffic(arrival=60, stay=300, id_tags=("A", "B"))
        crowd = crowd_at(central, count=5, connector_count=2, activity=activity)
        await live(crowd, 1800)
        transactions = await central.operator.items("/transactions", limit=500)
        assert crowd.tally.started == len(transactions) > 20
        assert {each["idTag"] for each in transactions} == {"A", "B"}
        reasons = {each["stopReason"] for each in transactions if each["stopReason"]}
        assert reasons == {"Local", "EVDisconnected"}
        assert crowd.tally.stopped == sum(each["stoppedAt"] is not None for each in transactions)
        assert sum(each["energyWh"] or 0 for each in transactions) > 5_000
        assert crowd.tally.call_errors == {}


async def test_the_same_seed_leaves_the_same_to_chance(autojump_clock: MockClock) -> None:
    async def starts() -> list[Any]:
        async with open_in_process() as central:
            crowd = crowd_at(central, count=3, activity=Traffic(arrival=30, stay=60))
            await live(crowd, 300)
            transactions = await central.operator.items("/transactions", limit=500)
            return sorted((each["chargePoint"], each["idTag"], each["meterStart"]) for each in transactions)

    assert await starts() == await starts() != []


def stumbles(dialing: Dialing) -> Dialing:
    if dialing.identity == "S1":
        raise ZeroDivisionError("S1 stumbles")
    return dialing


class Accidents(Traffic):
    async def run(self, station: SimulatedChargePoint, connector_id: int, chance: random.Random) -> None:
        await trio.sleep(5)
        if station.identity == "S1":
            raise ZeroDivisionError("S1 stumbles")
        await super().run(station, connector_id, chance)


@pytest.mark.parametrize(
    "how", [{"personality": Personality(dialing=(stumbles,))}, {"activity": Accidents(arrival=5, stay=60)}]
)
async def test_one_that_breaks_breaks_alone(autojump_clock: MockClock, how: dict[str, Any]) -> None:
    async with open_in_process() as central:
        crowd = crowd_at(central, count=3, **how)
        over = trio.Event()
        with capture_logs() as said:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(crowd.run, over)
                await trio.sleep(60)
                assert crowd.tally.connected == 2
                assert [station.wire.connected for station in crowd.stations] == [True, False, True]
                over.set()
    assert list(crowd.broken) == ["S1"]
    assert repr(crowd.broken["S1"]) == "ZeroDivisionError('S1 stumbles')"
    (told,) = [each for each in said if each["event"] == "a simulated charge point broke"]
    assert (told["charge_point"], told["broken"], told["exc_info"]) == ("S1", "1 of 3", crowd.broken["S1"])


async def test_refusals_and_call_errors_are_counted(autojump_clock: MockClock) -> None:
    async with open_in_process(admission="known") as central:
        crowd = crowd_at(central, count=2)
        await live(crowd, 5)
        assert crowd.tally.opened == 0
        assert crowd.tally.refused >= 2
        assert "404" in str(crowd.failure)
    async with open_in_process(first_boot="Rejected") as central:
        crowd = crowd_at(central, count=1)
        crowd.tally.call_errors["nothing"] = 0
        await live(crowd, 5)
        assert crowd.tally.sent == 1


def test_a_car_of_chance_ends_full() -> None:
    chance = random.Random(1)
    for _ in range(100):
        curve = car(chance)
        assert curve.steps[-1][1] == 0
        assert 0 <= curve.begins_at < 1


def test_no_quantile_of_nothing() -> None:
    latencies = Latencies()
    assert latencies.quantile(0.5) is None
    latencies.add(2.0)
    assert latencies.quantile(0.5) == 2.0
