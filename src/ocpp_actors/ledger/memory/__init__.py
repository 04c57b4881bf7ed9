"""A ledger in memory: the same answers without a thread, for tests in virtual time. A module per concern."""

from functools import cache
from typing import Any, Final, TypeVar

import trio
from attrs import define, field

from ocpp_actors.ledger.memory import (
    charge_points,
    charging_profiles,
    commands,
    configuration,
    id_tags,
    local_lists,
    metering,
    operators,
    reservations,
    security,
    transactions,
)
from ocpp_actors.ledger.memory.dispatch import carry_out
from ocpp_actors.ledger.memory.facts import Facts
from ocpp_actors.ledger.port import Note, Request
from ocpp_actors.ledger.texts import without_nul

__all__ = [
    "MemoryLedger",
    "charge_points",
    "charging_profiles",
    "commands",
    "configuration",
    "id_tags",
    "local_lists",
    "metering",
    "operators",
    "reservations",
    "security",
    "transactions",
]

R = TypeVar("R")

_function_for: Final = cache(carry_out.dispatch)
"""What carries out the requests of a class."""


@define
class MemoryLedger:
    """Implements ``Ledger``. Nothing outlives it; neither ``ask`` nor ``note`` waits for anything."""

    _facts: Facts = field(factory=Facts, init=False)

    async def ask(self, request: Request[R], by: float | None = None) -> R:  # noqa: ARG002
        """Carry out a request.

        Raises port.RequestFailed: it cannot be carried out.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        answer: R = self.carry_out(request)
        return answer

    def note(self, request: Note) -> None:
        """Keep a fact; of an unknown charge point nothing is kept."""
        self.carry_out(request)

    def carry_out(self, request: object) -> Any:
        """Carry out a request or a note, at once."""
        function = _function_for(type(request))  # type: ignore[arg-type]  # mypy takes no class for hashable
        return function(without_nul(request), self._facts)
