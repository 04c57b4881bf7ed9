"""A command has as many files as it needs, or says how many that are, before anything starts."""

import resource
from pathlib import Path

import pytest

from ocpp_actors import cli
from ocpp_actors.testbench.run import Run

INFINITY = resource.RLIM_INFINITY


class Limits:
    """The limits of this process, soft and hard, without those of the machine."""

    def __init__(self, soft: int, hard: int) -> None:
        self.now = soft, hard

    def get(self, _which: int) -> tuple[int, int]:
        return self.now

    def set(self, _which: int, limits: tuple[int, int]) -> None:
        self.now = limits


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Limits:
    limits = Limits(1024, 4096)
    monkeypatch.setattr(resource, "getrlimit", limits.get)
    monkeypatch.setattr(resource, "setrlimit", limits.set)
    return limits


class Started(Exception):
    pass


def start(self: Run) -> None:
    raise Started


@pytest.mark.parametrize(
    ("soft", "hard", "chargers", "allowed"),
    [
        (1024, 4096, "1000", 2200),
        (1024, INFINITY, "1000", 2200),
        (1024, 4096, "1", 1024),
        (INFINITY, INFINITY, "1000", INFINITY),
    ],
)
def test_a_session_has_the_files_that_it_needs(
    limits: Limits, monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, chargers: str, allowed: int
) -> None:
    limits.now = soft, hard
    monkeypatch.setattr(Run, "run", start)
    with pytest.raises(Started):
        cli.main(["testbench", "run", "basic", "--chargers", chargers])
    assert limits.now == (allowed, hard)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("testbench", "run", "reconnect-storm"), "2000 chargers need 4200 open files, and the hard limit is 4096"),
        (
            ("simulate", "--url", "ws://127.0.0.1:1/ocpp", "--count", "4000"),
            "4000 charge points need 4200 open files, and the hard limit is 4096",
        ),
    ],
)  # fmt: skip
def test_where_the_machine_does_not_allow_it_nothing_starts(
    arguments: tuple[str, ...],
    told: str,
    limits: Limits,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert "ulimit -Hn 4200" in line
    assert limits.now == (1024, 4096)
    assert list(tmp_path.iterdir()) == []
