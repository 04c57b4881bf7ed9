"""Charge points send what is no frame of OCPP-J, or one with a fault; they are told where they can be (§4.1, §4.2)."""

from typing import Any

import orjson

from ocpp_actors.protocol.frames import CallError
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import scenario
from ocpp_actors.testbench.steps.answers import (
    PROTOCOL,
    STRUCTURE,
    TYPE,
    UNKNOWN,
    UNSUPPORTED,
    Codes,
    answers_to,
    codes,
    goes_on,
    ignored,
    is_ocpp_actors,
)

LONGEST_ID = "i" * 36

BROKEN = codes(PROTOCOL, STRUCTURE)
NO_ACTION = codes(PROTOCOL, STRUCTURE, UNKNOWN, UNSUPPORTED, TYPE)


async def told(bench: Bench, message: str | list[Any], message_id: str, wanted: Codes, what: str) -> None:
    """Let a charge point send a CALL with a fault: the answer is a CALLERROR under its id, and life goes on.

    Another central system than ocpp-actors may ignore it, or answer under another id, as later versions of OCPP do.
    """
    async with bench.client() as client:
        answers = await answers_to(bench, client, message)
    if is_ocpp_actors(bench):
        expect_equal(len(answers), 1, f"the number of answers to {what}")
        expect_equal(answers[0].message_id, message_id, f"the id of the answer to {what}")
    for answer in answers:
        expect(isinstance(answer, CallError), f"{what} was accepted: {answer}")
        if isinstance(answer, CallError):
            wanted.expect(bench, answer.code, what)


@scenario()
async def broken_json_with_a_readable_id(bench: Bench) -> None:
    """JSON that breaks off after the message id is answered under this id: FormationViolation (OCPP-J 1.6 §4.2.3)."""
    for text in (
        '[2,"broken","Heartbeat",{}',
        '[2,"broken","Heartbeat",{"a":}]',
        ' [ 2, "broken", Heartbeat',
    ):
        await told(bench, text, "broken", codes(STRUCTURE, PROTOCOL), repr(text))


@scenario()
async def what_cannot_be_read_is_ignored(bench: Bench) -> None:
    """What is no JSON, or no frame, gets no answer, because there is no id for one; the next message is answered.

    Another central system than ocpp-actors may answer with a CALLERROR without a proper id.
    """
    texts = (
        "",
        " ",
        "no JSON",
        "[",
        "[]",
        "{}",
        "null",
        "2",
        '"text"',
        "[2]",
        '["2"]',
        "[2,",
        "[null]",
        "[[2]]",
    )
    deep = "[" * 500 + "]" * 500
    async with bench.client() as client:
        for text in (*texts, deep):
            answers = await answers_to(bench, client, text)
            fine = not answers or (
                not is_ocpp_actors(bench) and all(isinstance(each, CallError) for each in answers)
            )
            expect(fine, f"no answer to {text[:50]!r} was expected, and {answers} came")


@scenario()
async def other_message_types_are_ignored(bench: Bench) -> None:
    """A message whose type is none of 2, 3 and 4 is ignored, as "SHALL" says (OCPP-J 1.6 §4.1.3)."""
    kinds: list[Any] = [5, 1, 0, -2, 99, "2", 2.5, True, None]
    async with bench.client() as client:
        for kind in kinds:
            await ignored(bench, client, [kind, "other", "Heartbeat", {}])


@scenario()
async def call_has_too_few_or_too_many_elements(bench: Bench) -> None:
    """A CALL of three or of five elements is answered under its id: ProtocolError (OCPP-J 1.6 §4.2.1)."""
    frames: list[list[Any]] = [
        [2, "short", "Heartbeat"],
        [2, "short"],
        [2, "long", "Heartbeat", {}, {}],
    ]
    for frame in frames:
        await told(bench, frame, frame[1], BROKEN, f"a CALL of {len(frame)} elements")


@scenario()
async def action_is_no_string(bench: Bench) -> None:
    """A CALL whose action is no string is answered under its id: ProtocolError (OCPP-J 1.6 §4.2.1)."""
    actions: list[Any] = [5, None, {}, ["Heartbeat"]]
    for action in actions:
        await told(bench, [2, "action", action, {}], "action", NO_ACTION, f"the action {action!r}")


@scenario()
async def message_id_is_no_string(bench: Bench) -> None:
    """A CALL whose message id is no string cannot be answered under it; life goes on (OCPP-J 1.6 §4.1.4)."""
    numbers: list[Any] = [17, None, ["17"]]
    async with bench.client() as client:
        for number in numbers:
            frame = [2, number, "Heartbeat", {}]
            if is_ocpp_actors(bench):
                await ignored(bench, client, frame)
            else:
                await client.send(frame)
                await goes_on(bench, client)


@scenario()
async def message_id_is_as_long_as_it_may_be(bench: Bench) -> None:
    """A message id has 36 characters, or one, or is no ASCII: it comes back as it is (OCPP-J 1.6 §4.1.4)."""
    async with bench.client() as client:
        for message_id in (LONGEST_ID, "1", "é" * 36, 'a"\\b', " "):
            with bench.patient():
                await client.call("Heartbeat", {}, message_id=message_id)


@scenario()
async def message_id_is_too_long_or_empty(bench: Bench) -> None:
    """A message id of 37 characters, or of none, is answered with ProtocolError (OCPP-J 1.6 §4.1.4).

    An empty one has nothing to be told under for sure; silence is right, too. Another central system may be generous.
    """
    for message_id in (LONGEST_ID + "i", "i" * 1000, ""):
        async with bench.client() as client:
            answers = await answers_to(bench, client, [2, message_id, "Heartbeat", {}])
            if is_ocpp_actors(bench):
                expect(answers or not message_id, f"a message id of {len(message_id)} characters: no answer")
                for each in answers:
                    expect(isinstance(each, CallError), f"{message_id!r:.50} was accepted as a message id")
                    if isinstance(each, CallError):
                        expect_equal(each.code, PROTOCOL, "the error code for a message id of a wrong length")


@scenario()
async def json_is_written_in_other_ways(bench: Bench) -> None:
    """Spaces, line breaks and escapes do not matter to JSON, nor does the order of properties (RFC 8259)."""
    texts = (
        '\n[ 2 ,\t"spaced" , "Heartbeat" ,\r\n { } ]\n',
        '[2,"escaped","\\u0048eart\\u0062eat",{}]',
        '[2,"ordered","StatusNotification",{"status":"Available","errorCode":"NoError","connectorId":1}]',
        '[2,"exponent","StatusNotification",{"connectorId":1e0,"errorCode":"NoError","status":"Available"}]',
    )
    async with bench.client(boot=True) as client:
        for text in texts[:3]:
            wanted = orjson.loads(text)[1]
            answers = await answers_to(bench, client, text)
            expect_equal(
                [each.message_id for each in answers], [wanted], f"the ids of the answers to {text!r}"
            )
            expect(not isinstance(answers[0], CallError), f"{text!r} was refused")
        await goes_on(bench, client)


@scenario()
async def answers_with_faults_are_not_answered(bench: Bench) -> None:
    """A CALLRESULT or CALLERROR with a fault is ignored: only CALLs are answered (OCPP-J 1.6 §4.1.3, §4.2)."""
    frames: list[list[Any]] = [
        [3],
        [3, "none"],
        [3, 17, {}],
        [3, "none", {}, {}],
        [4],
        [4, "none"],
        [4, "none", 5, "", {}],
        [4, "none", "GenericError", "", {}, {}],
    ]
    async with bench.client() as client:
        for frame in frames:
            await ignored(bench, client, frame)
