"""Quirks 15 to 18: messages that come twice, and transactions that nobody knows."""

from typing import Any

import pytest
import trio
from tests.support.central import BOOT, Central, Charger
from tests.support.known import central_with, flagged

from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.ledger.port import ListMeterValues, ListOrphanStops, ListTransactions
from ocpp_actors.observer import TransactionStarted, TransactionStopped
from ocpp_actors.protocol.messages import Authorize

ACCEPTED = {"idTagInfo": {"status": "Accepted"}}
START = {"connectorId": 1, "idTag": "A", "meterStart": 100, "timestamp": "2026-03-01T12:00:00Z"}
STOP = {"meterStop": 900, "timestamp": "2026-03-01T13:00:00Z"}


def meter_values(**more: Any) -> dict[str, Any]:
    values = [{"timestamp": "2026-03-01T12:30:00Z", "sampledValue": [{"value": "500"}]}]
    return {"connectorId": 1, "meterValue": values, **more}


async def start(charger: Charger, **changes: Any) -> int:
    started = await charger.result("StartTransaction", START | changes)
    assert started["idTagInfo"] == {"status": "Accepted"}
    transaction_id = started["transactionId"]
    assert isinstance(transaction_id, int)
    return transaction_id


class Slow:
    """A router whose Authorize takes ten seconds, and counts."""

    def __init__(self) -> None:
        self.router = default_router()
        self.handled: list[str] = []
        self.router.around(Authorize)(self._authorize)

    async def _authorize(self, request: Authorize, context: Context, proceed: Any) -> Any:
        self.handled.append(request.id_tag)
        await trio.sleep(10)
        return await proceed(request, context)


# --- 15 ----------------------------------------------------------------------------------------------------------


async def test_quirk_15_in_progress_same_payload_one_answer_serves_both(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    slow = Slow()
    async with central_with(lenient, router=slow.router) as central, central.charger() as charger:
        await charger.send([2, "1", "Authorize", {"idTag": "A"}])
        await charger.send([2, "1", "Authorize", {"idTag": "A"}])
        await charger.send([2, "2", "Heartbeat", {}])
        assert await charger.receive() == [3, "1", ACCEPTED]
        assert (await charger.receive())[:2] == [3, "2"]
        assert slow.handled == ["A"]
        assert flagged(central) == ["CALL repeated while in progress"]


async def test_quirk_15_in_progress_another_payload_is_a_protocol_error(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    slow = Slow()
    async with central_with(lenient, router=slow.router) as central, central.charger() as charger:
        await charger.send([2, "1", "Authorize", {"idTag": "A"}])
        await charger.send([2, "1", "Authorize", {"idTag": "B"}])
        await charger.send([2, "1", "Heartbeat", {}])
        assert await charger.receive() == [3, "1", ACCEPTED]
        for _ in range(2):
            assert (await charger.receive())[:3] == [4, "1", "ProtocolError"]
        assert slow.handled == ["A"]


async def test_quirk_15_answered_same_payload_gets_the_same_answer(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        first = await charger.call("StartTransaction", START, "1")
        assert await charger.call("StartTransaction", START, "1") == first
        other_order = dict(reversed(START.items()))
        assert await charger.call("StartTransaction", other_order, "1") == first
        assert len(central.told(TransactionStarted)) == 1


@pytest.mark.parametrize(("action", "payload"), [("Heartbeat", {}), ("BootNotification", BOOT)])
async def test_quirk_15_heartbeat_and_boot_are_answered_anew(
    autojump_clock: trio.abc.Clock, lenient: bool, action: str, payload: dict[str, str]
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        first = await charger.call(action, payload, "1")
        await trio.sleep(60)
        second = await charger.call(action, payload, "1")
        assert (first[2]["currentTime"], second[2]["currentTime"]) == (
            "2026-03-01T12:00:00Z",
            "2026-03-01T12:01:00Z",
        )
        assert flagged(central) == []


async def test_quirk_15_answered_another_payload_is_a_new_call_and_flagged(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        first = await charger.call("StartTransaction", START, "1")
        second = await charger.call("StartTransaction", START | {"connectorId": 2}, "1")
        assert first[2]["transactionId"] != second[2]["transactionId"]
        assert flagged(central) == ["message id reused"]


async def test_quirk_15_the_cache_is_small_and_an_old_answer_is_given_by_the_ledger_instead(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        first = await charger.call("StartTransaction", START, "1")
        for number in range(20):
            await charger.call("Authorize", {"idTag": str(number)})
        assert await charger.call("StartTransaction", START, "1") == first
        assert len(central.told(TransactionStarted)) == 1


# --- 16 ----------------------------------------------------------------------------------------------------------


async def test_quirk_16_a_start_resent_under_a_new_id_gets_the_same_transaction(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient) as central:
        async with central.charger() as charger:
            first = await start(charger)
            assert await start(charger) == first
        async with central.charger() as charger:
            assert await start(charger) == first
            assert await start(charger, timestamp="2026-03-01T13:00:00+01:00", idTag="a") == first
        assert len(await central.ledger.ask(ListTransactions())) == 1
        assert len(central.told(TransactionStarted)) == 1


@pytest.mark.parametrize(
    "other", [{"connectorId": 2}, {"idTag": "B"}, {"meterStart": 101}, {"timestamp": "2026-03-01T12:00:01Z"}]
)
async def test_quirk_16_a_start_that_differs_is_another_transaction(
    autojump_clock: trio.abc.Clock, lenient: bool, other: dict[str, Any]
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        first = await start(charger)
        assert await start(charger, **other) != first


async def test_quirk_16_the_same_start_of_another_charger_is_another_transaction(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with (
        central_with(lenient) as central,
        central.charger() as charger,
        central.charger("CP2") as other,
    ):
        assert await start(charger) != await start(other)


async def test_quirk_16_after_its_stop_the_same_start_is_a_new_transaction(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    """A charger without a clock says the same again, legitimately."""
    async with central_with(lenient) as central, central.charger() as charger:
        first = await start(charger)
        await charger.result("StopTransaction", STOP | {"transactionId": first})
        assert await start(charger) > first


async def test_quirk_16_a_stop_resent_under_a_new_id_changes_nothing(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        stop = STOP | {"transactionId": await start(charger), "idTag": "A"}
        assert await charger.result("StopTransaction", stop) == ACCEPTED
        before = await central.ledger.ask(ListTransactions())
        await trio.sleep(60)
        assert await charger.result("StopTransaction", stop) == ACCEPTED
        assert flagged(central) == []
        assert await charger.result("StopTransaction", stop | {"meterStop": 950}) == ACCEPTED
        assert flagged(central) == ["second stop"]
        assert [orphan.meter_stop for orphan in await central.ledger.ask(ListOrphanStops())] == [950]
        assert await central.ledger.ask(ListTransactions()) == before
        assert len(central.told(TransactionStopped)) == 1


# --- 17 ----------------------------------------------------------------------------------------------------------

UNKNOWN = pytest.mark.parametrize("sent_id", [-1, 0, 4711, 2**31])


async def the_transaction(central: Central) -> Any:
    (transaction,) = await central.ledger.ask(ListTransactions(identity="CP1"))
    return transaction


@UNKNOWN
async def test_quirk_17_a_stop_under_a_wrong_id_ends_the_only_transaction_that_fits(
    autojump_clock: trio.abc.Clock, lenient: bool, sent_id: int
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        transaction_id = await start(charger)
        await charger.result("StopTransaction", STOP | {"transactionId": sent_id, "idTag": "A"})
        assert (await the_transaction(central)).meter_stop == 900
        assert [event.transaction_id for event in central.told(TransactionStopped)] == [transaction_id]
        assert flagged(central) == ["unknown transaction"]
        assert await central.ledger.ask(ListOrphanStops()) == []


@UNKNOWN
@pytest.mark.parametrize(
    "stop",
    [{"meterStop": 99}, {"timestamp": "2026-03-01T11:59:59Z"}, {"idTag": "B"}],
    ids=["meter below the start", "before the start", "another idTag"],
)
async def test_quirk_17_a_stop_that_fits_none_is_confirmed_and_kept_as_an_orphan(
    autojump_clock: trio.abc.Clock, lenient: bool, sent_id: int, stop: dict[str, Any]
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        await start(charger)
        await charger.result("StopTransaction", STOP | {"transactionId": sent_id, "idTag": "A"} | stop)
        (orphan,) = await central.ledger.ask(ListOrphanStops())
        assert (orphan.identity, orphan.transaction_id) == ("CP1", sent_id)
        assert (await the_transaction(central)).stopped_at is None
        assert flagged(central) == ["unknown transaction"]


async def test_quirk_17_the_real_stop_replaces_one_that_was_guessed(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        transaction_id = await start(charger)
        await charger.result("StopTransaction", STOP | {"transactionId": -1, "idTag": "A"})
        real = STOP | {"transactionId": transaction_id, "idTag": "A", "meterStop": 950}
        assert await charger.result("StopTransaction", real) == ACCEPTED
        assert (await the_transaction(central)).meter_stop == 950
        assert [orphan.meter_stop for orphan in await central.ledger.ask(ListOrphanStops())] == [900]


@UNKNOWN
async def test_quirk_17_a_stop_that_could_be_of_two_transactions_ends_neither(
    autojump_clock: trio.abc.Clock, lenient: bool, sent_id: int
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        await start(charger)
        await start(charger, connectorId=2)
        await charger.result("StopTransaction", STOP | {"transactionId": sent_id, "idTag": "A"})
        assert len(await central.ledger.ask(ListOrphanStops())) == 1
        assert len(await central.ledger.ask(ListTransactions(active=True))) == 2


async def test_quirk_17_the_id_of_another_chargers_transaction_does_not_end_it(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with (
        central_with(lenient) as central,
        central.charger() as charger,
        central.charger("CP2") as other,
    ):
        foreign = await start(other)
        await charger.result("StopTransaction", STOP | {"transactionId": foreign})
        assert len(await central.ledger.ask(ListTransactions(active=True))) == 1
        assert len(await central.ledger.ask(ListOrphanStops())) == 1


# --- 18 ----------------------------------------------------------------------------------------------------------


async def test_quirk_18_meter_values_without_a_living_transaction_are_confirmed_and_stored_unlinked(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with (
        central_with(lenient) as central,
        central.charger() as charger,
        central.charger("CP2") as other,
    ):
        foreign = await start(other)
        for sent_id in (None, -1, 0, 4711, foreign):
            more = {} if sent_id is None else {"transactionId": sent_id}
            assert await charger.result("MeterValues", meter_values(**more)) == {}
        kept = await central.ledger.ask(ListMeterValues())
        assert [(record.sent_transaction_id, record.transaction_id) for record in kept] == [
            (sent_id, None) for sent_id in (None, -1, 0, 4711, foreign)
        ]
        assert flagged(central) == ["unknown transaction"] * 4


async def test_quirk_18_meter_values_after_the_stop_are_confirmed_and_stored(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        transaction_id = await start(charger)
        await charger.result("StopTransaction", STOP | {"transactionId": transaction_id})
        assert await charger.result("MeterValues", meter_values(transactionId=transaction_id)) == {}
        (kept,) = await central.ledger.ask(ListMeterValues())
        assert kept.sent_transaction_id == transaction_id
        assert (await the_transaction(central)).energy_wh == 800
