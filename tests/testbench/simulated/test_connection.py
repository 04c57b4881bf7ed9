"""The living charge point loses its connection, comes back, beats, and pings; many do at once."""

import random
from itertools import pairwise

import pytest
import trio
from tests.support.simulated import open_street, without_pings
from trio.testing import MockClock

from ocpp_actors.testbench.client import open_client
from ocpp_actors.testbench.simulated.charge_point import open_charge_point, open_charge_points
from ocpp_actors.testbench.simulated.personality import MAX_BACK_OFF, back_off
from ocpp_actors.testing.in_process import open_in_process

HOUR = 3600.0


async def test_after_a_reconnect_it_does_not_boot_but_reports_what_changed(autojump_clock: MockClock) -> None:
    async with open_street(how={"connector_count": 2}) as street:
        await street.boot()
        await street.station.link_down()
        await street.station.plug_in(2)
        await trio.sleep(10)
        assert not street.station.wire.connected
        since = street.station.wire.mark()
        await street.station.link_up()
        await street.status("Preparing", 2, since=since)
        await trio.sleep(10)
        assert len(street.station.wire.answered("StatusNotification", since=since)) == 1
        assert len(street.station.wire.answered("BootNotification")) == 1


async def test_it_comes_back_after_longer_and_longer_pauses(autojump_clock: MockClock) -> None:
    async with open_street(known=False, admission="known") as street:
        await street.station.power_on()
        await trio.sleep(0.2 * HOUR)
        refused = [change.at for change in street.station.wire.changes if change.kind == "refused"]
        pauses = [later - sooner for sooner, later in pairwise(refused)]
        assert all(1 <= pause <= MAX_BACK_OFF for pause in pauses)
        assert pauses[0] <= 2
        assert min(pauses[6:]) >= MAX_BACK_OFF / 2
        assert len({round(pause, 6) for pause in pauses}) == len(pauses)
        assert str(street.station.last_failure).startswith("the handshake was refused with status 404")


async def test_retry_after_is_obeyed(autojump_clock: MockClock) -> None:
    async with open_street(max_connections=1) as street, open_client(street.central.target, "OTHER"):
        await street.station.power_on()
        await trio.sleep(65)
        refused = [change.at for change in street.station.wire.changes if change.code == 503]
        assert refused == [0, 30, 60]


def test_back_off_has_jitter_and_a_bound() -> None:
    chance = random.Random(1)
    for failures in range(2000):
        pause = back_off(failures, chance)
        assert 1 <= pause <= MAX_BACK_OFF


async def test_it_beats_after_an_interval_without_an_exchange(autojump_clock: MockClock) -> None:
    async with open_street(heartbeat_interval=100) as street:
        await street.boot()
        booted_at = trio.current_time()
        await trio.sleep(250)
        await street.station.plug_in()
        await trio.sleep(10)
        await street.station.unplug()
        await trio.sleep(110)
        beats = [frame.at - booted_at for frame in street.station.wire.calls("Heartbeat")]
        assert beats == pytest.approx([100, 200, 360])


async def test_the_interval_can_be_changed(autojump_clock: MockClock) -> None:
    async with open_street(heartbeat_interval=1000) as street:
        await street.boot()
        await street.ask("ChangeConfiguration", key="HeartbeatInterval", value="10")
        await trio.sleep(35)
        assert len(street.station.wire.answered("Heartbeat")) == 3


async def test_pings_of_its_own(autojump_clock: MockClock) -> None:
    async with open_street(how={"configuration": {"WebSocketPingInterval": "20"}}) as street:
        await street.boot()
        before = len(street.taps[0].sent)
        await trio.sleep(100)
        assert len(street.taps[0].sent) > before
        assert len(street.taps) == 1


async def test_a_connection_that_breaks_at_a_ping_is_lost_as_any_other(autojump_clock: MockClock) -> None:
    how = {"configuration": {"WebSocketPingInterval": "20"}}
    async with open_in_process() as central:
        breaking = without_pings(central.target, breaks=True)
        async with open_charge_point(breaking, "CP1", central.clock, random.Random(1), **how) as station:
            await station.power_on()
            await trio.sleep(60)
            assert [each.kind for each in station.wire.changes][:4] == [
                "opened",
                "closed",
                "opened",
                "closed",
            ]
            assert len(station.wire.answered("BootNotification")) == 1


async def test_many_lose_the_central_system_and_return(autojump_clock: MockClock) -> None:
    """All charge meanwhile: nobody boots anew, and no transaction is lost or doubled."""
    count = 30
    async with (
        open_street() as street,
        open_charge_points(
            street.central.target,
            [f"S{number}" for number in range(count)],
            street.central.clock,
            random.Random(1),
            max_kept=50,
        ) as stations,
    ):
        for station in stations:
            await station.power_on()
        for station in stations:
            await station.wire.exchange(
                "StatusNotification", where=lambda payload: payload["connectorId"] == 1
            )
            await station.plug_in()
            await station.tap("TAG")
        for station in stations:
            await station.wire.exchange("StartTransaction")
        street.central.server.drop_all()
        await trio.sleep(5)
        for station in stations:
            assert station.wire.connected
            await station.tap("TAG")
        for station in stations:
            await station.wire.exchange("StopTransaction")
            assert len(station.wire.calls("BootNotification")) == 1
        stopped = [each for each in stations if len(each.wire.answered("StopTransaction")) == 1]
        assert len(stopped) == count
        assert len(street.central.fleet) == count


async def test_it_goes_home_with_a_proper_close(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        await street.station.shut_down()
        assert street.station.wire.changes[-1].code == 1000
        assert street.station.controller is None
