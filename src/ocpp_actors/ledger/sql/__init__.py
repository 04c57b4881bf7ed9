"""Requests and notes carried out on a SQLAlchemy connection, a module per concern."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from ocpp_actors.ledger.port import AdmitChargePoint, FindChargePoint, RecordBoot, RecordMeterValues
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


_TOGETHER: Final[dict[type, Callable[[Any, Connection], Sequence[Any]]]] = {
    RecordMeterValues: metering.record_all,
    RecordBoot: charge_points.record_boots,
    AdmitChargePoint: charge_points.admit_all,
    FindChargePoint: charge_points.find_all,
}
"""What is asked often, by many charge points at the same time; what is looked up shows all that was asked with it."""


def carry_out_all(requests: Iterable[object], connection: Connection) -> list[Any]:
    """Carry out requests of which none waits for the answer to another, and return their answers.

    What is asked often is carried out together, where nothing else was asked in between.
    """
    answers: list[Any] = []
    kinds: dict[type, list[int]] = {}
    asked = [without_nul(request) for request in requests]
    for request in asked:
        if type(request) in _TOGETHER:
            kinds.setdefault(type(request), []).append(len(answers))
            answers.append(None)
        else:
            _carry_out_kinds(kinds, asked, answers, connection)
            answers.append(dispatch(request, connection))
    _carry_out_kinds(kinds, asked, answers, connection)
    return answers


def _carry_out_kinds(
    kinds: dict[type, list[int]], asked: Sequence[object], answers: list[Any], connection: Connection
) -> None:
    for kind, carry_out_those in _TOGETHER.items():
        places = kinds.pop(kind, ())
        together = carry_out_those([asked[place] for place in places], connection) if places else ()
        for place, answer in zip(places, together, strict=True):
            answers[place] = answer
