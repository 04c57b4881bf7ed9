"""Which function carries out which request."""

from functools import singledispatch
from typing import Any

from ocpp_actors.ledger.memory.facts import Facts


@singledispatch
def carry_out(request: object, facts: Facts) -> Any:  # noqa: ARG001
    """Carry out one request or note on the facts and return its answer; a request that fails changes nothing.

    Raises RequestFailed: it cannot be carried out.
    """
    raise TypeError(f"{type(request).__name__} is nothing that a ledger can be asked")
