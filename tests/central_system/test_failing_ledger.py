"""A ledger that fails never crashes a session and never confirms; each kind of message has its own way out."""

from typing import Any

import pytest
import trio
from tests.support.central import BOOT, Charger, open_central
from tests.support.failing_ledger import FailingLedger
from tests.support.messages import AT, meter_values, start, status, stop

from ocpp_actors.ledger.port import (
    FindIdTag,
    ListMeterValues,
    ListTransactions,
    RecordBoot,
    RecordMeterValues,
    RecordStart,
    RecordStop,
)
from ocpp_actors.observer import CallHandled, Restarted, TransactionStarted, TransactionStopped

TRANSACTION_MESSAGES = [
    pytest.param("StartTransaction", start(), RecordStart, id="start"),
    pytest.param("StopTransaction", stop(1), RecordStop, id="stop"),
    pytest.param("MeterValues", meter_values(transactionId=1), RecordMeterValues, id="meter values"),
]
OTHER_MESSAGES = [
    ("BootNotification", BOOT | {"firmwareVersion": "new"}),
    ("SecurityEventNotification", {"type": "SettingSystemTime", "timestamp": AT}),
    ("SignCertificate", {"csr": "PEM"}),
]


def fail(ledger: FailingLedger, how: str, *kinds: type) -> None:
    if how == "hangs":
        ledger.hangs(*kinds)
    else:
        ledger.unavailable(*kinds)


async def prepare(charger: Charger, action: str) -> None:
    await charger.boot()
    if action != "StartTransaction":
        await charger.result("StartTransaction", start())


@pytest.mark.parametrize("how", ["hangs", "fails"])
@pytest.mark.parametrize(("action", "payload", "request_class"), TRANSACTION_MESSAGES)
async def test_a_transaction_message_waits_then_its_connection_is_closed_without_an_answer(
    autojump_clock: Any, how: str, action: str, payload: dict[str, Any], request_class: type
) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger, ledger_patience=10.0) as central:
        async with central.charger() as charger:
            await prepare(charger, action)
            fail(ledger, how)
            began = trio.current_time()
            await charger.send([2, "first", action, payload])
            assert await charger.closed() == (1011, "the message could not be stored")
            assert trio.current_time() - began == 10
            assert central.told(CallHandled)[-1].outcome == "unanswered"
        assert central.told(Restarted) == []

        # It comes again under a new id after the reconnection, and is stored once.
        ledger.recovers()
        async with central.charger() as charger:
            answer = await charger.result(action, payload)
            assert await charger.result(action, payload) == answer
        [transaction] = await ledger.ask(ListTransactions())
        assert (transaction.stopped_at is not None) == (action == "StopTransaction")
        assert len(await ledger.ask(ListMeterValues())) == (action == "MeterValues")


@pytest.mark.parametrize(("action", "payload", "request_class"), TRANSACTION_MESSAGES)
async def test_a_transaction_message_outlasts_a_short_failure(
    autojump_clock: Any, action: str, payload: dict[str, Any], request_class: type
) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central, central.charger() as charger:
        await prepare(charger, action)
        ledger.unavailable(request_class, times=5)
        await charger.result(action, payload)
        assert ledger.count(request_class) == 6
        assert 0 < trio.current_time() < 10


@pytest.mark.parametrize(("action", "payload", "request_class"), TRANSACTION_MESSAGES)
async def test_a_fact_that_was_stored_by_a_failed_attempt_is_stored_once(
    autojump_clock: Any, action: str, payload: dict[str, Any], request_class: type
) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central, central.charger() as charger:
        await prepare(charger, action)
        ledger.unavailable(request_class, times=1, stored=True)
        first = await charger.result(action, payload)
        assert ledger.count(request_class) == 2
        assert await charger.result(action, payload) == first
        assert len(await ledger.ask(ListTransactions())) == 1
        assert len(await ledger.ask(ListMeterValues())) == (action == "MeterValues")


async def test_a_start_and_a_stop_are_told_once_even_if_the_first_attempt_was_closed(
    autojump_clock: Any,
) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central:
        async with central.charger() as charger:
            await charger.boot()
            transaction_id = (await charger.result("StartTransaction", start()))["transactionId"]
            ledger.hangs(FindIdTag)
            await charger.send([2, "x", "StopTransaction", stop(transaction_id, idTag="TAG")])
            assert (await charger.closed())[0] == 1011
        ledger.recovers()
        async with central.charger() as charger:
            answer = await charger.result("StopTransaction", stop(transaction_id, idTag="TAG"))
            assert answer == {"idTagInfo": {"status": "Accepted"}}
        assert len(central.told(TransactionStarted)) == len(central.told(TransactionStopped)) == 1


@pytest.mark.parametrize("how", ["hangs", "fails", "refuses"])
async def test_an_authorization_that_cannot_be_decided_is_invalid(autojump_clock: Any, how: str) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger, ledger_patience=5.0) as central, central.charger() as charger:
        await charger.boot()
        ledger.refuses() if how == "refuses" else fail(ledger, how)
        assert await charger.result("Authorize", {"idTag": "TAG"}) == {"idTagInfo": {"status": "Invalid"}}
        assert trio.current_time() == (0 if how == "refuses" else 5)
        ledger.recovers()
        assert await charger.result("Authorize", {"idTag": "TAG"}) == {"idTagInfo": {"status": "Accepted"}}


@pytest.mark.parametrize("how", ["hangs", "fails"])
@pytest.mark.parametrize(("action", "payload"), OTHER_MESSAGES)
async def test_what_else_must_be_stored_gets_an_internal_error(
    autojump_clock: Any, how: str, action: str, payload: dict[str, Any]
) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central, central.charger() as charger:
        await charger.boot()
        fail(ledger, how)
        frame = await charger.call(action, payload)
        assert frame[2] == "InternalError"
        assert "disk" not in frame[3]
        ledger.recovers()
        await charger.result(action, payload)
        assert central.told(Restarted) == []


async def test_heartbeats_statuses_and_progress_do_not_notice(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central, central.charger() as charger:
        await charger.boot()
        ledger.hangs()
        await charger.result("Heartbeat", {})
        await charger.result("StatusNotification", status())
        await charger.result("FirmwareStatusNotification", {"status": "Installed"})
        assert trio.current_time() == 0


async def test_no_other_charger_waits_for_one_that_waits_for_the_ledger(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    async with (
        open_central(ledger=ledger) as central,
        central.charger() as waiting,
        central.charger("CP2") as other,
    ):
        await waiting.boot()
        await other.boot()
        ledger.hangs(RecordStart)
        await waiting.send([2, "x", "StartTransaction", start()])
        for _ in range(5):
            await trio.sleep(1)
            before = trio.current_time()
            await other.result("Heartbeat", {})
            await other.result("MeterValues", meter_values({"value": str(before)}))
            assert trio.current_time() == before
        assert (await waiting.closed())[0] == 1011
        await other.result("Heartbeat", {})


@pytest.mark.parametrize(("action", "payload", "request_class"), TRANSACTION_MESSAGES)
async def test_a_request_that_the_ledger_refuses_fails_alone_and_at_once(
    autojump_clock: Any, action: str, payload: dict[str, Any], request_class: type
) -> None:
    ledger = FailingLedger()
    async with (
        open_central(ledger=ledger) as central,
        central.charger() as charger,
        central.charger("CP2") as other,
    ):
        await prepare(charger, action)
        await other.boot()
        ledger.refuses(request_class, times=1)
        frame = await charger.call(action, payload)
        assert frame[2] == "InternalError"
        assert "poison" not in frame[3]
        assert trio.current_time() == 0
        await other.result("StartTransaction", start())
        await charger.result(action, payload)


async def test_the_ledger_is_not_hammered_while_it_fails(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger, ledger_patience=60.0) as central, central.charger() as charger:
        await charger.boot()
        ledger.unavailable(RecordMeterValues)
        await charger.send([2, "x", "MeterValues", meter_values()])
        await charger.closed()
        assert ledger.count(RecordMeterValues) < 40
        assert ledger.count(RecordBoot) == 1
