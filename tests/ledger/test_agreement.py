"""The ledger in memory and the databases give the same answers to the same questions, whatever their order."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain
from typing import Any

import attrs
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import Connection
from tests.ledger.facts import command, later, meter_values, samples, security_event, start, stop

from ocpp_actors.ledger import port
from ocpp_actors.ledger.database import open_engine, parse_url
from ocpp_actors.ledger.memory import MemoryLedger
from ocpp_actors.ledger.sql import carry_out
from ocpp_actors.ledger.sql.dispatch import carry_out as dispatch
from ocpp_actors.ledger.tables import metadata
from ocpp_actors.protocol.messages import AuthorizationStatus, RegistrationStatus

IDENTITIES = st.sampled_from(["CP-1", "cp-1", "CP-2"])
TAGS = st.sampled_from(["A", "a", "B", "b\0"])
MOMENTS = st.integers(0, 3).map(later)
METERS = st.integers(0, 3)
REFERENCES = st.integers(-2, 5)
"""The n-th id that the ledger gave; negative or too large: an id that it never gave."""
DATA = st.sampled_from([None, samples("1"), samples("2")])

Refer = Callable[[int], int]
Step = Callable[[Refer, Refer], object]
"""Makes a request out of the ids of transactions and of commands that this ledger gave."""


def fixed(request: object) -> Step:
    return lambda transactions, commands: request


def starts() -> st.SearchStrategy[Step]:
    return st.builds(
        lambda identity, connector, tag, meter, moment: fixed(
            start(identity, connector_id=connector, id_tag=tag, meter_start=meter, timestamp=moment)
        ),
        IDENTITIES,
        st.integers(1, 2),
        TAGS,
        METERS,
        MOMENTS,
    )


def stops() -> st.SearchStrategy[Step]:
    def build(
        identity: str, reference: int, tag: str | None, meter: int, moment: datetime, reason: str, data: Any
    ) -> Step:
        return lambda transactions, commands: stop(
            transactions(reference),
            identity,
            id_tag=tag,
            meter_stop=meter,
            timestamp=moment,
            reason=reason,
            transaction_data=data,
        )

    reasons = st.sampled_from(["Local", "Remote"])
    return st.builds(build, IDENTITIES, REFERENCES, st.none() | TAGS, METERS, MOMENTS, reasons, DATA)


def guessed_and_real_stops() -> st.SearchStrategy[list[Step]]:
    """A transaction that a guess ends, and the real stop; what happens between and after is left to the others."""

    def build(number: int, tag: str, sent: int, meter: int, data: Any, other: Any) -> list[Step]:
        return [
            fixed(start("CP-1", id_tag=tag, meter_start=0, timestamp=later(number))),
            lambda transactions, commands: stop(
                transactions(sent), id_tag=tag, meter_stop=meter, transaction_data=data
            ),
            lambda transactions, commands: stop(
                transactions(0), id_tag=tag, meter_stop=meter + 1, transaction_data=other
            ),
        ]

    return st.builds(build, st.integers(0, 3), TAGS, st.integers(-2, 0), METERS, DATA, DATA)


def metering() -> st.SearchStrategy[Step]:
    def build(
        identity: str, reference: int | None, content: int, energy: float | None, moment: datetime | None
    ) -> Step:
        return lambda transactions, commands: meter_values(
            None if reference is None else transactions(reference),
            identity,
            content_hash=bytes([content]),
            energy_wh=energy,
            energy_at=moment,
        )

    return st.builds(
        build,
        IDENTITIES,
        st.none() | REFERENCES,
        st.integers(0, 5),
        st.none() | st.floats(0, 1e6, width=32),
        st.none() | MOMENTS,
    )


def metered_transactions() -> st.SearchStrategy[list[Step]]:
    """A transaction whose register is read several times, received in another order."""

    def build(tag: str, readings: list[tuple[int, datetime | None]]) -> list[Step]:
        begin = fixed(start("CP-2", id_tag=tag, meter_start=0))

        def reading(number: int, moment: datetime | None) -> Step:
            return lambda transactions, commands: meter_values(
                transactions(0),
                "CP-2",
                content_hash=f"{number} {moment}".encode(),
                energy_wh=float(number),
                energy_at=moment,
            )

        find: Step = lambda transactions, commands: port.FindTransaction(transactions(0))  # noqa: E731
        steps = [step for number, moment in readings for step in (reading(number, moment), find)]
        return [begin, *steps]

    readings = st.tuples(st.integers(1, 9), st.none() | MOMENTS)
    return st.builds(build, TAGS, st.lists(readings, min_size=1, max_size=3))


def command_steps() -> st.SearchStrategy[Step]:
    def sent(reference: int, moment: datetime) -> Step:
        return lambda transactions, commands: port.MarkCommandSent(commands(reference), "m", moment)

    def ended(
        reference: int, state: port.CommandState, detail: dict[str, Any] | None, moment: datetime
    ) -> Step:
        return lambda transactions, commands: port.EndCommand(commands(reference), state, detail, moment)

    outcomes = st.sampled_from([port.CommandState.ANSWERED, port.CommandState.EXPIRED])
    return st.one_of(
        IDENTITIES.map(lambda identity: fixed(command(identity))),
        IDENTITIES.map(
            lambda identity: fixed(
                command(identity, "ChangeConfiguration", {"key": "AuthorizationKey", "value": "secret"})
            )
        ),
        st.builds(sent, REFERENCES, MOMENTS),
        st.builds(ended, REFERENCES, outcomes, st.none() | st.just({"status": "Accepted"}), MOMENTS),
        MOMENTS.map(lambda moment: fixed(port.AbandonSentCommands(moment))),
    )


def charge_point_steps() -> st.SearchStrategy[Step]:
    connectors = st.builds(
        lambda number, status, moment: port.Connector(
            number, status, "NoError", None, None, None, None, moment
        ),
        st.integers(0, 1),
        st.sampled_from(["Available", "Charging"]),
        MOMENTS,
    )
    requests = st.one_of(
        st.builds(port.AdmitChargePoint, IDENTITIES, MOMENTS),
        st.builds(
            port.RecordBoot,
            IDENTITIES,
            st.sampled_from(RegistrationStatus),
            st.just({"chargePointModel": "M"}),
            MOMENTS,
        ),
        st.builds(port.SetRegistration, IDENTITIES, st.sampled_from(RegistrationStatus)),
        st.builds(
            port.SetChargePointSettings, IDENTITIES, st.builds(port.ChargePointSettings, st.booleans())
        ),
        st.builds(port.SetKey, IDENTITIES, st.none() | st.just(port.KeyHash(b"salt", b"digest"))),
        st.builds(port.NoteSeen, IDENTITIES, MOMENTS),
        st.builds(port.NoteBoot, IDENTITIES, MOMENTS),
        st.builds(port.NoteConnector, IDENTITIES, connectors),
        st.builds(port.NoteProgress, IDENTITIES, st.just("log"), st.sampled_from("XY"), st.none(), MOMENTS),
    )
    return requests.map(fixed)


def id_tag_steps() -> st.SearchStrategy[Step]:
    tags = st.builds(
        port.IdTag,
        TAGS,
        st.sampled_from(AuthorizationStatus),
        st.none() | MOMENTS,
        st.none() | TAGS,
        st.none() | st.integers(0, 2),
    )
    requests = st.one_of(
        tags.map(port.PutIdTag), st.builds(port.RemoveIdTag, TAGS), st.builds(port.FindIdTag, TAGS)
    )
    return requests.map(fixed)


ONE_STEP = st.one_of(
    starts(),
    stops(),
    metering(),
    command_steps(),
    charge_point_steps(),
    id_tag_steps(),
    IDENTITIES.map(lambda identity: fixed(security_event(identity))),
)
STEPS = st.lists(
    st.one_of(ONE_STEP.map(lambda step: [step]), guessed_and_real_stops(), metered_transactions()),
    min_size=5,
    max_size=20,
).map(lambda groups: list(chain.from_iterable(groups)))
AT_THE_END = [
    port.ListChargePoints(),
    port.ListIdTags(),
    port.ListTransactions(),
    port.ListTransactions(identity="CP-1", active=True),
    port.ListTransactions(id_tag="a", active=False, limit=3),
    port.ListOrphanStops(),
    port.ListOrphanStops(identity="cp-2"),
    port.ListMeterValues(),
    port.ListMeterValues(identity="cp-1", limit=2),
    port.ListSecurityEvents(identity="cp-1"),
    port.ListCommands(),
    port.ListCommands(identity="cp-2", state=port.CommandState.WAITING),
]


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
        if isinstance(request, port.QueueCommand):
            self._commands.append(answer)
            return len(self._commands)
        return self._renamed(answer)

    def _renamed(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._renamed(item) for item in value]
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
        return fields


def _refer(ids: list[int], number: int) -> int:
    return ids[number] if 0 <= number < len(ids) else 10**9 + number


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    engine = open_engine(parse_url(database_url), synced=False)
    with engine.connect() as connection:
        metadata.create_all(connection)
        connection.commit()
        yield connection


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
    in_memory = vars(MemoryLedger)["_carry_out"].dispatcher
    for kind in kinds:
        assert dispatch.dispatch(kind) is not dispatch.dispatch(object), kind
        assert in_memory.dispatch(kind) is not in_memory.dispatch(object), kind


def test_anything_else_is_refused_by_both(connection: Connection) -> None:
    reason = "int is nothing that a ledger can be asked"
    with pytest.raises(TypeError, match=reason):
        MemoryLedger().carry_out(1)
    with pytest.raises(TypeError, match=reason):
        carry_out(1, connection)
