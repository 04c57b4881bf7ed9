"""Simulators and chargers that run already, for a session; with a program of the tests' own in the place of the
simulator.
"""

import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import trio
from attrs import define, field
from tests.support.waiting import eventually
from tests.testbench.microocpp.alive import processes_in
from tests.testbench.microocpp.conftest import MakeFake, fake
from tests.testbench.session.running import profile_of

from ocpp_actors.testbench.bench import BOOT
from ocpp_actors.testbench.chargers.outside import open_attached, open_microocpp
from ocpp_actors.testbench.chargers.unit import Surroundings, Unit
from ocpp_actors.testbench.client import open_client
from ocpp_actors.testbench.links.network import open_network
from ocpp_actors.testbench.microocpp.api import ApiFailed
from ocpp_actors.testbench.microocpp.instance import InstanceFailed, open_instance
from ocpp_actors.testbench.microocpp.station import MicroOcppStation
from ocpp_actors.testbench.microocpp.store import Seed
from ocpp_actors.testbench.profiles.profile import Chargers
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.target import Target, target_of
from ocpp_actors.testbench.wire import Wire
from ocpp_actors.testing.in_process import InProcess, open_in_process

__all__ = ["fake"]

BEFORE = "ws://127.0.0.1:9/ocpp"
PATIENCE = 60.0


@define
class Place:
    """What a session gives to a group of chargers."""

    around: Surroundings
    central: InProcess
    wires: dict[str, Wire] = field(factory=dict)
    troubles: list[str] = field(factory=list)
    said: list[str] = field(factory=list)


@asynccontextmanager
async def open_place(directory: Path, *identities: str, anywhere: bool = False) -> AsyncIterator[Place]:
    wires: dict[str, Wire] = {}
    troubles: list[str] = []
    said: list[str] = []

    def new_wire(identity: str, *, tapped: bool) -> Wire:
        assert tapped
        return wires.setdefault(identity, Wire(identity))

    with trio.fail_after(PATIENCE):
        async with (
            open_in_process() as central,
            open_network(chance=random.Random(1), wire_of=wires.get) as network,
        ):
            around = Surroundings(
                target=Target("ws://127.0.0.1/ocpp", central.target.dial),
                network=network,
                faulty=False,
                clock=central.clock,
                identities=identities,
                new_wire=new_wire,
                seed=1,
                id_tag="TAG1",
                anywhere=anywhere,
                directory=directory,
                trouble=troubles.append,
                say=said.append,
            )
            yield Place(around, central, wires, troubles, said)


def group_of(text: str) -> Chargers:
    (group,) = profile_of(f"[[chargers]]\n{text}\n").chargers
    return group


async def nobody(what: str) -> None:
    raise AssertionError(what)


async def end(unit: Unit, status: int) -> None:
    """Let a simulator end by itself."""
    assert isinstance(unit.station, MicroOcppStation)
    async with httpx2.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx2.HTTPError):
            await client.post(f"{unit.station.api.url}/api/end", json=status)


async def test_simulators_are_off_until_they_are_switched_on(fake: MakeFake, tmp_path: Path) -> None:
    group = group_of("kind = 'microocpp'\ncount = 2\nreconnect_interval = 7")
    async with open_place(tmp_path, "lab-C1", "lab-C2") as place:
        async with open_microocpp(fake(), group, place.around) as units:
            assert [each.station.identity for each in units] == ["lab-C1", "lab-C2"]
            assert list(place.wires) == ["lab-C1", "lab-C2"]
            assert processes_in(tmp_path) == []
            for each in units:
                await each.station.power_on()
            assert len(processes_in(tmp_path)) == 2
            station = units[1].station
            assert isinstance(station, MicroOcppStation)
            connection = await station.api.connection()
            assert (connection.identity, connection.reconnect_interval) == ("lab-C2", 7)
            assert connection.backend_url.startswith("ws://127.0.0.1:")
            assert {Feature.POWER, Feature.LINK} < station.features
        assert processes_in(tmp_path) == []
    assert place.troubles == []


async def test_the_crash_of_one_is_its_own_trouble(fake: MakeFake, tmp_path: Path) -> None:
    group = group_of("kind = 'microocpp'\ncount = 2")
    async with (
        open_place(tmp_path, "lab-C1", "lab-C2") as place,
        open_microocpp(fake(), group, place.around) as units,
    ):
        for each in units:
            await each.station.power_on()
        await end(units[0], 3)
        await eventually(lambda: place.troubles)
        assert len(place.troubles) == 1
        assert place.troubles[0].startswith("the simulator lab-C1 ended with status 3; all that it printed")
        with pytest.raises(InstanceFailed, match="lab-C1 has no power since it failed: switch it on first"):
            await units[0].station.plug_in()
        await units[1].station.plug_in()
        await units[0].station.power_off()
        await units[0].station.power_on()
        await units[0].station.plug_in()
    assert len(place.troubles) == 1


async def test_none_that_can_be_started(fake: MakeFake, tmp_path: Path) -> None:
    group = group_of("kind = 'microocpp'\ncount = 2")
    async with (
        open_place(tmp_path, "lab-C1", "lab-C2") as place,
        open_microocpp(fake("fleeting"), group, place.around) as units,
    ):
        for each in units:
            with pytest.raises(InstanceFailed, match="has no power since it failed"):
                await each.station.power_on()
    assert ["ended by itself more than 10 times" in each for each in place.troubles] == [True, True]


async def test_simulators_that_run_are_pointed_at_us_and_back(fake: MakeFake, tmp_path: Path) -> None:
    seed = Seed(identity="SIM001", backend_url=BEFORE)
    told = tmp_path / "sim" / "mo_store" / "plugs.json"
    async with open_place(tmp_path) as place, open_instance(fake(), seed, tmp_path / "sim") as instance:
        group = group_of(f"kind = 'attached'\napi = ['{instance.api.url}']")
        async with open_attached(group, place.around, nobody) as units:
            url = json.loads(told.read_text())["backendUrl"]
            assert url.startswith("ws://127.0.0.1:")
            (unit,) = units
            assert unit.station.identity == "SIM001"
            await unit.station.plug_in()
            async with open_client(target_of(url), "SIM001") as client:
                await client.call("BootNotification", BOOT)
            assert place.wires["SIM001"].answered("BootNotification")
        assert json.loads(told.read_text())["backendUrl"] == BEFORE
        assert (await instance.api.evse()).ev_plugged
    assert place.said == []


async def test_a_simulator_is_given_an_address_that_works(fake: MakeFake, tmp_path: Path) -> None:
    seed = Seed(identity="SIM001", backend_url=BEFORE)
    told = tmp_path / "sim" / "mo_store" / "plugs.json"
    for listen in ("0.0.0.0:0", "[::]:0"):
        async with (
            open_place(tmp_path, anywhere=True) as place,
            open_instance(fake(), seed, tmp_path / "sim") as instance,
        ):
            group = group_of(f"kind = 'attached'\napi = ['{instance.api.url}']\nlisten = '{listen}'")
            async with open_attached(group, place.around, nobody):
                url = json.loads(told.read_text())["backendUrl"]
                assert url.startswith("ws://127.0.0.1:"), listen
                async with open_client(target_of(url), "SIM001") as client:
                    await client.call("BootNotification", BOOT)


async def test_a_simulator_that_is_not_there(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        with pytest.raises(ApiFailed, match=r"nothing answers at http://127\.0\.0\.1:9/"):
            async with open_attached(
                group_of("kind = 'attached'\napi = ['http://127.0.0.1:9']"), place.around, nobody
            ):
                raise AssertionError


async def test_chargers_are_sent_at_our_address(tmp_path: Path) -> None:
    asked: list[str] = []

    async def prompt(what: str) -> None:
        asked.append(what)

    group = group_of(
        "kind = 'attached'\nidentities = ['REAL-1']\nconnectors = 3\nhands = true\nfeatures = ['unlock']"
    )
    async with (
        open_place(tmp_path) as place,
        open_attached(group, place.around, prompt) as (unit,),
    ):
        (line,) = place.said
        url = line.removeprefix("chargers connect to ").removesuffix("/IDENTITY")
        async with open_client(target_of(url), "REAL-1") as client:
            await client.call("BootNotification", BOOT)
            assert unit.station.wire.answered("BootNotification")
            await unit.station.link_down()
            await eventually(lambda: not unit.station.wire.connected)
        await unit.station.link_up()
        async with open_client(target_of(url), "REAL-1") as client:
            await client.call("Heartbeat", {})
        hands = {Feature.PLUG, Feature.TAP, Feature.POWER}
        assert unit.station.features == hands | {Feature.LINK, Feature.UNLOCK}
        assert unit.station.connector_count == 3
        await unit.station.plug_in(2)
    assert asked == ["REAL-1: plug a vehicle in at connector 2"]


async def test_what_a_person_is_told_of_all_addresses(tmp_path: Path) -> None:
    group = group_of("kind = 'attached'\nidentities = ['REAL-1']\nlisten = '0.0.0.0:0'")
    async with (
        open_place(tmp_path, anywhere=True) as place,
        open_attached(group, place.around, nobody) as (unit,),
    ):
        (line,) = place.said
        assert line.startswith("chargers connect to ws://HOST:")
        assert line.endswith("/ocpp/IDENTITY, HOST being any address of this machine")
        assert unit.station.features == {Feature.LINK}


async def test_a_simulator_charges_where_its_group_does(fake: MakeFake, tmp_path: Path) -> None:
    group = group_of("kind = 'microocpp'\nactivity = 'charging'")
    async with (
        open_place(tmp_path, "lab-C1") as place,
        open_microocpp(fake(), group, place.around) as (unit,),
    ):
        assert unit.activity is not None
