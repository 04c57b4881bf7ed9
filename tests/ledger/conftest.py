import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.ledger.postgresql import Server, binaries, running_server

from ocpp_actors.ledger.bridge import open_ledger
from ocpp_actors.ledger.port import Ledger


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    found = binaries()
    if found is None:
        reason = "PostgreSQL's server is not installed (Debian: apt-get install postgresql)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with running_server(found) as server:
        yield server


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, sqlite_file: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{sqlite_file}"
    server: Server = request.getfixturevalue("postgresql")
    return server.create_database()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, sqlite_file: Path) -> str:
    if request.param == "memory":
        return "memory:"
    if request.param == "sqlite":
        return f"sqlite:///{sqlite_file}"
    server: Server = request.getfixturevalue("postgresql")
    return server.create_database()


@pytest.fixture
async def ledger(ledger_url: str) -> AsyncIterator[Ledger]:
    async with open_ledger(ledger_url) as ledger:
        yield ledger
