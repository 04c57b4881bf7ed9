"""Meter values recorded together are kept and answered as if each were recorded by itself."""

from collections.abc import Iterator

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import Connection
from structlog.testing import capture_logs
from tests.ledger.facts import NOON, later, meter_values, samples, start

from ocpp_actors.ledger import group_commit
from ocpp_actors.ledger.actor import Job
from ocpp_actors.ledger.database import open_engine, parse_url
from ocpp_actors.ledger.group_commit import LedgerStore
from ocpp_actors.ledger.port import (
    FindTransaction,
    ListMeterValues,
    MeterValuesKept,
    RecordMeterValues,
    Request,
    RequestFailed,
)
from ocpp_actors.ledger.sql import carry_out, carry_out_all
from ocpp_actors.ledger.sql.many_rows import SIZES, in_chunks
from ocpp_actors.ledger.tables import metadata


@pytest.fixture
def store(database_url: str) -> Iterator[LedgerStore]:
    store = LedgerStore(parse_url(database_url))
    store.open()
    yield store
    store.close()


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    engine = open_engine(parse_url(database_url), synced=False)
    with engine.connect() as connection:
        metadata.create_all(connection)
        connection.commit()
        yield connection


def ask(store: LedgerStore, *requests: Request[object]) -> list[Job]:
    jobs = [Job(request) for request in requests]
    store.carry_out(jobs)
    return jobs


def numbered(number: int, transaction_id: int | None = None) -> RecordMeterValues:
    return meter_values(
        transaction_id,
        f"CP-{number % 3}",
        content_hash=number.to_bytes(2, "big"),
        values=samples(str(number)),
        energy_wh=float(number),
        energy_at=later(number),
        power_w=None if number % 2 else -float(number),
        received_at=later(2 * number),
    )


NEW, REPEATED = MeterValuesKept(repeated=False, linked=False), MeterValuesKept(repeated=True, linked=False)


@given(st.integers(0, 300))
def test_chunks_are_as_few_as_there_may_be_and_leave_nothing_out(number: int) -> None:
    chunks = list(in_chunks(range(number)))
    assert [item for chunk in chunks for item in chunk] == list(range(number))
    assert {len(chunk) for chunk in chunks} <= set(SIZES)
    assert len(chunks) == number // 128 + (number % 128).bit_count()


@pytest.mark.parametrize("number", [1, 2, 3, 7, 8, 9, 127, 128, 129, 260])
def test_all_are_answered_and_kept_in_their_order(
    store: LedgerStore, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(group_commit, "carry_out")  # by which they are carried out one by one
    (started,) = ask(store, start("CP-1"))
    own = started.answer.transaction_id
    jobs = ask(store, *(numbered(each, own) for each in range(number)))
    assert [job.answer for job in jobs] == [
        MeterValuesKept(repeated=False, linked=each % 3 == 1) for each in range(number)
    ]
    (listed,) = ask(store, ListMeterValues())
    assert [
        (record.identity, record.meter_values, record.energy_wh, record.power_w, record.received_at)
        for record in listed.answer
    ] == [
        (told.identity, told.meter_values, told.energy_wh, told.power_w, told.received_at)
        for told in map(numbered, range(number))
    ]
    assert [record.transaction_id for record in listed.answer] == [
        own if each % 3 == 1 else None for each in range(number)
    ]


def test_a_repetition_within_a_batch_is_one(store: LedgerStore) -> None:
    first, other, again, *rest = [numbered(1), numbered(2), numbered(1), *map(numbered, range(3, 20))]
    jobs = ask(store, first, other, again, *rest)
    assert [job.answer for job in jobs] == [NEW, NEW, REPEATED, *[NEW] * len(rest)]
    (listed,) = ask(store, ListMeterValues())
    assert len(listed.answer) == len(jobs) - 1


def test_a_repetition_across_chunks_and_batches_is_answered_as_the_first_was(store: LedgerStore) -> None:
    (started,) = ask(store, start("CP-1"))
    own = started.answer.transaction_id
    ask(store, numbered(1, own), numbered(2))
    many = [numbered(number) for number in (*range(70), 69, 1)]
    jobs = ask(store, *many)
    repeated = {1: MeterValuesKept(repeated=True, linked=True), 2: REPEATED, 70: REPEATED}
    repeated[71] = repeated[1]
    assert [job.answer for job in jobs] == [repeated.get(place, NEW) for place in range(len(many))]
    (listed,) = ask(store, ListMeterValues())
    assert len(listed.answer) == 70


def test_one_that_cannot_be_stored_fails_alone(store: LedgerStore) -> None:
    naive = meter_values(None, content_hash=b"naive", received_at=NOON.replace(tzinfo=None))
    no_column = meter_values(2**63, content_hash=b"too large")
    no_json = meter_values(None, content_hash=b"no JSON", values=[{"timestamp": object()}])
    for number, bad in enumerate([naive, no_column, no_json]):
        good = [numbered(20 * number + each) for each in range(20)]
        with capture_logs():
            jobs = ask(store, *good[:9], bad, *good[9:], good[0])
        failed = jobs.pop(9)
        assert isinstance(failed.error, RequestFailed)
        assert [(job.answer, job.error) for job in jobs] == [*[(NEW, None)] * 20, (REPEATED, None)]
    (listed,) = ask(store, ListMeterValues())
    assert [record.energy_wh for record in listed.answer] == list(map(float, range(60)))


def test_what_is_asked_in_between_sees_what_came_before_it(connection: Connection) -> None:
    with connection.begin():
        own = carry_out(start("CP-1", meter_start=0), connection).transaction_id
        asked = [numbered(1, own), FindTransaction(own), numbered(4, own), numbered(7), FindTransaction(own)]
        linked, one, *more, two = carry_out_all(asked, connection)
    assert [linked, *more] == [*[MeterValuesKept(repeated=False, linked=True)] * 2, NEW]
    assert [one.energy_wh, two.energy_wh] == [1.0, 4.0]


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    batches=st.lists(
        st.lists(
            st.tuples(st.integers(0, 40), st.sampled_from([None, "own", "other's", -1])),
            min_size=1,
            max_size=80,
        ),
        max_size=3,
    )
)
def test_together_and_one_by_one_agree(
    connection: Connection, batches: list[list[tuple[int, str | int | None]]]
) -> None:
    def outcome(*, together: bool) -> tuple[list[object], list[object]]:
        with connection.begin() as transaction:
            own, other = (
                carry_out(start(identity, meter_start=0), connection).transaction_id
                for identity in ("CP-1", "CP-2")
            )
            ids: dict[object, int] = {"own": own, "other's": other, -1: -1}
            answers: list[object] = []
            for batch in batches:
                requests = [numbered(number, ids.get(sent)) for number, sent in batch]
                if together:
                    answers += carry_out_all(requests, connection)
                else:
                    answers += [carry_out(request, connection) for request in requests]
            kept = [
                (
                    record.identity,
                    record.meter_values,
                    {own: "own", other: "other's"}.get(record.transaction_id or 0),
                )
                for record in carry_out(ListMeterValues(), connection)
            ]
            transaction.rollback()
        return answers, [*kept]

    assert outcome(together=True) == outcome(together=False)
