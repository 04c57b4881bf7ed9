"""The commands of the test bench: mistakes are one line and end with 2."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from ocpp_actors.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["testbench", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "basik"), "there is no profile 'basik'; did you mean basic?"),
        (("run", "./none.toml"), "the profile none.toml cannot be read: No such file or directory"),
        (("run", "basic", "--scenario", "cold-bot"), "is named 'cold-bot'; did you mean cold-boot?"),
        (("run", "basic", "--url", "http://x"), "option --url: 'http://x' is not allowed, it takes a URL"),
        (("run", "validation", "--url", "ws://csms.example/ocpp"), "csms.example is beyond this machine"),
        (("run", "basic", "--seed", "-1"), "option --seed: -1 is not allowed"),
        (("run", "basic", "--microocpp", "./none"), "there is no file"),
        (("run", "reconnect-storm", "--url", "ws://127.0.0.1:1/ocpp"), "restarts are for the session's own server"),
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


def test_a_directory_that_cannot_be_made(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "file").touch()
    status, _, err = run(capsys, "run", "validation", "--directory", "file")
    assert (status, "cannot be made: Not a directory" in err) == (2, True)
