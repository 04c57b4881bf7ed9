"""The real simulator against the real server, each in a process of its own; where a path to the simulator is given."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import httpx2
import pytest
import trio
from attrs import define
from tests.support.process import ServerProcess, open_server
from tests.testbench.microocpp.alive import processes_in
from tests.testbench.microocpp.followed import Followed, followed

from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.testbench.microocpp.attached import borrowed
from ocpp_actors.testbench.microocpp.instance import Instance, InstanceFailed, open_instance
from ocpp_actors.testbench.microocpp.station import MicroOcppStation
from ocpp_actors.testbench.microocpp.store import Seed
from ocpp_actors.testbench.operators import Operator, open_operator
from ocpp_actors.testbench.wire import Wire

PATIENCE = 120.0
CONFIGURATION = {"MeterValueSampleInterval": 1, "Cst_ReconnectInterval": 1}


@define
class Bench:
    server: ServerProcess
    operator: Operator
    followed: Followed
    instances: Sequence[Instance]

    def station(self, number: int = 0) -> MicroOcppStation:
        instance = self.instances[number]
        return MicroOcppStation(
            wire=self.followed.wire(instance.identity), api=instance.api, instance=instance
        )


@asynccontextmanager
async def running(simulator: Path, directory: Path, count: int = 1) -> AsyncIterator[Bench]:
    """Run a server, and instances that have booted. None of them is left behind."""
    with trio.fail_after(PATIENCE):
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(open_server(directory))
            operator = await stack.enter_async_context(open_operator(server.api))
            told = await stack.enter_async_context(followed(server.api))
            instances: list[Instance] = []
            nursery = await stack.enter_async_context(trio.open_nursery())
            done = trio.Event()
            for number in range(count):
                seed = Seed(identity=f"SIM{number:03}", backend_url=server.url, configuration=CONFIGURATION)
                instances.append(await nursery.start(_keep, simulator, seed, directory / seed.identity, done))
            for instance in instances:
                await booted(told.wire(instance.identity))
            yield Bench(server, operator, told, instances)
            done.set()
    assert processes_in(directory) == []


async def _keep(
    simulator: Path, seed: Seed, directory: Path, done: trio.Event, *, task_status: trio.TaskStatus[Instance]
) -> None:
    async with open_instance(simulator, seed, directory) as instance:
        task_status.started(instance)
        await done.wait()


async def booted(wire: Wire, since: int = 0) -> None:
    """Wait until it has booted and has reported all its connectors."""
    boot = await wire.exchange("BootNotification", since=since)
    assert boot.result["status"] == "Accepted"
    for connector_id in (0, 1, 2):
        await status(wire, connector_id, "Available", since)


async def status(wire: Wire, connector_id: int, wanted: str, since: int) -> None:
    await wire.exchange(
        "StatusNotification",
        since=since,
        where=lambda payload: (payload["connectorId"], payload["status"]) == (connector_id, wanted),
    )


async def charging(station: MicroOcppStation, id_tag: str) -> int:
    """Plug in, tap, and return the transaction once energy flows."""
    mark = station.wire.mark()
    await station.plug_in()
    await status(station.wire, 1, "Preparing", mark)
    await station.tap(id_tag)
    started = await station.wire.exchange("StartTransaction", since=mark)
    await status(station.wire, 1, "Charging", mark)
    await station.wire.exchange("MeterValues", since=mark, where=lambda payload: _energy(payload) > 0)
    number: int = started.result["transactionId"]
    return number


def _energy(payload: dict[str, object]) -> float:
    assert isinstance(payload["meterValue"], list)
    values = payload["meterValue"][0]["sampledValue"]
    return next(float(each["value"]) for each in values if each.get("measurand", "").startswith("Energy"))


async def test_it_boots_charges_stops_and_leaves(simulator: Path, tmp_path: Path) -> None:
    async with running(simulator, tmp_path) as bench:
        station = bench.station()
        number = await charging(station, "TAG1")
        assert (await station.api.transaction()).transaction_id == number
        meter = await station.api.meter()
        assert meter.power > 10_000
        assert meter.energy > 0
        assert (await station.api.evse()).status == "Charging"
        mark = station.wire.mark()
        await station.tap("TAG1")
        stopped = await station.wire.exchange("StopTransaction", since=mark)
        assert (stopped.payload["transactionId"], stopped.payload["reason"]) == (number, "Local")
        await status(station.wire, 1, "Finishing", mark)
        await station.unplug()
        await status(station.wire, 1, "Available", mark)
        [transaction] = await bench.operator.transactions("SIM000")
        assert transaction["stopReason"] == "Local"
        assert transaction["meterStop"] > 0


async def test_it_comes_back_after_a_reset(simulator: Path, tmp_path: Path) -> None:
    async with running(simulator, tmp_path) as bench:
        station, [instance] = bench.station(), bench.instances
        await charging(station, "TAG1")
        mark, first = station.wire.mark(), instance.pid
        answer = await bench.operator.result("SIM000", "Reset", {"type": "Soft"})
        assert answer == {"status": "Accepted"}
        stopped = await station.wire.exchange("StopTransaction", since=mark)
        assert stopped.payload["reason"] == "SoftReset"
        boot = await station.wire.exchange("BootNotification", since=mark)
        assert boot.result["status"] == "Accepted"
        assert instance.starts == 2
        assert instance.pid not in (None, first)
        await instance.ready()
        assert (await instance.api.evse()).ev_plugged


async def test_a_crash_is_told(simulator: Path, tmp_path: Path) -> None:
    async def crash() -> None:
        async with running(simulator, tmp_path) as bench, httpx2.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx2.HTTPError):  # it takes its URL for a format
                await client.post(
                    f"{bench.instances[0].api.url}/api/websocket",
                    json={"backendUrl": "ws://127.0.0.1/%s%s%n%s"},
                )
            await trio.sleep_forever()

    crashed = pytest.RaisesExc(InstanceFailed, match="(?s)SIM000 was ended by signal 11.*connected!")
    with pytest.RaisesGroup(crashed, flatten_subgroups=True):
        await crash()
    assert processes_in(tmp_path / "SIM000") == []


async def test_a_power_cut_during_a_transaction(simulator: Path, tmp_path: Path) -> None:
    async with running(simulator, tmp_path) as bench:
        station = bench.station()
        number = await charging(station, "TAG1")
        mark = station.wire.mark()
        await station.power_off()
        assert (await station.wire.change("closed", since=mark)).code == 1006
        assert processes_in(tmp_path / "SIM000") == []
        await station.power_on()
        boot = await station.wire.exchange("BootNotification", since=mark)
        assert boot.result["status"] == "Accepted"
        await status(station.wire, 1, "Charging", mark)
        assert (await station.api.transaction()).transaction_id == number
        await station.tap("TAG1")
        stopped = await station.wire.exchange("StopTransaction", since=mark)
        assert stopped.payload["transactionId"] == number


async def test_it_switches_the_backend(simulator: Path, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    async with (
        running(simulator, tmp_path) as bench,
        open_server(tmp_path / "second") as second,
        followed(second.api) as told,
    ):
        station, wire = bench.station(), told.wire("SIM000")
        mark = station.wire.mark()
        async with borrowed(station.api, second.url) as before:
            assert before.backend_url == bench.server.url
            await wire.change("opened")
            await station.wire.change("closed", since=mark)
            assert (await station.api.connection()).backend_url == second.url
            # It does not boot by itself: the server asks for it as soon as it says something.
            await station.plug_in()
            await status(wire, 1, "Preparing", 0)
            await wire.exchange("TriggerMessage", by=Role.CENTRAL_SYSTEM)
            await wire.exchange("BootNotification")
        await station.wire.change("opened", since=mark)
        assert (await station.api.connection()).backend_url == bench.server.url


async def test_its_key_is_sent(simulator: Path, tmp_path: Path) -> None:
    key = bytes(range(200, 220))
    with trio.fail_after(PATIENCE):
        async with (
            open_server(tmp_path, admission="known") as server,
            open_operator(server.api) as operator,
            followed(server.api) as told,
        ):
            await operator.put("/charge-points/SIM001", {})
            await operator.put("/charge-points/SIM001/key", {"key": key.hex().upper()})
            seed = Seed(identity="SIM001", backend_url=server.url, key=key)
            async with open_instance(simulator, seed, tmp_path / "sim"):
                await booted(told.wire("SIM001"))


async def test_smart_charging_limits_it(simulator: Path, tmp_path: Path) -> None:
    async with running(simulator, tmp_path) as bench:
        station = bench.station()
        await charging(station, "TAG1")
        schedule = {
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 3000.0}],
        }
        profile = {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {**schedule, "startSchedule": "2020-01-01T00:00:00Z"},
        }
        mark = station.wire.mark()
        answer = await bench.operator.result(
            "SIM000", "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile}
        )
        assert answer == {"status": "Accepted"}
        await station.wire.exchange("MeterValues", since=mark, where=lambda payload: _power(payload) < 3100)
        assert (await station.api.smart_charging()).max_power == 3000


def _power(payload: dict[str, object]) -> float:
    assert isinstance(payload["meterValue"], list)
    values = payload["meterValue"][-1]["sampledValue"]
    return next(float(each["value"]) for each in values if each.get("measurand", "").startswith("Power"))


async def test_twenty_at_once(simulator: Path, tmp_path: Path) -> None:
    async with running(simulator, tmp_path, count=20) as bench:
        assert len({instance.pid for instance in bench.instances}) == 20
        assert len({instance.api.url for instance in bench.instances}) == 20
        numbers: list[int] = []

        async def charge(number: int) -> None:
            numbers.append(await charging(bench.station(number), f"TAG{number}"))

        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(partial(charge, number))
        assert len(set(numbers)) == 20
        for number in range(20):
            assert (await bench.station(number).api.transaction()).id_tag == f"TAG{number}"
