"""The ledger in memory and the databases give the same answers to the same questions, whatever their order."""

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import Connection
from tests.ledger.steps import STEPS, Step, fixed

from ocpp_actors.ledger import port
from ocpp_actors.ledger.database import open_engine, parse_url
from ocpp_actors.ledger.memory import MemoryLedger
from ocpp_actors.ledger.memory.dispatch import carry_out as memory_dispatch
from ocpp_actors.ledger.sql import carry_out
from ocpp_actors.ledger.sql.dispatch import carry_out as dispatch
from ocpp_actors.ledger.tables import metadata
from ocpp_actors.protocol.messages import RegistrationStatus

AT_THE_END = [
    port.ListReservations(),
    port.ListReservations(identity="cp-1", active=True, limit=2),
    port.ListReservations(active=False, before=3),
    port.ListConfiguration("cp-1"),
    port.ListConfiguration("CP-2"),
    port.FindLocalList("cp-1"),
    port.FindLocalList("CP-2"),
    port.ListNamedProfiles(),
    port.ListNamedProfiles(after="N", limit=1),
    port.ListInstalledProfiles("cp-1"),
    port.ListInstalledProfiles("CP-2"),
    port.ListChargePoints(),
    port.ListChargePoints(search="P-1", registration=RegistrationStatus.ACCEPTED),
    port.ListChargePoints(search="%"),
    port.ListChargePoints(search="SS_"),
    port.ListChargePoints(faulted=True),
    port.ListChargePoints(after="c", limit=1, search="P", faulted=False),
    port.CountAll(),
    port.ListOperatorWrites(),
    port.ListIdTags(),
    port.ListIdTags(search="b\0"),
    port.ListTransactions(),
    port.ListTransactions(identity="CP-1", active=True),
    port.ListTransactions(id_tag="a", active=False, limit=3),
    port.ListOrphanStops(),
    port.ListOrphanStops(identity="cp-2"),
    port.ListMeterValues(),
    port.ListMeterValues(limit=2),
    port.ListSecurityEvents(identity="cp-1"),
    port.ListCommands(),
    port.ListCommands(identity="cp-2", state=port.CommandState.WAITING),
    port.ListCommands(newest_first=True, limit=3),
]


NUMBERS = ("record_id", "event_id", "write_id")
"""The numbers of rows: they rise, but not by one on every store."""


class Run:
    """One ledger that is asked; it gives its own ids, in answers they are replaced by their order."""

    def __init__(self, ask: Callable[[Any], Any]) -> None:
        self._ask = ask
        self._transactions: list[int] = []
        self._commands: list[int] = []

    def answer(self, step: Step) -> object:
        request = step(lambda n: _refer(self._transactions, n), lambda n: _refer(self._commands, n))
        try:
            answer = self._ask(request)
        except port.RequestFailed as error:
            return str(error)
        if isinstance(answer, port.Started) and not answer.repeated:
            self._transactions.append(answer.transaction_id)
        if isinstance(answer, port.Queued) and not answer.repeated:
            self._commands.append(answer.command_id)
        return self._renamed(answer)

    def _renamed(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._renamed(item) for item in value]
        if isinstance(value, dict) and value.get("transactionId") in self._transactions:
            return value | {"transactionId": f"number {self._transactions.index(value['transactionId'])}"}
        if not attrs.has(type(value)):
            return value
        fields = {name: self._renamed(getattr(value, name)) for name in attrs.fields_dict(type(value))}
        for name, ids in [
            ("transaction_id", self._transactions),
            ("sent_transaction_id", self._transactions),
            ("command_id", self._commands),
        ]:
            if fields.get(name) in ids:
                fields[name] = f"number {ids.index(fields[name])}"
        return {name: value for name, value in fields.items() if name not in NUMBERS}


def _refer(ids: list[int], number: int) -> int:
    return ids[number] if 0 <= number < len(ids) else 10**9 + number


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    engine = open_engine(parse_url(database_url), synced=False)
    with engine.connect() as connection:
        metadata.create_all(connection)
        connection.commit()
        yield connection


@pytest.mark.heavy
@pytest.mark.unmeasured
@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS, again=st.lists(st.integers(0, 29), max_size=10))
def test_memory_and_database_agree(connection: Connection, steps: list[Step], again: list[int]) -> None:
    repeated = [steps[number % len(steps)] for number in again]

    def ask(request: Any) -> Any:
        with connection.begin_nested():
            return carry_out(request, connection)

    with connection.begin() as transaction:
        database, memory = Run(ask), Run(MemoryLedger().carry_out)
        for step in [*steps, *repeated, *map(fixed, AT_THE_END)]:
            assert database.answer(step) == memory.answer(step)
        transaction.rollback()


def test_every_request_and_note_is_carried_out_by_both() -> None:
    kinds = [
        kind
        for kind in vars(port).values()
        if isinstance(kind, type)
        and issubclass(kind, port.Request | port.Note)
        and kind not in (port.Request, port.Note)
    ]
    assert len(kinds) >= 30
    for kind in kinds:
        assert dispatch.dispatch(kind) is not dispatch.dispatch(object), kind
        assert memory_dispatch.dispatch(kind) is not memory_dispatch.dispatch(object), kind


def test_anything_else_is_refused_by_both(connection: Connection) -> None:
    reason = "int is nothing that a ledger can be asked"
    with pytest.raises(TypeError, match=reason):
        MemoryLedger().carry_out(1)
    with pytest.raises(TypeError, match=reason):
        carry_out(1, connection)
