"""Quirks 9, 10 and 24 to 27: messages that are not quite messages."""

from typing import Any

import pytest
import structlog.testing
import trio
from tests.support.central import BOOT, Central, Charger
from tests.support.known import central_with, flagged
from tests.support.raw import BINARY, TEXT, frame, raw_charger

from ocpp_actors.charge_point.mailbox import Outcome
from ocpp_actors.ledger.port import CommandState, ListMeterValues
from ocpp_actors.observer import FrameReceived
from ocpp_actors.protocol.messages import ClearCache, GetConfiguration, Reset, ResetType

RESET = Reset(type=ResetType.SOFT)


async def outcome_of(central: Central, request: Any, charger: Charger, *reply: Any) -> Outcome:
    """Send a command and have the charger answer it with this; "ID" stands for the message id."""
    command = central.fleet.submit("CP1", request)
    message_id = (await charger.receive())[1]
    await charger.send([message_id if part == "ID" else part for part in reply])
    return await command.wait()


async def test_quirk_09_binary_frames_with_json_are_accepted_and_flagged(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient) as central, raw_charger(central) as peer:
        await peer.send(frame(BINARY, '[2,"é","Authorize",{"idTag":"A"}]'.encode()))
        assert await peer.text() == [3, "é", {"idTagInfo": {"status": "Accepted"}}]
        assert flagged(central) == ["binary message"]


@pytest.mark.parametrize(
    ("data", "answered"),
    [
        (b'[2,"1","Authorize",{"idTag":"\xff"}]', True),
        (b'[2,"\xff","Authorize",{"idTag":"A"}]', False),
        (b"\xff\xfe", False),
    ],
)
async def test_quirk_09_binary_frames_that_are_no_utf_8_are_malformed(
    autojump_clock: trio.abc.Clock, lenient: bool, data: bytes, answered: bool
) -> None:
    """They are answered where the message id can be read, and harm nobody."""
    async with central_with(lenient) as central, raw_charger(central) as peer:
        await peer.send(frame(BINARY, data))
        await peer.call("2", "Heartbeat", {})
        if answered:
            assert (await peer.text())[:3] == [4, "1", "FormationViolation"]
        assert (await peer.text())[:2] == [3, "2"]
        assert flagged(central)[0] == "binary message"


async def test_quirk_09_a_text_frame_that_is_no_utf_8_closes_with_1007(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    """That is the WebSocket protocol's own rule (RFC 6455 §8.1)."""
    async with central_with(lenient) as central, raw_charger(central) as peer:
        await peer.send(frame(TEXT, b'[2,"1","Heartbeat",{"\xff":1}]'))
        assert await peer.close_code() == 1007


async def test_quirk_10_an_empty_text_message_is_ignored_and_counted(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        await charger.send("")
        await charger.send("")
        await charger.boot()
        assert flagged(central) == ["empty message", "empty message"]


async def test_quirk_24_a_late_reply_is_dropped_and_does_not_answer_the_next_call(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient, call_timeout=30.0) as central, central.charger() as charger:
        await charger.boot()
        first = central.fleet.submit("CP1", RESET)
        second = central.fleet.submit("CP1", ClearCache())
        late = (await charger.receive())[1]
        asked_at = trio.current_time()
        assert (await first.wait()).state is CommandState.TIMEOUT
        assert trio.current_time() - asked_at == pytest.approx(30)
        now = await charger.receive()
        assert now[2] == "ClearCache"
        await charger.send([3, late, {"status": "Rejected"}])
        await charger.send([4, late, "InternalError", "", {}])
        await charger.result("Heartbeat", {})
        assert second.outcome is None
        await charger.send([3, now[1], {"status": "Accepted"}])
        outcome = await second.wait()
        assert (outcome.state, outcome.payload) == (CommandState.ANSWERED, {"status": "Accepted"})
        assert flagged(central) == ["late reply", "late reply"]


@pytest.mark.parametrize(
    ("reply", "description"),
    [
        ((4, "ID", "NotSupported"), ""),
        ((4, "ID", "NotSupported", "not here"), "not here"),
        ((4, "ID", "NotSupported", "not here", {"a": 1}), "not here"),
        ((4, "ID", "NotSupported", None, None), ""),
    ],
)
async def test_quirk_25_a_callerror_with_three_or_four_elements_is_accepted(
    autojump_clock: trio.abc.Clock, lenient: bool, reply: tuple[Any, ...], description: str
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        await charger.boot()
        outcome = await outcome_of(central, RESET, charger, *reply)
        assert outcome.state is CommandState.CALL_ERROR
        assert (outcome.error_code, outcome.description) == ("NotSupported", description)
        assert flagged(central) == []


@pytest.mark.parametrize(
    "code", ["FormatViolation", "OccurrenceConstraintViolation", "RpcFrameworkError", ""]
)
async def test_quirk_25_any_spelling_of_an_error_code_is_accepted(
    autojump_clock: trio.abc.Clock, lenient: bool, code: str
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        await charger.boot()
        outcome = await outcome_of(central, RESET, charger, 4, "ID", code, "", {})
        assert (outcome.state, outcome.error_code) == (CommandState.CALL_ERROR, code)


@pytest.mark.parametrize("message_id", ["", "nobody's", "x" * 5000])
async def test_quirk_26_a_reply_with_an_unknown_or_empty_id_is_logged_and_counted(
    autojump_clock: trio.abc.Clock, lenient: bool, message_id: str
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        await charger.boot()
        with structlog.testing.capture_logs() as lines:
            await charger.send([3, message_id, {"status": "Accepted"}])
            await charger.send([4, message_id, "InternalError", "", {}])
            await charger.result("Heartbeat", {})
        ignored = [line for line in lines if line.get("reason") == "reply to no CALL"]
        assert len(ignored) == 2
        assert max(len(str(line)) for line in lines) < 500
        assert flagged(central) == ["reply to no CALL", "reply to no CALL"]


async def test_quirk_26_a_reply_under_another_id_does_not_answer_the_call_in_flight(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        await charger.boot()
        command = central.fleet.submit("CP1", RESET)
        asked = await charger.receive()
        await charger.send([3, asked[1] + " ", {"status": "Accepted"}])
        await charger.result("Heartbeat", {})
        assert command.outcome is None
        await charger.send([3, asked[1], {"status": "Accepted"}])
        assert (await command.wait()).state is CommandState.ANSWERED


KEYS = {
    "configurationKey": [
        {"key": f"Key{number:04}", "readonly": False, "value": "v" * 500} for number in range(600)
    ]
}


async def test_quirk_27_hundreds_of_kilobytes_are_a_message_like_others(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        await charger.boot()
        outcome = await outcome_of(central, GetConfiguration(), charger, 3, "ID", KEYS)
        assert outcome.payload == KEYS
        started = await charger.result(
            "StartTransaction",
            {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "2026-03-01T12:00:00Z"},
        )
        values = [
            {"timestamp": "2026-03-01T12:00:00Z", "sampledValue": [{"value": str(number)}]}
            for number in range(8000)
        ]
        stop = {
            "transactionId": started["transactionId"],
            "meterStop": 8000,
            "timestamp": "2026-03-01T13:00:00Z",
            "transactionData": values,
        }
        await charger.result("StopTransaction", stop)
        assert max(len(event.text) for event in central.told(FrameReceived)) > 500_000
        kept = await central.ledger.ask(ListMeterValues(transaction_id=started["transactionId"]))
        assert [record.meter_values for record in kept] == [values]
        assert flagged(central) == []


@pytest.mark.parametrize("limit", [2048, 1 << 20])
async def test_quirk_27_above_the_limit_the_connection_is_closed_with_1009(
    autojump_clock: trio.abc.Clock, lenient: bool, limit: int
) -> None:
    async with central_with(lenient, max_message_size=limit) as central, raw_charger(central) as peer:
        largest = b'[2,"1","Heartbeat",{}]'.ljust(limit)
        await peer.send(frame(TEXT, largest))
        assert (await peer.text())[:2] == [3, "1"]
        await peer.send(frame(TEXT, largest + b" "))
        assert await peer.close_code() == 1009
        async with central.charger() as again:
            await again.result("BootNotification", BOOT)


async def test_quirk_27_the_limit_counts_bytes_not_characters(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient, max_message_size=2048) as central, raw_charger(central) as peer:
        await peer.send(frame(TEXT, "é".encode() * 1500))
        assert await peer.close_code() == 1009
