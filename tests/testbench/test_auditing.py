"""What the central system is asked in the end, however long its history is."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from tests.testbench.measuring.exchanges import say
from trio.testing import MockClock

from ocpp_actors.testbench import auditing
from ocpp_actors.testbench.auditing import find_out
from ocpp_actors.testbench.measuring.limits import Findings
from ocpp_actors.testbench.measuring.transactions import Books
from ocpp_actors.testbench.under_test import UnderTest
from ocpp_actors.testbench.wire import Wire
from ocpp_actors.testing.in_process import open_in_process

AT = "2026-03-01T12:00:00Z"
READ = 100


class History:
    """The API of a central system that has had many transactions of others, before ours or after them."""

    def __init__(self, before: int, after: int) -> None:
        self.before, self.after, self.read = before, after, 0

    async def all_items(self, path: str, **_params: object) -> AsyncGenerator[dict[str, Any], None]:
        if path != "/transactions":
            return
        for number in range(self.before + 2 + self.after, 0, -1):
            self.read += 1
            ours = 0 < number - self.before <= 2
            yield {
                "id": number, "chargePoint": "OURS" if ours else f"CP{number}", "connectorId": 1, "idTag": "T",
                "startedAt": AT, "meterStart": number if ours else 0, "meterStop": None,
            }  # fmt: skip


async def asked(history: History, monkeypatch: pytest.MonkeyPatch) -> Findings:
    monkeypatch.setattr(auditing, "MAX_READ", READ)
    books, wire = Books(), Wire("ours")
    for number in (history.before + 1, history.before + 2):
        start = {"connectorId": 1, "idTag": "T", "timestamp": AT, "meterStart": number}
        books.note("ours", say(wire, "StartTransaction", start, {"transactionId": number}))
    async with open_in_process() as central:
        under_test = UnderTest(central.target, central.clock, history)  # type: ignore[arg-type]
        return await find_out(under_test, books, ["ours"], [])


@pytest.mark.parametrize(
    ("before", "after", "compared", "unchecked"),
    [(5, 5, 2, 0), (10 * READ, 5, 2, 0), (5, READ - 1, 1, 1), (5, 10 * READ, 0, 2)],
)
async def test_the_newest_part_of_a_history_is_read(
    before: int,
    after: int,
    compared: int,
    unchecked: int,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history = History(before, after)
    audit = (await asked(history, monkeypatch)).audit
    assert audit is not None
    assert (audit.compared, audit.unchecked, audit.lost, audit.doubled) == (compared, unchecked, (), ())
    assert history.read <= READ + 1
