"""What is so in every test: the log is as it was afterwards, and heavy tests begin first.

What tests counted is told at the end of the run, also where workers of pytest-xdist ran them.
"""

import logging
import os
import sys
import threading
from collections import Counter
from collections.abc import Generator, Iterator
from typing import Any

import pytest
import structlog

from ocpp_actors import logs

Tallies = dict[str, Counter[str]]

TALLIES = pytest.StashKey[Tallies]()

MEASURING = "COVERAGE_PROCESS_CONFIG"
"""The variable by which coverage makes processes measure themselves: the workers of pytest-xdist have to."""

PLAIN = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
"""The log of tests: structlog's own choice writes a traceback with all values of variables, which takes seconds."""

LINES = {
    "oracle": "{messages} messages, {valid} valid and {mutated} mutated payloads, same verdict, "
    "{constraints} constraints of the official schemas broken at least once",
    "fault injection": "{cancellation} cancellations and {exception} exceptions, {undisturbed} of them while nothing "
    "else ended the session; {arrivals} arrivals of a newer connection, {ends} ends of an older one",
    "queued calls": "{kills} times kill -9; of {queued} calls {heard} were delivered, none twice: {answered} answered, "
    "{unknown} unknown, {expired} expired; {repeated} were asked for again after a kill",
}


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config.option, "loadscopereorder"):
        # pytest-xdist would put files of few tests last, however long they take.
        config.option.loadscopereorder = False
    if hasattr(config, "workerinput"):
        # Processes that tests start are not measured: it takes each a second, and most of them end by being killed.
        os.environ.pop(MEASURING, None)
    tallies: Tallies = {name: Counter() for name in LINES}
    config.stash[TALLIES] = tallies


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    heavy = {item.path for item in items if item.get_closest_marker("heavy")}
    items.sort(key=lambda item: item.path not in heavy)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run an unmeasured test without measuring what it covers."""
    if not item.get_closest_marker("unmeasured"):
        return (yield)
    tracer, tracer_of_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)
        threading.settrace(tracer_of_threads)


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """Undo what a command that ran in the test's own process made of the log: the next test reads it too."""
    loggers = [logging.getLogger(name) for name in (None, *logs.CHATTY, *logs.SILENT)]
    levels = [logger.level for logger in loggers]
    handlers = logging.getLogger().handlers[:]
    add = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level]
    structlog.configure(processors=[*add, PLAIN])
    yield
    logging.getLogger().handlers[:] = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(scope="session")
def tallies(request: pytest.FixtureRequest) -> Tallies:
    return request.config.stash[TALLIES]


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["tallies"] = {
            name: {str(what): number for what, number in tally.items()}
            for name, tally in session.config.stash[TALLIES].items()
        }


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    for name, tally in getattr(node, "workeroutput", {}).get("tallies", {}).items():
        node.config.stash[TALLIES][name].update(tally)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    # What a test printed travels to the main process as UTF-8, and some print half a surrogate pair.
    report = yield
    report.sections = [
        (name, content.encode("utf-8", "backslashreplace").decode()) for name, content in report.sections
    ]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, tally in config.stash[TALLIES].items():
        if tally:
            terminalreporter.write_line(f"{name}: {LINES[name].format_map(tally)}")
