"""``ocpp-actors simulate``: its options, its output, and the whole of it against a server of its own."""

import io
import json
import random
import re
import shlex
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
import trio
from rich.console import Console
from tests.support.process import END_TIMEOUT, open_server
from trio.testing import MockClock

from ocpp_actors import cli
from ocpp_actors.certificates.authority import Authority
from ocpp_actors.certificates.key_pairs import KeyPair
from ocpp_actors.testbench.simulated.access import Security
from ocpp_actors.testbench.simulated.personality import WELL_BEHAVED
from ocpp_actors.testbench.simulated.quirks import QUIRKS
from ocpp_actors.testbench_cli import crowd_run, crowd_view
from ocpp_actors.testing.in_process import open_in_process

URL = "ws://127.0.0.1:9000/ocpp"
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is handed to the run, which does not happen; it ends with 0."""
    handed: list[dict[str, Any]] = []

    def run(**options: Any) -> int:
        handed.append(options)
        return 0

    monkeypatch.setattr(crowd_run, "run", run)
    return handed


def test_options(ran: list[dict[str, Any]], tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("0123456789abcdef\n")
    status = cli.main(
        [
            *("simulate", "--url", URL, "--count", "12", "--connectors", "2", "--quirk", "half-open"),
            *("--quirk", "no-pong", "--activity", "charging", "--set", "MeterValueSampleInterval=10"),
            *("--key-file", str(key), "--id-tag", "A", "--id-tag", "B", "--duration", "5", "--seed", "7"),
        ]
    )
    assert status == 0
    (options,) = ran
    assert options["target"].url == URL
    assert not options["personality"].closes
    assert not options["personality"].answers_pings
    assert options["configuration"] == {
        "MeterValueSampleInterval": "10",
        "AuthorizationKey": "0123456789abcdef",
    }
    assert (options["count"], options["connectors"], options["id_tags"]) == (12, 2, ("A", "B"))
    assert options["chance"].random() == pytest.approx(0.32383276483316237)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Missing option '--url'"),
        (["--url", "http://127.0.0.1"], "no URL of a central system"),
        (["--url", "ws://192.0.2.1/ocpp"], "192.0.2.1 is not this machine; .* say --anywhere"),
        (["--url", "ws://csms.example/ocpp"], "csms.example is not this machine"),
        (["--url", URL, "--quirk", "halfopen"], "did you mean half-open"),
        (["--url", URL, "--set", "Colour=red"], "no configuration key 'Colour'"),
        (["--url", URL, "--set", "Colour"], "'Colour' is not KEY=VALUE"),
        (["--url", URL, "--count", "0"], "0 is not in the range"),
        (["--url", URL, "--key-file", "{empty}"], "holds no key"),
        (["--url", URL, "--key-file", "{binary}"], "cannot be read: it is not text"),
        (["--url", "wss://localhost/ocpp", "--tls-ca", "{empty}"], "empty holds no certificates in PEM"),
        (["--url", "wss://localhost/ocpp", "--tls-ca", "{binary}"], "binary is not PEM"),
        (["--url", "wss://localhost/ocpp", "--tls-key", "{empty}"], "goes with --tls-certificate"),
        (
            ["--url", "wss://localhost/ocpp", "--tls-certificate", "{root}"],
            "takes a certificate and its key in PEM",
        ),
        (
            ["--url", "wss://localhost/ocpp", "--tls-certificate", "{root}", "--tls-key", "{key}"],
            "root with .*key cannot be used: the key is not that of the certificate",
        ),
        (["--url", URL, "--tls-certificate", "{own}"], "is for a central system over TLS: give --tls-url"),
        (["--url", URL, "--tls-url", URL], "is not over TLS"),
        (["--url", URL, "--tls-url", "wss://csms.example/ocpp"], "csms.example is not this machine"),
    ],
)
def test_mistakes(
    ran: list[dict[str, Any]], capsys: Captured, tmp_path: Path, arguments: list[str], told: str
) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    authority, key = Authority.new(datetime.now(UTC)), KeyPair.new().pem
    for name, text in (("root", authority.root_pem), ("own", authority.pem), ("key", key)):
        (tmp_path / name).write_text(text)
    files = {name: str(tmp_path / name) for name in ("empty", "binary", "root", "own", "key")}
    assert cli.main(["simulate", *(each.format(**files) for each in arguments)]) == 2
    assert ran == []
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(told, error), error


@pytest.mark.parametrize(
    ("arguments", "profile"),
    [
        ([], None),
        (["--key-file", "{key}"], "2"),
        (["--tls-certificate", "{own}"], "3"),
        (["--tls-certificate", "{own}", "--set", "SecurityProfile=2", "--key-file", "{key}"], "2"),
    ],
)
def test_over_tls(
    ran: list[dict[str, Any]], tmp_path: Path, arguments: list[str], profile: str | None
) -> None:
    """They have the security profile that they can have."""
    authority = Authority.new(datetime.now(UTC))
    for name, text in (("root", authority.root_pem), ("own", authority.pem), ("key", "0123456789abcdef")):
        (tmp_path / name).write_text(text)
    files = {name: str(tmp_path / name) for name in ("own", "key")}
    given = ["--url", "wss://localhost/ocpp", "--tls-ca", str(tmp_path / "root")]
    assert cli.main(["simulate", *given, *(each.format(**files) for each in arguments)]) == 0
    (options,) = ran
    assert options["configuration"].get("SecurityProfile") == profile
    assert options["security"].address.url == "wss://localhost/ocpp"
    assert options["security"].roots == authority.root_pem
    assert (options["security"].certificate is not None) == ("--tls-certificate" in arguments)


def test_moving_to_tls(ran: list[dict[str, Any]]) -> None:
    assert cli.main(["simulate", "--url", URL, "--tls-url", "wss://localhost:9443/ocpp"]) == 0
    (options,) = ran
    assert (options["target"].url, options["security"].address.url) == (URL, "wss://localhost:9443/ocpp")
    assert "SecurityProfile" not in options["configuration"]


@pytest.mark.parametrize("host", ["localhost", "csms.localhost", "127.1.2.3", "[::1]"])
def test_this_machine(ran: list[dict[str, Any]], host: str) -> None:
    assert cli.main(["simulate", "--url", f"ws://{host}:9000/ocpp"]) == 0


def test_anywhere(ran: list[dict[str, Any]]) -> None:
    assert cli.main(["simulate", "--url", "ws://192.0.2.1/ocpp", "--anywhere"]) == 0


def test_the_quirks_are_listed(capsys: Captured) -> None:
    assert cli.main(["simulate", "--quirks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(QUIRKS)
    assert cli.main(["simulate", "--json", "--quirks"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == list(QUIRKS)


# --- what is shown -----------------------------------------------------------------------------------------------


async def test_views(autojump_clock: MockClock, capsys: Captured) -> None:
    with structlog.testing.capture_logs():
        await show_all(capsys)


async def show_all(capsys: Captured) -> None:
    async with open_in_process() as central:
        crowd = crowd_run.crowd_of(
            target=central.target,
            personality=WELL_BEHAVED,
            configuration={},
            security=Security(),
            chance=random.Random(1),
            count=25,
            connectors=2,
            identity_prefix="SIM",
            activity="charging",
            arrival=10.0,
            stay=100.0,
            speed=1.0,
            id_tags=(),
            starts=100.0,
        )
        crowd.clock = central.clock
        drawn = io.StringIO()
        console = Console(file=drawn, force_terminal=True, width=150, height=60)
        over = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(crowd.run, over)
            await trio.sleep(60)
            for view in (
                crowd_view.Lines(crowd),
                crowd_view.JsonLines(crowd),
                crowd_view.Picture(crowd, console),
            ):
                with trio.move_on_after(crowd_view.LINE_EVERY + 1):
                    await view.show()
            over.set()
        for view in (
            crowd_view.Lines(crowd),
            crowd_view.JsonLines(crowd),
            crowd_view.Picture(crowd, console),
        ):
            view.summary()
    picture, (line, now, *summary, last) = drawn.getvalue(), capsys.readouterr().out.splitlines()
    assert line.startswith("25 of 25 connected, ")
    assert " 0 CALLERRORs, " in line
    assert json.loads(now)["connected"] == 25
    assert set(json.loads(last)["responseTimes"]) == {"p50", "p95", "p99"}
    assert json.loads(last)["summary"] is True
    assert summary[0] == "connections: 25 opened, 0 refused"
    assert summary[-1] == "CALLERRORs: none"
    assert "SIM01" in picture
    assert "SIM20" in picture
    assert "SIM21" not in picture
    assert "… and 5 more" in picture
    assert "Charging" in picture


@pytest.mark.parametrize("page", ["README.md", "docs/simulated-charge-points.md"])
async def test_the_example_shows_what_charges_within_seconds(
    autojump_clock: MockClock, ran: list[dict[str, Any]], page: str
) -> None:
    text = (Path(__file__).parents[2] / page).read_text()
    (command,) = re.findall(r"ocpp-actors (simulate .*--activity charging.*)", text)
    assert cli.main(shlex.split(command)) == 0
    (options,) = ran
    told = {name: value for name, value in options.items() if name not in ("as_json", "duration")}
    async with open_in_process() as central:
        crowd = crowd_run.crowd_of(**told | {"target": central.target, "chance": random.Random(1)})
        crowd.clock = central.clock
        over = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(crowd.run, over)
            await trio.sleep(10)
            charging = await central.operator.items("/transactions", active="true")
            over.set()
        assert any(each["energyWh"] for each in charging)


# --- the whole of it ---------------------------------------------------------------------------------------------


async def test_against_a_server(tmp_path: Path) -> None:
    async with open_server(tmp_path) as server:
        command = [sys.executable, "-m", "ocpp_actors", "simulate", "--url", server.url, "--count", "8"]
        more = ["--activity", "charging", "--arrival", "0.1", "--speed", "50", "--json"]
        process = await trio.lowlevel.open_process([*command, *more], stdout=-1)
        assert process.stdout is not None
        lines: list[dict[str, Any]] = []
        with trio.fail_after(END_TIMEOUT):
            data = b""
            async for chunk in process.stdout:
                data += chunk
                lines = [json.loads(line) for line in data.splitlines() if line.endswith(b"}")]
                if lines and lines[-1]["transactionsStarted"] and not lines[-1]["summary"]:
                    process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
        summary = lines[-1]
        assert summary["summary"] is True
        assert summary["connections"] == 8
        assert summary["transactionsStarted"] > 0
        assert summary["callErrors"] == {}
        assert "Traceback" not in server.stderr.read_text()


def test_nobody_is_there() -> None:
    command = [sys.executable, "-m", "ocpp_actors", "simulate", "--url", "ws://127.0.0.1:1/ocpp"]
    ended = subprocess.run(
        [*command, "--duration", "4"], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "cannot be reached" in ended.stderr
    assert ended.stdout.startswith("connections: 0 opened, 0 refused")


def test_help_stays_fast() -> None:
    """The parts of the simulation are not even imported before they are needed."""
    code = (
        "import sys; from ocpp_actors import cli; cli.main(['--help']);"
        "print([name for name in sys.modules if name.startswith('ocpp_actors.testbench.')], 'trio' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[] False"
