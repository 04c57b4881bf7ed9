"""Each benchmark runs and says what it should, with numbers that are too small to mean anything.

Two of them start this server; for the others a peer stands in for it, which starts faster.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[2] / "bench"
SHORT = ("--rounds", "1", "--seconds", "0.2", "--warm-up", "0.1")
TIMEOUT = 120.0


def run(script: str, tmp_path: Path, *options: str, **environment: str) -> tuple[str, dict[str, Any]]:
    """Run a benchmark that comes to its end, whatever its verdict; return what it printed and what it wrote."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command: list[str | Path] = [sys.executable, BENCH / script, *options, "--json", tmp_path / "found.json"]
    done = subprocess.run(
        command, env=environ | environment, capture_output=True, text=True, check=False, timeout=TIMEOUT
    )
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert isinstance(found, dict)
    assert found["machine"]["fsync"] > 0
    assert done.returncode == (not all(line["kept"] for line in found["lines"]))
    return done.stdout, found


@pytest.fixture
def stand_in(tmp_path: Path) -> str:
    """Where Python finds a package of the server's name that is a peer."""
    package = tmp_path / "stand-in" / "ocpp_actors"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    shutil.copy(BENCH / "peers" / "mobilityhouse.py", package / "__main__.py")
    return str(package.parent)


def test_latency_tells_the_distribution_in_open_loop(tmp_path: Path) -> None:
    options = (
        "--charge-points",
        "3",
        "--message",
        "MeterValues",
        "--rate",
        "50",
        "--in-memory",
        "--message-log",
        "on",
    )
    said, found = run("latency.py", tmp_path, *SHORT, *options)
    assert "3 charge points, open loop, 50/s; ledger in memory, message log on" in said
    assert "p99.9" in said
    (measured,) = found["rows"][0]["rounds"]
    assert measured["answers"] == 10
    assert measured["unanswered"] == 0
    assert measured["p50"] <= measured["p99"] <= measured["max"]
    assert measured["server"]["memory"][1] > 10_000
    assert len(measured["others"]) == (2 if len(os.sched_getaffinity(0)) > 1 else 0)


def test_throughput_tells_calls_a_second_of_each_case(tmp_path: Path, stand_in: str) -> None:
    case = (
        "--message",
        "Heartbeat",
        "--ledger",
        "durable",
        "--message-log",
        "off",
        "--charge-points",
        "1",
        "2",
    )
    said, found = run("throughput.py", tmp_path, *SHORT, *case, PYTHONPATH=stand_in)
    assert [row["charge_points"] for row in found["rows"]] == [1, 2]
    for row in found["rows"]:
        assert (row["message"], row["ledger"], row["message_log"]) == ("Heartbeat", "durable", False)
        assert row["rounds"][0]["rate"] > 0
    assert "Heartbeat     durable    off                      2" in said
    assert [line["what"] for line in found["lines"]] == ["Heartbeat, ledger durable: 2 / 1 charge points"]


def test_comparison_tells_ratios_and_which_peer_is_left_out(tmp_path: Path, stand_in: str) -> None:
    # Installed beforehand: the peer's packages are in this environment, Node.js is not in the path.
    python = tmp_path / "peers" / "python" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    options = ("--charge-points", "2", "--message", "Heartbeat", "--peers", str(tmp_path / "peers"))
    said, found = run("compare.py", tmp_path, *SHORT, *options, PATH=str(tmp_path), PYTHONPATH=stand_in)
    assert "ocpp-rpc is left out: Node.js is missing" in said
    assert [row["server"] for row in found["rows"]] == ["this server", "mobilityhouse"]
    (line,) = found["lines"]
    assert line["what"] == "Heartbeat: this server / mobilityhouse"
    ours, theirs = (row["rounds"][0]["rate"] for row in found["rows"])
    assert line["figure"] == f"{ours / theirs:.2f} ×"
    assert line["limit"] == "≥ 2.8 ×"


def test_storms_bring_all_charge_points_back_while_commands_are_answered(tmp_path: Path) -> None:
    said, found = run("connections.py", tmp_path, "--charge-points", "20", "--settle", "0")
    assert [row["storm"] for row in found["rows"]] == [
        "for the first time",
        "back, connections cut",
        "back, server restarted",
    ]
    for row in found["rows"]:
        assert (row["back"], row["refused"], row["failed_commands"]) == (20, 0, [])
        assert row["commands"]
        assert row["boot"]["max"] < 1000 * row["seconds"]
    assert "KiB a connection" in said


def test_fleet_at_work_tells_memory_and_share_of_a_processor(tmp_path: Path, stand_in: str) -> None:
    options = ("--fleet", "--minutes", "0.02", "--charge-points", "50", "--settle", "0")
    said, found = run("connections.py", tmp_path, *options, PYTHONPATH=stand_in)
    (row,) = found["rows"]
    assert row["unanswered"] == 0
    assert row["empty"] < row["memory"][-1]
    assert "50 charge points, each a Heartbeat every 30 s and MeterValues every 60 s" in said
    assert [line["limit"] for line in found["lines"]] == ["≤ 100 ms", "≤ 40 %", "≤ 48 KiB", "≤ 5 %"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            ("--charge-points", "999999999"),
            "999999999 charge points need 1000000199 open files, the limit is",
        ),
        (("--directory", "/nowhere"), "--directory: there is no directory /nowhere"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_one_line(options: tuple[str, ...], complaint: str) -> None:
    done = subprocess.run(
        [sys.executable, BENCH / "latency.py", *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(complaint)
    assert done.stderr.count("\n") == 1


def test_the_steps_of_a_message_are_not_measured_where_help_is_asked_for_or_a_step_is_unknown() -> None:
    for option, status, said in (("--help", 0, "usage: micro.py"), ("walk", 2, "no step begins with walk")):
        done = subprocess.run(
            [sys.executable, BENCH / "micro.py", option], capture_output=True, text=True, check=False
        )
        assert done.returncode == status
        assert said in done.stdout + done.stderr
