"""CALLs and their answers: which belongs to which, and in which order (OCPP-J 1.6 §4.1)."""

from typing import Any

import trio

from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.protocol.frames import CallError, CallResult
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.client import Client
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.operators import ApiAnswer
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.steps.answers import (
    PROTOCOL,
    Answer,
    answers_to,
    goes_on,
    ignored,
    is_ocpp_actors,
)
from ocpp_actors.testbench.steps.messages import start_request, status, stop_request
from ocpp_actors.testbench.steps.scripted import told
from ocpp_actors.testbench.steps.transactions import start

AT_ONCE = 10
"""CALLs that a charge point sends without waiting for their answers; some do so after a connection."""

CLEARED = {"status": "Accepted"}


@scenario()
async def replies_that_nobody_asked_for(bench: Bench) -> None:
    """A charge point answers CALLs that nobody sent; that is ignored, and life goes on (OCPP-J 1.6 §4.1.4)."""
    async with bench.client(boot=True) as client:
        for message_id in ("unknown", "", "-1"):
            await ignored(bench, client, [3, message_id, {}])
            await ignored(bench, client, [3, message_id, {"status": "Accepted"}])
            await ignored(bench, client, [4, message_id, "InternalError", "", {}])


@scenario(needs={Need.OPERATOR})
async def reply_comes_under_another_id(bench: Bench) -> None:
    """A charge point answers under an id that is not that of the CALL: the operator waits for the right one.

    Answers are matched by their message id, and by nothing else (OCPP-J 1.6 §4.1.4).
    """
    async with bench.client(boot=True) as client, trio.open_nursery() as nursery:
        asked = Asking(bench, client, "ClearCache")
        nursery.start_soon(asked.ask)
        with bench.patient():
            call = await client.next_call("ClearCache")
        await ignored(bench, client, [3, f"{call.message_id}x"[-36:], {"status": "Rejected"}])
        await ignored(bench, client, [4, f"{call.message_id}x"[-36:], "InternalError", "", {}])
        expect(not asked.answers, "an answer under another id reached the operator")
        await client.answer(call, CLEARED)
        with bench.patient():
            await asked.done.wait()
        expect_equal(asked.answers[0].status, 200, "the API's status")
        expect_equal(asked.answers[0].body["response"], CLEARED, "the answer that the operator was told")


@scenario(needs={Need.OPERATOR})
async def reply_comes_twice(bench: Bench) -> None:
    """A charge point answers a CALL, and once more while the next one waits: that is no answer to the next.

    A late answer, too, is told by its id (OCPP-J 1.6 §4.1.4).
    """
    async with bench.client(boot=True) as client, trio.open_nursery() as nursery:
        first, second = (Asking(bench, client, "ClearCache") for _ in range(2))
        nursery.start_soon(first.ask)
        with bench.patient():
            call = await client.next_call("ClearCache")
            await client.answer(call, CLEARED)
            await first.done.wait()
            nursery.start_soon(second.ask)
            following = await client.next_call("ClearCache")
        expect(call.message_id != following.message_id, "two CALLs of the central system have the same id")
        await ignored(bench, client, [3, call.message_id, {"status": "Rejected"}])
        expect(not second.answers, "the answer to one CALL was taken for that to the next")
        await client.answer(following, CLEARED)
        with bench.patient():
            await second.done.wait()
        expect_equal(second.answers[0].body["response"], CLEARED, "the answer that the operator was told")


@scenario(needs={Need.OPERATOR})
async def refusal_reaches_the_operator(bench: Bench) -> None:
    """A charge point answers with a CALLERROR, of five elements or of three; the operator is told the code.

    OCPP-J 1.6 §4.2.3 has five; some charge points leave out the last two.
    """
    for frame in (["NotSupported", "no cache here", {"key": "value"}], ["NotSupported"]):
        async with bench.client(boot=True) as client, trio.open_nursery() as nursery:
            asked = Asking(bench, client, "ClearCache")
            nursery.start_soon(asked.ask)
            with bench.patient():
                call = await client.next_call("ClearCache")
                await client.send([4, call.message_id, *frame])
                await asked.done.wait()
            expect_equal(asked.answers[0].status, 502, "the API's status")
            expect_equal(asked.answers[0].body["errorCode"], "NotSupported", "the error code")
            await goes_on(bench, client)


@scenario(needs={Need.OPERATOR})
async def calls_cross(bench: Bench) -> None:
    """While a CALL of the central system waits for its answer, those of the charge point are answered.

    The directions do not know of each other (OCPP-J 1.6 §4.1.1).
    """
    async with bench.client(boot=True) as client, trio.open_nursery() as nursery:
        asked = Asking(bench, client, "ClearCache")
        nursery.start_soon(asked.ask)
        with bench.patient():
            call = await client.next_call("ClearCache")
        for _ in range(3):
            await goes_on(bench, client)
        started = await start(bench, client, await bench.id_tag())
        expect(not asked.answers, "the operator was told an answer before there was one")
        await client.answer(call, CLEARED)
        with bench.patient():
            await asked.done.wait()
            await client.call("StopTransaction", stop_request(bench, started.result["transactionId"]))
        expect_equal(asked.answers[0].status, 200, "the API's status")


@scenario(needs={Need.OPERATOR})
async def central_system_sends_one_call_at_a_time(bench: Bench) -> None:
    """Operators ask for several things at once: the next CALL is sent when the one before is answered.

    "A Charge Point or Central System SHOULD NOT send a CALL message to the other party unless all the CALL messages it
    sent before have been responded to or have timed out" (OCPP-J 1.6 §4.1.1).
    """
    count = 3
    async with bench.client(boot=True) as client, trio.open_nursery() as nursery:
        asked = [Asking(bench, client, "ClearCache") for _ in range(count)]
        for each in asked:
            nursery.start_soon(each.ask)
        for number in range(1, count + 1):
            with bench.patient():
                call = await client.next_call("ClearCache")
            await goes_on(bench, client)
            sent = client.wire.calls("ClearCache", by=Role.CENTRAL_SYSTEM)
            expect_equal(len(sent), number, "the CALLs that were sent before the last one was answered")
            await client.answer(call, CLEARED)
        with bench.patient():
            for each in asked:
                await each.done.wait()
        expect_equal([each.answers[0].status for each in asked], [200] * count, "the API's statuses")


class Asking:
    """An operator who asks something of a charge point, and waits."""

    def __init__(self, bench: Bench, client: Client, action: str) -> None:
        self.answers: list[ApiAnswer] = []
        self.done = trio.Event()
        self._bench, self._client, self._action = bench, client, action

    async def ask(self) -> None:
        """Ask, and keep the answer."""
        self.answers.append(await self._bench.operator.call(self._client.identity, self._action))
        self.done.set()


@scenario()
async def several_calls_at_once(bench: Bench) -> None:
    """A charge point sends ten CALLs without waiting; each is answered once, with what belongs to it.

    It SHOULD NOT (OCPP-J 1.6 §4.1.1), but some do, after a connection. ocpp-actors answers them in their order.
    """
    frames = [
        [2, f"heartbeat {n}", "Heartbeat", {}]
        if n % 2
        else [2, f"status {n}", "StatusNotification", status(n)]
        for n in range(AT_ONCE)
    ]
    wanted = [str(frame[1]) for frame in frames]
    async with bench.client(boot=True) as client:
        answers = await answers_to(bench, client, *frames)
        ids = [each.message_id for each in answers]
        if not is_ocpp_actors(bench):
            with bench.patient():
                for late in set(wanted) - set(ids):
                    await client.answer_to(late)
            return
        expect_equal(ids, wanted, "the ids of the answers")
        for each in answers:
            timed = isinstance(each, CallResult) and "currentTime" in each.payload
            expect_equal(timed, each.message_id.startswith("heartbeat"), f"a time in the answer to {each}")


@scenario()
async def call_is_repeated_while_it_is_answered(bench: Bench) -> None:
    """A charge point sends a StartTransaction twice at once, under the same id: the transaction begins once.

    It must not (OCPP-J 1.6 §4.1.4), so another central system than ocpp-actors may take it for two.
    """
    card = await bench.id_tag()
    async with bench.client(boot=True) as client:
        frame: list[Any] = [2, "twice", "StartTransaction", start_request(bench, card)]
        answers = await answers_to(bench, client, frame, frame)
        await _once(bench, client, card, answers)


@scenario()
async def call_is_repeated_after_its_answer(bench: Bench) -> None:
    """A charge point did not see the answer to a StartTransaction and sends it again under the same id.

    It must not (OCPP-J 1.6 §4.1.4), so another central system than ocpp-actors may take it for two. ocpp-actors gives
    the same answer again.
    """
    card = await bench.id_tag()
    async with bench.client(boot=True) as client:
        frame: list[Any] = [2, "again", "StartTransaction", start_request(bench, card)]
        answers = await answers_to(bench, client, frame)
        answers += await answers_to(bench, client, frame)
        if is_ocpp_actors(bench):
            expect_equal(len(answers), 2, "the number of answers to a CALL and its repetition")
        await _once(bench, client, card, answers)


async def _once(bench: Bench, client: Client, card: str, answers: list[Answer]) -> None:
    ids = list(
        dict.fromkeys(each.payload["transactionId"] for each in answers if isinstance(each, CallResult))
    )
    expect(ids, f"the StartTransaction was not confirmed: {answers}")
    if is_ocpp_actors(bench):
        expect_equal(len(ids), 1, f"the number of transactionIds in {answers}")
        kept = await bench.operator.transactions(client.identity, idTag=card)
        expect_equal([each["id"] for each in kept], ids, "the transactions on record")
    for each in ids:
        await told(bench, client, "StopTransaction", stop_request(bench, each))


@scenario()
async def id_is_used_for_something_else(bench: Bench) -> None:
    """A charge point uses the same message id for all it says: each CALL is answered for what it is.

    It must not (OCPP-J 1.6 §4.1.4), but some do. Another central system may refuse all but the first.
    """
    async with bench.client(boot=True) as client:
        for number in range(3):
            beat, report = await _both(bench, client, number)
            if is_ocpp_actors(bench):
                expect("currentTime" in beat.payload, f"Heartbeat was answered with {beat}")
                expect_equal(report.payload, {}, "StatusNotification.conf")


async def _both(bench: Bench, client: Client, number: int) -> list[Any]:
    with bench.patient():
        replies: list[CallResult | CallError] = [
            (await client.call(action, payload, message_id="1")).reply
            for action, payload in (("Heartbeat", {}), ("StatusNotification", status(number + 1)))
        ]
    for each in replies:
        fine = isinstance(each, CallResult) or not is_ocpp_actors(bench)
        expect(fine, f"a CALL under an id that was used before was answered with {each}")
    return replies


@scenario(needs={Need.OPERATOR})
async def id_of_a_call_in_progress_is_used_again(bench: Bench) -> None:
    """A charge point sends two CALLs at once, of the same id and with other contents: no answer is ambiguous.

    The second is refused with ProtocolError while the first is being answered, or answered for itself after it
    (OCPP-J 1.6 §4.1.4).
    """
    async with bench.client(boot=True) as client:
        first: list[Any] = [2, "same", "StatusNotification", status(1)]
        second: list[Any] = [2, "same", "Heartbeat", {}]
        answers = await answers_to(bench, client, first, second)
        expect_equal(len(answers), 2, "the number of answers to two CALLs of one id")
        for each in answers:
            if isinstance(each, CallError):
                expect_equal(each.code, PROTOCOL, "the error code for an id in use")
        payloads = [each.payload for each in answers if isinstance(each, CallResult)]
        expect(payloads[:1] == [{}], f"the StatusNotification was answered with {answers}")
