"""Many requests, one commit; and what happens when one of them, or the database, fails."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from structlog.testing import capture_logs
from tests.ledger.facts import NOON, POISON, later, meter_values, samples, security_event, start, stop
from tests.ledger.postgresql import Server

from ocpp_actors.ledger import database, group_commit
from ocpp_actors.ledger.actor import Job
from ocpp_actors.ledger.database import parse_url
from ocpp_actors.ledger.group_commit import LedgerStore
from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    ChargePointSettings,
    Connector,
    FindChargePoint,
    LedgerUnavailable,
    ListChargePoints,
    ListMeterValues,
    ListTransactions,
    Note,
    NoteBoot,
    NoteConnector,
    Notes,
    NoteSeen,
    RecordBoot,
    RecordMeterValues,
    RequestFailed,
    SetChargePointSettings,
)
from ocpp_actors.ledger.sql import carry_out
from ocpp_actors.ledger.sql import notes as sql_notes
from ocpp_actors.protocol.messages import RegistrationStatus


@pytest.fixture
def store(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[LedgerStore]:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 20)
    monkeypatch.setattr(database, "LOCK_TIMEOUT_MS", 20)
    store = LedgerStore(parse_url(database_url))
    store.open()
    yield store
    store.close()


@contextmanager
def counted(name: str) -> Iterator[list[object]]:
    seen: list[object] = []

    def see(*arguments: object) -> None:
        seen.append(arguments)

    event.listen(Engine, name, see)
    try:
        yield seen
    finally:
        event.remove(Engine, name, see)


def ask(store: LedgerStore, *requests: Any) -> list[Job]:
    jobs = [Job(request) for request in requests]
    batch = store.carry_out(jobs)
    assert batch.size == len(jobs)
    assert batch.failed == sum(job.error is not None for job in jobs)
    return jobs


def answer(store: LedgerStore, request: Any) -> Any:
    (job,) = ask(store, request)
    assert job.error is None
    return job.answer


def test_a_batch_is_committed_once(store: LedgerStore) -> None:
    with counted("commit") as commits:
        jobs = ask(store, *(start(meter_start=number) for number in range(50)))
    assert len(commits) == 1
    assert len({job.answer.transaction_id for job in jobs}) == 50


def test_a_batch_without_failures_needs_no_savepoint(store: LedgerStore) -> None:
    with counted("savepoint") as savepoints:
        ask(store, start(), stop(-1))
    assert savepoints == []


def test_a_poisonous_request_fails_alone_and_the_rest_is_committed_once(store: LedgerStore) -> None:
    with counted("commit") as commits, capture_logs() as logs:
        first, poison, naive, last = ask(
            store,
            start(),
            POISON,
            meter_values(None, received_at=NOON.replace(tzinfo=None)),
            stop(-1, id_tag="TAG"),
        )
    assert len(commits) == 1
    assert (first.error, last.error) == (None, None)
    assert last.answer.transaction_id == first.answer.transaction_id
    for job, name in [(poison, "RecordStart"), (naive, "RecordMeterValues")]:
        assert isinstance(job.error, RequestFailed)
        assert re.fullmatch(rf"{name} cannot be stored: \w+", str(job.error))
        assert job.answer is None
    assert [line["request"] for line in logs] == ["RecordStart", "RecordMeterValues"]
    assert all(line["exc_info"] for line in logs)
    assert len(answer(store, ListTransactions())) == 1


def test_a_refused_request_is_no_error_of_the_ledger(store: LedgerStore) -> None:
    with capture_logs() as logs:
        refused, kept = ask(store, SetChargePointSettings("CP-1", ChargePointSettings()), start())
    assert isinstance(refused.error, RequestFailed)
    assert str(refused.error) == "the charge point 'CP-1' is unknown"
    assert kept.error is None
    assert logs == []


def test_notes_of_a_kind_are_written_with_one_statement(store: LedgerStore) -> None:
    identities = [f"CP-{number}" for number in range(20)]
    ask(store, *(AdmitChargePoint(identity, NOON) for identity in identities))
    notes: list[Note] = []
    for identity in [*identities, "unknown"]:
        notes += [NoteSeen(identity, later(2)), NoteBoot(identity, later(1)), available(identity)]
    with counted("before_cursor_execute") as statements:
        ask(store, Notes(tuple(notes)))
    assert sum("charge_point" in str(statement) for statement in statements) == 3
    records = answer(store, ListChargePoints())
    assert [record.identity for record in records] == sorted(identities)
    assert {(record.last_seen_at, record.booted_at) for record in records} == {(later(2), later(1))}
    assert all(record.connectors[1].status == "Available" for record in records)


def test_a_note_that_cannot_be_written_fails_alone(store: LedgerStore) -> None:
    ask(store, *(AdmitChargePoint(f"CP-{number}", NOON) for number in range(3)))
    notes = [
        NoteSeen("CP-0", later(1)),
        NoteSeen("CP-1", later(1).replace(tzinfo=None)),
        available("CP-1"),
        NoteSeen("CP-2", later(1)),
    ]
    with capture_logs() as logs:
        (job,) = ask(store, Notes(tuple(notes)))
    assert job.error is None
    assert [(line["event"], line["note"]) for line in logs] == [("the ledger refused a note", "NoteSeen")]
    records = answer(store, ListChargePoints())
    assert [record.last_seen_at for record in records] == [later(1), NOON, later(1)]
    assert list(records[1].connectors) == [1]


def test_notes_that_meet_a_failing_database_are_not_refused(
    store: LedgerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(notes: Any, connection: Any) -> None:
        raise LedgerUnavailable("no disk")

    monkeypatch.setitem(sql_notes._TOGETHER, NoteSeen, fails)
    (job,) = ask(store, Notes((NoteSeen("CP-1", NOON),)))
    assert unavailable(job) == "no disk"


def available(identity: str) -> NoteConnector:
    return NoteConnector(identity, Connector(1, "Available", "NoError", None, None, None, None, NOON))


def test_a_batch_repeated_after_a_failure_is_stored_once(store: LedgerStore) -> None:
    batch = [start(), meter_values(None), stop(-1, transaction_data=samples("7"))]
    ask(store, *batch)
    repeated = ask(store, meter_values(None), stop(-1, transaction_data=samples("7")))
    assert [job.answer.repeated for job in repeated] == [True, True]
    assert len(answer(store, ListMeterValues())) == 2
    assert len(answer(store, ListTransactions())) == 1


def unavailable(job: Job) -> str:
    assert isinstance(job.error, LedgerUnavailable)
    return str(job.error)


def check_recovery(store: LedgerStore, request: RecordMeterValues) -> None:
    """The failed request, asked again, is stored once."""
    (again,) = ask(store, request)
    assert again.error is None
    assert not again.answer.repeated
    (once_more,) = ask(store, request)
    assert once_more.answer.repeated
    assert len(answer(store, ListMeterValues())) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_locked_sqlite_database_is_unavailable_until_it_is_free(
    store: LedgerStore, sqlite_file: Path
) -> None:
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        jobs = ask(store, meter_values(None), start())
        assert {unavailable(job) for job in jobs} == {"the database is locked by another process"}
        other.execute("ROLLBACK")
    check_recovery(store, meter_values(None))
    assert answer(store, ListTransactions()) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_full_disk_is_unavailable_until_there_is_room(store: LedgerStore) -> None:
    def no_room(connection: Any) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # SQLite takes the present size instead

    large = meter_values(None, values=samples("9" * 300_000))
    event.listen(Engine, "begin", no_room)
    try:
        for _ in range(3):
            jobs = ask(store, start(), large)
            assert {unavailable(job) for job in jobs} == {"the database cannot be written: the disk is full"}
    finally:
        event.remove(Engine, "begin", no_room)
    check_recovery(store, large)
    assert answer(store, ListTransactions()) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_read_only_database_is_unavailable(store: LedgerStore) -> None:
    def read_only(connection: Any) -> None:
        connection.exec_driver_sql("PRAGMA query_only = ON")

    event.listen(Engine, "begin", read_only)
    try:
        (job,) = ask(store, meter_values(None))
        assert unavailable(job) == "the database cannot be written: it is read-only"
    finally:
        event.remove(Engine, "begin", read_only)
    check_recovery(store, meter_values(None))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_lost_connection_is_made_anew(store: LedgerStore, postgresql: Server, database_url: str) -> None:
    with postgresql.connect("postgres") as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            [parse_url(database_url).database],
        )
    jobs = ask(store, meter_values(None), start())
    assert len({unavailable(job) for job in jobs}) == 1
    check_recovery(store, meter_values(None))
    assert answer(store, ListTransactions()) == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_locked_postgresql_table_is_unavailable_until_it_is_free(
    store: LedgerStore, postgresql: Server, database_url: str
) -> None:
    name = parse_url(database_url).database
    assert name is not None
    store.close()
    with postgresql.connect(name) as other, other.transaction():
        other.execute("LOCK TABLE meter_values IN ACCESS EXCLUSIVE MODE")
        (job,) = ask(store, meter_values(None))
        assert unavailable(job) == "the database is locked"
    check_recovery(store, meter_values(None))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_postgresql_that_became_read_only_is_unavailable(
    store: LedgerStore, postgresql: Server, database_url: str
) -> None:
    name = parse_url(database_url).database
    with postgresql.connect("postgres") as other:
        other.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    store.close()
    (job,) = ask(store, meter_values(None))
    assert unavailable(job) == "the database cannot be written: it is read-only"
    with postgresql.connect("postgres") as other:
        other.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    check_recovery(store, meter_values(None))


def test_a_failure_of_the_commit_itself_confirms_nothing(store: LedgerStore) -> None:
    def broken(connection: Any) -> None:
        raise RuntimeError("the commit broke")

    event.listen(Engine, "commit", broken)
    try:
        with capture_logs() as logs:
            jobs = ask(store, start(), security_event())
    finally:
        event.remove(Engine, "commit", broken)
    assert {unavailable(job) for job in jobs} == {"the database failed"}
    assert [line["event"] for line in logs] == ["the ledger failed"]
    assert answer(store, ListTransactions()) == []


def test_what_a_batch_took_is_measured(database_url: str) -> None:
    ticks = iter(range(100))
    store = LedgerStore(parse_url(database_url), timer=lambda: float(next(ticks)))
    store.open()
    batch = store.carry_out([Job(start()), Job(stop(-1))])
    assert (batch.size, batch.failed, batch.seconds, batch.commit_seconds) == (2, 0, 3.0, 1.0)
    store.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_fails_while_a_batch_is_carried_out_again_confirms_nothing(
    store: LedgerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails_later(request: Any, connection: Any) -> Any:
        if request is not POISON:
            return carry_out(request, connection)
        if not connection.in_nested_transaction():
            raise ValueError("carry out again")
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    monkeypatch.setattr(group_commit, "carry_out", fails_later)
    jobs = ask(store, start(), POISON, stop(-1))
    assert {unavailable(job) for job in jobs} == {
        "the database cannot be read or written: input/output error"
    }
    assert answer(store, ListTransactions()) == []


def test_a_connection_that_cannot_even_be_closed_is_given_up(
    store: LedgerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise OSError("no such connection")

    monkeypatch.setattr(store._database.connect(), "close", broken)
    with capture_logs() as logs:
        store.close()
    assert [line["error"] for line in logs] == ["OSError"]
    assert answer(store, ListTransactions()) == []


def test_what_is_looked_up_shows_what_was_written_with_it(store: LedgerStore) -> None:
    boot = RecordBoot("CP1", RegistrationStatus.ACCEPTED, {"chargePointVendor": "V"}, NOON)
    jobs = ask(
        store,
        FindChargePoint("CP2"),
        boot,
        FindChargePoint("CP1"),
        AdmitChargePoint("CP3", NOON),
        FindChargePoint("cp3"),
        FindChargePoint("CP1"),
    )
    found = [job.answer for job in jobs]
    assert [each and each.identity for each in found] == [None, None, "CP1", "CP3", "CP3", "CP1"]
    assert found[2] == found[5]
    assert found[2] is not found[5]
    assert found[2].boot == {"chargePointVendor": "V"}
