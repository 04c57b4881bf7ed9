"""A ledger in memory: the same answers without a thread, for tests in virtual time. A module per concern."""

from typing import Any, TypeVar

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
from ocpp_actors.ledger.memory.dispatch import carry_out as dispatch
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


@define
class MemoryLedger:
    """Implements ``Ledger``. Nothing outlives it; ``ask`` is one checkpoint long and ``note`` acts at once."""

    _facts: Facts = field(factory=Facts, init=False)

    async def ask(self, request: Request[R], by: float | None = None) -> R:  # noqa: ARG002
        """Carry out a request.

        Raises port.RequestFailed: it cannot be carried out.
        """
        await trio.lowlevel.checkpoint()
        answer: R = self.carry_out(request)
        return answer

    def note(self, request: Note) -> None:
        """Keep a fact; of an unknown charge point nothing is kept."""
        self.carry_out(request)

    def carry_out(self, request: object) -> Any:
        """Carry out a request or a note, at once."""
        return dispatch(without_nul(request), self._facts)
