"""The living charge point has one request at a time, and says and answers what it is told."""

from itertools import pairwise
from typing import Any

import trio
from tests.support.simulated import open_street
from trio.testing import MockClock

from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.protocol.errors import ErrorCode, ProtocolFault
from ocpp_actors.protocol.frames import CallError
from ocpp_actors.protocol.messages import (
    Authorize,
    FirmwareStatusNotification,
)


async def test_one_request_at_a_time_in_order(autojump_clock: MockClock) -> None:
    router = default_router()

    @router.around(Authorize)
    async def slow(request: Any, context: Context, proceed: Any) -> Any:
        await trio.sleep(5)
        return await proceed(request, context)

    async with open_street(router=router, how={"connector_count": 3}) as street:
        await street.boot()
        for connector in (1, 2, 3):
            await street.station.plug_in(connector)
            await street.station.tap(f"TAG{connector}", connector)
        await street.status("Charging", 3)
        numbers = [each.asked.number for each in street.station.wire.answered()]
        assert numbers == sorted(numbers)
        for one, following in pairwise(street.station.wire.answered()):
            assert one.answered.number < following.asked.number


async def test_a_request_without_an_answer_is_given_up(autojump_clock: MockClock) -> None:
    router = default_router()

    @router.around(Authorize)
    async def silent(_request: Any, _context: Context, _proceed: Any) -> Any:
        await trio.sleep(100)
        raise ProtocolFault(ErrorCode.INTERNAL_ERROR, "late")

    async with open_street(router=router, heartbeat_interval=50) as street:
        await street.boot()
        await street.station.plug_in()
        await street.station.tap("TAG")
        await trio.sleep(250)
        assert street.statuses()[-1] == "Finishing"  # nobody was authorized within ConnectionTimeOut
        assert street.station.wire.calls("StartTransaction") == []
        assert len(street.station.wire.calls("Authorize")) == 1
        assert street.station.wire.calls("Heartbeat")


async def test_what_was_in_flight_is_said_again_unless_it_has_lost_its_sense(
    autojump_clock: MockClock,
) -> None:
    router = default_router()

    @router.around(FirmwareStatusNotification)
    async def slow(request: Any, context: Context, proceed: Any) -> Any:
        await trio.sleep(5)
        return await proceed(request, context)

    async with open_street(router=router) as street:
        await street.boot()
        await street.station.report("FirmwareStatusNotification", {"status": "Downloading"})
        await street.station.report("FirmwareStatusNotification", {"status": "Downloaded"})
        await street.ask("TriggerMessage", requestedMessage="Heartbeat")
        await street.station.link_down()
        await street.station.link_up()
        await trio.sleep(60)
        said = street.station.wire.answered("FirmwareStatusNotification")
        assert [each.payload["status"] for each in said] == ["Downloading", "Downloaded"]
        assert len(street.station.wire.calls("FirmwareStatusNotification")) == 3
        assert street.station.wire.calls("Heartbeat") == []


async def test_it_says_what_it_is_told(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        await street.station.report("DataTransfer", {"vendorId": "x"})
        await street.station.report("NoSuchAction", {"a": 1})
        assert (await street.said("DataTransfer")).result["status"] == "UnknownVendorId"
        assert (await street.said("NoSuchAction")).error.code == "NotImplemented"


async def test_it_answers_as_told(autojump_clock: MockClock) -> None:
    async with open_street(call_timeout=10.0) as street:
        await street.boot()
        street.station.answer("Reset", {"status": "Rejected"}, times=2)
        street.station.answer("Reset", CallError("", "GenericError", "no"))
        street.station.answer("Reset", None)
        assert [await street.ask("Reset", type="Hard") for _ in range(2)] == [{"status": "Rejected"}] * 2
        assert (await street.central.operator.call("CP1", "Reset", {"type": "Hard"})).status == 502
        assert (await street.central.operator.call("CP1", "Reset", {"type": "Hard"})).status == 504
        assert len(street.station.wire.answered("BootNotification")) == 1
        assert await street.ask("Reset", type="Hard") == {"status": "Accepted"}
        await street.said("BootNotification", since=street.station.wire.mark())
