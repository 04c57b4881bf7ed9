"""A charge point is left as it was found, also by a scenario that fails halfway; what it says is read in order."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from tests.testbench.benches import bench_of, left_at, reported, station_of
from trio.testing import MockClock

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import Failed, Skipped
from ocpp_actors.testbench.simulated.charge_point import SimulatedChargePoint
from ocpp_actors.testbench.steps.attending import Attended, attended
from ocpp_actors.testbench.steps.comparing import expect_same, same
from ocpp_actors.testing.in_process import open_in_process


@asynccontextmanager
async def bench_with_station() -> AsyncIterator[tuple[Bench, SimulatedChargePoint]]:
    async with open_in_process() as central, station_of(central, "CP1") as station:
        yield bench_of(central, "S", station), station


async def charging(charger: Attended, card: str) -> None:
    await charger.charges(card)


async def charging_offline(charger: Attended, card: str) -> None:
    await charger.charges(card)
    await charger.lose_link()


async def configured(charger: Attended, card: str) -> None:
    await charger.configure("ConnectionTimeOut", "7")
    await charger.configure("ConnectionTimeOut", "8")


async def reserved(charger: Attended, card: str) -> None:
    await charger.reserve(card)
    await charger.reports("Reserved")


async def inoperative(charger: Attended, card: str) -> None:
    charger.afterwards("ChangeAvailability", {"connectorId": 1, "type": "Operative"})
    await charger.ask("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}, "Accepted")


async def without_power(charger: Attended, card: str) -> None:
    await charger.lose_power()


async def fail_halfway(bench: Bench, half: Callable[[Attended, str], Awaitable[None]]) -> None:
    async with attended(bench) as charger:
        await half(charger, await bench.id_tag())
        raise Failed("halfway")


HALFWAY = [charging, charging_offline, configured, reserved, inoperative, without_power]


@pytest.mark.parametrize("half", [pytest.param(each, id=each.__name__) for each in HALFWAY])
async def test_what_a_failed_scenario_did_is_undone(
    half: Callable[[Attended, str], Awaitable[None]], autojump_clock: MockClock
) -> None:
    async with bench_with_station() as (bench, station):
        before = left_at(station)
        with pytest.raises(Failed, match="halfway"):
            await fail_halfway(bench, half)
        await trio.sleep(60)
        assert left_at(station) == before


async def test_a_charge_point_that_is_in_use_is_told_as_such(autojump_clock: MockClock) -> None:
    async with bench_with_station() as (bench, station):
        await station.plug_in()
        await reported(station, 1, "Preparing")
        with pytest.raises(Failed, match="not free: connector 1 is Preparing"):
            async with attended(bench):
                pass


async def test_a_key_that_there_is_not_skips_the_scenario(autojump_clock: MockClock) -> None:
    async with bench_with_station() as (bench, _), attended(bench) as charger:
        with pytest.raises(Skipped, match="no configuration key NoSuchKey"):
            await charger.configure("NoSuchKey", "1")
        with pytest.raises(Skipped, match="NumberOfConnectors=5 with Rejected"):
            await charger.configure("NumberOfConnectors", "5")
        with pytest.raises(Skipped, match="ReserveConnectorZeroSupported=true"):
            await charger.needs("ReserveConnectorZeroSupported", "false")


async def test_a_message_that_was_read_is_not_read_again(autojump_clock: MockClock) -> None:
    async with bench_with_station() as (bench, station), attended(bench) as charger:
        await station.plug_in()
        await charger.reports("Preparing")
        await charger.leaves()
        with pytest.raises(trio.TooSlowError):
            await charger.reports("Preparing")


async def test_an_answer_with_another_status_fails(autojump_clock: MockClock) -> None:
    async with bench_with_station() as (bench, _), attended(bench) as charger:
        with pytest.raises(Failed, match="answer to CancelReservation: expected 'Accepted', got 'Rejected'"):
            await charger.ask("CancelReservation", {"reservationId": 4711}, "Accepted")


def test_payloads_say_the_same_however_they_are_written() -> None:
    assert same({"at": "2026-03-01T12:00:00Z", "n": [1]}, {"n": [1.0], "at": "2026-03-01T13:00:00.000+01:00"})
    assert not same({"at": "2026-03-01T12:00:00Z"}, {"at": "2026-03-01T12:00:01Z"})
    assert not same({"text": "a"}, {"text": "b"})
    assert not same({"list": [1]}, {"list": [1, 2]})
    assert not same({"a": None}, {})


def test_only_what_differs_is_told() -> None:
    with pytest.raises(Failed, match=r"^it: expected \{'b': 2, 'c': None\}, got \{'b': 3, 'c': 4\}$"):
        expect_same({"a": 1, "b": 3, "c": 4}, {"a": 1, "b": 2}, "it")
