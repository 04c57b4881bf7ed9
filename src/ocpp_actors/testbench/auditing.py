"""Asks the central system in the end what it knows, and compares."""

import re
from collections.abc import Collection
from typing import Final

import trio

from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.measuring.limits import Findings, Returned
from ocpp_actors.testbench.measuring.transactions import Books
from ocpp_actors.testbench.operators import Operator
from ocpp_actors.testbench.under_test import UnderTest

AUDIT: Final = 180.0
"""Seconds for all that is asked of the central system in the end."""

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
            audit = books.compare([each async for each in under_test.operator.all_items("/transactions")])
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


async def _online(operator: Operator, identities: Collection[str]) -> int:
    """Count the chargers that are connected, each as often as it is listed."""
    ours = {each.casefold() for each in identities}
    listed = operator.all_items("/charge-points", online=True)
    return sum([each["identity"].casefold() in ours async for each in listed])
