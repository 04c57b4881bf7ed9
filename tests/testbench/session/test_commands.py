"""The commands of the test bench: mistakes are one line and end with 2."""

import shlex
import socket
from pathlib import Path
from typing import Any

import orjson
import pytest

from ocpp_actors.cli import main
from ocpp_actors.testbench.run import Run
from ocpp_actors.testbench.under_test import ServerTrouble

FOREIGN = ("run", "validation", "--url", "ws://127.0.0.1:1/ocpp")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["testbench", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """The sessions that were to run; none does."""
    asked: list[Run] = []

    def not_run(session: Run) -> None:
        asked.append(session)
        raise ServerTrouble("not now")

    monkeypatch.setattr(Run, "run", not_run)
    return asked


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "basik"), "there is no profile 'basik'; did you mean basic?"),
        (("run", "./none.toml"), "the profile none.toml cannot be read: No such file or directory"),
        (("run", "basic", "--scenario", "cold-bot"), "is named 'cold-bot'; did you mean cold-boot?"),
        (("run", "basic", "--url", "http://x"), "option --url: 'http://x' is not allowed, it takes a URL"),
        (("run", "basic", "--url", "ws://[::1"), "option --url: 'ws://[::1' is not allowed, it takes a URL"),
        ((*FOREIGN, "--api-url", "http://[::1"), "option --api-url: 'http://[::1' is not allowed, it takes a URL"),
        (("run", "validation", "--url", "ws://csms.example/ocpp"), "csms.example is beyond this machine"),
        (("run", "basic", "--seed", "-1"), "option --seed: -1 is not allowed"),
        (("run", "basic", "--microocpp", "./none"), "there is no file"),
        (("run", "reconnect-storm", "--url", "ws://127.0.0.1:1/ocpp"), "server.log_level, restarts: "),
        ((*FOREIGN, "--api-token-file", "none"), "option --api-token-file: it goes with"),
        (
            (*FOREIGN, "--api-url", "http://127.0.0.1:1", "--api-token-file", "none"),
            "option --api-token-file: none cannot be read: No such file",
        ),
        (("new", ""), "the profile needs a name, such as mine"),
        (("new", "basic", "--from", "basik"), "there is no profile 'basik'"),
        (("new", "no/where"), "no/where.toml cannot be written: No such file or directory"),
        (("list", "things"), "'things' is not one of 'profiles', 'scenarios'"),
    ],
)  # fmt: skip
def test_mistakes(
    capsys: pytest.CaptureFixture[str], here: Path, arguments: tuple[str, ...], told: str
) -> None:
    status, out, err = run(capsys, *arguments)
    assert status == 2
    assert out == ""
    assert told in err
    assert len(err.strip().splitlines()) == 1
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("api", [False, True])
def test_nobody_at_the_url_is_told_before_anything_starts(
    capsys: pytest.CaptureFixture[str], here: Path, api: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in (there, nobody)]
        url = f"ws://127.0.0.1:{ports[0 if api else 1]}/ocpp"
        more = ("--api-url", f"http://127.0.0.1:{ports[1]}") if api else ()
        status, out, err = run(capsys, "run", "validation", "--url", url, *more)
    told = f"the API http://127.0.0.1:{ports[1]} cannot be used" if api else f"{url} cannot be reached"
    assert (status, out, told in err, len(err.strip().splitlines())) == (1, "", True, 1)
    assert list(here.iterdir()) == []


def test_the_simulator_of_the_environment_is_used(
    capsys: pytest.CaptureFixture[str], here: Path, monkeypatch: pytest.MonkeyPatch, sessions: list[Run]
) -> None:
    monkeypatch.setenv("OCPP_ACTORS_MICROOCPP", "./none")
    status, _, err = run(capsys, "run", "basic")
    assert (status, "OCPP_ACTORS_MICROOCPP: there is no file" in err) == (2, True)
    (here / "none").touch(mode=0o755)
    run(capsys, "run", "basic")
    (here / "both.toml").write_text(
        '[[chargers]]\nkind = "simulated"\n[[chargers]]\nkind = "microocpp"\n', "utf-8"
    )
    run(capsys, "run", "./both.toml")
    assert [[each.kind for each in session.profile.chargers] for session in sessions] == [
        ["microocpp"],
        ["simulated", "microocpp"],
    ]


def test_an_environment_that_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCPP_ACTORS_TESTBENCH_SEED", "x")
    status, _, err = run(capsys, "run", "basic")
    assert (status, "environment variable OCPP_ACTORS_TESTBENCH_SEED: 'x' is not allowed" in err) == (2, True)


def test_new_writes_a_profile_once(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    status, out, _ = run(capsys, "new", "mine")
    assert status == 0
    assert "ocpp-actors testbench run ./mine.toml" in out
    assert "[[chargers]]" in (here / "mine.toml").read_text("utf-8")
    status, _, err = run(capsys, "new", "mine.toml")
    assert (status, "mine.toml is there already" in err) == (2, True)
    assert run(capsys, "new", "storm", "--from", "reconnect-storm")[0] == 0
    assert "Reconnect storm" in (here / "storm.toml").read_text("utf-8")


def test_list_shows_profiles_and_scenarios(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "list")
    assert "reconnect-storm\tReconnect storm" in out
    assert "cold-boot\trestarts\tTC_001\t" in out


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "list", "--json")
    items: list[dict[str, Any]] = [orjson.loads(line) for line in out.splitlines()]
    assert {"profile": "basic", "title": "Basic"} in items
    assert any(each.get("case") == "TC_001" for each in items)


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("run", "list", "new", "proxy"):
        main(["testbench", command, "--help"])
        assert "ocpp-actors testbench" in capsys.readouterr().out


def test_the_command_of_the_report_is_what_was_typed(
    capsys: pytest.CaptureFixture[str], here: Path, monkeypatch: pytest.MonkeyPatch, sessions: list[Run]
) -> None:
    """Typed again, it leads to the same profile, scenarios and command."""
    monkeypatch.setenv("OCPP_ACTORS_TESTBENCH_TITLE", "Tom's night")
    monkeypatch.setenv("OCPP_ACTORS_TESTBENCH_DIRECTORY", "elsewhere")
    simulator = here / "my simulator"
    simulator.touch(mode=0o755)
    (here / "my night.toml").write_text('[[chargers]]\nkind = "simulated"\n', "utf-8")
    typed = (
        *("run", "./my night.toml", "--microocpp", str(simulator), "--chargers", "3", "--scenario", "boot"),
        *(
            "--scenario",
            "TC_0*",
            "--skip",
            "TC_001",
            "--duration",
            "7.5",
            "--deadline",
            "90",
            "--keep",
            "--json",
        ),
    )
    assert run(capsys, *typed)[0] == 1
    monkeypatch.delenv("OCPP_ACTORS_TESTBENCH_TITLE")
    again = shlex.split(sessions[0].command)
    assert again[:4] == ["OCPP_ACTORS_TESTBENCH_TITLE=Tom's night", "ocpp-actors", "testbench", "run"]
    assert "--seed" in again
    monkeypatch.setenv(*again[0].split("=", 1))
    assert run(capsys, *again[3:])[0] == 1
    assert sessions[0].profile == sessions[1].profile
    assert sessions[0].profile.title == "Tom's night"
    assert (sessions[0].profile.chargers[0].kind, sessions[0].profile.chargers[0].count) == ("microocpp", 3)
    assert sessions[0].scenarios == sessions[1].scenarios
    assert sessions[0].command == sessions[1].command


def test_the_command_names_a_foreign_central_system(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[str] = []

    def not_run(session: Run) -> None:
        commands.append(session.command)
        raise ServerTrouble("not now")

    monkeypatch.setattr(Run, "run", not_run)
    run(capsys, "run", "validation", "--url", "ws://csms.example/ocpp", "--anywhere", "--seed", "7")
    (command,) = commands
    assert command == (
        "ocpp-actors testbench run validation --url ws://csms.example/ocpp --seed 7 --anywhere"
    )


def test_a_directory_that_cannot_be_made(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "file").touch()
    status, _, err = run(capsys, "run", "validation", "--directory", "file")
    assert (status, "cannot be made: Not a directory" in err) == (2, True)
