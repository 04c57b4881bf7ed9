"""Replay: what is planned from a recording, and what counts as a difference."""

import re
from typing import Any

import pytest
from tests.support.recording import line

from ocpp_actors.protocol.frames import CallError, CallResult
from ocpp_actors.testbench.bench import BOOT
from ocpp_actors.testbench.replay.comparison import (
    NOTHING,
    Difference,
    NothingThere,
    check_ignored,
    differences,
)
from ocpp_actors.testbench.replay.plan import NotReplayable, plan


def test_a_plan_has_what_the_charge_point_said_and_what_it_was_answered() -> None:
    planned = plan(
        [
            line("in", [2, "1", "Heartbeat", {}]),
            b"",
            line("out", [2, "s1", "Reset", {"type": "Soft"}], seconds=1),
            line("in", [3, "s1", {"status": "Accepted"}], seconds=2),
            line("out", [3, "1", {"currentTime": "T"}], seconds=2),
            line("in", [2, "1", "Heartbeat", {}], seconds=5.5),
            line("out", [4, "1", "InternalError", "", {}], seconds=6),
            line("in", [2, "2", "Heartbeat", {}], seconds=7),
            line("in", "no frame", seconds=8),
        ]
    )
    assert planned.charge_point == "CP1"
    assert [(step.line, step.at, step.message_id) for step in planned.steps] == [
        (1, 0, "1"),
        (6, 5.5, "1"),
        (8, 7, "2"),
        (9, 8, None),
    ]
    assert [step.answer for step in planned.steps] == [
        CallResult("1", {"currentTime": "T"}),
        CallError("1", "InternalError", "", {}),
        None,
        None,
    ]
    assert planned.replies == {"Reset": (CallResult("s1", {"status": "Accepted"}),)}


def test_a_boot_after_one_that_was_accepted_begins_a_new_connection() -> None:
    def boot(number: int, verdict: str) -> list[bytes]:
        return [
            line("in", [2, str(number), "BootNotification", BOOT]),
            line("out", [3, str(number), {"status": verdict}]),
        ]

    planned = plan([*boot(1, "Pending"), *boot(2, "Accepted"), *boot(1, "Accepted")])
    assert [step.fresh for step in planned.steps] == [False, False, True]


def test_frames_without_a_direction_are_told_apart_by_themselves() -> None:
    planned = plan(
        [
            b'[2,"1","Heartbeat",{}]',
            b'[2,"1","Reset",{"type":"Soft"}]',
            b'[3,"1",{"currentTime":"T"}]',
            b'[3,"1",{"status":"Rejected"}]',
        ]
    )
    assert planned.charge_point is None
    assert [step.answer for step in planned.steps] == [CallResult("1", {"currentTime": "T"})]
    assert planned.replies == {"Reset": (CallResult("1", {"status": "Rejected"}),)}


def test_one_of_several_charge_points_is_chosen() -> None:
    recording = [line("in", [2, "1", "Heartbeat", {}], name) for name in ("CP1", "CP2", "cp1")]
    with pytest.raises(NotReplayable, match="choose one with --charge-point: CP1, CP2"):
        plan(recording)
    assert [step.line for step in plan(recording, "cp1").steps] == [1, 3]
    with pytest.raises(NotReplayable, match="CP3 says nothing in it"):
        plan(recording, "CP3")
    with pytest.raises(NotReplayable, match="a charge point says nothing in it"):
        plan([line("out", [2, "1", "Reset", {}])])
    with pytest.raises(NotReplayable, match="line 2: neither a frame nor a record"):
        plan([recording[0], b"{"])


@pytest.mark.parametrize("text", [b"hello", b"[2026-03-01] connected", b"12", b'"[2]"'])
def test_a_text_is_no_recording(text: bytes) -> None:
    """What a charge point sent that is no frame is known by its record."""
    with pytest.raises(NotReplayable, match="line 2: neither a frame nor a record"):
        plan([b'[2,"1","Heartbeat",{}]', text])


@pytest.mark.parametrize(
    "path",
    [
        "BootNotification",
        "BootNotification.interval",
        "Authorize.idTagInfo.expiryDate",
        "DataTransfer.mine.deep",
    ],
)
def test_what_may_be_ignored(path: str) -> None:
    check_ignored([path], [("DataTransfer", {"mine": [{"deep": 1}]})])


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("BootNotification.intervall", "did you mean BootNotification.interval?"),
        ("Bootnotification.interval", "did you mean BootNotification.interval?"),
        ("", "such as BootNotification.interval"),
    ],
)
def test_what_no_answer_has_is_not_ignored(path: str, hint: str) -> None:
    with pytest.raises(NothingThere, match=f"^no answer has {path}.*{re.escape(hint)}$"):
        check_ignored([path], [])


def result(**payload: Any) -> CallResult:
    return CallResult("1", payload)


@pytest.mark.parametrize(
    ("action", "recorded", "found"),
    [
        ("Heartbeat", result(currentTime="2026-01-01T00:00:00Z"), result(currentTime="2027-01-01T00:00:00Z")),
        ("StartTransaction", result(transactionId=1), result(transactionId=77)),
        (
            "Authorize",
            result(idTagInfo={"status": "Accepted", "expiryDate": "2026-01-01T00:00:00Z"}),
            result(idTagInfo={"expiryDate": "2026-01-01T01:00:00.000+01:00", "status": "Accepted"}),
        ),
        ("X", result(a=1), result(a=1.0)),
        ("X", CallError("1", "GenericError", "a"), CallError("1", "GenericError", "b", {"c": 1})),
    ],
)
def test_answers_that_mean_the_same(action: str, recorded: Any, found: Any) -> None:
    assert differences(action, recorded, found) == ()


@pytest.mark.parametrize(
    ("action", "recorded", "found", "expected"),
    [
        ("Heartbeat", result(currentTime="T"), result(), ("currentTime", "T", NOTHING)),
        ("Heartbeat", result(currentTime="T"), result(currentTime=1), ("currentTime", "T", 1)),
        ("StopTransaction", result(transactionId=1), result(transactionId=2), ("transactionId", 1, 2)),
        ("X", result(), result(a=None), ("a", NOTHING, None)),
        ("X", result(a=1), result(a=True), ("a", 1, True)),
        ("X", result(a="1"), result(a=1), ("a", "1", 1)),
        ("X", result(a={"b": [{"c": 1}]}), result(a={"b": [{"c": 2}]}), ("a.b[0].c", 1, 2)),
        ("X", result(a=[1]), result(a=[1, 2]), ("a[1]", NOTHING, 2)),
        ("X", result(a=[1, 2]), result(a=[1]), ("a[1]", 2, NOTHING)),
        ("X", result(a={}), result(a=[]), ("a", {}, [])),
        ("X", CallError("1", "A"), CallError("1", "B"), ("errorCode", "A", "B")),
        ("X", result(a=1), CallError("1", "B", "no"), ("", 'CALLRESULT {"a":1}', "CALLERROR B (no)")),
        ("X", CallError("1", "B"), result(), ("", "CALLERROR B", "CALLRESULT {}")),
        ("X", result(), None, ("", "CALLRESULT {}", NOTHING)),
    ],
)
def test_each_difference_is_named_by_its_path(
    action: str, recorded: Any, found: Any, expected: tuple[str, Any, Any]
) -> None:
    assert differences(action, recorded, found) == (Difference(*expected),)


def test_what_is_ignored_may_differ() -> None:
    recorded, found = result(interval=1, a=[{"b": 1}, {"b": 2}]), result(a=[{"b": 3}, {"b": 4}])
    assert len(differences("X", recorded, found)) == 3
    assert differences("X", recorded, found, frozenset({"X.interval", "X.a.b"})) == ()
    assert len(differences("Y", recorded, found, frozenset({"X.interval", "X.a.b"}))) == 3
