"""StartTransaction and StopTransaction (OCPP 1.6 §4.8, §4.10)."""

from typing import Any

import pytest
from tests.support.central import open_central
from tests.support.messages import AT, start, stop

from ocpp_actors.ledger.port import (
    FindTransaction,
    IdTag,
    ListMeterValues,
    ListOrphanStops,
    ListTransactions,
    PutIdTag,
)
from ocpp_actors.observer import Flagged, TransactionStarted, TransactionStopped
from ocpp_actors.protocol.messages import AuthorizationStatus as Status


async def test_a_transaction_gets_an_id_and_ends_under_it(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        started = await charger.result("StartTransaction", start(reservationId=7))
        assert started["idTagInfo"] == {"status": "Accepted"}
        assert started["transactionId"] > 0
        assert await charger.result("StopTransaction", stop(started["transactionId"])) == {}
        transaction = await central.ledger.ask(FindTransaction(started["transactionId"]))
        assert central.told(Flagged) == []
        [begun], [ended] = central.told(TransactionStarted), central.told(TransactionStopped)
    assert transaction is not None
    assert (transaction.identity, transaction.connector_id, transaction.id_tag) == ("CP1", 1, "TAG")
    assert (transaction.meter_start, transaction.meter_stop, transaction.energy_wh) == (100, 350, 250.0)
    assert transaction.reservation_id == 7
    assert transaction.stop_reason == "Local"
    assert begun.transaction_id == ended.transaction_id == started["transactionId"]
    assert ended.reason == "Local"


async def test_the_reason_of_a_stop_is_kept(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        transaction_id = (await charger.result("StartTransaction", start()))["transactionId"]
        await charger.result("StopTransaction", stop(transaction_id, reason="EVDisconnected"))
        transaction = await central.ledger.ask(FindTransaction(transaction_id))
        assert [event.reason for event in central.told(TransactionStopped)] == ["EVDisconnected"]
    assert transaction is not None
    assert transaction.stop_reason == "EVDisconnected"


@pytest.mark.parametrize("status", [Status.BLOCKED, Status.INVALID, Status.EXPIRED])
async def test_a_start_of_a_bad_id_tag_is_recorded_and_told_so(autojump_clock: Any, status: Status) -> None:
    """§4.8: it has begun, whatever is odd about it."""
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        await central.ledger.ask(PutIdTag(IdTag("TAG", status)))
        started = await charger.result("StartTransaction", start())
        assert started["idTagInfo"] == {"status": status}
        assert await central.ledger.ask(FindTransaction(started["transactionId"])) is not None


async def test_an_unknown_id_tag_starts_as_invalid_where_only_known_ones_may(autojump_clock: Any) -> None:
    async with open_central(authorization="known") as central, central.charger() as charger:
        await charger.boot()
        started = await charger.result("StartTransaction", start())
        assert started["idTagInfo"] == {"status": "Invalid"}
        assert started["transactionId"] > 0


async def test_a_start_over_the_limit_of_the_id_tag_is_concurrent(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger, central.charger("CP2") as other:
        await charger.boot()
        await other.boot()
        tag = IdTag("TAG", Status.ACCEPTED, parent_id_tag="GROUP", max_active_transactions=2)
        await central.ledger.ask(PutIdTag(tag))
        first = await charger.result("StartTransaction", start())
        second = await other.result("StartTransaction", start(idTag="tag"))
        third = await charger.result("StartTransaction", start(connectorId=2))
        assert [each["idTagInfo"]["status"] for each in (first, second, third)] == [
            "Accepted",
            "Accepted",
            "ConcurrentTx",
        ]
        assert third["idTagInfo"]["parentIdTag"] == "GROUP"
        await charger.result("StopTransaction", stop(third["transactionId"]))
        await other.result("StopTransaction", stop(second["transactionId"]))
        fourth = await charger.result("StartTransaction", start(connectorId=2, meterStart=400))
        assert fourth["idTagInfo"]["status"] == "Accepted"


async def test_an_id_tag_without_a_limit_may_run_any_number(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        await central.ledger.ask(PutIdTag(IdTag("TAG", Status.ACCEPTED)))
        for connector in range(1, 6):
            started = await charger.result("StartTransaction", start(connectorId=connector))
            assert started["idTagInfo"]["status"] == "Accepted"


async def test_a_repeated_start_gets_the_same_id_and_does_not_count_against_itself(
    autojump_clock: Any,
) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        await central.ledger.ask(PutIdTag(IdTag("TAG", Status.ACCEPTED, max_active_transactions=1)))
        first = await charger.result("StartTransaction", start())
        assert await charger.result("StartTransaction", start()) == first
        assert len(await central.ledger.ask(ListTransactions())) == 1
        assert len(central.told(TransactionStarted)) == 1


async def test_a_second_start_on_a_busy_connector_is_confirmed_as_another_transaction(
    autojump_clock: Any,
) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        first = await charger.result("StartTransaction", start())
        second = await charger.result("StartTransaction", start(idTag="OTHER"))
        assert second["transactionId"] != first["transactionId"]
        assert len(await central.ledger.ask(ListTransactions(active=True))) == 2


@pytest.mark.parametrize(("with_tag", "answer"), [(False, {}), (True, {"idTagInfo": {"status": "Blocked"}})])
async def test_a_stop_tells_about_the_id_tag_only_if_it_was_given(
    autojump_clock: Any, with_tag: bool, answer: dict[str, Any]
) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        await central.ledger.ask(PutIdTag(IdTag("GUARD", Status.BLOCKED)))
        transaction_id = (await charger.result("StartTransaction", start()))["transactionId"]
        payload = stop(transaction_id, **({"idTag": "GUARD"} if with_tag else {}))
        assert await charger.result("StopTransaction", payload) == answer


async def test_a_repeated_stop_changes_nothing(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        transaction_id = (await charger.result("StartTransaction", start()))["transactionId"]
        await charger.result("StopTransaction", stop(transaction_id))
        before = await central.ledger.ask(FindTransaction(transaction_id))
        assert await charger.result("StopTransaction", stop(transaction_id)) == {}
        assert await central.ledger.ask(FindTransaction(transaction_id)) == before
        assert len(central.told(TransactionStopped)) == 1
        assert central.told(Flagged) == []


async def test_a_second_stop_that_differs_is_confirmed_flagged_and_kept_by_itself(
    autojump_clock: Any,
) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        transaction_id = (await charger.result("StartTransaction", start()))["transactionId"]
        await charger.result("StopTransaction", stop(transaction_id))
        before = await central.ledger.ask(FindTransaction(transaction_id))
        assert await charger.result("StopTransaction", stop(transaction_id, meterStop=999)) == {}
        assert await central.ledger.ask(FindTransaction(transaction_id)) == before
        assert len(central.told(TransactionStopped)) == 1
        assert [event.quirk for event in central.told(Flagged)] == ["second stop"]
        [kept] = await central.ledger.ask(ListOrphanStops())
        assert kept.meter_stop == 999


async def test_a_stop_of_an_unknown_id_ends_the_only_transaction_that_fits_and_is_flagged(
    autojump_clock: Any,
) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        transaction_id = (await charger.result("StartTransaction", start()))["transactionId"]
        answer = await charger.result("StopTransaction", stop(-1, idTag="TAG"))
        assert answer == {"idTagInfo": {"status": "Accepted"}}
        assert [event.transaction_id for event in central.told(TransactionStopped)] == [transaction_id]
        [flagged] = central.told(Flagged)
        assert flagged.quirk == "unknown transaction"
        assert str(transaction_id) in flagged.detail
        assert await central.ledger.ask(ListTransactions(active=True)) == []


async def test_a_stop_that_fits_nothing_is_kept_by_itself_flagged_and_confirmed(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        assert await charger.result("StopTransaction", stop(4711)) == {}
        [orphan] = await central.ledger.ask(ListOrphanStops())
        assert (orphan.transaction_id, orphan.reason) == (4711, "Local")
        assert [event.quirk for event in central.told(Flagged)] == ["unknown transaction"]
        assert central.told(TransactionStopped) == []


async def test_transaction_data_is_kept_as_sent(autojump_clock: Any) -> None:
    data = [
        {"timestamp": AT, "sampledValue": [{"value": "12.50", "context": "Transaction.End", "unit": "kWh"}]}
    ]
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        transaction_id = (await charger.result("StartTransaction", start()))["transactionId"]
        await charger.result("StopTransaction", stop(transaction_id, transactionData=data))
        [record] = await central.ledger.ask(ListMeterValues(transaction_id=transaction_id))
    assert record.source == "transactionData"
    assert record.meter_values[0]["sampledValue"] == data[0]["sampledValue"]


async def test_a_meter_that_runs_backwards_is_recorded_and_confirmed(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        transaction_id = (await charger.result("StartTransaction", start()))["transactionId"]
        assert await charger.result("StopTransaction", stop(transaction_id, meterStop=50)) == {}
        transaction = await central.ledger.ask(FindTransaction(transaction_id))
    assert transaction is not None
    assert transaction.meter_stop == 50
