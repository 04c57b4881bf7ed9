"""Scenarios: what they need, and the catalogue of all that are shipped."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from attrs import frozen

from ocpp_actors.testbench.station import Feature

if TYPE_CHECKING:
    from ocpp_actors.testbench.bench import Bench

SECONDS: Final = 30.0
"""The time that a scenario has, where it names none."""

_CASE: Final = re.compile(r"TC_\d{3}(_\d)?")


class Need(StrEnum):
    """What a scenario cannot do without, beside the wire."""

    STATION = "station"
    """A charge point that lives by itself. Without this need a scenario speaks for the charge point."""
    OPERATOR = "operator"
    """The operator's API of ocpp-actors."""
    TESTING = "testing"
    """A server that may be told to misbehave."""
    RESTART = "restart"
    """A server that may be killed and started again; such scenarios run one by one, when all others have ended."""
    SECURITY = "security"
    """A server with TLS and credentials, made for the session."""


Run = Callable[["Bench"], Awaitable[None]]


@frozen
class Scenario:
    """One scenario. ``group`` is the module that it stands in, ``case`` the certification case that it follows."""

    name: str
    group: str
    run: Run
    needs: frozenset[Need]
    features: frozenset[Feature]
    case: str | None
    seconds: float

    @property
    def title(self) -> str:
        """The first line of its description."""
        return self.description.partition("\n")[0]

    @property
    def description(self) -> str:
        """What it shows, and what it could not know."""
        return inspect.getdoc(self.run) or ""


def scenario(
    *,
    needs: Iterable[Need] = (),
    features: Iterable[Feature] = (),
    case: str | None = None,
    seconds: float = SECONDS,
) -> Callable[[Run], Scenario]:
    """Make a scenario of an ``async def``; its docstring says what it shows.

    It needs a station where it names ``features``: what the station has to be able to do.
    """
    if case is not None and not _CASE.fullmatch(case):
        raise ValueError(f"{case!r} is no certification case: TC_001, TC_004_1")

    def decorate(run: Run) -> Scenario:
        wanted = frozenset(features)
        return Scenario(
            name=run.__name__.replace("_", "-"),
            group=run.__module__.rpartition(".")[2].replace("_", "-"),
            run=run,
            needs=frozenset(needs) | ({Need.STATION} if wanted else set()),
            features=wanted,
            case=case,
            seconds=seconds,
        )

    return decorate


def catalogue() -> dict[str, Scenario]:
    """Return all shipped scenarios by name, in the order of their modules and places."""
    found: dict[str, Scenario] = {}
    for each in _shipped():
        if each.name in found:
            raise ValueError(
                f"two scenarios are named {each.name}: {found[each.name].group} and {each.group}"
            )
        found[each.name] = each
    return found


def _shipped() -> Iterator[Scenario]:
    from ocpp_actors.testbench import scenarios

    for module in sorted(pkgutil.iter_modules(scenarios.__path__), key=lambda each: each.name):
        contents = vars(importlib.import_module(f"{scenarios.__name__}.{module.name}"))
        yield from (each for each in contents.values() if isinstance(each, Scenario))
