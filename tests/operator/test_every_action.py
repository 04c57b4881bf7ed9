"""Every action that a central system may ask for, through the API, whatever the charge point does with it.

Each call comes to the one end that the API documents, the ledger tells the same afterwards, and nothing is left behind.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx2
import pytest
import trio
import trio.testing
from attrs import define, field, frozen
from tests.support.central import Charger
from tests.support.desk import Api, open_api
from tests.support.waiting import eventually

from ocpp_actors.ledger.port import CommandState, ListCommands
from ocpp_actors.observer import CommandEnded
from ocpp_actors.operator.http import examples
from ocpp_actors.protocol.catalogue import ACTIONS, Action, Role
from ocpp_actors.protocol.schemas import schema
from ocpp_actors.server.fleet import SWEEP_EVERY

pytestmark = pytest.mark.unmeasured

CALL_TIMEOUT = 30.0
BOOT_GRACE = 2 * CALL_TIMEOUT
"""Without a boot a call is not sent for so long, and is given up before."""

LONGEST = 10 * CALL_TIMEOUT
"""Seconds of virtual time after which a call hangs."""

THINKING = 2.0
ASKED = [action for action in ACTIONS.values() if Role.CENTRAL_SYSTEM in action.senders]
ENDED = frozenset(CommandState) - {CommandState.WAITING, CommandState.SENT}


# --- what charge points answer ---------------------------------------------------------------------------------


def valid_answers(action: Action) -> list[dict[str, Any]]:
    """An answer with each status that the schema allows, and the documented one."""
    statuses = schema(action.response)["properties"].get("status", {}).get("enum", ())
    documented = examples.RESPONSES.get(action.name, examples.ACCEPTED)
    return [documented, *({"status": status} for status in statuses)]


def invalid_answers(action: Action) -> list[Any]:
    allowed = schema(action.response)
    answers: list[Any] = [{"unforeseen": True}, ["no object"], "text"]
    if "required" in allowed:
        answers.append({})
    if "status" in allowed["properties"]:
        answers.append({"status": "Perhaps"})
    return answers


# --- a call and its end ----------------------------------------------------------------------------------------


@define
class Call:
    """A call on its way, as its charge point sees it."""

    api: Api
    stack: AsyncExitStack
    charger: Charger
    message_id: str = ""


Reaction = Callable[[Call], Awaitable[Charger | None]]
"""What a charge point does with a call; answers where the next call arrives, None where it is not connected."""


@frozen
class End:
    """What a charge point does, and how the call has to end: as a problem, or with the answer."""

    name: str
    react: Reaction
    state: CommandState
    status: int
    problem: str | None = None
    members: dict[str, Any] = field(factory=dict)
    kept: dict[str, Any] = field(factory=dict)
    seconds: float | None = THINKING
    """From the sending to the end; None for a call that is never sent."""


def answering(payload: Any) -> Reaction:
    async def react(call: Call) -> Charger:
        await trio.sleep(THINKING)
        await call.charger.send([3, call.message_id, payload])
        return call.charger

    return react


def refusing(code: str, description: str, details: dict[str, Any]) -> Reaction:
    async def react(call: Call) -> Charger:
        await trio.sleep(THINKING)
        await call.charger.send([4, call.message_id, code, description, details])
        return call.charger

    return react


def answering_late(payload: Any) -> Reaction:
    async def react(call: Call) -> Charger:
        await trio.sleep(CALL_TIMEOUT + 1)
        await call.charger.send([3, call.message_id, payload])
        return call.charger

    return react


async def keep_silent(call: Call) -> Charger:
    return call.charger


def answering_under_another_id(payload: Any) -> Reaction:
    async def react(call: Call) -> Charger:
        for message_id in ("another", call.message_id + "0", ""):
            await call.charger.send([3, message_id, payload])
        await call.charger.send([4, "another", "GenericError", "", {}])
        return call.charger

    return react


def answering_under_another_id_first(payload: Any) -> Reaction:
    async def react(call: Call) -> Charger:
        await answering_under_another_id({"status": "another"})(call)
        return await answering(payload)(call) or call.charger

    return react


async def drop_the_connection(call: Call) -> None:
    await trio.sleep(THINKING)
    await call.charger.stream.aclose()


async def close_the_connection(call: Call) -> None:
    await trio.sleep(THINKING)
    await call.charger.connection.aclose()


def answering_and_leaving(payload: Any) -> Reaction:
    async def react(call: Call) -> None:
        await answering(payload)(call)
        await call.charger.stream.aclose()

    return react


async def connect_anew(call: Call) -> Charger:
    await trio.sleep(THINKING)
    newer = await call.stack.enter_async_context(call.api.central.charger())
    assert await call.charger.closed() == (1008, "replaced")
    await newer.boot()
    return newer


def ends_of(action: Action) -> list[End]:
    first, *others = valid_answers(action)
    lost = {"reason": None, "response": None}
    ends = [
        End(f"answer {answer}", answering(answer), CommandState.ANSWERED, 200, kept={"response": answer})
        for answer in (first, *others)
    ]
    ends += [
        End(
            f"broken answer {answer}",
            answering(answer),
            CommandState.INVALID,
            502,
            "invalid-answer",
            members={"answer": answer},
            kept={"response": answer},
        )
        for answer in invalid_answers(action)
    ]
    for code, description, details in (("NotImplemented", "no", {"a": [1]}), ("GenericError", "", {})):
        error = {"errorCode": code, "errorDescription": description}
        ends.append(
            End(
                f"CALLERROR {code}",
                refusing(code, description, details),
                CommandState.CALL_ERROR,
                502,
                "call-error",
                members={**error, "errorDetails": details},
                kept={"response": None, "errorCode": code, "errorDescription": description or None},
            )
        )
    return [
        *ends,
        End(
            "wrong id, then the right one",
            answering_under_another_id_first(first),
            CommandState.ANSWERED,
            200,
            kept={"response": first},
        ),
        End(
            "answer and leave",
            answering_and_leaving(first),
            CommandState.ANSWERED,
            200,
            kept={"response": first},
        ),
        *(
            End(name, react, CommandState.TIMEOUT, 504, "no-answer", kept=lost, seconds=CALL_TIMEOUT)
            for name, react in (
                ("late", answering_late(first)),
                ("never", keep_silent),
                ("wrong id", answering_under_another_id(first)),
            )
        ),
        *(
            End(name, react, CommandState.LOST, 502, "connection-lost", kept=lost)
            for name, react in (
                ("drop", drop_the_connection),
                ("close", close_the_connection),
                ("replaced", connect_anew),
            )
        ),
    ]


# --- playing it ------------------------------------------------------------------------------------------------


@define
class Asked:
    """A call that goes on in a task of its own."""

    answer: httpx2.Response | None = None
    done: trio.Event = field(factory=trio.Event)

    async def wait(self) -> httpx2.Response:
        await self.done.wait()
        assert self.answer is not None
        return self.answer


def ask(api: Api, action: str, request: Any) -> Asked:
    asked = Asked()

    async def run() -> None:
        asked.answer = await api.client.post(f"/api/v1/charge-points/CP1/calls/{action}", json=request)
        asked.done.set()

    api.central.nursery.start_soon(run)
    return asked


async def tasks() -> int:
    """How many tasks there are once all of them wait for something."""
    await trio.testing.wait_all_tasks_blocked()
    return trio.lowlevel.current_statistics().tasks_living


async def settles_at(count: int) -> None:
    with trio.fail_after(LONGEST):
        while True:
            if await tasks() == count:
                return
            await trio.sleep(1)


@asynccontextmanager
async def nothing_left_behind(api: Api) -> AsyncIterator[None]:
    """Look after the block, by whatever end it came to it, for anything that it left."""
    before = await tasks()
    yield
    await settles_at(before)
    entry = api.central.fleet.find("CP1")
    assert entry is not None
    assert entry.mailbox.unused
    session = entry.session
    if session is not None:
        assert session.in_flight is None
        assert session.conversation.outstanding is None
        assert session.replies_out.statistics().current_buffer_used == 0
    records = await api.central.ledger.ask(ListCommands())
    assert {record.state for record in records} <= ENDED
    told = Counter((event.command_id, event.outcome) for event in api.central.told(CommandEnded))
    assert told == {(record.command_id, record.state): 1 for record in records}


async def check_end(api: Api, end: End, answer: httpx2.Response, message_id: str | None) -> None:
    """The answer is the documented one, and the record of the call tells the same."""
    assert answer.status_code == end.status, answer.text
    document = answer.json()
    call_id = document.pop("callId")
    sent = {} if message_id is None else {"messageId": message_id, "seconds": pytest.approx(end.seconds)}
    if end.problem is None:
        assert answer.headers["content-type"] == "application/json"
        assert document == {**sent, "status": "answered", "response": end.kept["response"]}
    else:
        assert answer.headers["content-type"] == "application/problem+json"
        assert document.pop("detail")
        assert document.pop("title")
        if end.problem == "invalid-answer":
            assert document.pop("errorCode")
            assert document.pop("errorDescription")
        problem = {"type": f"urn:ocpp-actors:problem:{end.problem}", "status": end.status}
        assert document == {**problem, **sent, **end.members}

    kept = (await api.client.get(f"/api/v1/calls/{call_id}")).json()
    assert (kept["callId"], kept["chargePoint"], kept["durable"]) == (call_id, "CP1", False)
    assert (kept["status"], kept["messageId"]) == (end.state, message_id)
    assert (kept["sentAt"] is None) == (message_id is None)
    assert kept["endedAt"] is not None
    assert kept["seconds"] == (None if message_id is None else pytest.approx(end.seconds))
    assert {name: kept[name] for name in end.kept} == end.kept


async def play(api: Api, action: Action, end: End) -> None:
    """Connect, call, let the charge point do what it does, look at everything, and call once more."""
    with trio.fail_after(LONGEST):
        async with nothing_left_behind(api), AsyncExitStack() as stack:
            charger = await stack.enter_async_context(api.central.charger())
            await charger.boot()
            connected = await tasks()
            asked = ask(api, action.name, examples.REQUESTS[action.name])
            kind, message_id, name, _ = await charger.receive()
            assert (kind, name) == (2, action.name)
            next_charger = await end.react(Call(api, stack, charger, message_id))
            await check_end(api, end, await asked.wait(), message_id)
            if next_charger is not None:
                await call_once_more(api, next_charger, message_id)
            if next_charger is charger:
                await settles_at(connected)


async def call_once_more(api: Api, charger: Charger, earlier: str | None) -> None:
    """The next call on the connection is answered by its own answer, whatever still comes for the one before."""
    with trio.fail_after(LONGEST):
        asked = ask(api, "ClearCache", {})
        _, message_id, name, _ = await charger.receive()
        assert name == "ClearCache"
        if earlier is not None:
            await charger.send([3, earlier, {"status": "Accepted"}])
        await charger.send([3, message_id, {"status": "Rejected"}])
        answer = await asked.wait()
    assert answer.status_code == 200, answer.text
    assert answer.json()["response"] == {"status": "Rejected"}


@pytest.mark.parametrize("action", ASKED, ids=lambda action: action.name)
async def test_a_call_ends_as_documented_whatever_the_charge_point_does(
    autojump_clock: Any, action: Action
) -> None:
    async with open_api(call_timeout=CALL_TIMEOUT, boot_grace=BOOT_GRACE) as api:
        await introduced(api)
        for end in ends_of(action):
            try:
                await play(api, action, end)
            except BaseException as error:
                error.add_note(f"{action.name}: {end.name}")
                raise


async def introduced(api: Api) -> None:
    """A charge point that was connected before, so that entries in memory are there before and after."""
    async with api.central.charger() as charger:
        await charger.boot()
    await eventually(lambda: not len(api.central.fleet))


@pytest.mark.parametrize("action", ASKED, ids=lambda action: action.name)
async def test_a_call_that_cannot_be_sent_in_time_is_never_sent(autojump_clock: Any, action: Action) -> None:
    not_sent = End("", keep_silent, CommandState.EXPIRED, 504, "not-sent", seconds=None)
    async with open_api(call_timeout=CALL_TIMEOUT, boot_grace=BOOT_GRACE) as api:
        await introduced(api)
        async with nothing_left_behind(api), api.central.charger() as charger:
            with trio.fail_after(CALL_TIMEOUT + 2 * SWEEP_EVERY):
                answer = await ask(api, action.name, examples.REQUESTS[action.name]).wait()
            await check_end(api, not_sent, answer, None)
            await charger.boot()
            await call_once_more(api, charger, None)


@pytest.mark.parametrize("action", ASKED, ids=lambda action: action.name)
async def test_a_call_whose_turn_did_not_come_ends_with_the_connection(
    autojump_clock: Any, action: Action
) -> None:
    lost = End("", keep_silent, CommandState.LOST, 502, "connection-lost", seconds=None)
    async with open_api(call_timeout=CALL_TIMEOUT, boot_grace=BOOT_GRACE) as api:
        await introduced(api)
        async with nothing_left_behind(api), api.central.charger() as charger:
            await charger.boot()
            with trio.fail_after(LONGEST):
                first = ask(api, "ClearCache", {})
                await charger.receive()
                second = ask(api, action.name, examples.REQUESTS[action.name])
                await trio.testing.wait_all_tasks_blocked()
                await charger.stream.aclose()
                assert (await first.wait()).status_code == 502
                await check_end(api, lost, await second.wait(), None)
