"""The summary line of the oracle test."""

from collections import Counter

import pytest

_TALLY = pytest.StashKey[Counter[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TALLY] = Counter()


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Counter[str]:
    return request.config.stash[_TALLY]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    counts = config.stash[_TALLY]
    if counts:
        terminalreporter.write_line(
            "oracle: {messages} messages, {valid} valid and {mutated} mutated payloads, same verdict, "
            "{constraints} constraints of the official schemas broken at least once".format(**counts)
        )
