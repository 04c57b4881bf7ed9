"""The pytest plugin, used as the documentation shows it, in a project of somebody else."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "testing-plugin.md"


def test_what_the_documentation_shows_passes(pytester: pytest.Pytester) -> None:
    conftest, *tests = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    pytester.makeini("[pytest]\ntrio_mode = true\n")
    pytester.makeconftest(conftest)
    pytester.makepyfile(**{f"test_{number}": text for number, text in enumerate(tests)})
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=len(tests))
