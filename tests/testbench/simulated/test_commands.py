"""Every command of a central system is answered as the specification says, and does what it says."""

import pytest
import trio
from tests.support.simulated import open_street
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
        await street.central.fleet.sessions()[0].writer.write(frame, "x", None)
        await street.central.fleet.sessions()[0].writer.write("no frame at all", "x", None)
        with trio.fail_after(10):
            (exchange,) = [
                await street.station.wire.exchange(action, by=Role.CENTRAL_SYSTEM)
                for action in [frame.split('"')[3]]
            ]
        assert exchange.error.code == code
        await street.charge()


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


async def test_with_a_security_profile_the_start_is_an_event(autojump_clock: MockClock) -> None:
    how = {"configuration": {"AuthorizationKey": "0123456789abcdef", "SecurityProfile": "1"}}
    async with open_street(key=b"0123456789abcdef", how=how) as street:
        await street.boot()
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
