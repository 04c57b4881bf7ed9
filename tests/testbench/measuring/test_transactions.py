"""The chargers' account of their transactions against the central system's books."""

from typing import Any

import pytest
from tests.testbench.measuring.exchanges import say
from trio.testing import MockClock

from ocpp_actors.testbench.measuring import transactions
from ocpp_actors.testbench.measuring.transactions import Audit, Books
from ocpp_actors.testbench.wire import Wire

AT = "2026-03-01T12:00:00Z"


class Account:
    """Chargers' transactions, and the books, as a test tells them."""

    def __init__(self) -> None:
        self.books = Books()
        self.recorded: list[dict[str, Any]] = []
        self.wires: dict[str, Wire] = {}

    def start(self, identity: str, transaction_id: int | None, meter: int = 0, at: str = AT) -> None:
        wire = self.wires.setdefault(identity, Wire(identity))
        asked = {"connectorId": 1, "idTag": "T", "timestamp": at, "meterStart": meter}
        answer: Any = "InternalError" if transaction_id is None else {"transactionId": transaction_id}
        self.books.note(identity, say(wire, "StartTransaction", asked, answer))

    def stop(self, identity: str, transaction_id: int, meter: int, answer: Any = ()) -> None:
        asked = {"transactionId": transaction_id, "meterStop": meter, "timestamp": AT}
        self.books.note(identity, say(self.wires[identity], "StopTransaction", asked, answer or {}))

    def record(
        self, transaction_id: int, identity: str, meter: int = 0, stop: int | None = None, at: str = AT
    ) -> None:
        self.recorded.append(
            {
                "id": transaction_id, "chargePoint": identity, "connectorId": 1, "idTag": "T",
                "startedAt": at, "meterStart": meter, "meterStop": stop,
            }
        )  # fmt: skip

    def audit(self) -> Audit:
        return self.books.compare(self.recorded)


@pytest.fixture
async def account(autojump_clock: MockClock) -> Account:
    return Account()


def lost_and_doubled(audit: Audit) -> tuple[int, int]:
    return audit.lost_count, audit.doubled_count


async def test_books_that_agree(autojump_clock: MockClock, account: Account) -> None:
    account.start("CP1", 1)
    account.stop("CP1", 1, 50)
    account.start("CP2", 2)
    account.record(1, "CP1", stop=50)
    account.record(2, "CP2")
    assert lost_and_doubled(account.audit()) == (0, 0)
    assert (account.books.started, account.books.stopped, account.audit().compared) == (2, 1, 2)


async def test_a_confirmed_start_that_is_not_there_is_lost(
    autojump_clock: MockClock, account: Account
) -> None:
    account.start("CP1", 1)
    assert account.audit().lost == ("CP1: transaction 1 was confirmed, and is not there",)


async def test_a_confirmed_stop_that_is_not_there_is_lost(
    autojump_clock: MockClock, account: Account
) -> None:
    account.start("CP1", 1)
    account.stop("CP1", 1, 50)
    account.record(1, "CP1")
    assert account.audit().lost == ("CP1: transaction 1 was stopped at 50 Wh, and is there with None",)


async def test_a_stop_with_another_meter_is_lost(autojump_clock: MockClock, account: Account) -> None:
    account.start("CP1", 1)
    account.stop("CP1", 1, 50)
    account.record(1, "CP1", stop=51)
    assert lost_and_doubled(account.audit()) == (1, 0)


async def test_a_stop_that_was_refused_need_not_be_there(autojump_clock: MockClock, account: Account) -> None:
    account.start("CP1", 1)
    account.stop("CP1", 1, 50, "InternalError")
    account.record(1, "CP1")
    assert lost_and_doubled(account.audit()) == (0, 0)


async def test_a_stop_that_comes_again_changes_nothing(autojump_clock: MockClock, account: Account) -> None:
    account.start("CP1", 1)
    account.stop("CP1", 1, 50)
    account.stop("CP1", 1, 60)
    account.record(1, "CP1", stop=50)
    assert lost_and_doubled(account.audit()) == (0, 0)


async def test_a_transaction_of_somebody_else_is_lost(autojump_clock: MockClock, account: Account) -> None:
    account.start("CP1", 1)
    account.record(1, "CP2")
    assert lost_and_doubled(account.audit()) == (1, 0)


async def test_a_start_that_is_repeated_and_recorded_once(
    autojump_clock: MockClock, account: Account
) -> None:
    account.start("CP1", None)
    account.start("CP1", 1)
    account.start("CP1", 1)
    account.record(1, "CP1")
    assert lost_and_doubled(account.audit()) == (0, 0)


async def test_a_start_that_is_recorded_twice_is_doubled(autojump_clock: MockClock, account: Account) -> None:
    account.start("CP1", 2)
    account.record(1, "CP1")
    account.record(2, "CP1")
    assert account.audit().doubled == ("CP1: 1 and 2 are the same start",)


async def test_a_start_that_got_two_ids_is_doubled(autojump_clock: MockClock, account: Account) -> None:
    account.start("CP1", 1)
    account.start("CP1", 2)
    account.record(1, "CP1")
    account.record(2, "CP1")
    assert account.audit().doubled == ("CP1: 1 and 2 are of one start",)


async def test_a_charger_without_a_clock_may_repeat_a_start_after_its_stop(
    autojump_clock: MockClock, account: Account
) -> None:
    account.start("CP1", 1)
    account.stop("CP1", 1, 0)
    account.start("CP1", 2)
    account.record(1, "CP1", stop=0)
    account.record(2, "CP1")
    assert lost_and_doubled(account.audit()) == (0, 0)


async def test_an_id_that_was_given_twice_is_doubled(autojump_clock: MockClock, account: Account) -> None:
    account.start("CP1", 1)
    account.start("CP2", 1)
    account.record(1, "CP1")
    audit = account.audit()
    assert audit.doubled == ("CP2: transaction 1 was given to two starts",)
    assert audit.lost_count == 1


async def test_transactions_of_others_do_not_matter(autojump_clock: MockClock, account: Account) -> None:
    account.start("CP1", 1)
    account.record(1, "cp1")
    account.record(7, "SOMEBODY")
    account.record(8, "SOMEBODY")
    assert lost_and_doubled(account.audit()) == (0, 0)


async def test_a_start_that_was_never_confirmed_may_be_there_once(
    autojump_clock: MockClock, account: Account
) -> None:
    account.start("CP1", 1)
    account.record(1, "CP1")
    account.record(2, "CP1", meter=9)
    assert lost_and_doubled(account.audit()) == (0, 0)
    account.record(3, "CP1", meter=9)
    assert lost_and_doubled(account.audit()) == (0, 1)


async def test_what_cannot_be_remembered_is_said(
    autojump_clock: MockClock, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "MAX_TRANSACTIONS", 1)
    account.start("CP1", 1)
    account.start("CP1", 2, meter=1)
    account.record(1, "CP1")
    assert (account.audit().compared, account.audit().unchecked) == (1, 1)


@pytest.mark.parametrize("payload", [None, [], {}, {"connectorId": 1}])
async def test_what_is_no_start_is_passed_over(
    autojump_clock: MockClock, account: Account, payload: Any
) -> None:
    account.books.note("CP1", say(Wire("CP1"), "StartTransaction", payload, {"transactionId": 1}))
    account.books.note("CP1", say(Wire("CP1"), "StopTransaction", payload, payload))
    assert account.books.started == 0
