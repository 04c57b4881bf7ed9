"""Asks the central system in the end what it knows, and compares."""

import re
from collections.abc import Collection
from contextlib import aclosing
from typing import Any, Final

import trio

from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.measuring.limits import Findings, Returned
from ocpp_actors.testbench.measuring.transactions import Audit, Books
from ocpp_actors.testbench.operators import Operator
from ocpp_actors.testbench.under_test import UnderTest

AUDIT: Final = 180.0
"""Seconds for all that is asked of the central system in the end."""

MAX_READ: Final = 500_000
"""Transactions, the newest, that are read of a central system which may have others, too."""

_RESTARTS: Final = re.compile(r"^ocpp_actors_restarts_total (\S+)", re.MULTILINE)


async def find_out(
    under_test: UnderTest, books: Books, identities: Collection[str], returned: Collection[Returned]
) -> Findings:
    """Return what the central system says of restarts, transactions and who is connected.

    Raises Failed: its API cannot be asked.
    """
    metrics = await under_test.metrics() if under_test.metrics else None
    counted = _RESTARTS.search(metrics or "")
    restarts = None if counted is None else int(float(counted[1])) + under_test.unexpected_ends()
    if under_test.operator is None:
        return Findings(restarts=restarts, returned=tuple(returned))
    try:
        with trio.fail_after(AUDIT):
            audit = await _audit(under_test.operator, books)
            online = await _online(under_test.operator, identities)
    except trio.TooSlowError:
        raise Failed(f"no answer within {AUDIT:g} seconds") from None
    return Findings(
        restarts=restarts,
        audit=audit,
        returned=tuple(returned),
        online=online,
        online_expected=len(identities),
    )


async def _audit(operator: Operator, books: Books) -> Audit:
    """Compare with what the central system has; of a long history, which is not ours, the newest part is read."""
    owners = books.owners
    recorded: list[dict[str, Any]] = []
    read = 0
    async with aclosing(operator.all_items("/transactions")) as items:
        async for each in items:
            if read == MAX_READ:
                return books.compare(recorded, whole=False)
            read += 1
            if each["chargePoint"].casefold() in owners:
                recorded.append(each)
    return books.compare(recorded)


async def _online(operator: Operator, identities: Collection[str]) -> int:
    """Count the chargers that are connected, each as often as it is listed."""
    ours = {each.casefold() for each in identities}
    listed = operator.all_items("/charge-points", online=True)
    return sum([each["identity"].casefold() in ours async for each in listed])
