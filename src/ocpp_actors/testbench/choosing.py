"""Which of the shipped scenarios a profile means."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from ocpp_actors.testbench.profiles.profile import ProfileError, ScenarioChoice
from ocpp_actors.testbench.scenario import Scenario


def chosen(choice: ScenarioChoice, catalogue: Mapping[str, Scenario]) -> list[Scenario]:
    """Return the scenarios of a choice in the order of the catalogue.

    A pattern is the name of a scenario, of a group, or of a case, with ``*`` and ``?`` as in file names.

    Raises ProfileError: a pattern matches none.
    """
    scenarios = list(catalogue.values())
    wanted = _matching(choice.run, scenarios)
    unwanted = _matching(choice.skip, scenarios)
    return [each for each in scenarios if each.name in wanted and each.name not in unwanted]


def _matching(patterns: Iterable[str], scenarios: Sequence[Scenario]) -> set[str]:
    found = set[str]()
    for pattern in patterns:
        names = {each.name for each in scenarios if _matches(pattern, each)}
        if not names:
            raise ProfileError(f"no scenario, group or case is named {pattern!r}{_hint(pattern, scenarios)}")
        found |= names
    return found


def _matches(pattern: str, scenario: Scenario) -> bool:
    return any(
        fnmatchcase(name, pattern)
        for name in (scenario.name, scenario.group, scenario.case)
        if name is not None
    )


def _hint(pattern: str, scenarios: Sequence[Scenario]) -> str:
    names = {name for each in scenarios for name in (each.name, each.group, each.case) if name}
    near = difflib.get_close_matches(pattern, names, n=1)
    return f"; did you mean {near[0]}?" if near else "; `ocpp-actors testbench list` shows them"
