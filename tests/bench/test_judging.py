"""What the benchmarks make of what they measured."""

import json
import resource
import select
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import frames
import load
import machine
import overview
import plot
import pytest
import regressions
import shares
from regressions import Case as Compared
from servers import Result
from throughput import Case, lines_of

BENCH = Path(load.__file__).parent


def rates(*figures: float) -> list[Result]:
    return [{"rate": figure} for figure in figures]


def compared(before: list[Result], after: list[Result]) -> Compared:
    return Compared("MeterValues", ("rate", "p99"), False, {}, before, after)


def test_rate_that_is_lower_beyond_the_spread_has_regressed() -> None:
    assert compared(rates(100, 103, 98, 101, 99), rates(85, 86, 84, 90, 83)).verdict("rate") == (
        100,
        85,
        True,
    )


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(rates(92, 93, 91, 92, 94), id="less than a tenth"),
        pytest.param(rates(60, 85, 120, 110, 70), id="within the spread"),
        pytest.param(rates(150, 151, 149, 152, 150), id="faster"),
    ],
)
def test_rate_has_not_regressed(after: list[Result]) -> None:
    assert not compared(rates(100, 103, 98, 101, 99), after).verdict("rate")[2]


@pytest.mark.parametrize(("factor", "regressed"), [(1.5, True), (0.5, False)])
def test_latency_regresses_upwards(factor: float, regressed: bool) -> None:
    before = [{"p99": figure} for figure in (10.0, 10.2, 9.9)]
    after = [{"p99": factor * each["p99"]} for each in before]
    assert compared(before, after).verdict("p99")[2] is regressed


def test_this_tree_is_measured_against_the_last_commit_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = tmp_path / "tree"
    (tree / "src").mkdir(parents=True)
    (tree / "src" / "speed").write_text("200")
    commit = (
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@example.org",
        "commit",
        "--quiet",
        "--message",
        "Be fast",
    )
    for arguments in (("init", "--quiet"), ("add", "--all"), commit):
        subprocess.run(["git", *arguments], cwd=tree, check=True)
    (tree / "src" / "speed").write_text("100")
    speeds = []

    def measure(start: Path, *_: object, **options: object) -> Result:
        speeds.append(speed := int((start / "speed").read_text()))
        return {
            "rate": speed,
            "p50": 1.0,
            "p99": 1.0,
            "processor": 0.1,
            "late": 0.0,
            "unanswered": 0,
            "others": [],
        }

    monkeypatch.setattr(regressions, "ROOT", tree)
    monkeypatch.setattr(regressions, "this_server", lambda _, *, in_memory, source: source)
    monkeypatch.setattr(regressions, "measure", measure)
    monkeypatch.setattr(regressions, "begin", lambda _: machine.Machine((0, 1), "CPython", True, 1.0, "/d"))
    options = SimpleNamespace(
        rounds=3, seconds=1.0, warm_up=0.0, charge_points=2, against=None, directory=tmp_path, json=None
    )
    assert regressions.main(options) == 1  # type: ignore[arg-type]
    said = capsys.readouterr().out
    assert "Be fast; after: this tree" in said
    assert "Heartbeat, calls/s                              200.00    100.00     -50%  REGRESSED" in said
    assert said.count("REGRESSED") == 3
    cases = len(speeds) // 6
    assert speeds == cases * [200, 100] + cases * [100, 200] + cases * [200, 100]
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]


def test_costs_are_judged_by_the_median_of_the_ratios_of_each_round() -> None:
    def case(message_log: bool, charge_points: int, *figures: float) -> Case:
        return Case("Heartbeat", False, message_log, charge_points, rates(*figures))

    lines = lines_of(
        [
            case(False, 100, 1000, 500, 2000),
            case(False, 1000, 690, 300, 1900),
            case(True, 100, 800, 400, 1000),
        ]
    )
    assert [(line.what, line.figure, line.kept) for line in lines] == [
        ("Heartbeat, ledger durable: 1000 / 100 charge points", "0.69 ×", False),
        ("Heartbeat, ledger durable, 100 charge points: message log on / off", "0.80 ×", True),
    ]


def test_directory_in_memory_is_refused() -> None:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    in_memory = next((Path(place) for _, place, kind, *_ in mounts if kind == "tmpfs"), None)
    if in_memory is None:
        pytest.skip("nothing is mounted in memory here")
    with pytest.raises(SystemExit, match=r"is in memory \(tmpfs\): name one on a disk with --directory"):
        machine.refuse_memory(in_memory)
    machine.refuse_memory(Path("/proc"))


def test_limit_on_open_files_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1024))
    with pytest.raises(
        SystemExit, match=r"10000 charge points need 10200 open files, the limit is 1024.*ulimit"
    ):
        machine.allow_files(10_000)


def test_interpreter_without_profile_guided_optimisation_is_pointed_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    machine.Machine((0, 0), "CPython", optimised=False, fsync=1.0, directory="/d").tell()
    said = capsys.readouterr().out
    assert "(!) this Python was built without profile-guided optimisation" in said
    assert "(!) one processor only" in said


def test_frames_are_read_however_they_are_split() -> None:
    sent = b"".join(
        bytes([0x81, len(text)]) + text if len(text) < 126 else b"\x81\x7e" + len(text).to_bytes(2) + text
        for text in (b"a", b"b" * 125, b"c" * 126, b"")
    )
    for end in range(len(sent) + 1):
        first, rest = frames.frames(sent[:end])
        second, nothing = frames.frames(rest + sent[end:])
        assert [text for _, text in first + second] == [b"a", b"b" * 125, b"c" * 126, b""]
        assert nothing == b""


@pytest.mark.parametrize("size", [0, 125, 126, 719])
def test_frames_are_masked(size: int) -> None:
    text = bytes(index % 251 for index in range(size))
    made = frames.frame(frames.TEXT, text)
    head = 2 if size < 126 else 4
    mask, masked = made[head : head + 4], made[head + 4 :]
    assert made[0] == 0x81
    assert made[1] & 0x80
    assert bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked)) == text
    assert mask != bytes(4)


@pytest.fixture
def asked() -> Iterator[load.Load]:
    """Charge points of which one has asked something long before what is counted, another after that began."""
    loaded = load.Load("ws://127.0.0.1:9/ocpp", 2, "Heartbeat", "CP", 0, "", 0)
    now = time.perf_counter()
    loaded.counted_from = now - 10
    loaded.begun = now - 10, time.process_time(), (0.0, 0), {}
    loaded.charge_points[0].asked = [now - 100]
    loaded.charge_points[1].asked = [now - 9]
    yield loaded
    loaded.poll.close()
    for each in loaded.charge_points:
        each.socket.close()


ANSWER = b'\x81\x0a[3,"1",{}]'


def test_closed_loop_counts_what_is_answered_in_its_time(asked: load.Load) -> None:
    asked._take(asked.charge_points[0], ANSWER, lambda _: None)
    told = asked.told()
    assert (told["answers"], told["unanswered"]) == (1, 0)
    assert told["max"] == pytest.approx(100_000, rel=0.01)


def test_open_loop_counts_what_was_due_in_its_time_answered_or_not(asked: load.Load) -> None:
    asked.scheduled = True
    asked._take(asked.charge_points[0], ANSWER, lambda _: None)
    assert asked.seconds == []
    asked.charge_points[0].asked = [asked.counted_from + 5]
    asked._take(asked.charge_points[0], ANSWER, lambda _: None)
    told = asked.told()
    assert (told["answers"], told["unanswered"]) == (1, 1)
    assert told["max"] == pytest.approx(9_000, rel=0.01)


def test_charge_point_that_is_booted_answers_a_command_and_is_not_counted_again(asked: load.Load) -> None:
    charge_point = asked.charge_points[0]
    charge_point.socket.close()
    charge_point.socket, server = socket.socketpair()
    charge_point.upgraded = charge_point.booted = True
    charge_point.asked.clear()
    with server:
        call = b'[2,"9","ClearCache",{}]'
        server.sendall(bytes([0x81, len(call)]) + call)
        assert asked._advance(charge_point, select.EPOLLIN) is None
        assert server.recv(4096) == frames.frame(frames.TEXT, b'[3, "9", {"status": "Accepted"}]')


class Refuse(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(4096)
        self.request.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")


def test_charge_points_that_are_not_let_in_are_counted() -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refuse) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"ws://127.0.0.1:{server.server_address[1]}/ocpp"
        command = [sys.executable, str(BENCH / "load.py"), url, "--charge-points", "3", "--message", "none"]
        done = subprocess.run(command, input="", capture_output=True, text=True, check=True)
        server.shutdown()
        thread.join()
    told = json.loads(done.stdout)
    assert (told["back"], told["refused"]) == (0, 3)
    assert told["reason"] == "HTTP/1.1 503 Service Unavailable"


WRITES = """
import json, sys
lines = [{"what": "speed", "figure": "2.00 ×", "limit": "≥ 1 ×", "kept": %s}]
open(sys.argv[sys.argv.index("--json") + 1], "w").write(json.dumps({"lines": lines}))
"""


@pytest.mark.parametrize(
    ("script", "status", "said"),
    [
        pytest.param(WRITES % "True", 0, "speed        2.00 ×         ≥ 1 ×  kept", id="kept"),
        pytest.param(WRITES % "False", 1, "speed        2.00 ×         ≥ 1 ×  BROKEN", id="broken"),
        pytest.param("raise SystemExit(2)", 1, "(!) a benchmark did not come to its end", id="failed"),
    ],
)
def test_overview_gathers_the_verdicts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    script: str,
    status: int,
    said: str,
) -> None:
    (tmp_path / "one.py").write_text(script)
    monkeypatch.setattr(overview, "HERE", tmp_path)
    monkeypatch.setattr(overview, "BENCHMARKS", (("one.py", "--rounds", "1"),))
    options = SimpleNamespace(directory=tmp_path, json=None)
    assert overview.main(options) == status  # type: ignore[arg-type]
    assert said in capsys.readouterr().out


def test_pictures_show_ratios_and_distributions(tmp_path: Path) -> None:
    rows: list[Result] = [
        {"server": server, "message": "Heartbeat", "rounds": rates(*figures)}
        for server, figures in (("this server", (300, 200)), ("mobilityhouse", (100, 100)))
    ]
    compare, latency = tmp_path / "compare.json", tmp_path / "latency.json"
    compare.write_text(json.dumps({"benchmark": "compare", "rows": rows}))
    curve = {"distribution": [[0.0, 0.5], [0.99, 4.0], [0.9999, 20.0], [1.0, 30.0]]}
    row = {"message": "MeterValues", "charge_points": 1000, "rate": 2000.0, "rounds": [curve]}
    latency.write_text(json.dumps({"benchmark": "latency", "rows": [row]}))
    assert plot.main(SimpleNamespace(files=[compare, latency], directory=tmp_path)) == 0  # type: ignore[arg-type]
    bars, curves = ((tmp_path / f"{name}.svg").read_text() for name in ("compare", "latency"))
    for drawn in (bars, curves):
        ET.fromstring(drawn)
    assert "2.50 ×" in bars
    assert "MeterValues, 1000 charge points, 2000/s" in curves
    assert "100 ms" in curves


# --- where the time goes -----------------------------------------------------------------------------------------


def test_samples_are_added_up_by_the_part_that_they_were_taken_in() -> None:
    loop = "thread (7): MainThread;run (trio/_core/_run.py:1);"
    actor = "thread (8): StoreActor-0;_actor_loop (pykka/_actor.py:1);"
    ledger = f"{actor}StoreActor.on_receive (ocpp_actors/ledger/actor.py:1)"
    stacks = "\n".join(
        (
            f"{loop}receive_some (ocpp_actors/server/wires.py:7) 4",
            f"{loop}structure (<structure MeterValues>:2) 2",
            f"{loop}__init__ (<attrs generated methods ocpp_actors.observer.FrameSent>:3) 1",
            f"{loop}__init__ (<attrs generated methods outcome._impl.Value>:3) 1",
            f"{loop}<module> (somewhere.py) 2",
            f"{ledger};do_commit (sqlalchemy/engine/default.py:1) 3",
            f"{ledger};execute (ocpp_actors/ledger/sql/many_rows.py:1) 2",
            f"{actor}get (queue.py:1) 50",
        )
    )
    parts, ledger_share, commits = shares.shares(stacks)
    assert parts == {
        "the socket: read and write": 0.4,
        "validation and structuring": 0.2,
        "told: metrics and events": 0.1,
        "trio: waiting, scheduling": 0.1,
        shares.OTHER: 0.2,
    }
    assert (ledger_share, commits) == (0.5, 0.3)
