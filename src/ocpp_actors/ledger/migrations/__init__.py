"""The steps that bring a database to the tables of this version; they run at start."""

import logging
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from ocpp_actors.ledger.port import LedgerUnavailable

LOCK: Final = 0x0C9916
"""The advisory lock that servers which share a PostgreSQL database take while they migrate."""


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring the database to ``revision``, inside the connection's transaction.

    The transaction is committed by the caller, so a step that fails changes nothing. On SQLite the transaction itself
    keeps others out, on PostgreSQL an advisory lock does.

    Raises LedgerUnavailable: the database was written by a newer version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    logging.getLogger("alembic.runtime").setLevel(logging.WARNING)
    try:
        command.upgrade(configuration(connection), revision)
    except CommandError as error:
        raise LedgerUnavailable(
            f"the database was written by another version of ocpp-actors ({error}): use that version, "
            "or another database"
        ) from error


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", "ocpp_actors.ledger:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def head() -> str | None:
    """Return the newest revision."""
    return ScriptDirectory.from_config(configuration()).get_current_head()
