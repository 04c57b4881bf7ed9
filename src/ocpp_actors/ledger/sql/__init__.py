"""Requests and notes carried out on a SQLAlchemy connection, a module per concern."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection

from ocpp_actors.ledger.port import RecordMeterValues
from ocpp_actors.ledger.sql import (
    charge_points,
    charging_profiles,
    commands,
    configuration,
    id_tags,
    local_lists,
    metering,
    notes,
    operators,
    reservations,
    security,
    transactions,
)
from ocpp_actors.ledger.sql.dispatch import carry_out as dispatch
from ocpp_actors.ledger.texts import without_nul

__all__ = [
    "carry_out",
    "carry_out_all",
    "charge_points",
    "charging_profiles",
    "commands",
    "configuration",
    "id_tags",
    "local_lists",
    "metering",
    "notes",
    "operators",
    "reservations",
    "security",
    "transactions",
]


def carry_out(request: object, connection: Connection) -> Any:
    """Carry out one request or note inside the connection's transaction and return its answer; see ``dispatch``."""
    return dispatch(without_nul(request), connection)


def carry_out_all(requests: Iterable[object], connection: Connection) -> Iterator[Any]:
    """Carry out requests in their order; meter values that follow each other are recorded together."""
    run: list[RecordMeterValues] = []
    for request in map(without_nul, requests):
        if isinstance(request, RecordMeterValues):
            run.append(request)
        else:
            yield from metering.record_all(run, connection)
            run.clear()
            yield dispatch(request, connection)
    yield from metering.record_all(run, connection)
