"""What the oracle test counts."""

from collections import Counter

import pytest


@pytest.fixture
def tally(tallies: dict[str, Counter[str]]) -> Counter[str]:
    return tallies["oracle"]
