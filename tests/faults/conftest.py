"""Keeps the log quiet, for thousands of faults are logged, and tells at the end how many points were covered."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from tests.faults.injection import covered


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if covered:
        points = ", ".join(f"{number} {what}" for what, number in covered.items())
        terminalreporter.write_line(f"fault injection, points covered: {points}")
