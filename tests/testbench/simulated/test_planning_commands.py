"""Reservations, the local list and charging profiles are taken and obeyed as the specification says."""

from typing import Any

import pytest
import trio
from tests.support.simulated import Street, open_street
from trio.testing import MockClock

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}
LATER = "2026-03-01T13:00:00Z"


async def reserved(street: Street, connector: int = 1, **more: Any) -> dict[str, Any]:
    request = {"connectorId": connector, "expiryDate": LATER, "idTag": "R", "reservationId": 7, **more}
    return await street.ask("ReserveNow", **request)


async def test_a_reservation_is_for_its_card(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        assert await reserved(street) == ACCEPTED
        await street.status("Reserved")
        assert await reserved(street, reservationId=8) == {"status": "Occupied"}
        await street.station.plug_in()
        await street.station.tap("STRANGER")
        await trio.sleep(5)
        assert street.station.wire.calls("StartTransaction") == []
        await street.station.tap("R")
        assert (await street.said("StartTransaction")).payload["reservationId"] == 7
        assert list(street.station.memory.reservations) == []


async def test_a_reservation_is_for_its_group(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.central.operator.put("/id-tags/FRIEND", {"status": "Accepted", "parentIdTag": "P"})
        await street.boot()
        assert await reserved(street, parentIdTag="P") == ACCEPTED
        await street.station.plug_in()
        await street.station.tap("FRIEND")
        assert (await street.said("StartTransaction")).payload["reservationId"] == 7


async def test_a_reservation_expires(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        await reserved(street, expiryDate="2026-03-01T12:02:00Z")
        held = await street.status("Reserved")
        free = await street.status("Available", since=held.answered.number)
        assert free.asked.at == pytest.approx(120)


async def test_a_reservation_is_cancelled(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        assert await street.ask("CancelReservation", reservationId=7) == REJECTED
        await reserved(street)
        held = await street.status("Reserved")
        assert await street.ask("CancelReservation", reservationId=7) == ACCEPTED
        await street.status("Available", since=held.answered.number)


async def test_a_reservation_that_nobody_used_goes_on(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        await reserved(street)
        await street.station.tap("R")
        preparing = await street.status("Preparing")
        await street.status("Reserved", since=preparing.answered.number)


async def test_a_reservation_of_any_connector(autojump_clock: MockClock) -> None:
    async with open_street(how={"connector_count": 2}) as street:
        await street.boot()
        assert await reserved(street, 0) == ACCEPTED
        await street.charge("A", 1)
        await street.station.plug_in(2)
        await street.station.tap("B", 2)
        await street.said("Authorize", idTag="B")
        await trio.sleep(5)
        assert len(street.station.wire.calls("StartTransaction")) == 1
        await street.station.tap("R", 2)
        assert (await street.said("StartTransaction", connectorId=2)).payload["reservationId"] == 7


@pytest.mark.parametrize("what", ["Faulted", "Unavailable", "Occupied"])
async def test_what_cannot_be_reserved(what: str, autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        if what == "Faulted":
            await street.station.fault(1, "GroundFailure")
        elif what == "Unavailable":
            await street.ask("ChangeAvailability", connectorId=1, type="Inoperative")
        else:
            await street.station.plug_in()
        await trio.sleep(1)
        assert await reserved(street) == {"status": what}


async def test_a_failure_ends_a_reservation(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        await reserved(street)
        await street.status("Reserved")
        await street.station.fault(1, "GroundFailure")
        await street.station.clear_fault(1)
        await trio.sleep(1)
        assert street.statuses()[-1] == "Available"
        assert list(street.station.memory.reservations) == []


async def test_the_local_list(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        entry = {"idTag": "L", "idTagInfo": {"status": "Accepted"}}

        async def send(version: int, kind: str, *entries: Any) -> dict[str, Any]:
            return await street.ask(
                "SendLocalList", listVersion=version, updateType=kind, localAuthorizationList=list(entries)
            )

        assert await street.ask("GetLocalListVersion") == {"listVersion": 0}
        assert await send(3, "Full", entry) == ACCEPTED
        assert await street.ask("GetLocalListVersion") == {"listVersion": 3}
        assert await send(3, "Differential", entry) == {"status": "VersionMismatch"}
        assert await send(4, "Differential", {"idTag": "M", "idTagInfo": {"status": "Blocked"}}) == ACCEPTED
        await street.station.link_down()
        await street.station.plug_in()
        await street.station.tap("M")
        await trio.sleep(1)
        assert street.station.memory.running == {}
        await street.station.tap("L")
        await trio.sleep(1)
        assert set(street.station.memory.running) == {1}
        await street.station.link_up()
        await street.said("StartTransaction", idTag="L")
        await street.ask("ChangeConfiguration", key="LocalAuthListEnabled", value="false")
        assert await street.ask("GetLocalListVersion") == {"listVersion": -1}
        assert await send(9, "Full", entry) == {"status": "NotSupported"}


def profile(purpose: str, *limits: tuple[int, float], unit: str = "W", **more: Any) -> dict[str, Any]:
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [{"startPeriod": start, "limit": limit} for start, limit in limits],
        },
        **more,
    }


async def test_the_meter_obeys_charging_profiles(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        answer = await street.ask(
            "SetChargingProfile",
            connectorId=1,
            csChargingProfiles=profile("TxDefaultProfile", (0, 6000.0), (60, 0.0), (120, 3000.0)),
        )
        assert answer == ACCEPTED
        transaction_id = await street.charge()
        meter = street.station.outlets[1].meter
        assert meter.power_w == 6000
        suspended = await street.status("SuspendedEVSE")
        charging = await street.status("Charging", since=suspended.answered.number)
        started_at = street.station.wire.answered("StartTransaction")[0].asked.at
        assert suspended.asked.at - started_at == pytest.approx(60, abs=0.1)
        assert charging.asked.at - started_at == pytest.approx(120, abs=0.1)
        assert (meter.wh, meter.power_w) == (100, 3000)
        tx = profile("TxProfile", (0, 10.0), unit="A", transactionId=transaction_id, chargingProfileId=2)
        assert await street.ask("SetChargingProfile", connectorId=1, csChargingProfiles=tx) == ACCEPTED
        await trio.sleep(1)
        assert meter.power_w == 6900
        tx["transactionId"] = transaction_id + 1
        answered = await street.central.operator.call(
            "CP1", "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": tx}
        )
        assert answered.status in {200, 409}
        schedule = await street.ask("GetCompositeSchedule", connectorId=1, duration=600)
        assert schedule["chargingSchedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 6900.0}]
        assert await street.ask("ClearChargingProfile", id=2) == ACCEPTED
        await trio.sleep(1)
        assert meter.power_w == 3000
        assert await street.ask("ClearChargingProfile", id=2) == {"status": "Unknown"}


async def test_a_profile_that_comes_with_a_remote_start(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        await street.station.plug_in()
        await street.ask(
            "RemoteStartTransaction",
            idTag="R",
            connectorId=1,
            chargingProfile=profile("TxProfile", (0, 2000.0)),
        )
        await street.status("Charging")
        assert street.station.outlets[1].meter.power_w == 2000
        await street.station.tap("R")
        await street.said("StopTransaction")
        assert len(street.station.memory.profiles) == 0


async def test_the_charge_point_shares_its_limit(autojump_clock: MockClock) -> None:
    async with open_street(how={"connector_count": 2}) as street:
        await street.boot()
        maximum = profile("ChargePointMaxProfile", (0, 9000.0), chargingProfileKind="Absolute")
        maximum["chargingSchedule"]["startSchedule"] = "2026-03-01T11:00:00Z"
        assert await street.ask("SetChargingProfile", connectorId=0, csChargingProfiles=maximum) == ACCEPTED
        await street.charge("A", 1)
        assert street.station.outlets[1].meter.power_w == 9000
        await street.charge("B", 2)
        assert [outlet.meter.power_w for outlet in street.station.outlets.values()] == [4500, 4500]
        await street.station.tap("A", 1)
        await street.status("Finishing", 1)
        assert street.station.outlets[2].meter.power_w == 9000
        both = await street.ask("GetCompositeSchedule", connectorId=0, duration=60, chargingRateUnit="A")
        assert both["chargingSchedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 13.0}]
        assert (await street.ask("GetCompositeSchedule", connectorId=9, duration=60)) == REJECTED
