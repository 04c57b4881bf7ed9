"""Charge points that others made, as stations."""

import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
from attrs import define, field
from tests.support.waiting import eventually
from tests.testbench.microocpp.conftest import MakeFake
from trio.testing import MockClock

from ocpp_actors.testbench.failures import Skipped
from ocpp_actors.testbench.microocpp.api import ApiFailed, SimulatorApi, Transaction, open_simulator_api
from ocpp_actors.testbench.microocpp.attached import AttachedStation, Terminal, borrowed
from ocpp_actors.testbench.microocpp.instance import InstanceFailed, open_instance
from ocpp_actors.testbench.microocpp.outside import OutsideStation
from ocpp_actors.testbench.microocpp.station import DECISION, MicroOcppStation
from ocpp_actors.testbench.microocpp.store import Seed, SeedRefused
from ocpp_actors.testbench.station import Feature, Station
from ocpp_actors.testbench.wire import Wire

BEFORE = "ws://charging.example/ocpp"
OURS = "ws://127.0.0.1:9000/ocpp"

HANDS: list[Callable[[Station], Any]] = [
    lambda station: station.power_on(),
    lambda station: station.power_off(),
    lambda station: station.plug_in(2),
    lambda station: station.unplug(),
    lambda station: station.tap("TAG1", 2),
]
NEVER: list[Callable[[Station], Any]] = [
    lambda station: station.fault(1, "GroundFailure"),
    lambda station: station.clear_fault(1),
    lambda station: station.report("FirmwareStatusNotification", {"status": "Idle"}),
]


@define
class Cord:
    """A link that keeps what was done to it."""

    done: list[str] = field(factory=list)

    async def down(self) -> None:
        self.done.append("down")

    async def up(self) -> None:
        self.done.append("up")


@define
class Simulator:
    """A simulator that runs elsewhere, as its API shows it."""

    backend_url: str = BEFORE
    switches: list[str] = field(factory=list)
    broken: bool = False

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        await trio.lowlevel.checkpoint()  # as a network does
        if self.broken:
            return httpx2.Response(500)
        body = json.loads(request.content) if request.content else {}
        if request.url.path == "/api/websocket":
            if "backendUrl" in body:
                self.backend_url = body["backendUrl"]
                self.switches.append(self.backend_url)
            shown = {"backendUrl": self.backend_url, "chargeBoxId": "ELSEWHERE", "authorizationKey": ""}
            return httpx2.Response(200, json={**shown, "pingInterval": 5, "reconnectInterval": 10})
        if body:
            self.switches.append(f"{request.url.path} {json.dumps(body)}")
        if request.url.path.endswith("transaction"):
            return httpx2.Response(200, json={"idTag": "TAG1", "transactionId": -1})
        evse = dict.fromkeys(("evPlugged", "evsePlugged", "evReady", "evseReady"), True)
        return httpx2.Response(200, json={**evse, "chargePointStatus": "Preparing"})

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[SimulatorApi]:
        async with open_simulator_api(
            "http://127.0.0.1:1", transport=httpx2.MockTransport(self.answer)
        ) as api:
            yield api


async def test_of_a_charger_alone_only_the_wire_is_had() -> None:
    station: Station = OutsideStation(wire=Wire("CP1"))
    assert (station.identity, station.features, station.connector_count) == ("CP1", frozenset(), 1)
    for hand in [*HANDS, *NEVER]:
        with pytest.raises(Skipped, match="the charge point CP1 cannot be "):
            await hand(station)
    with pytest.raises(Skipped, match="cannot be told how to answer Reset"):
        station.answer("Reset", None)
    with pytest.raises(Skipped, match="cannot be cut off: nothing of the test bench stands between"):
        await station.link_down()
    with pytest.raises(Skipped, match="cannot be cut off"):
        await station.link_up()


async def test_a_link_cuts_it_off() -> None:
    cord = Cord()
    station: Station = OutsideStation(wire=Wire("CP1"), link=cord)
    assert station.features == {Feature.LINK}
    await station.link_down()
    await station.link_up()
    assert cord.done == ["down", "up"]


async def test_a_person_is_its_hands() -> None:
    asked: list[str] = []

    async def prompt(what: str) -> None:
        asked.append(what)

    station: Station = AttachedStation(
        wire=Wire("CP1"), prompt=prompt, connector_count=2, supports=frozenset({Feature.LOCAL_LIST})
    )
    assert station.features == {Feature.PLUG, Feature.TAP, Feature.POWER, Feature.LOCAL_LIST}
    assert station.connector_count == 2
    for hand in HANDS:
        await hand(station)
    assert asked == [
        "CP1: give it power",
        "CP1: cut its power",
        "CP1: plug a vehicle in at connector 2",
        "CP1: unplug the vehicle at connector 1",
        "CP1: present the card TAG1 at connector 2",
    ]
    for hand in NEVER:
        with pytest.raises(Skipped):
            await hand(station)


async def test_a_charger_without_a_person() -> None:
    station: Station = AttachedStation(wire=Wire("CP1"))
    assert station.features == frozenset()
    for hand in HANDS:
        with pytest.raises(Skipped, match="nobody is there to"):
            await hand(station)


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], object]]:
    """Have a person at the terminal, whose keys are given to what is yielded."""
    theirs, ours = os.pipe()
    with os.fdopen(theirs) as stdin, os.fdopen(ours, "wb", buffering=0) as keys:
        monkeypatch.setattr("sys.stdin", stdin)
        yield keys.write


async def test_a_person_at_the_terminal_is_asked_for_one_thing_at_a_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    person, done = Terminal(), []

    async def ask(what: str) -> None:
        await person.ask(what)
        done.append(what)

    with terminal(monkeypatch) as press, trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "CP1: give it power")
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(ask, "CP2: give it power")
            await trio.testing.wait_all_tasks_blocked()
            assert capsys.readouterr().err == "CP1: give it power, then press Enter\n"
            assert done == []
            press(b"yes\n")
            await eventually(lambda: done == ["CP1: give it power"])
            await trio.testing.wait_all_tasks_blocked()
            assert capsys.readouterr().err == "CP2: give it power, then press Enter\n"
            press(b"\n")
    assert len(done) == 2


async def test_a_question_that_is_given_up_takes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    person = Terminal()
    with terminal(monkeypatch) as press, trio.fail_after(60):
        with trio.CancelScope() as scope:
            scope.cancel()
            await person.ask("CP1: give it power")
        press(b"\n")
        await person.ask("CP1: cut its power")


async def test_nobody_is_at_a_terminal_that_has_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with terminal(monkeypatch) as press:
        press(b"\n")
        await Terminal().ask("CP1: give it power")
    (tmp_path / "keys").write_text("\n")
    with (tmp_path / "keys").open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        await Terminal().ask("CP1: give it power")
        with pytest.raises(Skipped, match="nobody is at the terminal to do it: CP1: cut its power"):
            await Terminal().ask("CP1: cut its power")


async def test_a_simulator_elsewhere_has_no_switch() -> None:
    simulator = Simulator()
    async with simulator.opened() as api:
        station: Station = MicroOcppStation(wire=Wire("SIM001"), api=api, link=Cord())
        assert station.features == {
            Feature.PLUG,
            Feature.TAP,
            Feature.LINK,
            Feature.SMART_CHARGING,
            Feature.LOCAL_LIST,
            Feature.RESERVATION,
        }
        assert station.connector_count == 2
        for hand in HANDS[:2]:
            with pytest.raises(Skipped, match="it was not started here"):
                await hand(station)
        for hand in HANDS[2:]:
            await hand(station)
        for hand in NEVER:
            with pytest.raises(Skipped):
                await hand(station)
    plugged = '{"evPlugged": true, "evsePlugged": true, "evReady": true, "evseReady": true}'
    assert simulator.switches == [
        f"/api/connector/2/evse {plugged}",
        '/api/connector/1/evse {"evPlugged": false, "evReady": false}',
        '/api/connector/2/transaction {"idTag": "TAG1"}',
    ]


class Deciding(SimulatorApi):
    """It decides about the first card until it was asked so many times."""

    presented: tuple[str, ...] = ()
    looks = 0

    async def transaction(self, connector_id: int = 1) -> Transaction:
        self.looks += 1
        return Transaction("FIRST" if self.looks < 4 else None, None)

    async def tap(self, id_tag: str, connector_id: int = 1) -> Transaction:
        self.presented = (*self.presented, f"{id_tag} after {self.looks}")
        return Transaction(id_tag, None)


async def test_a_card_is_not_presented_while_another_is_decided_about(autojump_clock: MockClock) -> None:
    async with open_simulator_api("http://127.0.0.1:1") as api:
        deciding = Deciding(api.url, api._client, False)
        station = MicroOcppStation(wire=Wire("SIM001"), api=deciding)
        await station.tap("SECOND")
        deciding.looks = -1000  # it charges offline, and never has an id
        began = trio.current_time()
        await station.tap("SECOND")
        assert trio.current_time() - began == pytest.approx(DECISION)
    assert deciding.presented[0] == "SECOND after 4"
    assert len(deciding.presented) == 2


async def test_a_simulator_of_ours(fake: MakeFake, tmp_path: Path) -> None:
    seed = Seed(identity="SIM001", backend_url=OURS)
    with trio.fail_after(60):
        async with open_instance(fake(), seed, tmp_path / "sim") as instance:
            station: Station = MicroOcppStation(
                wire=Wire(instance.identity), api=instance.api, instance=instance
            )
            assert Feature.POWER in station.features
            assert Feature.LINK not in station.features
            await station.plug_in()
            await station.power_off()
            for hand in HANDS[2:]:
                with pytest.raises(InstanceFailed, match="has no power"):
                    await hand(station)
            await station.power_on()
            assert (await instance.api.evse()).ev_plugged
            await station.unplug()
            assert not (await instance.api.evse()).ev_plugged


async def test_a_simulator_is_borrowed_and_given_back() -> None:
    simulator = Simulator()
    async with simulator.opened() as api, borrowed(api, OURS) as before:
        assert (before.identity, before.backend_url) == ("ELSEWHERE", BEFORE)
        assert simulator.backend_url == OURS
    assert simulator.switches == [OURS, BEFORE]


async def test_it_is_given_back_however_the_block_ends(autojump_clock: MockClock) -> None:
    simulator = Simulator()
    async with simulator.opened() as api:
        with trio.move_on_after(1):
            async with borrowed(api, OURS):
                await trio.sleep_forever()
    assert simulator.switches == [OURS, BEFORE]


async def test_one_that_cannot_be_given_back_is_told() -> None:
    simulator = Simulator()
    async with simulator.opened() as api:
        with pytest.raises(
            ApiFailed, match=f"ELSEWHERE still connects to {OURS}, not to {BEFORE}: .* status 500"
        ):
            async with borrowed(api, OURS):
                simulator.broken = True


async def test_one_is_not_sent_to_another_machine() -> None:
    simulator = Simulator()
    async with simulator.opened() as api:
        with pytest.raises(SeedRefused, match="beyond this machine"):
            async with borrowed(api, "ws://192.0.2.1/ocpp"):
                raise AssertionError
    assert simulator.backend_url == BEFORE
