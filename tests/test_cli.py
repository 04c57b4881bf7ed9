import json
import sqlite3
import subprocess
import sys
import types
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import rich_click as click

import ocpp_actors
from ocpp_actors import cli, logs
from ocpp_actors.clock import SystemClock
from ocpp_actors.ledger.message_entries import MessageEntry
from ocpp_actors.ledger.message_log import open_message_log
from ocpp_actors.protocol.catalogue import ACTIONS
from ocpp_actors.protocol.messages import Heartbeat, HeartbeatResponse
from ocpp_actors.protocol.schemas import schema
from ocpp_actors.settings import SETTINGS, Settings

Captured = pytest.CaptureFixture[str]

VALID = '[2,"1","Heartbeat",{}]'
INVALID = '[2,"2","Authorize",{}]'


@pytest.fixture(autouse=True)
def no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "DATABASE_FILE", *(each.variable for each in SETTINGS)):
        monkeypatch.delenv(f"OCPP_ACTORS_{name}", raising=False)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What is handed to the server, which is not started; it ends with 1."""
    handed: list[Settings] = []

    def run(settings: Settings) -> int:
        handed.append(settings)
        return 1

    app = types.ModuleType("ocpp_actors.app")
    app.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ocpp_actors.app", app)
    monkeypatch.setattr(ocpp_actors, "app", app, raising=False)
    monkeypatch.setattr(logs, "configure", lambda log_format, level, stream: None)
    return handed


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    return tmp_path / "frames.txt"


def mistake(capsys: Captured, *arguments: str) -> str:
    """Run a command that must end as a user's mistake, and return the one line that it says."""
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ocpp-actors: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    return err.removeprefix("ocpp-actors: ").removesuffix("\n")


def test_the_version_is_told(capsys: Captured) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"ocpp-actors {ocpp_actors.__version__}\n"


def every(group: click.Group, *name: str) -> Iterator[list[str]]:
    """The name of every command, word by word."""
    yield [*name]
    for below, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from every(command, *name, below)
        else:
            yield [*name, below]


@pytest.mark.parametrize("command", list(every(cli.commands)), ids=" ".join)
def test_every_command_has_help_and_an_example(capsys: Captured, command: list[str]) -> None:
    assert cli.main([*command, "--help"]) == 0
    told, name = capsys.readouterr().out, " ".join(["ocpp-actors", *command])
    assert f" Usage: {name} " in told
    if command:
        assert f" {name}" in told.split("Example")[1]


def test_the_help_of_serve_names_every_setting(capsys: Captured) -> None:
    assert cli.main(["serve", "--help"]) == 0
    told = capsys.readouterr().out
    for each in SETTINGS:
        assert f" {each.option} " in told


def test_serve_hands_the_settings_of_all_sources_to_the_server_and_ends_as_it_does(
    served: list[Settings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("mailbox_size = 3")
    monkeypatch.setenv("OCPP_ACTORS_PATH", "/environment")
    assert cli.main(["serve", "--heartbeat-interval", "60", "--port", "", "--config", str(config)]) == 1
    assert served == [Settings(heartbeat_interval=60, port=None, path="/environment", mailbox_size=3)]


def test_serve_reads_a_secret_from_a_file(served: list[Settings], tmp_path: Path) -> None:
    secret = tmp_path / "database"
    secret.write_text("sqlite:///other.db\n")
    cli.main(["serve", "--database-file", str(secret)])
    assert served == [Settings(database="sqlite:///other.db")]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--log-level", "loud"], "option --log-level: 'loud' is not allowed, it takes debug, info, warning or error"),
        (["--databse", "5"], "No such option '--databse'. (Did you mean one of: '--database', '--database-file'?)"),
        (["--port"], "Option '--port' requires an argument."),
        (["surplus"], "Got unexpected extra argument (surplus)"),
        (["--config", "missing.toml"], "the settings file missing.toml cannot be read: No such file or directory"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_told_in_one_line_and_nothing_is_served(
    capsys: Captured, served: list[Settings], arguments: list[str], line: str
) -> None:
    assert mistake(capsys, "serve", *arguments) == line
    assert served == []


def test_listening_for_others_needs_a_choice(capsys: Captured, served: list[Settings]) -> None:
    assert "ADMISSION and AUTHORIZATION must be set" in mistake(capsys, "serve", "--host", "0.0.0.0")
    assert served == []


def test_an_unknown_command_is_told_in_one_line(capsys: Captured) -> None:
    assert mistake(capsys, "serf").startswith("No such command 'serf'.")


def test_an_interrupted_command_ends_with_1(served: list[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(settings: Settings) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["ocpp_actors.app"], "run", interrupted)
    assert cli.main(["serve"]) == 1


def test_check_ends_with_0_where_all_is_valid(capsys: Captured, frames: Path) -> None:
    frames.write_text(VALID)
    assert cli.main(["check", str(frames)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1: CALL Heartbeat 1: valid",
        "1 valid, 0 invalid, 0 that cannot be judged",
    ]


def test_check_ends_with_1_where_something_is_invalid(capsys: Captured, frames: Path) -> None:
    frames.write_text(f'{VALID}\n{INVALID}\n[3,"77",{{}}]\n')
    assert cli.main(["check", str(frames)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("2: CALL Authorize 2: OccurenceConstraintViolation at idTag (rule required): ")
    assert lines[-1] == "1 valid, 1 invalid, 1 that cannot be judged"


def test_check_does_not_count_as_invalid_what_cannot_be_judged(frames: Path) -> None:
    frames.write_text('[3,"77",{}]')
    assert cli.main(["check", str(frames)]) == 0


def test_check_prints_json_lines(capsys: Captured, frames: Path) -> None:
    frames.write_text(f"{VALID}\n{INVALID}\n")
    assert cli.main(["check", "--json", str(frames)]) == 1
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["verdict"], first["faults"]) == ("valid", [])
    assert (second["verdict"], second["faults"][0]["path"]) == ("invalid", "idTag")


def test_check_shows_no_control_character_of_a_frame(capsys: Captured, frames: Path) -> None:
    frames.write_text('[2,"\\u001b[31m","Au\\nthorize",{}]')
    cli.main(["check", str(frames)])
    first, _ = capsys.readouterr().out.splitlines()
    assert first.startswith(r"1: CALL Au\nthorize \x1b[31m: NotImplemented")


async def test_check_reads_the_message_log_that_the_server_writes(capsys: Captured, tmp_path: Path) -> None:
    target = tmp_path / "messages.db"
    at = datetime.now(UTC)
    async with open_message_log(str(target), clock=SystemClock()) as log:
        log.record(MessageEntry(at=at, identity="CP1", direction="in", text=VALID))
        log.record(MessageEntry(at=at, identity="CP1", direction="out", text='[3,"1",{"currentTime":7}]'))
    assert cli.main(["check", str(target)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("valid")
    assert "TypeConstraintViolation at currentTime" in lines[1]
    assert lines[2] == "1 valid, 1 invalid, 0 that cannot be judged"


def test_check_says_that_another_database_is_no_message_log(capsys: Captured, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE something (id INTEGER)")
    connection.close()
    assert "no message log" in mistake(capsys, "check", str(other))


def test_check_ends_with_2_where_the_file_cannot_be_read(capsys: Captured, tmp_path: Path) -> None:
    assert "No such file or directory" in mistake(capsys, "check", str(tmp_path / "missing"))
    assert "Is a directory" in mistake(capsys, "check", str(tmp_path))


def test_schema_prints_the_schema_of_the_request_or_of_the_response(capsys: Captured) -> None:
    assert cli.main(["schema", "Heartbeat"]) == 0
    assert json.loads(capsys.readouterr().out) == schema(Heartbeat)
    assert cli.main(["schema", "Heartbeat", "--response"]) == 0
    assert json.loads(capsys.readouterr().out) == schema(HeartbeatResponse)


def test_schema_of_an_unknown_action_suggests_the_nearest(capsys: Captured) -> None:
    line = mistake(capsys, "schema", "heartbeet")
    assert line == "Invalid value: there is no action 'heartbeet'; did you mean Heartbeat?"
    assert mistake(capsys, "schema", "xyzzy") == "Invalid value: there is no action 'xyzzy'"


def test_schema_without_an_action_lists_all_with_sender_and_profile(capsys: Captured) -> None:
    assert cli.main(["schema"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["action", "sent", "by", "profile"]
    assert [row.split()[0] for row in rows] == list(ACTIONS)
    assert cli.main(["schema", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["action"] for each in listed] == list(ACTIONS)
    assert {"action": "Reset", "sentBy": ["central system"], "profile": "Core"} in listed
    assert {
        "action": "DataTransfer",
        "sentBy": ["central system", "charge point"],
        "profile": "Core",
    } in listed


def test_no_command_imports_what_only_others_need() -> None:
    code = "import sys, ocpp_actors.cli as c; c.main(['charge-points', '--help']); print(*sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert not {"httpx2", "trio", "litestar", "sqlalchemy", "cattrs"} & set(told.stdout.split())


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ocpp_actors", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def test_the_module_runs_as_a_command_with_its_exit_status() -> None:
    checked = run("check", "-", stdin=f"{VALID}\n{INVALID}\n")
    assert (checked.returncode, checked.stderr) == (1, "")
    assert checked.stdout.endswith("1 valid, 1 invalid, 0 that cannot be judged\n")
    refused = run("serve", "--port", "none")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "ocpp-actors: option --port: 'none' is not allowed, it takes a whole number from 0 to 65535, or empty\n"
    )


def test_a_reader_that_goes_away_ends_the_output_without_a_traceback(frames: Path) -> None:
    frames.write_text(f"{INVALID}\n" * 20_000)
    command = [sys.executable, "-m", "ocpp_actors", "check", str(frames)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 1
