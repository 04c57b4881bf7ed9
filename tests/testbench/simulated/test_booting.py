"""The living charge point boots, as the central system lets it."""

from typing import Any

import pytest
import trio
from tests.support.simulated import open_street, valid
from trio.testing import MockClock

from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.protocol.errors import ErrorCode, ProtocolFault
from ocpp_actors.protocol.messages import (
    BootNotification,
)
from ocpp_actors.testbench.station import Feature, Station


async def test_it_is_a_station_that_can_everything(autojump_clock: MockClock) -> None:
    async with open_street(how={"connector_count": 3}) as street:
        station: Station = street.station
        assert (station.identity, station.connector_count) == ("CP1", 3)
        assert station.features == frozenset(Feature)


async def test_it_boots_and_reports_each_connector(autojump_clock: MockClock) -> None:
    async with open_street(how={"connector_count": 2}) as street:
        await street.boot()
        await street.station.power_on()  # nothing happens
        await trio.sleep(10)
        said = [(each.action, each.payload.get("connectorId")) for each in street.station.wire.answered()]
        assert said == [
            ("BootNotification", None),
            ("StatusNotification", 0),
            ("StatusNotification", 1),
            ("StatusNotification", 2),
        ]
        assert valid(street)


async def test_while_pending_it_waits_and_answers_and_sends_what_is_triggered(
    autojump_clock: MockClock,
) -> None:
    async with open_street(known=False, first_boot="Pending", heartbeat_interval=100) as street:
        await street.station.power_on()
        first = await street.said("BootNotification")
        interval = first.result["interval"]
        assert "configurationKey" in await street.ask("GetConfiguration")
        assert await street.ask("TriggerMessage", requestedMessage="StatusNotification", connectorId=1) == {
            "status": "Accepted"
        }
        await street.status("Available")
        await trio.sleep(interval - 30)
        await street.station.plug_in()
        await trio.sleep(29)
        assert [each.action for each in street.station.wire.answered()] == [
            "BootNotification",
            "StatusNotification",
        ]
        await street.central.operator.patch("/charge-points/CP1", {"registration": "Accepted"})
        second = await street.said("BootNotification", since=first.answered.number)
        assert second.asked.at - first.answered.at == pytest.approx(interval)
        await street.status("Preparing", since=second.answered.number)


async def test_while_rejected_it_says_nothing_and_answers_nothing(autojump_clock: MockClock) -> None:
    async with open_street(known=False, first_boot="Rejected", heartbeat_interval=100) as street:
        await street.station.power_on()
        first = await street.said("BootNotification")
        session = street.central.fleet.sessions()[0]
        await session.writer.write('[2,"x","ClearCache",{}]', "x", "ClearCache")
        await trio.sleep(1)
        assert len(street.station.wire.calls("ClearCache", by=Role.CENTRAL_SYSTEM)) == 1
        await street.station.link_down()
        await trio.sleep(1)
        await street.station.link_up()
        await trio.sleep(first.result["interval"] - 3)
        assert [each.action for each in street.station.wire.answered()] == ["BootNotification"]
        assert street.station.wire.answered(by=Role.CENTRAL_SYSTEM) == []
        second = await street.said("BootNotification", since=first.answered.number)
        assert second.asked.at - first.answered.at == pytest.approx(first.result["interval"])


async def test_a_boot_that_is_refused_or_not_answered_is_tried_again(autojump_clock: MockClock) -> None:
    router, left = default_router(), [5.0, 0.0]

    @router.around(BootNotification)
    async def unwilling(request: Any, context: Context, proceed: Any) -> Any:
        if left:
            pause = left.pop(0)
            await trio.sleep(10 * pause)
            raise ProtocolFault(ErrorCode.INTERNAL_ERROR, "not now")
        return await proceed(request, context)

    async with open_street(router=router) as street:
        await street.station.power_on()
        await street.status("Available")
        assert [frame.at for frame in street.station.wire.calls("BootNotification")] == [0, 60, 90]
