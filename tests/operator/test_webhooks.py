"""Webhooks against a real receiver. The time that passes between attempts is virtual, the sockets are real."""

import base64
import hashlib
import hmac
import logging
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import trio
from attrs import define, field
from structlog.testing import capture_logs
from tests.operator.facts import AT, AT_TEXT, EVERY_KIND, frame, status, tell_all
from tests.support.central import START
from tests.support.receiver import Receiver, open_receiver

from ocpp_actors import observer as o
from ocpp_actors.clock import TrioClock
from ocpp_actors.operator import webhooks as w
from ocpp_actors.operator.event_data import DEFAULT_TYPES
from ocpp_actors.operator.webhooks import ATTEMPTS, Delivery, Webhooks, sign

SECRET = "a secret of the receiver"
DEADLINE = 20.0
"""Real seconds after which a test that waits in vain fails; no verdict depends on it."""


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@define
class World:
    """Webhooks that run, and what became of their events."""

    webhooks: Webhooks
    deliveries: list[Delivery]
    pauses: list[float] = field(factory=list)
    _ended: dict[int, trio.Event] = field(factory=dict)

    def on_delivery(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        for number, event in self._ended.items():
            if len(self.deliveries) >= number:
                event.set()

    async def sleep(self, seconds: float) -> None:
        """Take no time: sockets need the clock of the machine."""
        self.pauses.append(seconds)
        await trio.lowlevel.checkpoint()

    async def ended(self, number: int) -> list[Delivery]:
        """Wait until so many events have their end."""
        event = self._ended.setdefault(number, trio.Event())
        if len(self.deliveries) < number:
            with trio.fail_after(DEADLINE):
                await event.wait()
        return self.deliveries


def make(url: str, **given: Any) -> World:
    world = World(None, [])  # type: ignore[arg-type]  # set at once
    world.webhooks = Webhooks(
        url,
        **{
            "secret": SECRET,
            "epoch": "e",
            "clock": TrioClock(START),
            "chance": lambda: 0.0,
            "on_delivery": world.on_delivery,
            "sleep": world.sleep,
            **given,
        },
    )
    return world


@asynccontextmanager
async def running(world: World) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.webhooks.run)
        yield
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def posting(**given: Any) -> AsyncIterator[tuple[Receiver, World]]:
    async with open_receiver() as receiver:
        world = make(receiver.url, **given)
        async with running(world):
            yield receiver, world


def told(receiver: Receiver) -> list[str]:
    return [orjson.loads(posted.body)["id"] for posted in receiver.posted]


def unused_url() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/"


# --- what is posted --------------------------------------------------------------------------------------------


async def test_an_event_is_posted_as_a_cloud_event() -> None:
    async with posting() as (receiver, world):
        world.webhooks(status())
        assert await world.ended(1) == [Delivery.DELIVERED]
    (posted,) = receiver.posted
    assert posted.target == "/hook"
    assert posted.headers["content-type"] == "application/cloudevents+json"
    assert orjson.loads(posted.body) == {
        "specversion": "1.0",
        "id": "e-1",
        "source": "urn:ocpp-actors",
        "type": "ocpp-actors.status",
        "time": AT_TEXT,
        "subject": "CP1",
        "datacontenttype": "application/json",
        "data": {
            "chargePoint": "CP1",
            "at": AT_TEXT,
            "connectorId": 1,
            "status": "Available",
            "errorCode": "NoError",
        },
    }


async def test_an_event_of_nobody_known_has_no_subject() -> None:
    async with posting() as (receiver, world):
        world.webhooks(o.SecurityEventRaised("", AT, "InvalidTLSVersion", "too old", "centralSystem"))
        assert await world.ended(1) == [Delivery.DELIVERED]
    posted = orjson.loads(receiver.posted[0].body)
    assert "subject" not in posted
    assert posted["data"]["chargePoint"] is None


async def test_every_event_but_messages_is_posted_in_order() -> None:
    async with posting() as (receiver, world):
        tell_all(world.webhooks)
        wanted = [
            event
            for event in EVERY_KIND
            if not isinstance(event, o.FrameReceived | o.FrameSent | o.CallHandled)
        ]
        await world.ended(len(wanted))
    assert told(receiver) == [f"e-{number}" for number in range(1, len(wanted) + 1)]
    types = {orjson.loads(posted.body)["type"] for posted in receiver.posted}
    assert types == {f"ocpp-actors.{name}" for name in DEFAULT_TYPES}
    assert receiver.connections == 1


async def test_the_signature_is_that_of_standard_webhooks() -> None:
    async with posting() as (receiver, world):
        world.webhooks(status())
        await world.ended(1)
    (posted,) = receiver.posted
    moment = int(posted.headers["webhook-timestamp"])
    signed = b"%b.%d.%b" % (posted.headers["webhook-id"].encode(), moment, posted.body)
    expected = base64.b64encode(hmac.digest(SECRET.encode(), signed, "sha256")).decode()
    assert posted.headers["webhook-signature"] == f"v1,{expected}"
    assert posted.headers["webhook-id"] == "e-1"


def test_a_signature_is_that_of_the_example_of_standard_webhooks() -> None:
    body = b'{"test": 2432232314}'
    at = datetime.fromtimestamp(1_614_265_330, UTC)
    headers = sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_each_signature_depends_on_id_time_body_and_secret() -> None:
    later = datetime.fromtimestamp(AT.timestamp() + 1, UTC)
    variations = [
        (SECRET, "1", AT, b"{}"), (SECRET, "2", AT, b"{}"), (SECRET, "1", later, b"{}"), (SECRET, "1", AT, b"[]"),
        ("other", "1", AT, b"{}"),
    ]  # fmt: skip
    assert len({sign(*each)["webhook-signature"] for each in variations}) == len(variations)
    assert hashlib.sha256().digest_size == len(
        base64.b64decode(sign(*variations[0])["webhook-signature"][3:])
    )


@pytest.mark.parametrize(
    ("url", "secret", "reason"),
    [("http://[::1/", SECRET, "URL"), ("http://a.test/", "whsec_%%%", "base64")],
)
def test_what_cannot_be_used_is_refused_at_once(url: str, secret: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        make(url, secret=secret)


async def test_a_user_in_the_url_is_sent_as_credentials_and_never_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "httpx")
    async with open_receiver() as receiver:
        receiver.answers = [500]
        world = make(receiver.url.replace("//", "//user:pass%2Fword@") + "?token=hidden")
        with capture_logs() as logs:
            async with running(world):
                world.webhooks(status())
                await world.ended(1)
    assert base64.b64decode(receiver.posted[0].headers["authorization"].split()[1]) == b"user:pass/word"
    assert receiver.posted[0].target == "/hook?token=hidden"
    assert "pass" not in caplog.text
    assert logs
    assert not any(word in str(logs) for word in ("pass", "hidden", "user", "/hook"))


# --- what goes wrong -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [408, 429, 500, 503])
async def test_trouble_that_passes_is_waited_out(trouble: int) -> None:
    async with open_receiver() as receiver:
        receiver.answers = [trouble, trouble, 200]
        world = make(receiver.url)
        async with running(world):
            world.webhooks(status())
            world.webhooks(status())
            assert await world.ended(2) == [Delivery.DELIVERED] * 2
    assert told(receiver) == ["e-1", "e-1", "e-1", "e-2"]
    assert world.pauses == [1.0, 2.0]


@pytest.mark.parametrize("refusal", [301, 400, 401, 404, 410, 422])
async def test_a_refusal_is_not_tried_again(refusal: int) -> None:
    async with open_receiver() as receiver:
        receiver.answers = [refusal, 200]
        world = make(receiver.url)
        async with running(world):
            world.webhooks(status())
            world.webhooks(status())
            assert await world.ended(2) == [Delivery.REFUSED, Delivery.DELIVERED]
    assert told(receiver) == ["e-1", "e-2"]
    assert world.pauses == []


async def test_after_so_many_attempts_an_event_is_given_up() -> None:
    async with open_receiver() as receiver:
        receiver.answers = [503] * ATTEMPTS + [200]
        world = make(receiver.url)
        with capture_logs() as logs:
            async with running(world):
                world.webhooks(status())
                world.webhooks(status())
                assert await world.ended(2) == [Delivery.FAILED, Delivery.DELIVERED]
    assert world.pauses == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert told(receiver) == ["e-1"] * ATTEMPTS + ["e-2"]
    assert [line["event"] for line in logs] == ["an event could not be posted to the webhook"]


async def test_chance_shortens_a_pause_to_half_at_most() -> None:
    async with open_receiver() as receiver:
        receiver.answers = [503, 503, 200]
        world = make(receiver.url, chance=lambda: 1.0)
        async with running(world):
            world.webhooks(status())
            await world.ended(1)
    assert world.pauses == [0.5, 1.0]


@pytest.mark.parametrize(("asked", "given"), [("7", 7.0), ("86400", 60.0), ("0", 1.0), ("soon", 1.0)])
async def test_a_receiver_may_ask_for_a_longer_pause_within_reason(asked: str, given: float) -> None:
    async with open_receiver() as receiver:
        receiver.answers = [429, 200]
        receiver.headers = [("retry-after", asked)]
        world = make(receiver.url)
        async with running(world):
            world.webhooks(status())
            await world.ended(1)
    assert world.pauses == [given]


async def test_a_receiver_that_is_not_there_is_tried_again() -> None:
    world = make(unused_url())
    async with running(world):
        world.webhooks(status())
        assert await world.ended(1) == [Delivery.FAILED]
    assert len(world.pauses) == ATTEMPTS - 1


async def test_a_receiver_that_never_answers_is_given_up_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(w, "ATTEMPT_TIME", 0.01)
    async with posting() as (receiver, world):
        receiver.hangs = True
        world.webhooks(status())
        assert await world.ended(1) == [Delivery.FAILED]


async def test_a_long_answer_is_not_read_to_its_end() -> None:
    async with posting() as (receiver, world):
        receiver.answers, receiver.body = [200], b"x" * (4 * w.MAX_ANSWER)
        for _ in range(3):
            world.webhooks(status())
        assert await world.ended(3) == [Delivery.DELIVERED] * 3
    assert receiver.connections == 3


async def test_of_too_many_events_the_oldest_are_dropped_and_that_is_logged_once() -> None:
    world = make(unused_url(), queue_events=10)
    with capture_logs() as logs:
        for _ in range(15):
            world.webhooks(status())
    assert world.deliveries == [Delivery.DROPPED] * 5
    assert len(world.webhooks) == 10
    assert [line["event"] for line in logs] == [
        "too many events wait for the webhook, the oldest are dropped"
    ]
    async with open_receiver() as receiver:
        world.webhooks._url = type(world.webhooks._url)(receiver.url)
        async with running(world):
            await world.ended(15)
        assert told(receiver) == [f"e-{number}" for number in range(6, 16)]


async def test_the_queue_is_bounded_in_bytes() -> None:
    world = make(unused_url(), queue_size=100_000)
    for _ in range(20):
        world.webhooks(o.Flagged("CP1", AT, "quirk", "x" * 10_000))
    assert len(world.webhooks) == 9
    world.webhooks(frame("x" * 200_000))
    assert len(world.webhooks) == 9


# --- the end ---------------------------------------------------------------------------------------------------


async def test_at_the_end_what_waits_is_posted_once() -> None:
    async with open_receiver() as receiver:
        world = make(receiver.url)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.webhooks.run)
            await trio.testing.wait_all_tasks_blocked()
            for _ in range(3):
                world.webhooks(status())
            nursery.cancel_scope.cancel()
        assert told(receiver) == ["e-1", "e-2", "e-3"]
    assert world.deliveries == [Delivery.DELIVERED] * 3


async def test_at_the_end_a_dead_receiver_is_not_waited_for() -> None:
    world = make(unused_url())
    with capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.webhooks.run)
            await trio.testing.wait_all_tasks_blocked()
            for _ in range(3):
                world.webhooks(status())
            nursery.cancel_scope.cancel()
    assert world.deliveries == [Delivery.DROPPED] * 3
    assert logs[-1]["event"] == "events were not posted to the webhook"
    assert logs[-1]["events"] == 3


async def test_at_the_end_a_receiver_that_hangs_has_little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(w, "FAREWELL", 0.01)
    async with open_receiver() as receiver:
        receiver.hangs = True
        world = make(receiver.url)
        with trio.fail_after(DEADLINE):
            async with running(world):
                world.webhooks(status())
                world.webhooks(status())
    assert world.deliveries == [Delivery.DROPPED] * 2


# --- the documentation -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [SECRET, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_the_documented_verification_accepts_what_is_signed_and_nothing_else(secret: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    is_ours, now = names["is_ours"], datetime.now(UTC)
    headers = sign(secret, "e-1", now, b"{}")
    assert is_ours(secret, headers, b"{}")
    assert not is_ours(secret, headers, b"[]")
    assert not is_ours(secret, headers | {"webhook-id": "e-2"}, b"{}")
    assert not is_ours("another secret", headers, b"{}")
    assert not is_ours(secret, sign(secret, "e-1", now - timedelta(minutes=6), b"{}"), b"{}")
