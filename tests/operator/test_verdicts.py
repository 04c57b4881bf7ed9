"""The verdict on frames of the message log."""

from datetime import UTC, datetime

import pytest

from ocpp_actors.ledger.message_entries import Direction, MessageEntry
from ocpp_actors.operator.verdicts import verdict_on


def entry(text: str, direction: Direction = "in", **known: str) -> MessageEntry:
    return MessageEntry(
        at=datetime(2026, 3, 1, tzinfo=UTC), identity="CP1", direction=direction, text=text, **known
    )


@pytest.mark.parametrize(
    ("text", "direction", "known", "begin", "holds"),
    [
        (
            '[2,"1","StatusNotification",{"connectorId":1,"status":"Available"}]',
            "in", {}, "OccurenceConstraintViolation", "errorCode",
        ),
        ('[2,"1","Heartbeats",{}]', "in", {}, "NotImplemented", "Heartbeats is no action"),
        ('[2,"1","Reset",{"type":"Soft"}]', "in", {}, "NotSupported", "does not send Reset"),
        ('[3,"1",{"status":"Maybe"}]', "in", {"action": "Reset"}, "PropertyConstraintViolation at status:", "Maybe"),
        ('[4,"1","Oops","",{}]', "in", {}, "PropertyConstraintViolation at errorCode:", "Oops"),
        ("[2,", "in", {}, "", "JSON"),
    ],
)  # fmt: skip
def test_faulty_frame_tells_what_is_wrong(
    text: str, direction: Direction, known: dict[str, str], begin: str, holds: str
) -> None:
    verdict = verdict_on(entry(text, direction, **known))
    assert verdict is not None
    assert verdict.startswith(begin)
    assert holds in verdict


@pytest.mark.parametrize(
    ("text", "direction", "known"),
    [
        ('[2,"1","Heartbeat",{}]', "in", {}),
        ('[2,"1","Reset",{"type":"Soft"}]', "out", {}),
        ('[3,"1",{"status":"Accepted"}]', "in", {"action": "Reset"}),
        ('[3,"1",{"status":"Maybe"}]', "in", {}),
        ('[4,"1","InternalError","",{}]', "out", {}),
    ],
)
def test_frame_without_a_fault_has_no_verdict(text: str, direction: Direction, known: dict[str, str]) -> None:
    assert verdict_on(entry(text, direction, **known)) is None
