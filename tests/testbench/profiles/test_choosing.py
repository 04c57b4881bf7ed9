"""Which scenarios a profile means."""

import pytest

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.choosing import chosen
from ocpp_actors.testbench.profiles.profile import ProfileError, ScenarioChoice
from ocpp_actors.testbench.scenario import Scenario, scenario


@scenario(case="TC_001")
async def cold_boot(bench: Bench) -> None:
    """One."""


@scenario()
async def boot_again(bench: Bench) -> None:
    """Two."""


CATALOGUE: dict[str, Scenario] = {each.name: each for each in (cold_boot, boot_again)}


@pytest.mark.parametrize(
    ("run", "skip", "found"),
    [
        ((), (), []),
        (("cold-boot",), (), ["cold-boot"]),
        (("boot-again", "cold-boot"), (), ["cold-boot", "boot-again"]),
        (("boot*",), (), ["boot-again"]),
        (("TC_0*",), (), ["cold-boot"]),
        (("test-choosing",), ("TC_001",), ["boot-again"]),
        (("*",), ("*",), []),
    ],
)
def test_choice(run: tuple[str, ...], skip: tuple[str, ...], found: list[str]) -> None:
    assert [each.name for each in chosen(ScenarioChoice(run=run, skip=skip, lanes=1), CATALOGUE)] == found


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [("cold-bot", "did you mean cold-boot?"), ("zzz", "`ocpp-actors testbench list` shows them")],
)
def test_a_pattern_that_matches_nothing(pattern: str, hint: str) -> None:
    with pytest.raises(ProfileError) as error:
        chosen(ScenarioChoice(run=(pattern,), skip=(), lanes=1), CATALOGUE)
    assert str(error.value) == f"no scenario, group or case is named '{pattern}'; {hint}"
