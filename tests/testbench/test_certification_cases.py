"""The certification cases: each has one scenario, which says what it checks and what it could not know."""

import re

import pytest

from ocpp_actors.testbench.scenario import Scenario, catalogue

CASES = """
    001 003 004_1 004_2 005_1 007 010 011_1 011_2 012 013 014 017_1 017_2 018_1 019_1 019_2 021 023_1 023_2 023_3 024
    026 028 030 031 032_1 037_1 037_3 039 040_1 040_2 042_1 042_2 043_1 043_3 043_4 043_5 044_1 044_2 044_3 045_1 045_2
    046 047 048_1 048_2 048_3 048_4 049 051 052 053 054 055 056 057 059 061 064 066 067 073 074 075_1 075_2 076 077 078
    079 080 081 083 085 086 087 088
""".split()  # noqa: SIM905 — it is a list to be read

FOLLOWING = {name: each for name, each in catalogue().items() if each.case}


def test_each_case_has_one_scenario() -> None:
    assert len(CASES) == 77
    assert sorted(each.case or "" for each in FOLLOWING.values()) == [f"TC_{case}" for case in CASES]


@pytest.mark.parametrize("scenario", [pytest.param(each, id=name) for name, each in FOLLOWING.items()])
def test_its_description_says_what_it_checks_and_what_it_could_not_know(scenario: Scenario) -> None:
    assert re.search(r"^Checks: .*\(.*(§|whitepaper)", scenario.description, re.DOTALL | re.MULTILINE)
    assert re.search(r"^Not known: ", scenario.description, re.MULTILINE)
    assert scenario.title.endswith(".")
