"""Connections to SQLite and PostgreSQL: which URLs are understood, how they are set up, and what their errors mean."""

import importlib.util
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson
import structlog
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from ocpp_actors.ledger.port import LedgerUnavailable

log = structlog.get_logger(__name__)

BUSY_TIMEOUT_MS: Final = 500
"""How long SQLite waits for another process's lock; whoever asks repeats the request itself."""
LOCK_TIMEOUT_MS: Final = 2000
"""How long PostgreSQL waits for another server's lock."""
STATEMENT_TIMEOUT_MS: Final = 30_000
"""How long PostgreSQL may take for one statement."""

_SQLITE_UNAVAILABLE: Final = {
    sqlite3.SQLITE_BUSY: "the database is locked by another process",
    sqlite3.SQLITE_LOCKED: "the database is locked",
    sqlite3.SQLITE_PROTOCOL: "the database is locked by another process",
    sqlite3.SQLITE_PERM: "access to the database is denied",
    sqlite3.SQLITE_AUTH: "access to the database is denied",
    sqlite3.SQLITE_READONLY: "the database cannot be written: it is read-only",
    sqlite3.SQLITE_FULL: "the database cannot be written: the disk is full",
    sqlite3.SQLITE_IOERR: "the database cannot be read or written: input/output error",
    sqlite3.SQLITE_CANTOPEN: "the database file cannot be opened",
    sqlite3.SQLITE_NOTADB: "the file is not a database",
    sqlite3.SQLITE_CORRUPT: "the database is damaged",
    sqlite3.SQLITE_NOMEM: "the database is out of memory",
    sqlite3.SQLITE_INTERRUPT: "the database was interrupted",
}
_POSTGRESQL_UNAVAILABLE: Final = {
    "08": "the connection to the database is gone",
    "25": "the database cannot be written: it is read-only",
    "28": "the database refuses the user or password",
    "3D": "the database does not exist",
    "40": "the database took back the transaction",
    "42501": "access to the database is denied",
    "53": "the database is out of disk, memory or connections",
    "55": "the database is locked",
    "57": "the database is shutting down, or took too long",
    "58": "the database has an input/output error",
    "XX001": "the database is damaged",
    "XX002": "the database is damaged",
}
"""By class of SQLSTATE, or by the whole of it."""


class LedgerUrlError(ValueError):
    """The URL of a database is none that can be used; its text says why."""


def parse_url(url: str) -> URL:
    """Read a database URL.

    Raises LedgerUrlError: it is no URL, names neither SQLite nor PostgreSQL, or the driver for it is not installed.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise LedgerUrlError(
            "this is not a database URL: give one such as sqlite:///ocpp-actors.db or "
            "postgresql://user:password@host/name"
        ) from None
    backend = parsed.drivername.partition("+")[0]
    if backend == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise LedgerUrlError("a SQLite URL names a file: sqlite:///ocpp-actors.db")
        return parsed.set(drivername="sqlite+pysqlite")
    if backend in ("postgresql", "postgres"):
        if importlib.util.find_spec("psycopg") is None:
            raise LedgerUrlError("PostgreSQL needs its driver: pip install 'psycopg[binary]'")
        return parsed.set(drivername="postgresql+psycopg")
    raise LedgerUrlError(
        f"{backend} is not supported: use sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
    )


def open_engine(url: URL, *, synced: bool) -> Engine:
    """Make an engine that keeps no connections; ``synced``: a commit returns when it is on the disk."""
    sqlite = url.get_backend_name() == "sqlite"
    engine = create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        json_serializer=lambda document: orjson.dumps(document).decode(),
        json_deserializer=orjson.loads,
        connect_args=_SQLITE_ARGUMENTS if sqlite else _POSTGRESQL_ARGUMENTS,
        paramstyle="qmark" if sqlite else "format",
    )
    if sqlite:
        _set_up_sqlite(engine, "FULL" if synced else "NORMAL")
    else:
        _set_up_postgresql(engine, "on" if synced else "off")
    return engine


_SQLITE_ARGUMENTS: Final[dict[str, Any]] = {"isolation_level": None, "timeout": BUSY_TIMEOUT_MS / 1000}
_POSTGRESQL_ARGUMENTS: Final[dict[str, Any]] = {
    "application_name": "ocpp-actors",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def _set_up_sqlite(engine: Engine, synchronous: str) -> None:
    """Let SQLAlchemy, not the driver, begin transactions, and take the write lock at once."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _: object) -> None:
        (journal_mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if journal_mode != "wal":
            raise LedgerUnavailable(
                f"the database cannot use write-ahead logging (its journal is {journal_mode!r}): "
                "put it on a local disk"
            )
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA secure_delete = FAST")  # a key that was masked is to be gone from the file

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.connection.driver_connection.execute("BEGIN IMMEDIATE")


def _set_up_postgresql(engine: Engine, synchronous_commit: str) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET synchronous_commit = {synchronous_commit}")
            cursor.execute(f"SET lock_timeout = {LOCK_TIMEOUT_MS}")
            cursor.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}")
        connection.commit()


class Database:
    """One connection, made anew after each failure of the database.

    Not for more than one thread.
    """

    def __init__(self, url: URL, *, synced: bool) -> None:
        self._url = url
        self._engine = open_engine(url, synced=synced)
        self._connection: Connection | None = None

    def connect(self) -> Connection:
        """Return the connection, which is made if there is none."""
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def disconnect(self) -> None:
        """Give up the connection, whatever state it is in."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except Exception as error:  # noqa: BLE001 - whatever a broken connection raises, it is given up
                log.warning("a broken connection could not be closed", error=type(error).__name__)

    def open(self, prepare: Callable[[Connection], None]) -> None:
        """Connect for the first time and prepare the database, in one transaction.

        Raises LedgerUnavailable: the database cannot be reached or written; the text says where and why.
        """
        try:
            connection = self.connect()
            with connection.begin():
                prepare(connection)
        except Exception as error:
            self.disconnect()
            reason = unavailable(error)
            if reason is None:
                raise
            raise explain(self._url, error, reason) from error


def unavailable(error: BaseException) -> LedgerUnavailable | None:
    """Say what the error means if it lies in the store and not in the request; None otherwise."""
    if isinstance(error, LedgerUnavailable):
        return error
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        reason = _SQLITE_UNAVAILABLE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
        return None if reason is None else LedgerUnavailable(reason)
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        reason = _POSTGRESQL_UNAVAILABLE.get(state) or _POSTGRESQL_UNAVAILABLE.get(state[:2])
        return None if reason is None else LedgerUnavailable(reason)
    kinds = {kind.__name__ for kind in type(cause).__mro__}
    of_the_driver = OperationalError.__name__ in kinds  # each driver has one, see PEP 249
    return LedgerUnavailable("the database cannot be reached") if of_the_driver else None


def explain(url: URL, error: Exception, reason: LedgerUnavailable) -> LedgerUnavailable:
    """Add to a failure at start where the database is, and what is wrong with that place."""
    if url.get_backend_name() != "sqlite":
        detail = str(error.orig).partition("\n")[0] if isinstance(error, DBAPIError) else ""
        where = url.render_as_string(hide_password=True)
        return LedgerUnavailable(f"{where}: {reason}: {detail}" if detail else f"{where}: {reason}")
    path = Path(str(url.database).removeprefix("file:"))
    if not path.parent.is_dir():
        return LedgerUnavailable(f"{path}: the directory {path.parent} does not exist")
    if path.is_dir():
        return LedgerUnavailable(f"{path}: this is a directory, not a file")
    return LedgerUnavailable(f"{path}: {reason}")
