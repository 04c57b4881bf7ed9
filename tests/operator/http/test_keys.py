"""Keys of charge points: set by an operator, sent by the server, and which of them lets a charge point in then."""

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from attrs import define, field
from structlog.testing import capture_logs
from tests.operator.http.test_guard import slug
from tests.support.central import Charger
from tests.support.desk import Api, open_api
from tests.support.known import introduce
from trio.testing import MockClock
from trio_websocket import ConnectionRejected

from ocpp_actors.central_system.commands import MAX_NEXT_KEYS
from ocpp_actors.central_system.keys import Keys, TooManyKeys
from ocpp_actors.ledger.masking import MASK
from ocpp_actors.ledger.port import ListCommands
from ocpp_actors.operator import event_data

CP1 = "/api/v1/charge-points/CP1"
OLD = b"0123456789abcdef0123456789abcdef01234567"
OTHER = b"correct horse battery staple"


def named(key: bytes) -> dict[str, Any]:
    return {"headers": [(b"Authorization", b"Basic " + base64.b64encode(b"CP1:" + key))]}


async def let_in(api: Api, key: bytes | None) -> bool:
    """Whether CP1 may connect with this key, or without one; then it boots and leaves."""
    how = {} if key is None else named(key)
    statuses = [101]
    try:
        async with api.central.charger(**how) as charger:
            await charger.boot()
    except* ConnectionRejected as group:
        statuses = [refusal.status_code for refusal in group.exceptions]  # type: ignore[union-attr]  # not nested
    assert statuses in ([101], [401])
    return statuses == [101]


# --- set by an operator ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "right", "wrong"),
    [
        ({"key": OTHER.decode()}, [OTHER, OTHER.hex().encode()], [OTHER.upper(), b""]),
        ({"key": "pass:with:colons"}, [b"pass:with:colons"], [b"pass"]),
        (
            {"keyHex": bytes(range(16)).hex()},
            [bytes(range(16)), bytes(range(16)).hex().encode()],
            [b"\0" * 16],
        ),
        (
            {"keyHex": bytes(range(236, 256)).hex().upper()},
            [bytes(range(236, 256))],
            [bytes(range(235, 255))],
        ),
    ],
    ids=["text", "colons", "binary", "in capital digits"],
)
async def test_a_given_key_lets_in_as_it_is_or_in_digits(
    autojump_clock: MockClock, body: Any, right: list[bytes], wrong: list[bytes]
) -> None:
    async with open_api() as api:
        await introduce(api.central.ledger)
        answer = await api.put(f"{CP1}/key", json=body)
        assert (answer.status_code, answer.content) == (204, b"")
        assert [await let_in(api, key) for key in right] == [True] * len(right)
        assert [await let_in(api, key) for key in (*wrong, None)] == [False] * (len(wrong) + 1)
        shown = (await api.get(CP1)).json()
        assert (shown["hasKey"], shown["hasNextKey"]) == (True, False)


async def test_what_cannot_be_a_key_is_told_and_changes_nothing(autojump_clock: MockClock) -> None:
    bodies: list[tuple[dict[str, Any], str]] = [
        ({"key": "x" * 15}, "/key"),
        ({"key": "x" * 41}, "/key"),
        ({"key": "ü" * 20}, "/key"),
        ({"key": "tab\tin the middle"}, "/key"),
        ({"key": 1234567890123456}, "/key"),
        ({"keyHex": "00" * 15}, "/keyHex"),
        ({"keyHex": "00" * 21}, "/keyHex"),
        ({"keyHex": "0" * 39}, "/keyHex"),
        ({"keyHex": "0x" + "00" * 16}, "/keyHex"),
        ({"keyHex": "0O" * 16}, "/keyHex"),
        ({"keyHex": "00" * 15 + "\n0"}, "/keyHex"),
        ({"keyHex": "\N{FULLWIDTH DIGIT ZERO}" * 32}, "/keyHex"),
        ({"key": "x" * 16, "keyHex": "00" * 16}, "/keyHex"),
    ]
    async with open_api() as api:
        await introduce(api.central.ledger, key=OLD)
        for body, path in bodies:
            answer = await api.put(f"{CP1}/key", json=body)
            assert (answer.status_code, slug(answer)) == (422, "invalid-request"), body
            assert [error["path"] for error in answer.json()["errors"]] == [path]
        assert await let_in(api, OLD)


async def test_where_too_many_keys_wait_the_operator_is_asked_to_come_again(
    autojump_clock: MockClock,
) -> None:
    class Busy(Keys):
        async def hash(self, key: bytes) -> Any:
            raise TooManyKeys("200 keys wait to be hashed")

    async with open_api(desk={"keys": Busy()}) as api:
        await introduce(api.central.ledger, key=OLD)
        answer = await api.put(f"{CP1}/key", json={"key": OTHER.decode()})
        assert (answer.status_code, slug(answer), answer.headers["retry-after"]) == (
            503,
            "too-many-keys",
            "5",
        )
        assert await let_in(api, OLD)


async def test_a_given_key_is_shown_nowhere(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        await introduce(api.central.ledger)
        await api.put(f"{CP1}/key", json={"key": OTHER.decode()})
        for path in (CP1, "/api/v1/charge-points", "/api/v1/changes"):
            assert OTHER.decode() not in (await api.get(path)).text


# --- sent by the server ----------------------------------------------------------------------------------------


@define
class Rotation:
    """A rotation that was asked for: the key that came, and what the operator was answered."""

    key: bytes = b""
    message_id: str = ""
    answers: list[Any] = field(factory=list)


async def rotate(
    api: Api, charger: Charger, answer: Any, meanwhile: Callable[[bytes], Awaitable[Any]] | None = None
) -> Rotation:
    """Rotate the key of CP1, which answers with a payload, with an error, or, None, not at all."""
    rotation = Rotation()

    async def ask() -> None:
        rotation.answers.append(await api.post(f"{CP1}/key/rotation"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        _, rotation.message_id, action, payload = await charger.receive()
        assert (action, payload["key"]) == ("ChangeConfiguration", "AuthorizationKey")
        rotation.key = payload["value"].encode()
        if meanwhile is not None:
            await meanwhile(rotation.key)
        if isinstance(answer, list):
            await charger.send([4, rotation.message_id, *answer])
        elif answer == "leaves":
            await charger.stream.aclose()
        elif answer is not None:
            await charger.send([3, rotation.message_id, answer])
    return rotation


ACCEPTED, REBOOT = {"status": "Accepted"}, {"status": "RebootRequired"}
REJECTED = {"status": "Rejected"}
CASES = {
    "accepted": (ACCEPTED, 200, "new"),
    "rejected": (REJECTED, 200, "old"),
    "not supported": ({"status": "NotSupported"}, 200, "old"),
    "after a reboot": (REBOOT, 200, "both"),
    "an error": (["InternalError", "", {}], 502, "both"),
    "not valid": ({"status": 7}, 502, "both"),
    "no answer": (None, 504, "both"),
    "gone": ("leaves", 502, "both"),
}


@pytest.mark.parametrize(("answer", "status", "valid"), CASES.values(), ids=CASES)
async def test_what_the_charge_point_answers_decides_which_key_is_right(
    autojump_clock: MockClock, answer: Any, status: int, valid: str
) -> None:
    async with open_api() as api:
        await introduce(api.central.ledger, key=OLD)
        async with api.central.charger(**named(OLD)) as charger:
            await charger.boot()
            rotation = await rotate(api, charger, answer)
        (told,) = rotation.answers
        assert told.status_code == status
        if status == 200:
            assert told.json()["validKeys"] == valid
            assert told.json()["status"] == answer["status"]
        else:
            assert "the old key and the new one are right until it uses the new one" in told.json()["detail"]
        assert (await api.get(CP1)).json()["hasNextKey"] is (valid == "both")
        assert await let_in(api, OLD) is (valid != "new")
        assert await let_in(api, rotation.key) is (valid != "old")
        assert await let_in(api, OLD) is (valid == "old")
        shown = (await api.get(CP1)).json()
        assert (shown["hasKey"], shown["hasNextKey"]) == (True, False)


@pytest.mark.parametrize(
    ("answer", "right"),
    [(ACCEPTED, ["new"]), (REJECTED, ["other"]), (REBOOT, ["other", "new"]), (None, ["other", "new"])],
    ids=["accepted", "rejected", "after a reboot", "no answer"],
)
async def test_a_key_that_is_set_meanwhile_takes_the_place_of_the_old_one(
    autojump_clock: MockClock, answer: Any, right: list[str]
) -> None:
    async with open_api() as api:
        await introduce(api.central.ledger, key=OLD)
        async with api.central.charger(**named(OLD)) as charger:
            await charger.boot()

            async def set_another(_: bytes) -> None:
                body = {"key": OTHER.decode()}
                assert (await api.put(f"{CP1}/key", json=body)).status_code == 204

            rotation = await rotate(api, charger, answer, set_another)
        keys = {"old": OLD, "other": OTHER, "new": rotation.key}
        assert [name for name, key in keys.items() if await let_in(api, key)] == right
        assert await let_in(api, OTHER) is (right == ["other"])


@pytest.mark.parametrize("answer", [ACCEPTED, REJECTED, REBOOT], ids=lambda answer: answer["status"])
async def test_the_first_key_is_asked_for_once_the_charge_point_uses_it(
    autojump_clock: MockClock, answer: Any
) -> None:
    async with open_api() as api:
        await introduce(api.central.ledger)
        async with api.central.charger() as charger:
            await charger.boot()
            rotation = await rotate(api, charger, answer)
        assert await let_in(api, None) is (answer != ACCEPTED)
        assert await let_in(api, rotation.key)
        assert await let_in(api, None) is (answer == REJECTED)


@pytest.mark.parametrize("reconnects", [False, True], ids=["at once", "after a reconnection"])
@pytest.mark.parametrize(
    ("answer", "used", "right"),
    [
        (REJECTED, "waiting", ["waiting"]),
        (None, "old", ["old", "waiting", "third"]),
        (None, "waiting", ["waiting", "third"]),
        ("leaves", "waiting", ["waiting", "third"]),
        (["InternalError", "", {}], "third", ["third"]),
        (REBOOT, "third", ["third"]),
        (REBOOT, "old", ["old", "third"]),
        (ACCEPTED, "third", ["third"]),
    ],
)
async def test_a_key_that_waits_for_a_reboot_is_right_until_the_charge_point_has_another(
    autojump_clock: MockClock, answer: Any, used: str, right: list[str], reconnects: bool
) -> None:
    async with open_api() as api:
        await introduce(api.central.ledger, key=OLD)
        async with api.central.charger(**named(OLD)) as charger:
            await charger.boot()
            waiting = await rotate(api, charger, REBOOT)
            third = Rotation() if reconnects else await rotate(api, charger, answer)
        if reconnects:
            async with api.central.charger(**named(OLD)) as charger:
                await charger.boot()
                third = await rotate(api, charger, answer)
        keys = {"old": OLD, "waiting": waiting.key, "third": third.key}
        assert await let_in(api, keys[used])
        assert [name for name, key in keys.items() if await let_in(api, key)] == right


async def test_no_key_is_sent_that_would_push_out_one_that_may_be_used(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        await introduce(api.central.ledger, key=OLD)
        sent = []
        for _ in range(MAX_NEXT_KEYS):
            async with api.central.charger(**named(OLD)) as charger:
                await charger.boot()
                sent.append((await rotate(api, charger, "leaves")).key)
        async with api.central.charger(**named(OLD)) as charger:
            await charger.boot()
            refused = await api.post(f"{CP1}/key/rotation")
            assert (refused.status_code, slug(refused)) == (409, "not-allowed")
            assert "until it has connected with one" in refused.json()["detail"]
        assert [await let_in(api, key) for key in (OLD, *sent)] == [True] * (1 + MAX_NEXT_KEYS)
        assert [await let_in(api, key) for key in (OLD, *sent[:-1])] == [False] * MAX_NEXT_KEYS


async def test_a_connection_with_the_new_key_before_the_answer_ends_the_rotation(
    autojump_clock: MockClock,
) -> None:
    async with open_api() as api:
        await introduce(api.central.ledger, key=OLD)
        async with api.central.charger(**named(OLD)) as charger:
            await charger.boot()

            async def reconnect(key: bytes) -> None:
                assert await let_in(api, key)

            rotation = await rotate(api, charger, None, reconnect)
        assert rotation.answers[0].status_code == 502
        assert (await api.get(CP1)).json()["hasNextKey"] is False
        assert [await let_in(api, key) for key in (OLD, rotation.key)] == [False, True]


async def test_where_it_is_not_connected_or_rejected_nothing_changes(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        await introduce(api.central.ledger, key=OLD)
        answer = await api.post(f"{CP1}/key/rotation")
        assert (answer.status_code, slug(answer)) == (409, "not-connected")
        async with api.central.charger(**named(OLD)) as charger:
            await charger.boot()
            await api.patch(CP1, json={"registration": "Rejected"})
            answer = await api.post(f"{CP1}/key/rotation")
            assert (answer.status_code, slug(answer)) == (409, "not-allowed")
        assert (await api.get(CP1)).json()["hasNextKey"] is False
        answer = await api.post("/api/v1/charge-points/nobody/key/rotation")
        assert (answer.status_code, slug(answer)) == (404, "unknown-charge-point")


@pytest.mark.parametrize(
    "answer", [ACCEPTED, ["InternalError", "", {}], None], ids=["accepted", "error", "none"]
)
async def test_the_new_key_is_shown_nowhere(autojump_clock: MockClock, answer: Any) -> None:
    async with open_api() as api:
        await introduce(api.central.ledger, key=OLD)
        seen: list[str] = []

        async def look(_: bytes = b"") -> None:
            for path in (CP1, f"{CP1}/configuration", "/api/v1/calls", "/api/v1/changes"):
                seen.append((await api.get(path)).text)
            seen.append(repr(await api.central.ledger.ask(ListCommands())))

        with capture_logs() as logs:
            async with api.central.charger(**named(OLD)) as charger:
                await charger.boot()
                rotation = await rotate(api, charger, answer, look)
            await look()
        seen.append(rotation.answers[0].text)
        seen.append(repr(logs))
        seen += [
            json.dumps(event_data.document(event))
            for event in api.central.events
            if type(event) in event_data.TYPE_OF
        ]
        key = rotation.key.decode()
        assert [text for text in seen if key in text] == []
        assert sum(MASK in text for text in seen) >= 4
        (call,) = (await api.get("/api/v1/calls")).json()["items"]
        assert call["request"] == {"key": "AuthorizationKey", "value": MASK}
        assert call["requestedBy"] == "local"
