"""Whether messages were judged right."""

from typing import Any

import pytest
from tests.testbench.measuring.exchanges import say
from trio.testing import MockClock

from ocpp_actors.testbench.measuring.accuracy import judged_right, told
from ocpp_actors.testbench.wire import Wire

GOOD = ("Authorize", {"idTag": "TAG"})
LONG = ("Authorize", {"idTag": "T" * 21})


@pytest.mark.parametrize(
    ("call", "answer", "right"),
    [
        (GOOD, {"idTagInfo": {"status": "Accepted"}}, True),
        (GOOD, "PropertyConstraintViolation", False),
        (GOOD, "NotImplemented", False),
        (GOOD, "InternalError", None),
        (GOOD, "SecurityError", None),
        (GOOD, "GenericError", None),
        (LONG, {"idTagInfo": {"status": "Invalid"}}, False),
        (LONG, "PropertyConstraintViolation", True),
        (LONG, "FormationViolation", True),
        (LONG, "GenericError", True),
        (LONG, "InternalError", False),
        (("NoSuchAction", {}), "NotImplemented", True),
        (("NoSuchAction", {}), {}, False),
        (("Reset", {"type": "Soft"}), "NotSupported", True),
        (("Reset", {"type": "Soft"}), {"status": "Accepted"}, False),
        (("Heartbeat", []), "FormationViolation", True),
        (("Heartbeat", {}), {"currentTime": "2026-03-01T12:00:00Z"}, True),
    ],
)
async def test_judgement(
    call: tuple[str, Any], answer: Any, right: bool | None, autojump_clock: MockClock
) -> None:
    assert judged_right(say(Wire("CP1"), *call, answer)) is right


async def test_a_wrong_judgement_is_told(autojump_clock: MockClock) -> None:
    assert (
        told("CP1", say(Wire("CP1"), *GOOD, "NotImplemented"))
        == "CP1: a valid Authorize was refused with NotImplemented"
    )
    assert told("CP1", say(Wire("CP1"), *LONG, {})).startswith(
        "CP1: an invalid Authorize was accepted (idTag has 21 characters"
    )
