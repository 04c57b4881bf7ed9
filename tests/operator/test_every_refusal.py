"""Every reason for which the API does not send a call: what it says, and that nothing is sent, kept or left behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import trio
import trio.testing
from tests.operator.test_every_action import ASKED, Asked, ask, call_once_more, nothing_left_behind
from tests.support.central import Charger
from tests.support.desk import Api, open_api
from tests.support.failing_ledger import FailingLedger
from tests.support.known import introduce
from tests.support.messages import hears_nothing, serve_command
from tests.support.waiting import eventually

from ocpp_actors.ledger.port import (
    CommandState,
    EndCommand,
    FindCommand,
    ListCommands,
    MarkCommandSent,
    QueueCommand,
    Request,
)
from ocpp_actors.operator.http.examples import PROFILE, REQUESTS
from ocpp_actors.protocol.schemas import schema

CP1 = "/api/v1/charge-points/CP1"
NAMES = [action.name for action in ASKED]
TX_PROFILE = {**PROFILE, "chargingProfilePurpose": "TxProfile"}
LATE_SCHEDULE = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 5, "limit": 1.0}]}


async def post(api: Api, action: str, request: Any, **how: Any) -> httpx2.Response:
    with trio.fail_after(600):
        answer: httpx2.Response = await api.client.post(f"{CP1}/calls/{action}", json=request, **how)
    return answer


def check_problem(answer: httpx2.Response, status: int, slug: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert (document["type"], document["status"]) == (f"urn:ocpp-actors:problem:{slug}", status)
    assert document["detail"]
    return document


async def nothing_kept(api: Api) -> bool:
    return await api.central.ledger.ask(ListCommands()) == []


@asynccontextmanager
async def connected(**settings: Any) -> AsyncIterator[tuple[Api, Charger]]:
    """A charge point that has booted; after the block it must have heard nothing, and a call must still work."""
    async with open_api(**settings) as api, api.central.charger() as charger:
        await charger.boot()
        async with nothing_left_behind(api):
            yield api, charger
        assert await hears_nothing(charger, 60)


# --- the charge point ------------------------------------------------------------------------------------------


async def test_nothing_is_asked_of_an_unknown_charge_point(autojump_clock: Any) -> None:
    async with open_api() as api:
        for action in NAMES:
            check_problem(await post(api, action, REQUESTS[action]), 404, "unknown-charge-point")
            queued = await post(api, action, REQUESTS[action], params={"wait": "queue"})
            check_problem(queued, 404, "unknown-charge-point")
        assert await nothing_kept(api)


async def test_nothing_is_asked_of_a_charge_point_that_is_offline(autojump_clock: Any) -> None:
    async with open_api() as api:
        await introduce(api.central.ledger)
        for action in NAMES:
            check_problem(await post(api, action, REQUESTS[action]), 409, "not-connected")
        assert await nothing_kept(api)


async def test_nothing_is_asked_of_a_charge_point_that_is_rejected(autojump_clock: Any) -> None:
    async with connected(first_boot="Rejected") as (api, _):
        for action in NAMES:
            check_problem(await post(api, action, REQUESTS[action]), 409, "not-allowed")
        assert await nothing_kept(api)


async def test_only_transactions_are_not_asked_of_a_charge_point_that_is_pending(autojump_clock: Any) -> None:
    forbidden = {"RemoteStartTransaction", "RemoteStopTransaction"}
    async with open_api(first_boot="Pending") as api, api.central.charger() as charger:
        await charger.boot()
        for action in NAMES:
            if action in forbidden:
                check_problem(await post(api, action, REQUESTS[action]), 409, "not-allowed")
            else:
                asked = ask(api, action, REQUESTS[action])
                _, message_id, name, _ = await charger.receive()
                assert name == action
                await charger.send([4, message_id, "NotSupported", "", {}])
                check_problem(await asked.wait(), 502, "call-error")
        assert await hears_nothing(charger, 60)


@pytest.mark.parametrize("action", ["TriggerMessage", "ExtendedTriggerMessage"])
async def test_no_boot_is_triggered_after_one_was_accepted(autojump_clock: Any, action: str) -> None:
    async with connected() as (api, _):
        answer = await post(api, action, {"requestedMessage": "BootNotification"})
        check_problem(answer, 409, "not-allowed")
        assert await nothing_kept(api)


# --- the request -----------------------------------------------------------------------------------------------


async def test_an_unknown_action_is_not_found(autojump_clock: Any) -> None:
    async with connected() as (api, _):
        for action in ("Fly", "reset", "BootNotification", "Heartbeat"):
            check_problem(await post(api, action, {}), 404, "unknown-action")
        assert await nothing_kept(api)


@pytest.mark.parametrize("action", ASKED, ids=lambda action: action.name)
async def test_a_request_that_breaks_its_schema_is_told_where(autojump_clock: Any, action: Any) -> None:
    request, allowed = REQUESTS[action.name], schema(action.request)
    wrong: list[tuple[Any, str]] = [({**request, "un/foreseen": 1}, "/un~1foreseen"), ([request], "")]
    for name in allowed["properties"]:
        wrong.append(({**request, name: {"no": "such"}}, f"/{name}"))
        if name in allowed.get("required", ()):
            wrong.append(({key: value for key, value in request.items() if key != name}, f"/{name}"))
    async with connected() as (api, _):
        for broken, path in wrong:
            for query in ({}, {"wait": "queue"}):
                document = check_problem(
                    await post(api, action.name, broken, params=query), 422, "invalid-request"
                )
                paths = [error["path"] for error in document["errors"]]
                assert any(told == path or told.startswith(path + "/") for told in paths), (broken, paths)
        assert await nothing_kept(api)


@pytest.mark.parametrize(
    ("action", "changes", "path"),
    [
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "too short"}, "/value"),
        ("GetCompositeSchedule", {"duration": -1}, "/duration"),
        ("RemoteStartTransaction", {"connectorId": 0}, "/connectorId"),
        (
            "RemoteStartTransaction",
            {"chargingProfile": PROFILE},
            "/chargingProfile/chargingProfilePurpose",
        ),
        (
            "RemoteStartTransaction",
            {"chargingProfile": {**TX_PROFILE, "transactionId": 1}},
            "/chargingProfile/transactionId",
        ),
        ("RemoteStopTransaction", {"transactionId": -1}, "/transactionId"),
        ("ReserveNow", {"reservationId": 0}, "/reservationId"),
        ("SendLocalList", {"listVersion": 0}, "/listVersion"),
        (
            "SendLocalList",
            {"localAuthorizationList": [{"idTag": "A"}]},
            "/localAuthorizationList/0/idTagInfo",
        ),
        (
            "SendLocalList",
            {"updateType": "Differential", "localAuthorizationList": [{"idTag": "A"}, {"idTag": "a"}]},
            "/localAuthorizationList/1/idTag",
        ),
        ("SetChargingProfile", {"csChargingProfiles": TX_PROFILE}, "/csChargingProfiles/transactionId"),
        (
            "SetChargingProfile",
            {"csChargingProfiles": {**PROFILE, "chargingProfilePurpose": "ChargePointMaxProfile"}},
            "/connectorId",
        ),
        (
            "SetChargingProfile",
            {"csChargingProfiles": {**PROFILE, "chargingSchedule": LATE_SCHEDULE}},
            "/csChargingProfiles/chargingSchedule/chargingSchedulePeriod/0/startPeriod",
        ),
        ("UnlockConnector", {"connectorId": 0}, "/connectorId"),
    ],
)
async def test_a_request_that_breaks_a_rule_of_the_specification_is_told_where(
    autojump_clock: Any, action: str, changes: dict[str, Any], path: str
) -> None:
    async with connected() as (api, _):
        for query in ({}, {"wait": "queue"}):
            answer = await post(api, action, {**REQUESTS[action], **changes}, params=query)
            document = check_problem(answer, 422, "invalid-request")
            assert [(error["path"], error["rule"]) for error in document["errors"]] == [(path, "rule")]
        assert await nothing_kept(api)


# --- the server ------------------------------------------------------------------------------------------------


async def test_a_full_mailbox_refuses_and_takes_calls_again_when_it_has_room(autojump_clock: Any) -> None:
    async with open_api(mailbox_size=2) as api, api.central.charger() as charger:
        await charger.boot()
        async with nothing_left_behind(api):
            first = ask(api, "ClearCache", {})
            _, message_id, _, _ = await charger.receive()
            waiting = [ask(api, "ClearCache", {}) for _ in range(2)]
            await trio.testing.wait_all_tasks_blocked()
            for query in ({}, {"wait": "queue"}):
                answer = await post(api, "ClearCache", {}, params=query)
                check_problem(answer, 429, "mailbox-full")
                assert int(answer.headers["retry-after"]) > 0
            await charger.send([3, message_id, {"status": "Accepted"}])
            for _ in waiting:
                await serve_command(charger, {"status": "Accepted"})
            for asked in (first, *waiting):
                assert (await asked.wait()).status_code == 200
        await call_once_more(api, charger, message_id)


@pytest.mark.parametrize("failure", ["unavailable", "hangs"])
async def test_what_cannot_be_kept_is_not_sent(autojump_clock: Any, failure: str) -> None:
    ledger = FailingLedger()
    async with connected(ledger=ledger) as (api, charger):
        getattr(ledger, failure)(QueueCommand)
        for query in ({}, {"wait": "queue"}):
            answer = await post(api, "ClearCache", {}, params=query)
            check_problem(answer, 503, "ledger-unavailable")
            assert int(answer.headers["retry-after"]) > 0
        ledger.recovers()
        assert await nothing_kept(api)
        await call_once_more(api, charger, None)


@pytest.mark.parametrize("failure", ["unavailable", "hangs"])
async def test_a_ledger_that_fails_altogether_refuses_everything(autojump_clock: Any, failure: str) -> None:
    ledger = FailingLedger()
    async with connected(ledger=ledger) as (api, charger):
        getattr(ledger, failure)(Request)
        for query in ({}, {"wait": "queue"}):
            check_problem(await post(api, "ClearCache", {}, params=query), 503, "ledger-unavailable")
        check_problem(await api.client.get("/api/v1/calls/1"), 503, "ledger-unavailable")
        ledger.recovers()
        await call_once_more(api, charger, None)


async def test_a_call_whose_sending_cannot_be_recorded_is_not_sent(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    async with connected(ledger=ledger) as (api, charger):
        ledger.unavailable(MarkCommandSent)
        document = check_problem(await post(api, "ClearCache", {}), 504, "not-sent")
        kept = (await api.client.get(f"/api/v1/calls/{document['callId']}")).json()
        assert (kept["status"], kept["messageId"]) == ("expired", None)
        ledger.recovers()
        await call_once_more(api, charger, None)


async def test_an_answer_is_passed_on_though_it_cannot_be_recorded(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    async with open_api(ledger=ledger) as api, api.central.charger() as charger:
        await charger.boot()
        ledger.unavailable(EndCommand)
        await call_once_more(api, charger, None)
        record = await api.central.ledger.ask(FindCommand(1))
        assert record is not None
        assert record.state is CommandState.SENT


# --- again and again -------------------------------------------------------------------------------------------


async def test_whoever_asks_with_the_same_idempotency_key_gets_the_same_answer(autojump_clock: Any) -> None:
    key = {"Idempotency-Key": "k"}
    async with connected() as (api, charger):
        together: list[httpx2.Response] = []

        async def ask_with_key() -> None:
            together.append(await post(api, "ClearCache", {}, headers=key))

        for _ in range(3):
            api.central.nursery.start_soon(ask_with_key)
        _, message_id, _, _ = await charger.receive()
        await charger.send([3, message_id, {"status": "Rejected"}])
        await eventually(lambda: len(together) == 3)
        await ask_with_key()
        assert {answer.status_code for answer in together} == {200}
        assert len({answer.text for answer in together}) == 1
        check_problem(await post(api, "Reset", {"type": "Soft"}, headers=key), 409, "idempotency-key-reused")
        queued = await post(api, "ClearCache", {}, headers=key, params={"wait": "queue"})
        check_problem(queued, 409, "idempotency-key-reused")


async def test_a_bad_end_is_the_same_for_whoever_asks_again_with_the_key(autojump_clock: Any) -> None:
    key = {"Idempotency-Key": "k"}
    async with connected() as (api, charger):
        asked = Asked()

        async def ask_with_key() -> None:
            asked.answer = await post(api, "ClearCache", {}, headers=key)
            asked.done.set()

        api.central.nursery.start_soon(ask_with_key)
        await charger.receive()
        first = check_problem(await asked.wait(), 504, "no-answer")
        assert check_problem(await post(api, "ClearCache", {}, headers=key), 504, "no-answer") == first


async def test_a_client_that_goes_away_leaves_the_call_to_its_end(autojump_clock: Any) -> None:
    async with connected() as (api, charger):
        with trio.move_on_after(1):
            await post(api, "ClearCache", {})
        _, message_id, _, _ = await charger.receive()
        await charger.send([3, message_id, {"status": "Accepted"}])
        await trio.testing.wait_all_tasks_blocked()
        kept = (await api.client.get("/api/v1/calls/1")).json()
        assert (kept["status"], kept["response"]) == ("answered", {"status": "Accepted"})
