"""Who reads the output may leave, as ``head -1`` does: a command goes on or ends in order, and says nothing of it."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from ocpp_actors import cli
from ocpp_actors.testbench.replay import player
from ocpp_actors.testbench.replay.player import Happening, Lost
from ocpp_actors.testbench.run import Finished, Run
from ocpp_actors.testbench_cli import crowd_run, crowd_view

RECORD = b'{"chargePoint": "CP1", "direction": "in", "frame": [2, "1", "Heartbeat", {}]}\n'
NOBODY = "ws://127.0.0.1:1/ocpp"


@contextmanager
def full() -> Iterator[None]:
    """The standard output is a file of a disk that is full."""
    with Path("/dev/full").open("w", encoding="utf-8") as stream, redirect_stdout(stream):
        yield


@contextmanager
def nobody_reads() -> Iterator[None]:
    """The standard output is a pipe whose other end is closed."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w", encoding="utf-8") as stream, redirect_stdout(stream):
        yield


def run(
    capsys: pytest.CaptureFixture[str],
    *arguments: str,
    output: Callable[[], AbstractContextManager[None]] = nobody_reads,
) -> int:
    with output():
        status = cli.main(arguments)
    assert capsys.readouterr().err == ""
    return status


def test_simulate_ends_when_its_next_line_is_not_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd_view, "LINE_EVERY", 0.01)
    monkeypatch.setattr(crowd_run, "PATIENCE", 1000)
    assert run(capsys, "simulate", "--url", NOBODY, "--json", "--duration", "20") == 1


def test_the_summary_of_simulate_is_not_missed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "simulate", "--url", NOBODY, "--json", "--duration", "0.1") == 1


@pytest.mark.parametrize("output", [nobody_reads, full])
@pytest.mark.parametrize(("passed", "status"), [(True, 0), (False, 1)])
def test_a_session_keeps_its_verdict(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    passed: bool,
    status: int,
    output: Callable[[], AbstractContextManager[None]],
) -> None:
    finished = Finished(SimpleNamespace(passed=passed), {"long": "x" * 100_000}, Path("x"), kept=False)  # type: ignore[arg-type]
    monkeypatch.setattr(Run, "run", lambda _self: finished)
    assert run(capsys, "testbench", "run", "basic", "--json", output=output) == status


def test_a_replay_ends(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = 0

    async def play(*arguments: Any) -> None:
        tell: Callable[[Happening], None] = arguments[-1]
        nonlocal told
        async with trio.open_nursery():
            while told < 10:
                told += 1
                tell(Lost("gone"))

    monkeypatch.setattr(player, "play", play)
    (tmp_path / "record").write_bytes(RECORD)
    assert run(capsys, "replay", str(tmp_path / "record"), "--url", NOBODY) == 1
    assert told == 1
