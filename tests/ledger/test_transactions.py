from datetime import timedelta, timezone
from typing import Any

import pytest
import trio
from tests.ledger.facts import NOON, later, samples, start, stop

from ocpp_actors.ledger.port import (
    FindTransaction,
    Ledger,
    ListMeterValues,
    ListOrphanStops,
    ListTransactions,
    OrphanStop,
    RecordStart,
    Started,
    StopMatch,
    Stopped,
    Transaction,
)
from ocpp_actors.protocol.messages import Reason


async def test_a_start_gets_a_positive_transaction_id(ledger: Ledger) -> None:
    started = await ledger.ask(start(reservation_id=7, received_at=later(2)))
    assert 1 <= started.transaction_id < 2**31
    assert started == Started(started.transaction_id, repeated=False, others_active=0)
    assert await ledger.ask(FindTransaction(started.transaction_id)) == Transaction(
        transaction_id=started.transaction_id,
        identity="CP-1",
        connector_id=1,
        id_tag="TAG",
        meter_start=1000,
        started_at=NOON,
        start_received_at=later(2),
        reservation_id=7,
        meter_stop=None,
        stopped_at=None,
        stop_received_at=None,
        stop_reason=None,
        stop_id_tag=None,
        energy_wh=None,
    )


async def test_a_repeated_start_gets_the_same_transaction_id(ledger: Ledger) -> None:
    first = await ledger.ask(start())
    abroad = NOON.astimezone(timezone(timedelta(hours=2)))
    again = await ledger.ask(start("cp-1", id_tag="tag", timestamp=abroad, received_at=later(60)))
    assert again == Started(first.transaction_id, repeated=True, others_active=0)
    (kept,) = await ledger.ask(ListTransactions())
    assert kept.start_received_at == NOON


async def test_a_start_repeated_at_the_same_moment_is_recorded_once(ledger: Ledger) -> None:
    answers: list[Started] = []

    async def ask() -> None:
        answers.append(await ledger.ask(start()))

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(ask)
    assert len({started.transaction_id for started in answers}) == 1
    assert sum(not started.repeated for started in answers) == 1
    assert len(await ledger.ask(ListTransactions())) == 1


@pytest.mark.parametrize(
    "other",
    [
        start("CP-2"),
        start(connector_id=2),
        start(id_tag="OTHER"),
        start(meter_start=1001),
        start(timestamp=NOON + timedelta(microseconds=1)),
    ],
    ids=["charge point", "connector", "idTag", "meterStart", "timestamp"],
)
async def test_a_start_that_differs_in_its_natural_key_is_another_transaction(
    ledger: Ledger, other: RecordStart
) -> None:
    first = await ledger.ask(start())
    second = await ledger.ask(other)
    assert not second.repeated
    assert second.transaction_id != first.transaction_id


async def test_the_same_start_after_the_stop_is_a_new_transaction(ledger: Ledger) -> None:
    first = await ledger.ask(start())
    await ledger.ask(stop(first.transaction_id))
    second = await ledger.ask(start())
    assert not second.repeated
    assert second.transaction_id > first.transaction_id
    assert (await ledger.ask(stop(second.transaction_id))).transaction_id == second.transaction_id
    assert len(await ledger.ask(ListTransactions(active=False))) == 2


async def test_the_other_unfinished_transactions_of_an_id_tag_are_counted(ledger: Ledger) -> None:
    first = await ledger.ask(start())
    second = await ledger.ask(start("CP-2", id_tag="tag"))
    other = await ledger.ask(start("CP-3", id_tag="OTHER"))
    assert (first.others_active, second.others_active, other.others_active) == (0, 1, 0)
    assert (await ledger.ask(start())).others_active == 1
    await ledger.ask(stop(first.transaction_id))
    assert (await ledger.ask(start("CP-2"))).others_active == 0


async def test_a_stop_finds_its_transaction_by_its_id(ledger: Ledger) -> None:
    started = await ledger.ask(start())
    stopped = await ledger.ask(
        stop(started.transaction_id, "cp-1", id_tag="OTHER", reason=Reason.EV_DISCONNECTED)
    )
    assert stopped == Stopped(StopMatch.BY_ID, started.transaction_id, repeated=False)
    transaction = await ledger.ask(FindTransaction(started.transaction_id))
    assert transaction is not None
    assert (transaction.meter_stop, transaction.stopped_at, transaction.stop_received_at) == (
        5000,
        later(3600),
        later(3601),
    )
    assert (transaction.stop_reason, transaction.stop_id_tag) == ("EVDisconnected", "OTHER")
    assert transaction.energy_wh == 4000.0


async def test_a_repeated_stop_changes_nothing(ledger: Ledger) -> None:
    started = await ledger.ask(start())
    abroad = later(3600).astimezone(timezone(timedelta(hours=2)))
    await ledger.ask(stop(started.transaction_id, id_tag="tag", transaction_data=samples()))
    before = await ledger.ask(FindTransaction(started.transaction_id))
    again = await ledger.ask(
        stop(
            started.transaction_id,
            "cp-1",
            id_tag="TAG",
            timestamp=abroad,
            transaction_data=samples(),
            received_at=later(7200),
        )
    )
    assert again == Stopped(StopMatch.BY_ID, started.transaction_id, repeated=True)
    assert await ledger.ask(FindTransaction(started.transaction_id)) == before
    assert len(await ledger.ask(ListMeterValues())) == 1
    assert await ledger.ask(ListOrphanStops()) == []


@pytest.mark.parametrize(
    "other",
    [
        {"meter_stop": 9999},
        {"timestamp": later(9)},
        {"reason": "Remote"},
        {"id_tag": "OTHER"},
    ],
    ids=["meterStop", "timestamp", "reason", "idTag"],
)
async def test_a_second_stop_that_differs_is_kept_by_itself(ledger: Ledger, other: dict[str, Any]) -> None:
    started = await ledger.ask(start())
    transaction_id = started.transaction_id
    await ledger.ask(stop(transaction_id, transaction_data=samples()))
    before = await ledger.ask(FindTransaction(transaction_id))
    request = stop(transaction_id, **other)
    second = await ledger.ask(request)
    again = await ledger.ask(request)
    assert second == Stopped(StopMatch.BY_ID, transaction_id, repeated=False, conflicting=True)
    assert again == Stopped(StopMatch.BY_ID, transaction_id, repeated=True, conflicting=True)
    assert await ledger.ask(FindTransaction(transaction_id)) == before
    assert await ledger.ask(ListOrphanStops()) == [
        OrphanStop(
            "CP-1",
            transaction_id,
            request.id_tag,
            request.meter_stop,
            request.timestamp,
            request.reason,
            later(3601),
        )
    ]


async def test_second_stops_that_differ_in_their_reason_alone_are_all_kept(ledger: Ledger) -> None:
    started = await ledger.ask(start())
    for reason in ("Local", "Remote", "PowerLoss"):
        await ledger.ask(stop(started.transaction_id, reason=reason))
    assert [orphan.reason for orphan in await ledger.ask(ListOrphanStops())] == ["Remote", "PowerLoss"]


async def test_the_transaction_data_of_a_second_stop_is_kept(ledger: Ledger) -> None:
    started = await ledger.ask(start())
    for _ in range(2):
        await ledger.ask(stop(started.transaction_id))
        await ledger.ask(stop(started.transaction_id, transaction_data=samples("1")))
        await ledger.ask(stop(started.transaction_id, meter_stop=9999, transaction_data=samples("2")))
    kept = await ledger.ask(ListMeterValues(transaction_id=started.transaction_id))
    assert [record.meter_values for record in kept] == [samples("1"), samples("2")]
    assert [record.connector_id for record in kept] == [1, 1]


async def test_the_real_stop_replaces_an_end_that_was_guessed(ledger: Ledger) -> None:
    started = await ledger.ask(start())
    transaction_id = started.transaction_id
    guess = stop(-1, id_tag="TAG", meter_stop=1900, timestamp=later(60), transaction_data=samples("1"))
    real = stop(transaction_id, id_tag="TAG", meter_stop=5100, reason="Remote", transaction_data=samples("2"))
    assert await ledger.ask(guess) == Stopped(StopMatch.GUESSED, transaction_id, repeated=False)
    assert await ledger.ask(real) == Stopped(StopMatch.BY_ID, transaction_id, repeated=False)
    transaction = await ledger.ask(FindTransaction(transaction_id))
    assert transaction is not None
    assert (transaction.meter_stop, transaction.stopped_at, transaction.stop_reason) == (
        5100,
        later(3600),
        "Remote",
    )
    assert transaction.energy_wh == 4100.0
    orphan = OrphanStop("CP-1", -1, "TAG", 1900, later(60), "Local", later(3601))
    assert await ledger.ask(ListOrphanStops()) == [orphan]
    (data,) = await ledger.ask(ListMeterValues(transaction_id=transaction_id))
    assert data.meter_values == samples("2")
    strays, _ = await ledger.ask(ListMeterValues())
    assert (strays.meter_values, strays.transaction_id, strays.connector_id) == (samples("1"), None, None)


async def test_after_the_real_stop_both_stops_are_repetitions(ledger: Ledger) -> None:
    started = await ledger.ask(start())
    guess, real = stop(-1, id_tag="TAG", meter_stop=1900), stop(started.transaction_id, id_tag="TAG")
    await ledger.ask(guess)
    await ledger.ask(real)
    before = await ledger.ask(ListTransactions())
    other = await ledger.ask(start(connector_id=2))
    assert await ledger.ask(guess) == Stopped(StopMatch.ORPHAN, None, repeated=True)
    assert await ledger.ask(real) == Stopped(StopMatch.BY_ID, started.transaction_id, repeated=True)
    assert (await ledger.ask(stop(started.transaction_id, id_tag="TAG", meter_stop=9999))).conflicting
    assert await ledger.ask(ListTransactions(active=False)) == before
    (active,) = await ledger.ask(ListTransactions(active=True))
    assert active.transaction_id == other.transaction_id
    assert len(await ledger.ask(ListOrphanStops())) == 2


async def test_the_real_stop_does_not_touch_the_same_start_that_came_again_after_the_guess(
    ledger: Ledger,
) -> None:
    first = await ledger.ask(start())
    await ledger.ask(stop(-1, id_tag="TAG", meter_stop=1900))
    second = await ledger.ask(start())
    assert second.transaction_id != first.transaction_id
    assert (await ledger.ask(stop(first.transaction_id))).match is StopMatch.BY_ID
    assert await ledger.ask(start()) == Started(second.transaction_id, repeated=True, others_active=0)


@pytest.mark.parametrize("sent_id", [-1, 0, 2**31 - 1, 5_000_000_000])
async def test_a_stop_with_a_foreign_id_is_matched_where_only_one_transaction_fits(
    ledger: Ledger, sent_id: int
) -> None:
    started = await ledger.ask(start())
    other = await ledger.ask(start(connector_id=2, id_tag="OTHER"))
    request = stop(sent_id, id_tag="tag", transaction_data=samples())
    assert await ledger.ask(request) == Stopped(StopMatch.GUESSED, started.transaction_id, repeated=False)
    transaction = await ledger.ask(FindTransaction(started.transaction_id))
    assert transaction is not None
    assert transaction.stopped_at == later(3600)
    (data,) = await ledger.ask(ListMeterValues(transaction_id=started.transaction_id))
    assert (data.sent_transaction_id, data.connector_id) == (sent_id, 1)
    assert [left.transaction_id for left in await ledger.ask(ListTransactions(active=True))] == [
        other.transaction_id
    ]
    assert await ledger.ask(ListOrphanStops()) == []


async def test_the_repetition_of_a_guessed_stop_does_not_stop_another_transaction(ledger: Ledger) -> None:
    first = await ledger.ask(start())
    guessed = await ledger.ask(stop(-1, id_tag="TAG", transaction_data=samples()))
    second = await ledger.ask(start(connector_id=2, timestamp=later(1)))
    again = await ledger.ask(
        stop(-1, "cp-1", id_tag="tag", transaction_data=samples(), received_at=later(7200))
    )
    assert guessed == Stopped(StopMatch.GUESSED, first.transaction_id, repeated=False)
    assert again == Stopped(StopMatch.GUESSED, first.transaction_id, repeated=True)
    assert [left.transaction_id for left in await ledger.ask(ListTransactions(active=True))] == [
        second.transaction_id
    ]
    assert len(await ledger.ask(ListMeterValues())) == 1


@pytest.mark.parametrize(
    ("starts", "identity", "id_tag"),
    [
        ([], "CP-1", "TAG"),
        ([start()], "CP-1", None),
        ([start(id_tag="")], "CP-1", None),
        ([start(), start(connector_id=2)], "CP-1", "TAG"),
        ([start(timestamp=later(3601))], "CP-1", "TAG"),
        ([start(meter_start=5001)], "CP-1", "TAG"),
        ([start(id_tag="OTHER")], "CP-1", "TAG"),
        ([start()], "CP-2", "TAG"),
    ],
    ids=[
        "none",
        "no idTag",
        "an empty idTag",
        "several",
        "began later",
        "began higher",
        "other idTag",
        "other charge point",
    ],
)
async def test_a_stop_that_fits_none_or_several_is_an_orphan(
    ledger: Ledger, starts: list[RecordStart], identity: str, id_tag: str | None
) -> None:
    for begun in starts:
        await ledger.ask(begun)
    request = stop(-1, identity, id_tag=id_tag, transaction_data=samples())
    assert await ledger.ask(request) == Stopped(StopMatch.ORPHAN, None, repeated=False)
    assert await ledger.ask(request) == Stopped(StopMatch.ORPHAN, None, repeated=True)
    orphan = OrphanStop(identity, -1, id_tag, 5000, later(3600), "Local", later(3601))
    assert await ledger.ask(ListOrphanStops()) == [orphan]
    assert len(await ledger.ask(ListTransactions(active=True))) == len(starts)
    (data,) = await ledger.ask(ListMeterValues())
    assert (data.transaction_id, data.connector_id, data.source) == (None, None, "transactionData")


async def test_the_id_of_another_charge_points_transaction_is_foreign(ledger: Ledger) -> None:
    started = await ledger.ask(start("CP-2"))
    stopped = await ledger.ask(stop(started.transaction_id))
    assert stopped.match is StopMatch.ORPHAN
    assert len(await ledger.ask(ListTransactions(active=True))) == 1


async def test_orphans_are_listed_in_the_order_of_their_receipt(ledger: Ledger) -> None:
    for number, identity in enumerate(["B", "A", "B"]):
        await ledger.ask(stop(-number, identity))
    assert [orphan.transaction_id for orphan in await ledger.ask(ListOrphanStops())] == [0, -1, -2]
    assert [orphan.transaction_id for orphan in await ledger.ask(ListOrphanStops(identity="b"))] == [0, -2]
    assert len(await ledger.ask(ListOrphanStops(limit=1))) == 1


async def test_transactions_are_listed_newest_first(ledger: Ledger) -> None:
    ids = [
        (await ledger.ask(start(identity, id_tag=id_tag))).transaction_id
        for identity, id_tag in [("A", "x"), ("B", "X"), ("A", "y"), ("B", "y")]
    ]
    await ledger.ask(stop(ids[0], "A"))

    async def listed(request: ListTransactions) -> list[int]:
        return [ids.index(found.transaction_id) for found in await ledger.ask(request)]

    assert await listed(ListTransactions()) == [3, 2, 1, 0]
    assert await listed(ListTransactions(identity="a")) == [2, 0]
    assert await listed(ListTransactions(id_tag="x")) == [1, 0]
    assert await listed(ListTransactions(active=True, id_tag="X")) == [1]
    assert await listed(ListTransactions(active=False)) == [0]
    assert await listed(ListTransactions(limit=2)) == [3, 2]
    assert await listed(ListTransactions(before=ids[2], limit=1)) == [1]


async def test_nul_in_texts_is_kept_as_its_symbol(ledger: Ledger) -> None:
    started = await ledger.ask(start(id_tag="\0"))
    assert (await ledger.ask(start(id_tag="\0"))).repeated
    assert (await ledger.ask(start(connector_id=2, id_tag="\0"))).others_active == 1
    for request in (stop(started.transaction_id, id_tag="A\0"), stop(-1, id_tag="x\0")):
        assert not (await ledger.ask(request)).repeated
        assert (await ledger.ask(request)).repeated
    transaction = await ledger.ask(FindTransaction(started.transaction_id))
    assert transaction is not None
    assert (transaction.id_tag, transaction.stop_id_tag) == ("␀", "A␀")
    (orphan,) = await ledger.ask(ListOrphanStops())
    assert orphan.id_tag == "x␀"
    assert len(await ledger.ask(ListTransactions(id_tag="\0"))) == 2


async def test_an_unknown_transaction_is_none(ledger: Ledger) -> None:
    assert await ledger.ask(FindTransaction(1)) is None


async def test_a_start_keeps_what_was_sent_even_backwards_or_absurd(ledger: Ledger) -> None:
    request = start(meter_start=-5, timestamp=NOON.replace(year=1970), connector_id=2**40)
    started = await ledger.ask(request)
    stopped = await ledger.ask(stop(started.transaction_id, meter_stop=-10))
    assert stopped.match is StopMatch.BY_ID
    transaction = await ledger.ask(FindTransaction(started.transaction_id))
    assert transaction is not None
    assert (transaction.started_at, transaction.connector_id) == (request.timestamp, 2**40)
    assert transaction.energy_wh == -5.0
