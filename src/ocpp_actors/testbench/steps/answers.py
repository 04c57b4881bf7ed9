"""What the central system answers to a message, right or wrong.

OCPP 1.6 names the error codes and leaves open in places which of them is for which fault. ocpp-actors is held to the
one that it documents, another central system to any that the specification lets it choose.
"""

from typing import Any, Final

from attrs import frozen

from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.protocol.frames import CallError, CallResult
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.client import Client
from ocpp_actors.testbench.failures import expect, expect_equal

STRUCTURE: Final = "FormationViolation"
MISSING: Final = "OccurenceConstraintViolation"
TYPE: Final = "TypeConstraintViolation"
VALUE: Final = "PropertyConstraintViolation"
PROTOCOL: Final = "ProtocolError"
UNKNOWN: Final = "NotImplemented"
UNSUPPORTED: Final = "NotSupported"
SECURITY: Final = "SecurityError"
GENERIC: Final = "GenericError"

Answer = CallResult | CallError


@frozen
class Codes:
    """The error code for a fault, and others that the specification allows for it (OCPP-J 1.6 §4.2.3, table 7)."""

    right: str
    allowed: frozenset[str] = frozenset()

    def expect(self, bench: Bench, code: str, what: str) -> None:
        """Go on where a code is right for this central system. Raises Failed: it is not."""
        if is_ocpp_actors(bench):
            expect_equal(code, self.right, f"the error code for {what}")
        else:
            fine = sorted({self.right, *self.allowed})
            expect(code in fine, f"the error code for {what} is {code}, and none of {', '.join(fine)}")


def codes(right: str, *allowed: str) -> Codes:
    """Return the code for a fault, and others that are allowed; GenericError always is."""
    return Codes(right, frozenset({*allowed, GENERIC}))


def is_ocpp_actors(bench: Bench) -> bool:
    """Tell whether the central system is ocpp-actors, whose every answer is decided, and not only what OCPP says."""
    return bench.operator_or_none is not None


async def goes_on(bench: Bench, client: Client) -> None:
    """Let a client send a Heartbeat, which has to be answered."""
    with bench.patient():
        (await client.call("Heartbeat", {})).result  # noqa: B018 — it raises where there is none


async def refused(bench: Bench, client: Client, action: str, payload: Any, wanted: Codes, what: str) -> None:
    """Let a client send a request with a fault; it has to be answered with a CALLERROR, and life goes on.

    Raises Failed: it is accepted, or the code is not right for the fault.
    """
    with bench.patient():
        error = (await client.call(action, payload)).error
    wanted.expect(bench, error.code, what)
    await goes_on(bench, client)


async def answers_to(bench: Bench, client: Client, *messages: str | bytes | list[Any]) -> list[Answer]:
    """Let a client send messages, and then a Heartbeat; return what it is answered before the answer to that.

    Raises Failed: one of the answers is no frame of OCPP-J. Raises Closed: so the connection is.
    """
    since = client.wire.mark()
    with bench.patient():
        for message in messages:
            await client.send(message)
        beat = await client.call("Heartbeat", {})
    expect(isinstance(beat.result, dict), "Heartbeat.conf is no object")
    got = [
        each
        for each in client.wire.frames
        if each.number >= since and each.sender is Role.CENTRAL_SYSTEM and each is not beat.answered
    ]
    for each in got:
        expect(each.frame is not None, f"the central system sent {each.text[:100]}, which is no frame")
    return [each.frame for each in got if isinstance(each.frame, CallResult | CallError)]


async def ignored(bench: Bench, client: Client, message: str | list[Any]) -> None:
    """Let a client send what has to be ignored: no answer comes, and the next message is answered."""
    answers = await answers_to(bench, client, message)
    expect(not answers, f"no answer to {message!r} was expected, and {answers} came")
