"""Calls through the API: every action against a charge point that answers, refuses, errs, is late, or leaves."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
import trio
from tests.operator.http.test_guard import slug
from tests.support.central import Charger
from tests.support.desk import Api, open_api
from tests.support.messages import hears_nothing, serve_command
from trio.testing import MockClock

from ocpp_actors.ledger.port import SetRegistration
from ocpp_actors.operator.http import examples
from ocpp_actors.operator.http.routes.calls import SERVER_ACTIONS
from ocpp_actors.protocol.messages import RegistrationStatus

CALLS = "/api/v1/charge-points/CP1/calls"
RESET = {"type": "Soft"}
ACTIONS = [action.name for action in SERVER_ACTIONS]

Reaction = Callable[[Charger, str], Awaitable[None]]


async def asked(api: Api, charger: Charger, react: Reaction, action: str = "Reset", **how: Any) -> Any:
    """Send a call while the charger reacts to it, and return the answer of the API."""
    how = {"json": examples.REQUESTS[action], **how}
    answers = []
    async with trio.open_nursery() as nursery:

        async def ask() -> None:
            answers.append(await api.post(f"{CALLS}/{action}", **how))

        nursery.start_soon(ask)
        frame = await charger.receive()
        assert frame[2:] == [action, without_zero_milliseconds(how["json"])]
        await react(charger, frame[1])
    return answers[0]


def without_zero_milliseconds(document: Any) -> Any:
    return orjson.loads(orjson.dumps(document).replace(b".000Z", b"Z"))


def answers(payload: Any) -> Reaction:
    async def react(charger: Charger, message_id: str) -> None:
        await charger.send([3, message_id, payload])

    return react


async def errs(charger: Charger, message_id: str) -> None:
    await charger.send([4, message_id, "NotSupported", "cannot", {"why": "so"}])


async def keeps_silent(charger: Charger, message_id: str) -> None:
    pass


async def leaves(charger: Charger, message_id: str) -> None:
    await charger.stream.aclose()


async def answers_under_another_id(charger: Charger, message_id: str) -> None:
    await charger.send([3, message_id + "x", {"status": "Accepted"}])


# --- every action ----------------------------------------------------------------------------------------------


def test_there_is_an_example_of_every_action() -> None:
    assert sorted(examples.REQUESTS) == ACTIONS


@pytest.mark.parametrize("action", ACTIONS)
async def test_every_action_is_sent_and_its_answer_returned(autojump_clock: MockClock, action: str) -> None:
    response = examples.RESPONSES.get(action, examples.ACCEPTED)
    async with open_api() as api, api.central.charger() as charger:
        await charger.boot()
        answer = await asked(api, charger, answers(response), action)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {
            "callId": 1,
            "messageId": "s1",
            "status": "answered",
            "response": response,
            "seconds": 0.0,
        }


@pytest.mark.parametrize("action", ACTIONS)
async def test_every_action_is_refused_where_its_request_is_wrong(
    autojump_clock: MockClock, action: str
) -> None:
    async with open_api() as api, api.central.charger() as charger:
        await charger.boot()
        answer = await api.post(f"{CALLS}/{action}", json={**examples.REQUESTS[action], "nonsense": 1})
        assert (answer.status_code, slug(answer)) == (422, "invalid-request")
        assert answer.json()["errors"][0]["path"] == "/nonsense"
        assert await hears_nothing(charger, 60)


# --- how a call ends -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("react", "status", "problem", "members"),
    [
        (
            errs,
            502,
            "call-error",
            {"errorCode": "NotSupported", "errorDescription": "cannot", "errorDetails": {"why": "so"}},
        ),
        (answers({"status": "Maybe"}), 502, "invalid-answer", {"answer": {"status": "Maybe"}}),
        (answers({}), 502, "invalid-answer", {"answer": {}}),
        (keeps_silent, 504, "no-answer", {}),
        (answers_under_another_id, 504, "no-answer", {}),
        (leaves, 502, "connection-lost", {}),
    ],
)
async def test_each_bad_end_has_its_problem(
    autojump_clock: MockClock, react: Reaction, status: Any, problem: str, members: dict[str, Any]
) -> None:
    async with open_api() as api, api.central.charger() as charger:
        await charger.boot()
        answer = await asked(api, charger, react)
        assert (answer.status_code, slug(answer)) == (status, problem), answer.text
        document = answer.json()
        assert (document["callId"], document["messageId"]) == (1, "s1")
        assert document["seconds"] >= 0
        assert members.items() <= document.items()
        kept = (await api.get("/api/v1/calls/1")).json()
        assert kept["status"] in ("callError", "invalid", "timeout", "lost")


async def test_a_refusal_of_the_charge_point_is_an_answer(autojump_clock: MockClock) -> None:
    async with open_api() as api, api.central.charger() as charger:
        await charger.boot()
        answer = await asked(api, charger, answers({"status": "Rejected"}))
        assert (answer.status_code, answer.json()["response"]) == (200, {"status": "Rejected"})


async def test_a_call_that_waits_too_long_behind_another_is_not_sent(autojump_clock: MockClock) -> None:
    async with open_api() as api, api.central.charger() as charger, trio.open_nursery() as nursery:
        await charger.boot()
        nursery.start_soon(lambda: api.post(f"{CALLS}/Reset", json=RESET))
        await charger.receive()
        ended = [await api.post(f"{CALLS}/ClearCache")]
        assert (ended[0].status_code, slug(ended[0])) in ((504, "not-sent"), (504, "no-answer"))
        assert "callId" in ended[0].json()


async def test_what_is_not_there_cannot_be_asked(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        async with api.central.charger() as charger:
            await charger.boot()
        await trio.sleep(1)
        answer = await api.post(f"{CALLS}/Reset", json=RESET)
        assert (answer.status_code, slug(answer)) == (409, "not-connected")


async def test_what_is_rejected_must_not_be_asked(autojump_clock: MockClock) -> None:
    async with open_api(first_boot="Rejected") as api, api.central.charger() as charger:
        await charger.boot()
        answer = await api.post(f"{CALLS}/Reset", json=RESET)
        assert (answer.status_code, slug(answer)) == (409, "not-allowed")
        await api.central.ledger.ask(SetRegistration("CP1", RegistrationStatus.ACCEPTED))


async def test_a_full_mailbox_is_429(autojump_clock: MockClock) -> None:
    async with open_api(mailbox_size=1) as api, api.central.charger("CP1") as charger:
        await charger.boot()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: api.post(f"{CALLS}/Reset", json=RESET))
            await charger.receive()
            nursery.start_soon(lambda: api.post(f"{CALLS}/ClearCache"))
            await trio.sleep(1)
            answer = await api.post(f"{CALLS}/ClearCache")
            assert (answer.status_code, slug(answer)) == (429, "mailbox-full")
            assert int(answer.headers["retry-after"]) > 0
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("action", ["Nonsense", "Heartbeat", "reset"])
async def test_an_action_that_is_no_servers_is_unknown(autojump_clock: MockClock, action: str) -> None:
    async with open_api() as api:
        answer = await api.post(f"{CALLS}/{action}", json={})
        assert (answer.status_code, slug(answer)) == (404, "unknown-action")


@pytest.mark.parametrize(
    ("action", "request_", "path"),
    [
        ("Reset", {"type": "Hot"}, "/type"),
        ("Reset", {}, "/type"),
        ("RemoteStopTransaction", {"transactionId": 0}, "/transactionId"),
        ("RemoteStartTransaction", {"idTag": "x" * 21}, "/idTag"),
        ("UnlockConnector", {"connectorId": 0}, "/connectorId"),
        (
            "SetChargingProfile",
            {"connectorId": 1, "csChargingProfiles": {**examples.PROFILE, "transactionId": 1}},
            "/csChargingProfiles/transactionId",
        ),
        (
            "SetChargingProfile",
            {
                "connectorId": 1,
                "csChargingProfiles": {
                    **examples.PROFILE,
                    "chargingSchedule": {
                        "chargingRateUnit": "A",
                        "chargingSchedulePeriod": [
                            {"startPeriod": 0, "limit": 16},
                            {"startPeriod": "1", "limit": 1},
                        ],
                    },
                },
            },
            "/csChargingProfiles/chargingSchedule/chargingSchedulePeriod/1/startPeriod",
        ),
    ],
)
async def test_what_is_wrong_is_told_by_its_json_pointer(
    autojump_clock: MockClock, action: str, request_: Any, path: str
) -> None:
    async with open_api() as api, api.central.charger() as charger:
        await charger.boot()
        answer = await api.post(f"{CALLS}/{action}", json=request_)
        assert (answer.status_code, slug(answer)) == (422, "invalid-request")
        assert path in [error["path"] for error in answer.json()["errors"]]


# --- queued ----------------------------------------------------------------------------------------------------


async def test_a_queued_call_waits_for_the_charge_point(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        await api.put("/api/v1/charge-points/CP1", json={})
        answer = await api.post(
            f"{CALLS}/Reset?wait=queue&ttl=600", json=RESET, headers={"X-Operator": "alice"}
        )
        assert (answer.status_code, answer.headers["location"]) == (202, "/api/v1/calls/1")
        assert answer.json() == {"callId": 1, "status": "waiting", "expiresAt": "2026-03-01T12:10:00.000Z"}
        shown = (await api.get("/api/v1/charge-points/CP1")).json()
        assert shown["waitingCalls"] == 1
        async with api.central.charger() as charger:
            await charger.boot()
            assert await serve_command(charger, {"status": "Accepted"}) == ("Reset", RESET)
            await trio.sleep(1)
            call = (await api.get("/api/v1/calls/1")).json()
    assert (call["status"], call["requestedBy"], call["durable"]) == ("answered", "alice", True)
    assert (call["response"], call["messageId"]) == ({"status": "Accepted"}, "s1")


@pytest.mark.parametrize("query", ["wait=now", "wait=queue&ttl=0", "wait=queue&ttl=2592001", "ttl=x"])
async def test_how_a_call_may_wait_is_checked(autojump_clock: MockClock, query: str) -> None:
    async with open_api() as api:
        answer = await api.post(f"{CALLS}/Reset?{query}", json=RESET)
        assert (answer.status_code, slug(answer)) == (400, "invalid-parameter")


async def test_an_idempotency_key_asks_once(autojump_clock: MockClock) -> None:
    key = {"Idempotency-Key": "k1"}
    async with open_api() as api, api.central.charger() as charger:
        await charger.boot()
        first = await asked(api, charger, answers({"status": "Accepted"}), headers=key)
        again = await api.post(f"{CALLS}/Reset", json=RESET, headers=key)
        assert again.json() == first.json()
        assert await hears_nothing(charger, 60)
        other = await api.post(f"{CALLS}/Reset", json={"type": "Hard"}, headers=key)
        assert (other.status_code, slug(other)) == (409, "idempotency-key-reused")
        for bad in ("", "x" * 256, "a\tb"):
            answer = await api.post(f"{CALLS}/Reset", json=RESET, headers={"Idempotency-Key": bad})
            assert (answer.status_code, slug(answer)) == (400, "invalid-parameter"), bad


# --- looking back ----------------------------------------------------------------------------------------------


async def test_calls_are_listed_newest_first_in_pages_and_by_charge_point_and_state(
    autojump_clock: MockClock,
) -> None:
    async with open_api() as api:
        for name in ("A", "B"):
            await api.put(f"/api/v1/charge-points/{name}", json={})
            for _ in range(3):
                await api.post(f"/api/v1/charge-points/{name}/calls/ClearCache?wait=queue")

        async def ids(**query: Any) -> list[int]:
            page = (await api.get("/api/v1/calls", params=query)).json()
            found = [each["callId"] for each in page["items"]]
            if page["nextCursor"] is not None:
                found += await ids(**{**query, "cursor": page["nextCursor"]})
            return found

        assert await ids() == [6, 5, 4, 3, 2, 1]
        assert await ids(limit=4) == [6, 5, 4, 3, 2, 1]
        assert await ids(chargePoint="a") == [3, 2, 1]
        assert await ids(state="waiting", limit=1) == [6, 5, 4, 3, 2, 1]
        assert await ids(state="answered") == []
        for path in (
            "/api/v1/calls?state=gone",
            "/api/v1/calls?cursor=bm8",
            "/api/v1/calls/x",
            "/api/v1/calls/0",
        ):
            assert (await api.get(path)).status_code == 400, path
        assert slug(await api.get("/api/v1/calls/99")) == "not-found"


async def test_a_key_that_is_sent_is_never_shown(autojump_clock: MockClock) -> None:
    secret = "0123456789abcdef0123"
    body = {"key": "AuthorizationKey", "value": secret}
    async with open_api() as api:
        await api.put("/api/v1/charge-points/CP1", json={})
        await api.post(f"{CALLS}/ChangeConfiguration?wait=queue", json=body)
        for path in ("/api/v1/calls", "/api/v1/calls/1", "/api/v1/changes"):
            text = (await api.get(path)).text
            assert secret not in text, path
        assert (await api.get("/api/v1/calls/1")).json()["request"]["value"] == "***"


async def test_the_actions_are_listed_with_their_schemas(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        listed = (await api.get("/api/v1/actions")).json()
        assert [each["action"] for each in listed] == ACTIONS
        reset = next(each for each in listed if each["action"] == "Reset")
        assert reset["profile"] == "Core"
        assert reset["schema"]["properties"]["type"]["enum"] == ["Hard", "Soft"]
        assert reset["responseSchema"]["required"] == ["status"]
