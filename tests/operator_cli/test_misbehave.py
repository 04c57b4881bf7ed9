"""``charge-points misbehave``: from options to rules."""

from collections.abc import Callable

import pytest

from tests.operator_cli.conftest import Run
from tests.operator_cli.fake_api import Answer, FakeApi, problem

PATH = "/charge-points/CP%201/misbehaviour"
RULE = {
    "kind": "delay",
    "action": None,
    "probability": 1.0,
    "times": None,
    "seconds": 2.5,
    "errorCode": None,
    "closeCode": None,
    "applied": 3,
}


@pytest.mark.parametrize(
    ("options", "rules"),
    [
        (["--drop", "Heartbeat"], [{"kind": "drop", "action": "Heartbeat"}]),
        (["--delay", "Heartbeat"], [{"kind": "delay", "action": "Heartbeat"}]),
        (["--delay", "any=2.5"], [{"kind": "delay", "seconds": 2.5}]),
        (["--close", "any=1012"], [{"kind": "close", "closeCode": 1012}]),
        (
            ["--call-error", "Authorize=GenericError"],
            [{"kind": "callError", "action": "Authorize", "errorCode": "GenericError"}],
        ),
        (
            ["--cut", "any", "--wrong-id", "MeterValues", "--duplicate", "Authorize", "--times", "2"],
            [
                {"kind": "wrongId", "action": "MeterValues", "times": 2},
                {"kind": "duplicate", "action": "Authorize", "times": 2},
                {"kind": "cut", "times": 2},
            ],
        ),
        (
            ["--drop", "Authorize", "--drop", "Heartbeat", "--probability", "0.5"],
            [
                {"kind": "drop", "action": "Authorize", "probability": 0.5},
                {"kind": "drop", "action": "Heartbeat", "probability": 0.5},
            ],
        ),
    ],
)
def test_options_become_rules(
    api: FakeApi, run: Run, options: list[str], rules: list[dict[str, object]]
) -> None:
    api.on(f"PUT {PATH}", Answer(body={"rules": [RULE]}))
    ended = run("charge-points", "misbehave", "CP 1", *options)
    assert (ended.status, ended.err) == (0, "")
    assert api.asked[-1].body == {"rules": rules}
    assert ended.lines == ["KIND\tACTION\tPROBABILITY\tTIMES\tWITH\tAPPLIED", "delay\tany\t1\t\t2.5\t3"]


def test_without_a_kind_the_present_rules_are_shown(api: FakeApi, run: Run) -> None:
    api.on(f"GET {PATH}", Answer(body={"rules": [RULE]}))
    assert '"seconds": 2.5' in run("charge-points", "misbehave", "CP 1", "--json").out


def test_it_is_ended(api: FakeApi, run: Run) -> None:
    api.on(f"DELETE {PATH}", Answer(204))
    ended = run("charge-points", "misbehave", "CP 1", "--behave")
    assert (ended.status, ended.out, ended.err) == (0, "", "")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--drop", "any=3"], "Invalid value: --drop takes an action only, not any=3"),
        (["--delay", "any=x"], "Invalid value: --delay any=x: 'x' is no number"),
        (["--close", "any="], "Invalid value: --close any=: '' is no number"),
        (["--times", "2"], "Give a kind too, such as --drop any."),
        (["--behave", "--drop", "any"], "--behave does not go together with a kind."),
    ],
)
def test_a_mistake_is_told_in_one_line(
    api: FakeApi, mistaken: Callable[..., str], options: list[str], line: str
) -> None:
    assert mistaken(2, "charge-points", "misbehave", "CP 1", *options) == line
    assert api.asked == []


def test_a_server_that_is_not_for_tests_says_so(api: FakeApi, mistaken: Callable[..., str]) -> None:
    api.on(f"PUT {PATH}", problem(403, "testing-off", detail="start it with TESTING=on"))
    assert mistaken(2, "charge-points", "misbehave", "CP 1", "--drop", "any") == "start it with TESTING=on"
