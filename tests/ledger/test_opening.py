"""Opening a database: which URLs are understood, what is set up, migrations, and what a user is told."""

import importlib.util
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
import trio
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs
from tests.ledger.facts import NOON, meter_values, samples, start, stop
from tests.ledger.postgresql import Server

from ocpp_actors.ledger.bridge import open_ledger
from ocpp_actors.ledger.database import Database, LedgerUrlError, open_engine, parse_url, unavailable
from ocpp_actors.ledger.memory import MemoryLedger
from ocpp_actors.ledger.migrations import head, migrate
from ocpp_actors.ledger.port import (
    AbandonSentCommands,
    CommandState,
    FindTransaction,
    LedgerUnavailable,
    ListChargePoints,
    ListCommands,
    ListIdTags,
    ListMeterValues,
    ListTransactions,
    MeterValuesKept,
    RequestFailed,
)
from ocpp_actors.ledger.tables import metadata


async def opened(url: str) -> None:
    async with open_ledger(url):
        pass


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "this is not a database URL"),
        ("ledger.db", "this is not a database URL"),
        ("postgresql://host:port/name", "this is not a database URL"),
        ("mysql://localhost/name", "mysql is not supported: use sqlite:///FILE or postgresql://"),
        ("sqlite://", "a SQLite URL names a file"),
        ("sqlite:///:memory:", "a SQLite URL names a file"),
    ],
)
async def test_a_url_that_cannot_be_used_is_refused(url: str, reason: str) -> None:
    with pytest.raises(LedgerUrlError, match=reason):
        await opened(url)


@pytest.mark.parametrize("url", ["://secret@x", "mysql://user:secret@host/name"])
def test_a_refused_url_is_not_repeated_with_its_password(url: str) -> None:
    with pytest.raises(LedgerUrlError) as refused:
        parse_url(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"])
def test_postgresql_is_spoken_with_psycopg(scheme: str) -> None:
    assert parse_url(f"{scheme}://user@host/name").drivername == "postgresql+psycopg"


def test_postgresql_without_its_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LedgerUrlError, match=r"pip install 'psycopg\[binary\]'"):
        parse_url("postgresql://user@host/name")
    assert parse_url("sqlite:///ledger.db").database == "ledger.db"


def test_sqlite_does_not_import_the_driver_of_postgresql(tmp_path: Path) -> None:
    program = (
        "import sys, trio\n"
        "from ocpp_actors.ledger.bridge import open_ledger\n"
        "async def main():\n"
        f"    async with open_ledger('sqlite:///{tmp_path}/ledger.db'): pass\n"
        "trio.run(main)\n"
        "assert 'psycopg' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


async def test_memory_is_the_ledger_without_a_thread() -> None:
    async with open_ledger("memory:") as ledger:
        assert isinstance(ledger, MemoryLedger)


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "ledger.db"
    with pytest.raises(LedgerUnavailable, match=f"{path}: the directory {path.parent} does not exist"):
        await opened(f"sqlite:///{path}")


async def test_a_directory_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable, match=f"{tmp_path}: this is a directory, not a file"):
        await opened(f"sqlite:///{tmp_path}")


async def test_another_file_is_no_database(sqlite_file: Path) -> None:
    diary = trio.Path(sqlite_file)
    await diary.write_text("Dear diary" * 1000)
    with pytest.raises(LedgerUnavailable, match=f"{sqlite_file}: the file is not a database"):
        await opened(f"sqlite:///{sqlite_file}")
    assert await diary.read_text() == "Dear diary" * 1000


async def test_a_database_that_may_only_be_read_is_refused(sqlite_file: Path) -> None:
    with closing(sqlite3.connect(sqlite_file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    with pytest.raises(LedgerUnavailable, match="read-only"):
        await opened(f"sqlite:///file:{sqlite_file}?mode=ro&uri=true")


async def test_a_database_without_a_write_ahead_log_is_refused() -> None:
    with pytest.raises(LedgerUnavailable, match=r"cannot use write-ahead logging .*'memory'"):
        await opened("sqlite:///file:nowhere?mode=memory&uri=true")


async def test_a_server_that_does_not_answer_is_named_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable) as failed:
        await opened(f"postgresql://user:secret@/name?host={tmp_path}")
    assert "the database cannot be reached" in str(failed.value)
    assert str(tmp_path) in str(failed.value)
    assert "secret" not in str(failed.value)


async def test_a_database_that_does_not_exist_is_named(postgresql: Server) -> None:
    with pytest.raises(LedgerUnavailable, match='database "nowhere" does not exist'):
        await opened(postgresql.url("nowhere"))


async def test_what_was_stored_is_there_after_a_restart(database_url: str) -> None:
    async with open_ledger(database_url) as ledger:
        started = await ledger.ask(start())
        before = await ledger.ask(ListTransactions())
    async with open_ledger(database_url) as ledger:
        assert await ledger.ask(ListTransactions()) == before
        assert await ledger.ask(start()) == type(started)(started.transaction_id, True, 0)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_transaction_id_is_never_given_twice(database_url: str, sqlite_file: Path) -> None:
    async with open_ledger(database_url) as ledger:
        started = await ledger.ask(start())
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as connection:
        connection.execute("DELETE FROM transactions")
    async with open_ledger(database_url) as ledger:
        assert (await ledger.ask(start())).transaction_id == started.transaction_id + 1


async def test_transaction_ids_end_with_31_bits(database_url: str) -> None:
    await opened(database_url)
    engine = open_engine(parse_url(database_url), synced=False)
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(text("INSERT INTO sqlite_sequence VALUES ('transactions', 2147483646)"))
        else:
            connection.execute(text("SELECT setval('transactions_id_seq', 2147483646)"))
    async with open_ledger(database_url) as ledger:
        assert (await ledger.ask(start())).transaction_id == 2**31 - 1
        assert (await ledger.ask(stop(2**31 - 1))).transaction_id == 2**31 - 1
        with capture_logs(), pytest.raises(RequestFailed, match="RecordStart cannot be stored"):
            await ledger.ask(start(connector_id=2))


def settings_of(connection: Connection, names: list[str]) -> list[Any]:
    verb = "PRAGMA" if connection.dialect.name == "sqlite" else "SHOW"
    return [connection.exec_driver_sql(f"{verb} {name}").scalar_one() for name in names]


@pytest.mark.parametrize(("synced", "synchronous"), [(True, 2), (False, 1)], ids=["ledger", "message log"])
def test_sqlite_is_synced_at_each_commit_of_the_ledger(
    sqlite_file: Path, synced: bool, synchronous: int
) -> None:
    connection = Database(parse_url(f"sqlite:///{sqlite_file}"), synced=synced).connect()
    with closing(connection):
        names = ["journal_mode", "synchronous", "foreign_keys", "busy_timeout"]
        assert settings_of(connection, names) == ["wal", synchronous, 1, 500]


@pytest.mark.parametrize(("synced", "commit"), [(True, "on"), (False, "off")], ids=["ledger", "message log"])
def test_postgresql_is_synced_at_each_commit_of_the_ledger(
    postgresql: Server, synced: bool, commit: str
) -> None:
    connection = Database(parse_url(postgresql.create_database()), synced=synced).connect()
    with closing(connection):
        names = ["synchronous_commit", "lock_timeout", "statement_timeout", "application_name"]
        assert settings_of(connection, names) == [commit, "2s", "30s", "ocpp-actors"]


async def test_the_ledger_asks_for_synced_commits(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bool] = []

    class Watched(Database):
        def __init__(self, url: Any, *, synced: bool) -> None:
            made.append(synced)
            super().__init__(url, synced=synced)

    monkeypatch.setattr("ocpp_actors.ledger.group_commit.Database", Watched)
    await opened(database_url)
    assert made == [True]


# --- migrations -----------------------------------------------------------------------------------------------------


SQLITE_SCHEMA = [
    "SELECT name, sql FROM sqlite_master WHERE tbl_name != 'alembic_version' AND sql IS NOT NULL"
]
POSTGRESQL_SCHEMA = [
    """
    SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name != 'alembic_version'
    """,
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename != 'alembic_version'",
    """
    SELECT conname, conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text != 'alembic_version'
    """,
]


def schema(connection: Connection) -> list[tuple[Any, ...]]:
    """Everything the database knows of its tables, in its own words."""
    queries = SQLITE_SCHEMA if connection.dialect.name == "sqlite" else POSTGRESQL_SCHEMA
    rows = [tuple(row) for query in queries for row in connection.execute(text(query))]
    return sorted(
        (tuple(re.sub(r"\s*([(),])\s*|\s+", r"\1 ", str(cell)) for cell in row) for row in rows), key=str
    )


def test_the_migrated_schema_is_the_one_of_the_tables(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if database_url.startswith("sqlite"):
        other_url = f"sqlite:///{tmp_path}/other.db"
    else:
        server: Server = request.getfixturevalue("postgresql")
        other_url = server.create_database()
    with open_engine(parse_url(database_url), synced=False).begin() as connection:
        migrate(connection)
        migrated = schema(connection)
    with open_engine(parse_url(other_url), synced=False).begin() as connection:
        metadata.create_all(connection)
        created = schema(connection)
    assert migrated == created
    assert len(created) > 15


def test_migrating_again_changes_nothing(database_url: str) -> None:
    engine = open_engine(parse_url(database_url), synced=False)
    with engine.begin() as connection:
        migrate(connection)
        before = schema(connection)
    with engine.begin() as connection:
        migrate(connection)
        assert schema(connection) == before
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    assert version == head()


def test_a_migration_that_is_not_committed_leaves_nothing(database_url: str) -> None:
    engine = open_engine(parse_url(database_url), synced=False)
    with engine.connect() as connection:
        with connection.begin() as transaction:
            migrate(connection)
            transaction.rollback()
        with connection.begin():
            assert schema(connection) == []


async def test_a_database_of_a_newer_version_is_refused(database_url: str) -> None:
    await opened(database_url)
    with open_engine(parse_url(database_url), synced=False).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerUnavailable, match="was written by another version of ocpp-actors"):
        await opened(database_url)


async def test_two_servers_that_start_at_once_migrate_one_after_the_other(postgresql: Server) -> None:
    url = postgresql.create_database()
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(opened, url)


def test_an_error_that_nobody_knows_is_not_explained_away(database_url: str) -> None:
    def prepare(connection: Connection) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Database(parse_url(database_url), synced=True).open(prepare)


async def test_a_database_of_the_first_version_is_brought_up_to_date(database_url: str) -> None:
    boot = '{"chargePointVendor": "Acme", "chargePointModel": "Fast"}'
    with open_engine(parse_url(database_url), synced=False).begin() as connection:
        migrate(connection, "0001")
        connection.execute(
            text(
                "INSERT INTO charge_points (charge_point, identity, registration, lenient, pings, "
                "abort_on_shutdown, boot) VALUES ('cp1', 'CP1', 'Accepted', false, true, false, :boot), "
                "('new', 'New', NULL, false, true, false, NULL)"
            ),
            {"boot": boot},
        )
        connection.execute(
            text(
                "INSERT INTO connectors (charge_point, connector_id, status, error_code, received_at) "
                "VALUES ('cp1', 1, 'Available', 'NoError', '2026-03-01 12:00:00')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO id_tags (id_tag_key, id_tag, status, parent_id_tag) "
                "VALUES ('tag', 'TAG', 'Accepted', 'Parent')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO commands (charge_point, identity, action, payload, queued_at, expires_at, state) "
                "VALUES ('cp1', 'CP1', 'ClearCache', '{}', '2026-03-01 12:00:00', '2036-03-01 12:00:00', "
                "'waiting')"
            )
        )
    async with open_ledger(database_url) as ledger:
        (found,) = await ledger.ask(ListChargePoints(search="acme"))
        assert (found.identity, found.version, list(found.connectors)) == ("CP1", 1, [1])
        (other,) = await ledger.ask(ListChargePoints(search="new"))
        assert other.boot is None
        (tag,) = await ledger.ask(ListIdTags(search="PARENT"))
        assert (tag.id_tag, tag.version) == ("TAG", 1)
        (command,) = await ledger.ask(ListCommands(state=CommandState.WAITING))
        assert (command.durable, command.idempotency_key) == (True, None)
        await ledger.ask(AbandonSentCommands(NOON))
        assert len(await ledger.ask(ListCommands(state=CommandState.WAITING))) == 1


async def test_meter_values_of_an_earlier_version_are_known_again(database_url: str) -> None:
    kept = [
        meter_values(1, "CP-1", content_hash=b"1", values=samples("1"), energy_wh=1500.0),
        meter_values(None, "CP-2", content_hash=b"1", values=samples("\0")),
        meter_values(None, "CP-2", content_hash=b"2", values=[{"timestamp": "2024\0", "sampledValue": []}]),
        meter_values(None, "CP-2", content_hash=b"3", values=[]),
        meter_values(None, "CP-2", content_hash=b"4", values=[{"timestamp": "long" * 10}]),
    ]
    with open_engine(parse_url(database_url), synced=False).begin() as connection:
        noon = "2024-05-01 12:00:00.123456" + ("" if connection.dialect.name == "sqlite" else "+00")
        migrate(connection, "0003")
        connection.execute(
            text(
                "INSERT INTO transactions (charge_point, identity, connector_id, id_tag, id_tag_key, meter_start, "
                "started_at, start_received_at, start_repeats) VALUES "
                "('cp-1', 'CP-1', 1, 'TAG', 'tag', 1000, :at, :at, 0)"
            ),
            {"at": noon},
        )
        for request in kept:
            connection.execute(
                text(
                    "INSERT INTO meter_values (charge_point, identity, transaction_id, sent_transaction_id, source, "
                    "meter_values, content_hash, energy_wh, energy_at, received_at) VALUES "
                    "(:key, :identity, :id, :id, 'meterValues', :values, :hash, :energy, :at, :at)"
                ),
                {
                    "key": request.identity.casefold(),
                    "identity": request.identity,
                    "id": request.transaction_id,
                    "values": orjson.dumps(request.meter_values).decode(),
                    "hash": request.content_hash,
                    "energy": request.energy_wh,
                    "at": noon,
                },
            )
    async with open_ledger(database_url) as ledger:
        records = await ledger.ask(ListMeterValues())
        assert [(record.identity, record.meter_values, record.received_at) for record in records] == [
            (request.identity, request.meter_values, NOON) for request in kept
        ]
        assert [record.record_id for record in records] == [1, 2, 3, 4, 5]
        answers = [await ledger.ask(request) for request in kept if request.content_hash != b"2"]
        assert answers == [MeterValuesKept(True, True), *[MeterValuesKept(True, False)] * 3]
        transaction = await ledger.ask(FindTransaction(1))
        assert transaction is not None
        assert transaction.energy_wh == 500.0
        assert not (await ledger.ask(meter_values(1, content_hash=b"new"))).repeated
        assert len(await ledger.ask(ListMeterValues(after=5))) == 1


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_postgresql_that_does_not_answer_is_unavailable(wrapped: bool) -> None:
    timeout = psycopg.errors.ConnectionTimeout("connection timeout expired")
    error = OperationalError("SELECT 1", None, timeout) if wrapped else timeout
    assert str(unavailable(error)) == "the database cannot be reached"
