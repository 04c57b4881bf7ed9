"""The living charge point: it boots, reconnects, beats, charges, and keeps what has to be kept."""

import random
from itertools import pairwise
from typing import Any

import pytest
import trio
from tests.support.simulated import Street, open_street, without_pings
from trio.testing import MockClock

from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.central_system.router import Router
from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.protocol.errors import ErrorCode, ProtocolFault
from ocpp_actors.protocol.frames import CallError
from ocpp_actors.protocol.messages import (
    Authorize,
    BootNotification,
    FirmwareStatusNotification,
    StartTransaction,
    StopTransaction,
)
from ocpp_actors.testbench.client import open_client
from ocpp_actors.testbench.judging import faults_of
from ocpp_actors.testbench.simulated.charge_point import open_charge_point, open_charge_points
from ocpp_actors.testbench.simulated.meter import LoadCurve
from ocpp_actors.testbench.simulated.personality import MAX_BACK_OFF, back_off
from ocpp_actors.testbench.station import Feature, Station
from ocpp_actors.testing.in_process import open_in_process

HOUR = 3600.0


def valid(street: Street) -> bool:
    """Whether it said nothing that breaks a schema."""
    assert list(faults_of(street.station.wire.frames)) == []
    return True


# --- booting -----------------------------------------------------------------------------------------------------


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
        await session.writer.write('[2,"x","ClearCache",{}]')
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


# --- the connection ----------------------------------------------------------------------------------------------


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


async def test_a_new_key_is_used_at_the_next_connection(autojump_clock: MockClock) -> None:
    key = "0123456789abcdef"
    how = {"configuration": {"AuthorizationKey": key}}
    async with open_street(key=key.encode(), how=how) as street:
        await street.boot()
        new = "ffeeddccbbaa99887766554433221100ffeeddcc"
        assert await street.ask("ChangeConfiguration", key="AuthorizationKey", value=new) == {
            "status": "Accepted"
        }
        await street.station.link_down()
        await street.station.link_up()
        await street.station.wire.change("opened", since=street.station.wire.mark())
        assert [change.kind for change in street.station.wire.changes].count("refused") == 0


# --- one request at a time ---------------------------------------------------------------------------------------


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


# --- charging ----------------------------------------------------------------------------------------------------


async def test_a_charge_from_plug_to_unplug(autojump_clock: MockClock) -> None:
    async with open_street(how={"connector_count": 2}) as street:
        await street.boot()
        transaction_id = await street.charge("TAG", 2)
        await trio.sleep(600)
        await street.station.tap("tag", 2)
        stopped = await street.said("StopTransaction")
        await street.station.unplug(2)
        await street.status("Available", 2, since=stopped.answered.number)
        assert street.statuses(2) == ["Available", "Preparing", "Charging", "Finishing", "Available"]
        assert stopped.payload["reason"] == "Local"
        values = street.station.wire.answered("MeterValues")
        assert len(values) in {9, 10}
        assert {value.payload["transactionId"] for value in values} == {transaction_id}
        (transaction,) = await street.central.operator.transactions("CP1")
        assert transaction["energyWh"] == pytest.approx(11_000 / 6, rel=0.01)
        assert len(street.station.wire.answered("Authorize")) == 1
        assert valid(street)


async def test_the_card_first(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        await street.station.tap("TAG")
        await street.status("Preparing")
        await street.station.plug_in()
        await street.status("Charging")
        assert street.station.wire.answered("StartTransaction")


async def test_a_card_without_a_vehicle_times_out(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        await street.station.tap("TAG")
        preparing = await street.status("Preparing")
        available = await street.status("Available", since=preparing.answered.number)
        assert available.asked.at - preparing.asked.at == pytest.approx(60)
        await street.station.plug_in()
        await trio.sleep(10)
        assert street.station.wire.calls("StartTransaction") == []


async def test_the_same_card_again_before_the_vehicle_cancels(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        await street.station.tap("TAG")
        await street.status("Preparing")
        await street.station.tap("tag")
        await trio.sleep(1)
        assert street.statuses() == ["Available", "Preparing", "Available"]


@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired"])
async def test_a_card_that_is_not_accepted(autojump_clock: MockClock, status: str) -> None:
    async with open_street() as street:
        body = {"status": "Accepted", "expiryDate": "2020-01-01T00:00:00Z"}
        await street.central.operator.put("/id-tags/BAD", body if status == "Expired" else {"status": status})
        await street.boot()
        await street.station.plug_in()
        await street.station.tap("BAD")
        assert (await street.said("Authorize")).result["idTagInfo"]["status"] == status
        await trio.sleep(5)
        assert street.statuses()[-1] == "Preparing"


async def test_only_its_card_or_its_group_stops_a_transaction(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        for tag, parent in (("A", "P"), ("B", "P"), ("C", "Q")):
            await street.central.operator.put(
                f"/id-tags/{tag}", {"status": "Accepted", "parentIdTag": parent}
            )
        await street.boot()
        await street.charge("A")
        await street.station.tap("C")
        await street.said("Authorize", idTag="C")
        await trio.sleep(5)
        assert street.station.wire.calls("StopTransaction") == []
        await street.station.tap("B")
        stopped = await street.said("StopTransaction")
        assert stopped.payload["idTag"] == "B"


@pytest.mark.parametrize("stops", [True, False])
async def test_the_vehicle_leaves_during_a_transaction(autojump_clock: MockClock, stops: bool) -> None:
    how = {"configuration": {"StopTransactionOnEVSideDisconnect": str(stops).lower()}}
    async with open_street(how=how) as street:
        await street.boot()
        await street.charge()
        await trio.sleep(100)
        await street.station.unplug()
        if stops:
            assert (await street.said("StopTransaction")).payload["reason"] == "EVDisconnected"
            await trio.sleep(1)
            assert street.statuses() == ["Available", "Preparing", "Charging", "Available"]
            return
        await street.status("SuspendedEV")
        before = street.station.outlets[1].meter.wh
        await trio.sleep(0.1 * HOUR)
        assert street.station.outlets[1].meter.wh == before
        since = street.station.wire.mark()
        await street.station.plug_in()
        await street.status("Charging", since=since)
        assert street.station.wire.calls("StopTransaction") == []


async def test_a_vehicle_that_is_full_is_suspended(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        street.station.outlets[1].curve = LoadCurve(((0, 10_000), (500, 5_000), (600, 0)))
        await street.charge()
        await trio.sleep(0.1 * HOUR)
        assert street.statuses()[-1] == "SuspendedEV"
        await street.station.tap("TAG")
        stopped = await street.said("StopTransaction")
        assert stopped.payload["meterStop"] == 600
        full = await street.status("SuspendedEV")
        assert full.asked.at == pytest.approx((500 / 10_000 + 100 / 5_000) * HOUR, abs=0.1)


@pytest.mark.parametrize("stops", [True, False])
async def test_an_id_tag_that_turns_out_to_be_invalid(autojump_clock: MockClock, stops: bool) -> None:
    """§3.5.4: it was accepted offline."""
    configuration = {
        "StopTransactionOnInvalidId": str(stops).lower(),
        "AllowOfflineTxForUnknownId": "true",
    }
    async with open_street(authorization="known", how={"configuration": configuration}) as street:
        await street.boot()
        await street.station.link_down()
        await street.station.plug_in()
        await street.station.tap("NOBODY")
        await trio.sleep(100)
        since = street.station.wire.mark()
        await street.station.link_up()
        assert (await street.said("StartTransaction")).result["idTagInfo"]["status"] == "Invalid"
        if stops:
            assert (await street.said("StopTransaction")).payload["reason"] == "DeAuthorized"
            await street.status("Finishing", since=since)
        else:
            await street.status("SuspendedEVSE", since=since)
            before = street.station.outlets[1].meter.wh
            await trio.sleep(0.1 * HOUR)
            assert street.station.outlets[1].meter.wh == before
            assert street.station.wire.calls("StopTransaction") == []


async def test_a_conflict_with_the_local_list_is_reported(autojump_clock: MockClock) -> None:
    async with open_street(authorization="known") as street:
        await street.boot()
        entry = {"idTag": "LISTED", "idTagInfo": {"status": "Accepted"}}
        await street.ask("SendLocalList", listVersion=1, updateType="Full", localAuthorizationList=[entry])
        await street.ask("ChangeConfiguration", key="LocalPreAuthorize", value="true")
        await street.station.plug_in()
        await street.station.tap("LISTED")
        await street.said("StatusNotification", errorCode="LocalListConflict", connectorId=0)
        assert street.station.wire.calls("Authorize") == []
        assert (await street.said("StopTransaction")).payload["reason"] == "DeAuthorized"


async def test_an_error_suspends_and_comes_to_an_end(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        await street.charge()
        await street.station.fault(1, "GroundFailure")
        await street.said("StatusNotification", status="Faulted", errorCode="GroundFailure")
        before = street.station.outlets[1].meter.wh
        await trio.sleep(0.1 * HOUR)
        assert street.station.outlets[1].meter.wh == before
        await street.station.clear_fault(1)
        await trio.sleep(1)
        assert street.statuses() == ["Available", "Preparing", "Charging", "Faulted", "Charging"]


async def test_no_transaction_begins_on_a_connector_that_failed(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        await street.station.fault(1, "ConnectorLockFailure")
        await street.station.fault(0, "InternalError")
        await street.station.plug_in()
        await street.station.tap("TAG")
        await trio.sleep(10)
        assert street.station.wire.calls("Authorize") == []
        assert (street.statuses(0)[-1], street.statuses(1)[-1]) == ("Faulted", "Faulted")
        await street.station.clear_fault(1)
        await street.station.clear_fault(0)
        preparing = await street.status("Preparing")
        await street.station.tap("TAG")
        await street.status("Charging", since=preparing.answered.number)


async def test_sampled_and_clock_aligned_values(autojump_clock: MockClock) -> None:
    configuration = {
        "MeterValueSampleInterval": "30",
        "MeterValuesSampledData": "Energy.Active.Import.Register,Current.Import,SoC",
        "StopTxnSampledData": "Energy.Active.Import.Register",
        "ClockAlignedDataInterval": "900",
        "MeterValuesAlignedData": "Voltage",
        "StopTxnAlignedData": "Power.Active.Import",
    }
    async with open_street(how={"configuration": configuration}) as street:
        await street.boot()
        await trio.sleep(100)
        await street.charge()
        await trio.sleep(1000)
        await street.station.tap("TAG")
        stopped = await street.said("StopTransaction")
        sampled: list[Any] = []
        aligned: list[Any] = []
        for each in street.station.wire.answered("MeterValues"):
            (value,) = each.payload["meterValue"]
            clocked = value["sampledValue"][0]["context"] == "Sample.Clock"
            (aligned if clocked else sampled).append(value)
        assert len(sampled) == 33
        assert [value["timestamp"] for value in aligned] == ["2026-03-01T12:15:00Z"]
        assert len(sampled[0]["sampledValue"]) == 1 + 3 + 1
        contexts = [value["sampledValue"][0]["context"] for value in stopped.payload["transactionData"]]
        assert contexts[0] == "Transaction.Begin"
        assert contexts[-1] == "Transaction.End"
        assert contexts.count("Sample.Periodic") == 33
        assert contexts.count("Sample.Clock") == 1
        assert valid(street)


# --- what is kept ------------------------------------------------------------------------------------------------


def stubborn(failures: int, *actions: type) -> Router:
    """A router that answers each of these with so many CALLERRORs first."""
    router, left = default_router(), dict.fromkeys(actions, failures)

    def refuse(action: type) -> None:
        @router.around(action)
        async def unwilling(request: Any, context: Context, proceed: Any) -> Any:
            if left[action]:
                left[action] -= 1
                raise ProtocolFault(ErrorCode.INTERNAL_ERROR, "the database is down")
            return await proceed(request, context)

    for action in actions:
        refuse(action)
    return router


async def test_a_transaction_message_that_fails_is_tried_again_after_longer_pauses(
    autojump_clock: MockClock,
) -> None:
    async with open_street(router=stubborn(2, StartTransaction, StopTransaction)) as street:
        await street.boot()
        await street.station.plug_in()
        await street.station.tap("TAG")
        await trio.sleep(50)
        await street.station.tap("TAG")
        await trio.sleep(100)
        for action in ("StartTransaction", "StopTransaction"):
            times = [each.asked.at for each in street.station.wire.answered(action)]
            assert [later - sooner for sooner, later in pairwise(times)] == [10, 20]
        (transaction,) = await street.central.operator.transactions("CP1")
        assert transaction["stopReason"] == "Local"


async def test_other_requests_do_not_wait_for_it(autojump_clock: MockClock) -> None:
    async with open_street(router=stubborn(2, StartTransaction)) as street:
        await street.boot()
        await street.station.plug_in()
        await street.station.tap("TAG")
        charging = await street.status("Charging")
        assert charging.asked.at < street.station.wire.answered("StartTransaction")[0].asked.at + 1


async def test_after_all_attempts_it_is_dropped(autojump_clock: MockClock) -> None:
    async with open_street(router=stubborn(3, StartTransaction)) as street:
        await street.boot()
        await street.station.plug_in()
        await street.station.tap("TAG")
        await trio.sleep(200)
        await street.station.tap("TAG")
        await trio.sleep(50)
        assert len(street.station.wire.answered("StartTransaction")) == 3
        assert street.station.wire.calls("StopTransaction") == []
        assert street.station.wire.calls("MeterValues") == []
        await street.station.unplug()
        assert await street.charge() == 1


async def offline_charges(street: Street, charges: int) -> None:
    """Charge so often without a connection, each time with another card."""
    await street.station.link_down()
    for number in range(charges):
        await street.station.plug_in()
        await street.station.tap(f"TAG{number}")
        await trio.sleep(200)
        await street.station.tap(f"TAG{number}")
        await trio.sleep(10)
        await street.station.unplug()
        await trio.sleep(10)


OFFLINE = {"configuration": {"AllowOfflineTxForUnknownId": "true"}}


async def test_what_happened_offline_is_told_in_order_with_its_times(autojump_clock: MockClock) -> None:
    async with open_street(how=OFFLINE) as street:
        await street.boot()
        await offline_charges(street, 4)
        since = street.station.wire.mark()
        await street.station.link_up()
        await street.said("StopTransaction", since, idTag="TAG3")
        told = [
            (each.action, each.payload.get("timestamp") or each.payload["meterValue"][0]["timestamp"])
            for each in street.station.wire.answered(since=since)
            if each.action != "StatusNotification"
        ]
        assert [action for action, _ in told] == [
            "StartTransaction",
            "MeterValues",
            "MeterValues",
            "MeterValues",
            "StopTransaction",
        ] * 4
        times = [at for _, at in told]
        assert times == sorted(times)
        assert times[0] == "2026-03-01T12:00:00Z"
        transactions = await street.central.operator.transactions("CP1")
        assert sorted(each["idTag"] for each in transactions) == ["TAG0", "TAG1", "TAG2", "TAG3"]
        assert all(each["energyWh"] == pytest.approx(611, abs=1) for each in transactions)
        assert valid(street)


async def test_nothing_is_lost_or_doubled_on_a_bad_link(autojump_clock: MockClock) -> None:
    """The connection breaks again and again while the backlog is told, with answers lost on the way."""
    async with open_street(how=OFFLINE) as street:
        await street.boot()
        await offline_charges(street, 6)
        chance = random.Random(7)
        await street.station.link_up()
        for _ in range(60):
            await trio.sleep(chance.uniform(0, 3))
            for _ in range(chance.randrange(12)):
                await trio.lowlevel.checkpoint()
            await street.station.link_down()
            await street.station.link_up()
        await trio.sleep(300)
        transactions = await street.central.operator.transactions("CP1")
        assert sorted(each["idTag"] for each in transactions) == [f"TAG{number}" for number in range(6)]
        assert all(each["stopReason"] == "Local" for each in transactions)
        assert not street.station.memory.queue


async def test_offline_an_unknown_card_is_refused_and_one_of_the_cache_is_not(
    autojump_clock: MockClock,
) -> None:
    async with open_street() as street:
        await street.boot()
        await street.charge("KNOWN")
        await street.station.tap("KNOWN")
        await street.said("StopTransaction")
        await street.station.unplug()
        await street.station.link_down()
        await street.station.plug_in()
        await street.station.tap("STRANGER")
        await trio.sleep(1)
        assert street.station.memory.running == {}
        await street.station.tap("KNOWN")
        await trio.sleep(1)
        assert set(street.station.memory.running) == {1}


async def test_before_it_was_ever_accepted_nobody_charges(autojump_clock: MockClock) -> None:
    async with open_street(how=OFFLINE) as street:
        await street.station.link_down()
        await street.station.power_on()
        await street.station.plug_in()
        await street.station.tap("TAG")
        await trio.sleep(10)
        assert street.station.memory.running == {}


@pytest.mark.parametrize(
    ("kind", "reason"), [("power", "PowerLoss"), ("Hard", "HardReset"), ("Soft", "SoftReset")]
)
async def test_a_transaction_ends_with_a_restart(autojump_clock: MockClock, kind: str, reason: str) -> None:
    async with open_street() as street:
        await street.boot()
        await street.charge()
        await trio.sleep(100)
        since = street.station.wire.mark()
        if kind == "power":
            await street.station.power_off()
            await trio.sleep(500)
            await street.station.power_on()
        else:
            assert await street.ask("Reset", type=kind) == {"status": "Accepted"}
        stopped = await street.said("StopTransaction", since)
        boot = await street.said("BootNotification", since)
        assert stopped.payload["reason"] == reason
        assert (stopped.asked.number < boot.asked.number) is (kind == "Soft")
        assert stopped.payload["timestamp"] == "2026-03-01T12:01:40Z"
        await street.status("Finishing", since=boot.answered.number)
        (transaction,) = await street.central.operator.transactions("CP1")
        assert transaction["stopReason"] == reason
        assert street.station.outlets[1].meter.wh == pytest.approx(305, abs=1)


async def test_memory_outlives_a_power_cut(autojump_clock: MockClock) -> None:
    async with open_street(how={"connector_count": 2}) as street:
        await street.boot()
        await street.ask("ChangeAvailability", connectorId=2, type="Inoperative")
        await street.status("Unavailable", 2)
        await street.ask("ChangeConfiguration", key="ConnectionTimeOut", value="7")
        await street.ask("ChangeConfiguration", key="DisplayLanguage", value="nl")
        entry = {"idTag": "L", "idTagInfo": {"status": "Accepted"}}
        await street.ask("SendLocalList", listVersion=5, updateType="Full", localAuthorizationList=[entry])
        await street.ask(
            "ReserveNow", connectorId=1, expiryDate="2026-03-02T00:00:00Z", idTag="R", reservationId=9
        )
        await street.station.power_off()
        assert not street.station.wire.connected
        since = street.station.wire.mark()
        await street.station.power_on()
        await street.status("Unavailable", 2, since=since)
        await street.status("Reserved", 1, since=since)
        answer = await street.ask("GetConfiguration", key=["ConnectionTimeOut", "DisplayLanguage"])
        assert [key["value"] for key in answer["configurationKey"]] == ["7", "nl"]
        assert await street.ask("GetLocalListVersion") == {"listVersion": 5}


async def test_hands_on_it_while_it_is_off(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.station.power_off()
        await street.station.plug_in()
        await street.station.fault(1, "OverVoltage")
        await street.station.tap("TAG")
        await street.station.report("Heartbeat", {})
        await street.boot()
        assert street.statuses() == ["Faulted"]
        await street.station.power_off()
        await street.station.clear_fault(1)
        since = street.station.wire.mark()
        await street.station.power_on()
        await street.status("Preparing", since=since)
        await street.station.power_off()
        await street.station.unplug()
        await street.station.power_on()
        await street.status("Available", since=since)


# --- many --------------------------------------------------------------------------------------------------------


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
