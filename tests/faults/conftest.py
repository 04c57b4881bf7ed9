"""Keeps the log quiet, for thousands of faults are logged, and tells how many points were covered."""

import logging
from collections import Counter
from collections.abc import Iterator

import pytest
import structlog
from tests.faults.injection import covered


@pytest.fixture(autouse=True)
def quiet_log() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@pytest.fixture(scope="session", autouse=True)
def tally_of_covered_points(tallies: dict[str, Counter[str]]) -> Iterator[None]:
    yield
    tallies["fault injection"].update(covered)
