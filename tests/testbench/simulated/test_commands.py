"""Every command of a central system is answered as the specification says, and does what it says."""

import ssl
from typing import Any

import pytest
import trio
from tests.support.simulated import Street, open_street
from trio.testing import MockClock

from ocpp_actors.operator.http.examples import REQUESTS
from ocpp_actors.protocol.catalogue import ACTIONS, Role
from ocpp_actors.protocol.validation import decode
from ocpp_actors.testbench.judging import faults_of
from ocpp_actors.testbench.simulated.commands import HANDLERS

ASKED = sorted(name for name, action in ACTIONS.items() if Role.CENTRAL_SYSTEM in action.senders)
ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}
LATER = "2026-03-01T13:00:00Z"


def test_there_is_a_handler_for_every_command() -> None:
    assert sorted(HANDLERS) == ASKED


@pytest.mark.parametrize("charging", [False, True], ids=["idle", "charging"])
@pytest.mark.parametrize("action", ASKED)
async def test_every_command_is_answered_validly(
    action: str, charging: bool, autojump_clock: MockClock
) -> None:
    async with open_street() as street:
        await street.boot()
        if charging:
            await street.charge()
        answer = await street.ask(action, **REQUESTS[action])
        decode(ACTIONS[action].response, answer)
        await trio.sleep(100)
        assert list(faults_of(street.station.wire.frames)) == []
        assert street.station.wire.connected


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('[2,"x","NoSuchAction",{}]', "NotImplemented"),
        ('[2,"x","Heartbeat",{}]', "NotSupported"),
        ('[2,"x","Reset",{}]', "OccurenceConstraintViolation"),
        ('[2,"x","Reset",{"type":"Gently"}]', "PropertyConstraintViolation"),
        ('[2,"x","Reset",{"type":1}]', "TypeConstraintViolation"),
        ('[2,"x","Reset",{"type":"Soft","now":true}]', "FormationViolation"),
    ],
)
async def test_what_is_no_proper_command_is_refused(frame: str, code: str, autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        await street.central.fleet.sessions()[0].writer.write(frame)
        await street.central.fleet.sessions()[0].writer.write("no frame at all")
        with trio.fail_after(10):
            (exchange,) = [
                await street.station.wire.exchange(action, by=Role.CENTRAL_SYSTEM)
                for action in [frame.split('"')[3]]
            ]
        assert exchange.error.code == code
        await street.charge()


# --- Core --------------------------------------------------------------------------------------------------------


async def test_change_availability(autojump_clock: MockClock) -> None:
    async with open_street(how={"connector_count": 2}) as street:
        await street.boot()
        assert await street.ask("ChangeAvailability", connectorId=3, type="Inoperative") == REJECTED
        assert await street.ask("ChangeAvailability", connectorId=2, type="Inoperative") == ACCEPTED
        await street.status("Unavailable", 2)
        assert await street.ask("ChangeAvailability", connectorId=2, type="Inoperative") == ACCEPTED
        await street.station.plug_in(2)
        await street.station.tap("TAG", 2)
        await trio.sleep(5)
        assert street.station.wire.calls("Authorize") == []
        assert await street.ask("ChangeAvailability", connectorId=2, type="Operative") == ACCEPTED
        await street.status("Preparing", 2)
        assert street.statuses(2) == ["Available", "Unavailable", "Preparing"]


async def test_change_availability_during_a_transaction_is_scheduled(autojump_clock: MockClock) -> None:
    async with open_street(how={"connector_count": 2}) as street:
        await street.boot()
        await street.charge()
        assert await street.ask("ChangeAvailability", connectorId=0, type="Inoperative") == {
            "status": "Scheduled"
        }
        await street.status("Unavailable", 2)
        await street.status("Unavailable", 0)
        await trio.sleep(5)
        assert street.statuses()[-1] == "Charging"
        await street.station.tap("TAG")
        await street.status("Finishing")
        await street.station.unplug()
        await street.status("Unavailable", 1)
        since = street.station.wire.mark()
        assert await street.ask("ChangeAvailability", connectorId=0, type="Operative") == ACCEPTED
        for connector in (0, 1, 2):
            await street.status("Available", connector, since)


async def test_configuration(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        answer = await street.ask("GetConfiguration", key=["NumberOfConnectors", "Nothing"])
        assert answer == {
            "configurationKey": [{"key": "NumberOfConnectors", "readonly": True, "value": "1"}],
            "unknownKey": ["Nothing"],
        }
        for key, value, status in (
            ("MeterValueSampleInterval", "10", "Accepted"),
            ("MeterValueSampleInterval", "x", "Rejected"),
            ("Nothing", "1", "NotSupported"),
            ("DisplayLanguage", "nl", "RebootRequired"),
            ("SecurityProfile", "1", "Rejected"),
        ):
            assert await street.ask("ChangeConfiguration", key=key, value=value) == {"status": status}
        await street.charge()
        await street.ask("ChangeConfiguration", key="MeterValueSampleInterval", value="5")
        await street.ask("ChangeConfiguration", key="ClockAlignedDataInterval", value="0")
        await trio.sleep(26)
        assert len(street.station.wire.answered("MeterValues")) == 5


async def test_a_security_profile_only_rises(autojump_clock: MockClock) -> None:
    how = {"configuration": {"AuthorizationKey": "0123456789abcdef"}}
    async with open_street(how=how) as street:
        await street.boot()
        for value, status in (("2", "Rejected"), ("1", "Accepted"), ("1", "Rejected"), ("0", "Rejected")):
            answer = await street.ask("ChangeConfiguration", key="SecurityProfile", value=value)
            assert answer == {"status": status}
        await street.station.power_off()
        await street.station.power_on()
        await street.said("SecurityEventNotification", type="StartupOfTheDevice")


async def test_clear_cache(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        await street.charge()
        assert len(street.station.memory.cache) == 1
        assert await street.ask("ClearCache") == ACCEPTED
        assert len(street.station.memory.cache) == 0
        await street.ask("ChangeConfiguration", key="AuthorizationCacheEnabled", value="false")
        assert await street.ask("ClearCache") == REJECTED


async def test_data_transfer(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        assert await street.ask("DataTransfer", vendorId="other") == {"status": "UnknownVendorId"}
        assert await street.ask("DataTransfer", vendorId="ocpp-actors", data="x") == ACCEPTED | {"data": "x"}


@pytest.mark.parametrize("authorized", [False, True])
async def test_remote_start_and_stop(authorized: bool, autojump_clock: MockClock) -> None:
    configuration = {"AuthorizeRemoteTxRequests": str(authorized).lower()}
    async with open_street(how={"configuration": configuration, "connector_count": 2}) as street:
        await street.boot()
        await street.station.plug_in(2)
        assert await street.ask("RemoteStartTransaction", idTag="REMOTE") == ACCEPTED
        started = await street.said("StartTransaction", connectorId=2, idTag="REMOTE")
        assert len(street.station.wire.calls("Authorize")) == authorized
        assert await street.ask("RemoteStartTransaction", idTag="REMOTE", connectorId=2) == REJECTED
        assert await street.ask("RemoteStopTransaction", transactionId=4711) == REJECTED
        number = started.result["transactionId"]
        assert await street.ask("RemoteStopTransaction", transactionId=number) == ACCEPTED
        stopped = await street.said("StopTransaction")
        assert stopped.payload["reason"] == "Remote"
        assert "idTag" not in stopped.payload
        await street.status("Finishing", 2)


async def test_remote_start_first(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        assert await street.ask("RemoteStartTransaction", idTag="REMOTE", connectorId=1) == ACCEPTED
        preparing = await street.status("Preparing")
        await street.status("Available", since=preparing.answered.number)
        await street.ask("RemoteStartTransaction", idTag="REMOTE")
        await street.station.plug_in()
        await street.said("StartTransaction", idTag="REMOTE")


async def test_unlock_connector(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        assert await street.ask("UnlockConnector", connectorId=2) == {"status": "NotSupported"}
        assert await street.ask("UnlockConnector", connectorId=1) == {"status": "Unlocked"}
        await street.charge()
        assert await street.ask("UnlockConnector", connectorId=1) == {"status": "Unlocked"}
        assert (await street.said("StopTransaction")).payload["reason"] == "UnlockCommand"
        await street.station.fault(1, "ConnectorLockFailure")
        assert await street.ask("UnlockConnector", connectorId=1) == {"status": "UnlockFailed"}


async def test_trigger_message(autojump_clock: MockClock) -> None:
    async with open_street(how={"connector_count": 2}) as street:
        await street.boot()
        triggered = {
            "BootNotification": 1,
            "Heartbeat": 1,
            "StatusNotification": 3,
            "MeterValues": 2,
            "DiagnosticsStatusNotification": 1,
            "FirmwareStatusNotification": 1,
        }
        for message, count in triggered.items():
            since = street.station.wire.mark()
            answer = await street.central.operator.call(
                "CP1", "TriggerMessage", {"requestedMessage": message}
            )
            if message == "BootNotification":
                assert answer.status == 409  # the central system does not ask an accepted one
                continue
            assert answer.body["response"] == ACCEPTED
            await trio.sleep(1)
            said = street.station.wire.answered(message, since=since)
            assert len(said) == count
            assert said[0].asked.number > street.station.wire.exchanges[-count - 1].answered.number
        assert (
            await street.ask("TriggerMessage", requestedMessage="StatusNotification", connectorId=5)
            == REJECTED
        )
        assert await street.ask("TriggerMessage", requestedMessage="MeterValues", connectorId=0) == REJECTED
        since = street.station.wire.mark()
        await street.ask("TriggerMessage", requestedMessage="Heartbeat", connectorId=5)
        await street.said("Heartbeat", since)


async def test_extended_trigger_message(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        for message, action in (
            ("LogStatusNotification", "LogStatusNotification"),
            ("FirmwareStatusNotification", "SignedFirmwareStatusNotification"),
            ("SignChargePointCertificate", "SignCertificate"),
            ("Heartbeat", "Heartbeat"),
        ):
            assert await street.ask("ExtendedTriggerMessage", requestedMessage=message) == ACCEPTED
            await street.said(action)


# --- reservations ------------------------------------------------------------------------------------------------


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


# --- local list --------------------------------------------------------------------------------------------------


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


# --- smart charging ----------------------------------------------------------------------------------------------


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


# --- firmware, logs ----------------------------------------------------------------------------------------------


def progress(street: Street, action: str) -> list[str]:
    return [each.payload["status"] for each in street.station.wire.answered(action)]


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [
        ("2.0.bin", {}, ["Downloading", "Downloaded", "Installing", "Installed"]),
        ("DownloadFailed.bin", {}, ["Downloading", "DownloadFailed"]),
        ("DownloadFailed.bin", {"retries": 1}, ["Downloading", "DownloadFailed"] * 2),
        ("InstallationFailed.bin", {}, ["Downloading", "Downloaded", "Installing", "InstallationFailed"]),
    ],
)
async def test_update_firmware(
    name: str, more: dict[str, Any], expected: list[str], autojump_clock: MockClock
) -> None:
    async with open_street() as street:
        await street.boot()
        await street.ask(
            "UpdateFirmware", location=f"ftp://files.test/{name}", retrieveDate="2026-03-01T12:01:00Z", **more
        )
        await trio.sleep(100)
        assert progress(street, "FirmwareStatusNotification") == expected
        first = street.station.wire.answered("FirmwareStatusNotification")[0]
        assert first.asked.at == pytest.approx(60)
        boots = street.station.wire.answered("BootNotification")
        installed = expected[-1] == "Installed"
        assert [boot.payload["firmwareVersion"] for boot in boots] == ["1.0.0", "2.0.bin"][: 1 + installed]
        await street.ask("TriggerMessage", requestedMessage="FirmwareStatusNotification")
        await trio.sleep(1)
        assert progress(street, "FirmwareStatusNotification")[-1] == "Idle"


async def test_firmware_waits_for_transactions_to_finish(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        await street.charge()
        await street.ask("UpdateFirmware", location="ftp://files.test/2", retrieveDate="2026-03-01T12:00:00Z")
        await trio.sleep(100)
        assert progress(street, "FirmwareStatusNotification") == ["Downloading", "Downloaded"]
        await street.station.tap("TAG")
        await trio.sleep(20)
        assert progress(street, "FirmwareStatusNotification")[-1] == "Installed"


def signed(name: str, certificate: str, **more: Any) -> dict[str, Any]:
    firmware = {
        "location": f"https://files.test/{name}",
        "retrieveDateTime": "2026-03-01T12:00:30Z",
        "signingCertificate": certificate,
        "signature": "c2lnbmF0dXJl",
    }
    return {"requestId": 6, "firmware": firmware, **more}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2.0.bin", ["SignatureVerified", "Installing", "InstallRebooting", "Installed"]),
        ("InvalidSignature.bin", ["InvalidSignature"]),
        ("InstallationFailed.bin", ["SignatureVerified", "Installing", "InstallationFailed"]),
    ],
)
async def test_signed_update_firmware(
    name: str, expected: list[str], certificate: str, autojump_clock: MockClock
) -> None:
    async with open_street() as street:
        await street.boot()
        assert await street.ask("SignedUpdateFirmware", **signed(name, certificate)) == ACCEPTED
        await trio.sleep(100)
        assert progress(street, "SignedFirmwareStatusNotification") == [
            "DownloadScheduled",
            "Downloading",
            "Downloaded",
            *expected,
        ]
        events = [each.payload["type"] for each in street.station.wire.answered("SecurityEventNotification")]
        assert events == {
            "2.0.bin": ["FirmwareUpdated"],
            "InvalidSignature.bin": ["InvalidFirmwareSignature"],
        }.get(name, [])


async def test_a_signed_update_replaces_another_and_needs_a_certificate(
    certificate: str, autojump_clock: MockClock
) -> None:
    async with open_street() as street:
        await street.boot()
        assert await street.ask("SignedUpdateFirmware", **signed("a", "none")) == {
            "status": "InvalidCertificate"
        }
        await street.said("SecurityEventNotification", type="InvalidFirmwareSigningCertificate")
        assert await street.ask("SignedUpdateFirmware", **signed("a", certificate)) == ACCEPTED
        assert await street.ask("SignedUpdateFirmware", **signed("b", certificate, requestId=7)) == {
            "status": "AcceptedCanceled"
        }
        await trio.sleep(100)
        assert street.station.memory.firmware == "b"


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [
        ("logs", {}, ["Uploading", "Uploaded"]),
        ("UploadFailed", {}, ["Uploading", "UploadFailed"]),
        ("UploadFailed", {"retries": 1, "retryInterval": 3}, ["Uploading", "UploadFailed"] * 2),
    ],
)
async def test_get_diagnostics(
    name: str, more: dict[str, Any], expected: list[str], autojump_clock: MockClock
) -> None:
    async with open_street() as street:
        await street.boot()
        answer = await street.ask("GetDiagnostics", location=f"ftp://files.test/{name}", **more)
        assert answer == {"fileName": "CP1-diagnostics.log"}
        await trio.sleep(60)
        assert progress(street, "DiagnosticsStatusNotification") == expected
        await street.ask("TriggerMessage", requestedMessage="DiagnosticsStatusNotification")
        await trio.sleep(1)
        assert progress(street, "DiagnosticsStatusNotification")[-1] == "Idle"


@pytest.mark.parametrize(("name", "last"), [("logs", "Uploaded"), ("UploadFailed", "UploadFailure")])
async def test_get_log(name: str, last: str, autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()

        async def ask(number: int) -> dict[str, Any]:
            log = {"remoteLocation": f"https://files.test/{name}"}
            return await street.ask("GetLog", log=log, logType="SecurityLog", requestId=number)

        assert (await ask(1))["status"] == "Accepted"
        assert (await ask(2))["status"] == "AcceptedCanceled"
        await trio.sleep(60)
        said = [each.payload for each in street.station.wire.answered("LogStatusNotification")]
        assert said[-1] == {"status": last, "requestId": 2}
        assert [each["status"] for each in said] == ["Uploading", "Uploading", last]


# --- certificates ------------------------------------------------------------------------------------------------


async def test_certificates(certificate: str, autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        use = "CentralSystemRootCertificate"
        assert await street.ask("GetInstalledCertificateIds", certificateType=use) == {"status": "NotFound"}
        install = {"certificateType": use, "certificate": "nothing"}
        assert await street.ask("InstallCertificate", **install) == REJECTED
        for _ in range(2):
            answer = await street.ask("InstallCertificate", **install | {"certificate": certificate})
            assert answer == ACCEPTED
        found = await street.ask("GetInstalledCertificateIds", certificateType=use)
        (hashes,) = found["certificateHashData"]
        other = await street.ask("GetInstalledCertificateIds", certificateType="ManufacturerRootCertificate")
        assert other == {"status": "NotFound"}
        assert await street.ask("DeleteCertificate", certificateHashData=hashes) == ACCEPTED
        assert await street.ask("DeleteCertificate", certificateHashData=hashes) == {"status": "NotFound"}


async def test_certificate_signed(certificate: str, autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        assert await street.ask("CertificateSigned", certificateChain=certificate) == ACCEPTED
        assert await street.ask("CertificateSigned", certificateChain="nothing") == REJECTED
        await street.said("SecurityEventNotification", type="InvalidChargePointCertificate")


def test_the_certificate_of_the_tests_is_one(certificate: str) -> None:
    assert ssl.PEM_cert_to_DER_cert(certificate)
