"""Sessions in virtual time, against a central system in this process."""

import tomllib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
from tests.testbench.session.fakes import open_fakes

from ocpp_actors.testbench.chargers.unit import OpenChargers
from ocpp_actors.testbench.measuring.measures import Measures
from ocpp_actors.testbench.profiles.profile import Profile
from ocpp_actors.testbench.profiles.reading import read
from ocpp_actors.testbench.profiles.tables import Table
from ocpp_actors.testbench.progress import Progress
from ocpp_actors.testbench.scenario import Scenario
from ocpp_actors.testbench.session import Session
from ocpp_actors.testbench.under_test import UnderTest
from ocpp_actors.testing.in_process import InProcess, open_in_process


def profile_of(text: str) -> Profile:
    return read(Table(tomllib.loads(text), "test.toml"), "test")


def under_test_of(central: InProcess, **more: Any) -> UnderTest:
    return UnderTest(central.target, central.clock, central.operator, **more)


def session_of(
    under_test: UnderTest,
    profile: str,
    scenarios: Sequence[Scenario] = (),
    open_chargers: OpenChargers = open_fakes,
    **more: Any,
) -> Session:
    return Session(
        profile=profile_of(profile),
        scenarios=scenarios,
        under_test=under_test,
        label="lab",
        open_chargers=open_chargers,
        measures=Measures(trio.current_time()),
        progress=Progress(),
        directory=Path("nowhere"),
        **more,
    )


@asynccontextmanager
async def open_session(
    profile: str, scenarios: Sequence[Scenario] = (), settings: dict[str, Any] | None = None, **more: Any
) -> AsyncIterator[Session]:
    async with open_in_process(**(settings or {})) as central:
        yield session_of(under_test_of(central), profile, scenarios, **more)


def said(session: Session) -> list[str]:
    """Collect what the session says."""
    lines: list[str] = []
    listen: Callable[[str], None] = lines.append
    session.progress.listeners.append(listen)
    return lines
