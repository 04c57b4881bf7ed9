"""The living charge point charges: cards, vehicles, the meter, errors."""

from typing import Any

import pytest
import trio
from tests.support.simulated import open_street, valid
from trio.testing import MockClock

from ocpp_actors.testbench.simulated.meter import LoadCurve

HOUR = 3600.0


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
