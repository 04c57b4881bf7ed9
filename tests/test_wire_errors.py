"""Which CALLERROR answers which fault, seen by the charge point (OCPP-J 1.6 §4.2.3, table 7; errata-J 3.8, 5.1, 5.2).

The names are written out: two of them are misspelt in the specification, and have to stay so.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
import structlog.testing
import trio

from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.ledger.port import RecordBoot, RecordSecurityEvent
from ocpp_actors.protocol.errors import ErrorCode, ProtocolFault
from ocpp_actors.protocol.messages import (
    Authorize,
    DataTransfer,
    ExtendedMessageTrigger,
    ExtendedTriggerMessage,
    Heartbeat,
    RegistrationStatus,
)
from tests.support.call_errors import AT, EVENT, START, STATUS, STOP, code_for, metering, refusal, sampled
from tests.support.central import BOOT, Charger, open_central
from tests.support.failing_ledger import FailingLedger
from tests.support.known import central_with, flagged, introduce


def without(payload: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in payload.items() if key != name}


async def still_answered(charger: Charger) -> None:
    """The next frame is the answer to this Heartbeat: nothing before it was answered, and all goes on."""
    assert (await charger.call("Heartbeat", {}, "still there?"))[0] == 3


# --- the payload, the action -------------------------------------------------------------------------------------

CALLS: list[tuple[str, object, str]] = [
    ("NotifyReport", {}, "NotImplemented"),
    ("heartbeat", {}, "NotImplemented"),
    ("Heartbeat ", {}, "NotImplemented"),
    ("HeartbeatRequest", {}, "NotImplemented"),
    ("", {}, "NotImplemented"),
    ("A" * 10_000, {}, "NotImplemented"),
    ("Reset", {"type": "Soft"}, "NotSupported"),
    ("TriggerMessage", {"requestedMessage": "Heartbeat"}, "NotSupported"),
    ("CertificateSigned", {"certificateChain": "x"}, "NotSupported"),
    ("Authorize", [], "FormationViolation"),
    ("Authorize", "A", "FormationViolation"),
    ("Authorize", 7, "FormationViolation"),
    ("Authorize", False, "FormationViolation"),
    ("Authorize", {"idTag": "A", "parentIdTag": "B"}, "FormationViolation"),
    ("Authorize", {"idtag": "A"}, "FormationViolation"),
    ("Heartbeat", {"now": AT}, "FormationViolation"),
    ("MeterValues", metering(sampled(value="1", units="Wh")), "FormationViolation"),
    ("MeterValues", metering(sampled(value="1") | {"x" * 10_000: 1}), "FormationViolation"),
    ("Authorize", {"idTag": 7}, "TypeConstraintViolation"),
    ("Authorize", {"idTag": None}, "TypeConstraintViolation"),
    ("Authorize", {"idTag": {"idTag": "A"}}, "TypeConstraintViolation"),
    ("StartTransaction", START | {"connectorId": "1"}, "TypeConstraintViolation"),
    ("StartTransaction", START | {"meterStart": 1.5}, "TypeConstraintViolation"),
    ("StartTransaction", START | {"meterStart": True}, "TypeConstraintViolation"),
    ("MeterValues", metering(sampled(value=1)), "TypeConstraintViolation"),
    ("MeterValues", metering([]), "TypeConstraintViolation"),
    ("MeterValues", metering() | {"meterValue": {}}, "TypeConstraintViolation"),
    ("StatusNotification", STATUS | {"status": "Ready"}, "PropertyConstraintViolation"),
    ("StatusNotification", STATUS | {"errorCode": ""}, "PropertyConstraintViolation"),
    ("StatusNotification", STATUS | {"info": "x" * 51}, "PropertyConstraintViolation"),
    ("StatusNotification", STATUS | {"connectorId": -1}, "PropertyConstraintViolation"),
    ("StatusNotification", STATUS | {"timestamp": "noon"}, "PropertyConstraintViolation"),
    ("StartTransaction", START | {"connectorId": 0}, "PropertyConstraintViolation"),
    ("StartTransaction", START | {"timestamp": "noon"}, "PropertyConstraintViolation"),
    ("MeterValues", metering(sampled(value="1")) | {"connectorId": -1}, "PropertyConstraintViolation"),
    ("MeterValues", metering(sampled(value="1", unit="Hz")), "PropertyConstraintViolation"),
    ("StopTransaction", STOP | {"reason": "Whatever"}, "PropertyConstraintViolation"),
    ("Authorize", {"idTag": "A" * 21}, "PropertyConstraintViolation"),
    ("DataTransfer", {"vendorId": "v" * 256}, "PropertyConstraintViolation"),
    ("SecurityEventNotification", EVENT | {"techInfo": "x" * 256}, "PropertyConstraintViolation"),
    ("Authorize", {}, "OccurenceConstraintViolation"),
    ("BootNotification", without(BOOT, "chargePointModel"), "OccurenceConstraintViolation"),
    ("StartTransaction", without(START, "meterStart"), "OccurenceConstraintViolation"),
    ("StopTransaction", without(STOP, "transactionId"), "OccurenceConstraintViolation"),
    ("MeterValues", {"connectorId": 1}, "OccurenceConstraintViolation"),
    ("MeterValues", metering(sampled(unit="Wh")), "OccurenceConstraintViolation"),
    ("MeterValues", metering({"timestamp": AT, "sampledValue": []}), "OccurenceConstraintViolation"),
    ("SignCertificate", {}, "OccurenceConstraintViolation"),
]


@pytest.mark.parametrize(
    ("action", "payload", "code"), CALLS, ids=[f"{code}-{action[:20]}" for action, _, code in CALLS]
)
async def test_a_faulty_call_gets_the_code_of_its_fault(
    autojump_clock: trio.abc.Clock, action: str, payload: object, code: str
) -> None:
    async with central_with(lenient=False) as central, central.charger() as charger:
        assert await code_for(charger, action, payload) == code
        await still_answered(charger)


async def test_an_action_that_is_switched_off_is_not_supported(autojump_clock: trio.abc.Clock) -> None:
    router = default_router()
    router.without(DataTransfer)
    async with central_with(lenient=False, router=router) as central, central.charger() as charger:
        assert await code_for(charger, "DataTransfer", {"vendorId": "V"}) == "NotSupported"
        assert await code_for(charger, "DataTransfer", {}) == "NotSupported"


# --- the frame ---------------------------------------------------------------------------------------------------

LONG_ID = "x" * 37

FRAMES: list[tuple[str, str, str]] = [
    ('[2,"1"]', "1", "ProtocolError"),
    ('[2,"1","Heartbeat"]', "1", "ProtocolError"),
    ('[2,"1","Heartbeat",{},{}]', "1", "ProtocolError"),
    ('[2,"1",7,{}]', "1", "ProtocolError"),
    ('[2,"1",null,{}]', "1", "ProtocolError"),
    ('[2,"","Heartbeat",{}]', "", "ProtocolError"),
    (f'[2,"{LONG_ID}","Heartbeat",{{}}]', LONG_ID, "ProtocolError"),
    ('[2,"1","Heartbeat",{', "1", "FormationViolation"),
    ('[2,"1","Heartbeat",{}]]', "1", "FormationViolation"),
    ("[2,\"1\",\"Authorize\",{'idTag':'A'}]", "1", "FormationViolation"),
    ('[2,"1","Authorize",{"idTag":"A",}]', "1", "FormationViolation"),
    ('[2,"1","StartTransaction",{"meterStart":NaN}]', "1", "FormationViolation"),
    (' [ 2 , "1" , Heartbeat, {}]', "1", "FormationViolation"),
    ('[2,"a\\"b\\u00e9",', 'a"bé', "FormationViolation"),
    ('[2,"1","Authorize",' + "[" * 101 + "]" * 101 + "]", "1", "FormationViolation"),
    ('[2,"1","Authorize",' + "[" * 5000 + "]" * 5000 + "]", "1", "FormationViolation"),
    ('[2,"1","Authorize",' + '{"a":' * 300 + "1" + "}" * 300 + "]", "1", "FormationViolation"),
]


@pytest.mark.parametrize(("text", "message_id", "code"), FRAMES, ids=[text[:40] for text, _, _ in FRAMES])
@pytest.mark.parametrize("lenient", [False, True], ids=["strict", "lenient"])
async def test_a_faulty_frame_is_answered_under_its_exact_message_id(
    autojump_clock: trio.abc.Clock, lenient: bool, text: str, message_id: str, code: str
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        for _ in range(2):
            await charger.send(text)
            assert refusal(await charger.receive(), message_id)[0] == code
        await still_answered(charger)


UNANSWERABLE = {
    "not JSON": ["hello", "[", "[2", "[2,", '[2,"1', "[2,1,", '[2,"\\ud800",{', "\ufeff[]", "GET / HTTP/1.1"],
    "a malformed reply": ['[3,"1",{', '[4,"1","InternalError"'],
    "no frame": ["{}", "[]", '"2"', "2", "null", "true", "[[]]", "[null]"],
    "another message type": [
        '[1,"1","Heartbeat",{}]',
        '[5,"1","Heartbeat",{}]',
        '[6,"1",{}]',
        '[-2,"1","Heartbeat",{}]',
        '["2","1","Heartbeat",{}]',
        '[2.5,"1","Heartbeat",{}]',
        '[true,"1","Heartbeat",{}]',
        '["' + "x" * 10_000 + '"]',
    ],
    "a CALL without a message id": ["[2]", '[2,7,"Heartbeat",{}]', '[2,null,"Heartbeat",{}]'],
    "a bad CALLRESULT": ["[3]", '[3,"1"]', "[3,7,{}]", '[3,"1",{},{}]'],
    "a bad CALLERROR": [
        "[4]",
        '[4,"1"]',
        '[4,7,"InternalError","",{}]',
        '[4,"1",7,"",{}]',
        '[4,"1","InternalError","",{},{}]',
    ],
}


@pytest.mark.parametrize("texts", UNANSWERABLE.values(), ids=UNANSWERABLE.keys())
async def test_what_cannot_be_answered_is_logged_and_counted_but_never_answered(
    autojump_clock: trio.abc.Clock, texts: list[str]
) -> None:
    """Message types other than 2, 3 and 4 are ignored (§4.1.3); a bad answer is nothing to be answered."""
    async with central_with(lenient=False) as central, central.charger() as charger:
        with structlog.testing.capture_logs() as lines:
            for text in texts:
                await charger.send(text)
            await still_answered(charger)
        assert flagged(central) == ["not a frame"] * len(texts)
        ignored = [line for line in lines if line["event"] == "message ignored"]
        assert len(ignored) == len(texts)
        assert max(len(str(line)) for line in ignored) < 300


async def test_a_bad_reply_does_not_answer_the_call_in_flight(autojump_clock: trio.abc.Clock) -> None:
    async with central_with(lenient=False) as central, central.charger() as charger:
        await charger.boot()
        command = central.fleet.submit(
            "CP1", ExtendedTriggerMessage(requested_message=ExtendedMessageTrigger.HEARTBEAT)
        )
        message_id = (await charger.receive())[1]
        await charger.send([3, message_id])
        await charger.send([4, message_id])
        await still_answered(charger)
        assert command.outcome is None
        await charger.send([3, message_id, {"status": "Accepted"}])
        assert (await command.wait()).payload == {"status": "Accepted"}


# --- precedence --------------------------------------------------------------------------------------------------

PRECEDENCE: list[tuple[str, str]] = [
    ('[2,"1","Nonsense",{}', "FormationViolation"),
    ('[2,"1","Nonsense",{},{}]', "ProtocolError"),
    ('[2,"1","Nonsense"]', "ProtocolError"),
    ('[2,"1","Nonsense",{}]', "NotImplemented"),
    ('[2,"1","Nonsense",[]]', "NotImplemented"),
    ('[2,"1","Reset",{}]', "NotSupported"),
    ('[2,"1","Reset",7]', "NotSupported"),
    ('[2,"1","Authorize",{}]', "SecurityError"),
    ('[2,"1","Authorize",7]', "SecurityError"),
    ('[2,"1","Authorize",{"idTag":"A"}]', "SecurityError"),
    ('[2,"1","BootNotification",7]', "FormationViolation"),
    ('[2,"1","BootNotification",{}]', "OccurenceConstraintViolation"),
]


@pytest.mark.parametrize("registration", [RegistrationStatus.PENDING, RegistrationStatus.REJECTED])
@pytest.mark.parametrize(("text", "code"), PRECEDENCE)
async def test_frame_then_action_then_direction_then_registration_then_payload(
    autojump_clock: trio.abc.Clock, registration: RegistrationStatus, text: str, code: str
) -> None:
    async with open_central() as central:
        await introduce(central.ledger, registration=registration)
        async with central.charger() as charger:
            await charger.send(text)
            assert refusal(await charger.receive(), "1")[0] == code


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "structure": ("FormationViolation", {"extra": 1}),
    "missing": ("OccurenceConstraintViolation", {}),
    "type": ("TypeConstraintViolation", {"status": 7}),
    "value": ("PropertyConstraintViolation", {"connectorId": -1}),
}


@pytest.mark.parametrize("kinds", [list(WRONG)[first:] for first in range(4)], ids="-".join)
@pytest.mark.parametrize("backwards", [False, True])
async def test_inside_the_payload_structure_then_missing_then_type_then_value(
    autojump_clock: trio.abc.Clock, kinds: list[str], backwards: bool
) -> None:
    faults: dict[str, Any] = {}
    for kind in kinds:
        faults |= WRONG[kind][1]
    payload = (without(STATUS, "errorCode") if "missing" in kinds else STATUS) | faults
    if backwards:
        payload = dict(reversed(payload.items()))
    async with central_with(lenient=False) as central, central.charger() as charger:
        assert await code_for(charger, "StatusNotification", payload) == WRONG[kinds[0]][0]


async def test_the_first_fault_in_document_order_is_reported_and_all_are_logged(
    autojump_clock: trio.abc.Clock,
) -> None:
    payload = STATUS | {"info": "x" * 51, "vendorId": "v" * 256, "status": "Ready"}
    async with central_with(lenient=False) as central, central.charger() as charger:
        for ordered in (payload, dict(reversed(payload.items()))):
            wrong = [name for name in ordered if name in {"info", "vendorId", "status"}]
            with structlog.testing.capture_logs() as lines:
                answer = await charger.call("StatusNotification", ordered)
            code, description, details = refusal(answer, answer[1])
            assert code == "PropertyConstraintViolation"
            assert description.startswith(f"{wrong[0]} ")
            assert details["path"] == wrong[0]
            assert [line["path"] for line in lines if line["event"] == "invalid payload"] == wrong


async def test_the_answer_says_where_in_a_nested_payload(autojump_clock: trio.abc.Clock) -> None:
    payload = metering(sampled(value="1"), sampled(value="1", unit="Hz"))
    async with central_with(lenient=False) as central, central.charger() as charger:
        answer = await charger.call("MeterValues", payload)
        _, description, details = refusal(answer, answer[1])
        assert details == {"path": "meterValue[1].sampledValue[0].unit", "rule": "enum"}
        assert "meterValue[1].sampledValue[0].unit" in description


# --- failures of our own -----------------------------------------------------------------------------------------

SECRET = "SELECT key FROM charge_points -- /var/lib/ledger.db"
INTERNALS = re.compile(r"SELECT|/var|Traceback|Error|line \d|\.py|disk|poison")


async def test_a_handler_that_raises_is_an_internal_error_without_internals(
    autojump_clock: trio.abc.Clock,
) -> None:
    router = default_router()

    @router.on(Authorize)
    def broken(request: Authorize, context: Context) -> None:
        raise ValueError(SECRET)

    async with central_with(lenient=False, router=router) as central, central.charger() as charger:
        answer = await charger.call("Authorize", {"idTag": "A"})
        code, description, details = refusal(answer, answer[1])
        assert (code, details) == ("InternalError", {})
        assert not INTERNALS.search(description)
        await still_answered(charger)


@pytest.mark.parametrize("returned", [None, 7, {"currentTime": AT}, object()])
async def test_a_handler_that_returns_no_message_is_an_internal_error(
    autojump_clock: trio.abc.Clock, returned: object
) -> None:
    router = default_router()

    @router.on(Heartbeat)
    def broken(request: Heartbeat, context: Context) -> object:
        return returned

    async with central_with(lenient=False, router=router) as central, central.charger() as charger:
        assert await code_for(charger, "Heartbeat", {}) == "InternalError"


@pytest.mark.parametrize("code", list(ErrorCode))
async def test_a_handler_chooses_its_own_error(autojump_clock: trio.abc.Clock, code: ErrorCode) -> None:
    router = default_router()

    @router.on(Heartbeat)
    async def choosy(request: Heartbeat, context: Context) -> None:
        raise ProtocolFault(code, "not today", {"until": "tomorrow"})

    async with central_with(lenient=False, router=router) as central, central.charger() as charger:
        answer = await charger.call("Heartbeat", {}, "1")
        assert answer == [4, "1", str(code), "not today", {"until": "tomorrow"}]


@pytest.mark.parametrize("fail", [FailingLedger.unavailable, FailingLedger.refuses])
async def test_a_ledger_that_fails_is_an_internal_error_without_internals(
    autojump_clock: trio.abc.Clock, fail: Callable[..., None]
) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central, central.charger() as charger:
        fail(ledger, RecordBoot, RecordSecurityEvent)
        for action, payload in (("BootNotification", BOOT), ("SecurityEventNotification", EVENT)):
            answer = await charger.call(action, payload)
            code, description, details = refusal(answer, answer[1])
            assert (code, details) == ("InternalError", {})
            assert not INTERNALS.search(description)
        ledger.recovers()
        await charger.boot()


def test_the_names_on_the_wire_are_those_of_the_specification_misspellings_included() -> None:
    assert {str(code) for code in ErrorCode} == {
        "NotImplemented",
        "NotSupported",
        "InternalError",
        "ProtocolError",
        "SecurityError",
        "FormationViolation",
        "PropertyConstraintViolation",
        "OccurenceConstraintViolation",
        "TypeConstraintViolation",
        "GenericError",
    }
