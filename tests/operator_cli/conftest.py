import os
from collections.abc import Callable, Iterator

import pytest
from attrs import frozen

from ocpp_actors import cli
from tests.operator_cli.fake_api import FakeApi, open_fake_api


@frozen
class Ended:
    """What a command did: its exit status and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Run = Callable[..., Ended]


@pytest.fixture(autouse=True)
def no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OCPP_ACTORS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """A fake API, which the environment names."""
    with open_fake_api() as fake:
        monkeypatch.setenv("OCPP_ACTORS_API_URL", fake.url)
        yield fake


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process, with its output in a pipe."""

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        status = cli.main(arguments)
        out, err = capsys.readouterr()
        return Ended(status, out, err)

    return run


@pytest.fixture
def mistaken(run: Run) -> Callable[..., str]:
    """Runs a command that must end with one line on stderr and nothing else, and returns the line."""

    def mistaken(status: int, *arguments: str) -> str:
        ended = run(*arguments)
        assert (ended.status, ended.out) == (status, ""), ended
        assert ended.err.startswith("ocpp-actors: ")
        assert ended.err.count("\n") == 1
        assert "Traceback" not in ended.err
        return ended.err.removeprefix("ocpp-actors: ").rstrip("\n")

    return mistaken
