import stat
from pathlib import Path

import pytest

from ocpp_actors.settings import load_settings
from ocpp_actors.testbench.microocpp.path import VARIABLE, NoSimulator, find_simulator


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(stat.S_IRWXU)
    return path


def test_a_program(tmp_path: Path) -> None:
    path = program(tmp_path / "simulator")
    assert find_simulator(path, {}) == path
    assert find_simulator(None, {VARIABLE: str(path)}) == path


def test_the_option_goes_before_the_variable(tmp_path: Path) -> None:
    path = program(tmp_path / "simulator")
    assert find_simulator(str(path), {VARIABLE: "/nowhere"}) == path


def test_a_directory_that_holds_it(tmp_path: Path) -> None:
    path = program(tmp_path / "mo_simulator")
    assert find_simulator(tmp_path, {}) == path


def test_the_place_where_it_was_built(tmp_path: Path) -> None:
    path = program(tmp_path / "build" / "mo_simulator")
    assert find_simulator(tmp_path, {}) == path


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program(tmp_path / "mo_simulator")
    monkeypatch.chdir(tmp_path)
    assert find_simulator("mo_simulator", {}) == path


@pytest.mark.parametrize("environ", [{}, {VARIABLE: ""}])
def test_no_path(environ: dict[str, str]) -> None:
    with pytest.raises(NoSimulator, match=f"--microocpp PATH, or in {VARIABLE}"):
        find_simulator(None, environ)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NoSimulator, match=f"{VARIABLE}: there is no file /.*absent"):
        find_simulator(None, {VARIABLE: str(tmp_path / "absent")})


def test_a_directory_without_it(tmp_path: Path) -> None:
    with pytest.raises(
        NoSimulator, match=r"--microocpp: the directory .* holds no mo_simulator; is it built"
    ):
        find_simulator(tmp_path, {})


def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    path = program(tmp_path / "simulator")
    path.chmod(0o644)
    with pytest.raises(NoSimulator, match="cannot be executed: chmod"):
        find_simulator(path, {})


def test_each_message_is_one_line(tmp_path: Path) -> None:
    for option in (None, tmp_path, tmp_path / "absent"):
        with pytest.raises(NoSimulator) as refused:
            find_simulator(option, {})
        assert "\n" not in str(refused.value)


def test_the_server_minds_its_own_settings() -> None:
    assert load_settings({}, {VARIABLE: "/somewhere", "OCPP_ACTORS_PORT": "0"}).port == 0
