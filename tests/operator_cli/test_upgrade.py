"""``charge-points upgrade``: what is asked, and what is told."""

from pathlib import Path
from typing import Any

import pytest

from tests.operator_cli.conftest import Run
from tests.operator_cli.fake_api import Answer, FakeApi, problem

ROUTE = "POST /charge-points/CP%201/security-profile"
STEPS = [
    {"step": "key", "detail": "it has one"},
    {"step": "minimum", "detail": "from now on it needs profile 2"},
]


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ([], {"profile": 2}),
        (["--patience", "60"], {"profile": 2, "patience": 60}),
        (["--root", "root.pem"], {"profile": 2, "rootCertificate": "a root\n"}),
    ],
)
def test_the_steps_are_shown(
    api: FakeApi, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], body: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("root.pem").write_text("a root\n")
    api.on(ROUTE, Answer(body={"securityProfile": 2, "steps": STEPS}))
    done = run("charge-points", "upgrade", "CP 1", "--to", "2", *options)
    assert done.status == 0
    assert done.out == "STEP\tDETAIL\nkey\tit has one\nminimum\tfrom now on it needs profile 2\n"
    assert api.asked[-1].body == body
    done = run("charge-points", "upgrade", "CP 1", "--to", "2", "--json")
    assert done.out == (
        '{"securityProfile": 2, "steps": [{"step": "key", "detail": "it has one"}, '
        '{"step": "minimum", "detail": "from now on it needs profile 2"}]}\n'
    )


def test_a_step_that_fails_is_told_after_those_before_it(api: FakeApi, run: Run) -> None:
    failed = problem(
        409, "upgrade-failed", detail="profile: it answered Rejected", step="profile", steps=STEPS[:1]
    )
    api.on(ROUTE, failed)
    done = run("charge-points", "upgrade", "CP 1", "--to", "3")
    assert (done.status, done.out) == (1, "")
    assert done.err == "ocpp-actors: key: it has one\nocpp-actors: profile: it answered Rejected\n"


def test_mistakes_are_told_in_one_line(api: FakeApi, run: Run, tmp_path: Path) -> None:
    (tmp_path / "der").write_bytes(b"\x30\x82\xff")
    for options in (["--to", "4"], ["--to", "0"], [], ["--to", "2", "--root", str(tmp_path / "der")]):
        done = run("charge-points", "upgrade", "CP 1", *options)
        assert done.status == 2
        assert len(done.err.splitlines()) == 1
    assert api.asked == []
