"""Strangers that come in numbers keep nobody out for long, and take little of the loop's time."""

import base64
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
import trio
from tests.support.central import Central, open_central
from tests.support.failing_ledger import FailingLedger
from tests.support.known import introduce
from tests.support.listening import PipeListener, charger_on
from tests.support.raw import RawPeer, upgrade

from ocpp_actors.ledger.port import FindChargePoint, ListSecurityEvents
from ocpp_actors.server.admission import Handshake, Refused
from ocpp_actors.server.handshakes import (
    FAILURE_RATE,
    FAILURES_AT_ONCE,
    LANE_PLACES,
    LANE_RATE,
    LANE_WAIT,
    LOOK_AGAIN,
    PATIENCE,
    Handshakes,
    Place,
)
from ocpp_actors.server.turnstile import Turnstile

KEY = b"0123456789abcdef"
STRANGER, CHARGER = ("198.51.100.7", 40000), ("192.0.2.1", 50000)


def authorized(key: bytes, *more: tuple[str, str], identity: str = "CP1") -> bytes:
    credentials = base64.b64encode(identity.encode() + b":" + key).decode()
    return upgrade(f"/ocpp/{identity}", ("Authorization", f"Basic {credentials}"), *more)


@asynccontextmanager
async def listening(ledger: Any = None, **settings: Any) -> AsyncIterator[tuple[Central, PipeListener]]:
    """Run a central system that accepts connections, and knows CP1 with its key."""
    async with open_central(ledger=ledger, **settings) as central:
        await introduce(central.ledger, key=KEY)
        listener = PipeListener()
        central.nursery.start_soon(central.server.run, [listener])
        yield central, listener


async def answer_to(stream: Any, request: bytes) -> int:
    """Send a request and return the status of the answer; 0 where the connection was closed instead."""
    try:
        async with stream:
            await stream.send_all(request)
            data = bytes(await stream.receive_some())
    except trio.BrokenResourceError:
        return 0
    return int(data.split()[1]) if data else 0


# --- half-open handshakes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("begun", [b"", authorized(KEY)[:-2]], ids=["nothing", "half a request"])
async def test_who_keeps_us_waiting_makes_room_for_newcomers(
    autojump_clock: trio.abc.Clock, begun: bytes
) -> None:
    async with listening(max_handshakes=20, handshake_timeout=3600) as (central, listener):
        silent = [listener.connect(central, STRANGER) for _ in range(20)]
        for stream in silent:
            await stream.send_all(begun)
        for number in range(5):
            async with charger_on(listener.connect(central), f"NEW{number}") as charger:
                assert trio.current_time() == pytest.approx(PATIENCE, abs=2 * LOOK_AGAIN)
                await charger.boot()
        # The oldest went, as many as were needed.
        for stream in silent[:1]:
            assert await stream.receive_some() == b""
        with trio.move_on_after(60) as still_open:
            await silent[-1].receive_some()
        assert still_open.cancelled_caught


async def test_half_open_handshakes_of_one_address_do_not_drop_the_slow_one_of_another(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with listening(max_handshakes=10, handshake_timeout=3600) as (central, listener):
        slow = listener.connect(central, CHARGER)
        for _ in range(40):
            listener.connect(central, STRANGER)
            await trio.sleep(PATIENCE)
        assert len(listener.accepted) == 41
        assert await answer_to(slow, authorized(KEY)) == 101


async def test_who_is_served_slowly_is_not_blamed() -> None:
    blamed: list[Place] = []

    class Blaming(Handshakes):
        def failed(self, place: Place) -> None:
            blamed.append(place)

    place = Blaming(1, 10.0, lambda _: False, Random(1), None, Turnstile()).apart("192.0.2.1:50000")
    place.ran_out()
    assert blamed == [place]
    place.asked()
    place.ran_out()
    assert blamed == [place]


async def test_who_has_asked_and_waits_for_us_is_not_dropped(autojump_clock: trio.abc.Clock) -> None:
    ledger = FailingLedger()
    async with listening(ledger, max_handshakes=1, handshake_timeout=30) as (central, listener):
        ledger.is_slow(FindChargePoint, seconds=5)
        first = listener.connect(central)
        await first.send_all(authorized(KEY))
        second = listener.connect(central)
        await second.send_all(upgrade("/ocpp/CP2"))
        assert (await RawPeer(first).answer()).status == 101
        assert trio.current_time() == 5
        assert (await RawPeer(second).answer()).status == 101
        assert trio.current_time() == pytest.approx(10, abs=LOOK_AGAIN)


# --- many failures -----------------------------------------------------------------------------------------------

WRONG_A_SECOND = 300
SECONDS = 4


@pytest.mark.parametrize(
    "request_text",
    [
        authorized(b"guess"),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02garbage\r\n\r\n",
    ],
    ids=["wrong key", "no WebSocket", "no HTTP"],
)
async def test_an_address_that_fails_often_gets_few_answers_and_others_all(
    autojump_clock: trio.abc.Clock, request_text: bytes
) -> None:
    outcomes: Counter[int] = Counter()
    in_progress: list[int] = []
    async with listening(max_connection_rate=1e6) as (central, listener):

        async def guess(number: int) -> None:
            await trio.sleep(number / WRONG_A_SECOND)
            outcomes[await answer_to(listener.connect(central, STRANGER), request_text)] += 1

        async def count() -> None:
            while True:
                await trio.sleep(0.1)
                in_progress.append(central.server._serving)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(count)
            async with trio.open_nursery() as strangers:
                for number in range(SECONDS * WRONG_A_SECOND):
                    strangers.start_soon(guess, number)
                for _ in range(SECONDS):
                    await trio.sleep(0.9)
                    begun = trio.current_time()
                    assert await answer_to(listener.connect(central, CHARGER), authorized(KEY)) == 101
                    assert trio.current_time() == begun
            nursery.cancel_scope.cancel()
    answered = sum(number for status, number in outcomes.items() if status)
    most = FAILURES_AT_ONCE + SECONDS * (LANE_RATE + FAILURE_RATE) + LANE_WAIT * LANE_RATE
    assert answered <= most
    assert outcomes[0] == SECONDS * WRONG_A_SECOND - answered
    assert max(in_progress) <= LANE_PLACES + 2


async def test_the_right_charge_point_at_the_address_of_a_flood_gets_in(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with listening(max_connection_rate=1e6) as (central, listener):

        async def guess_on() -> None:
            while True:
                await trio.sleep(1 / 200)
                central.nursery.start_soon(
                    answer_to, listener.connect(central, STRANGER), authorized(b"guess")
                )

        async with trio.open_nursery() as nursery:
            nursery.start_soon(guess_on)
            await trio.sleep(5)
            begun = trio.current_time()
            for _ in range(100):
                if await answer_to(listener.connect(central, STRANGER), authorized(KEY)) == 101:
                    break
                await trio.sleep(0.73)
            assert trio.current_time() - begun < 60
            nursery.cancel_scope.cancel()


async def fail(central: Central, listener: PipeListener, times: int, *headers: tuple[str, str]) -> list[int]:
    return [
        await answer_to(listener.connect(central, STRANGER), authorized(b"guess", *headers))
        for _ in range(times)
    ]


async def test_failures_are_forgotten(autojump_clock: trio.abc.Clock) -> None:
    async with listening() as (central, listener):
        await fail(central, listener, 2 * int(FAILURES_AT_ONCE))
        slow_from = trio.current_time()
        assert slow_from > 0.5  # the slow lane has a pace
        await trio.sleep(FAILURES_AT_ONCE / FAILURE_RATE)
        begun = trio.current_time()
        assert await fail(central, listener, int(FAILURES_AT_ONCE)) == [401] * int(FAILURES_AT_ONCE)
        assert trio.current_time() == begun


async def test_half_open_handshakes_in_the_slow_lane_make_room_too(autojump_clock: trio.abc.Clock) -> None:
    async with listening(handshake_timeout=3600) as (central, listener):
        await fail(central, listener, int(FAILURES_AT_ONCE))
        for _ in range(3 * LANE_PLACES):
            listener.connect(central, STRANGER)
        await trio.sleep(PATIENCE + LANE_PLACES / LANE_RATE)
        assert central.server._serving <= LANE_PLACES
        assert await answer_to(listener.connect(central, STRANGER), authorized(KEY)) == 101


async def test_who_leaves_before_the_answer_failed_once_and_is_recorded(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with listening() as (central, listener):
        await fail(central, listener, int(FAILURES_AT_ONCE))
        assert trio.current_time() == 0
        await trio.testing.wait_all_tasks_blocked()
        events = await central.ledger.ask(ListSecurityEvents())
        assert [each.type for each in events] == ["FailedToAuthenticateAtCentralSystem"] * len(events)
        assert len(events) == FAILURES_AT_ONCE


async def test_a_trusted_proxy_is_never_slowed(autojump_clock: trio.abc.Clock) -> None:
    async with listening(trusted_proxies=(STRANGER[0],)) as (central, listener):
        answers = await fail(central, listener, 200, ("X-Forwarded-For", "203.0.113.9"))
        assert answers == [401] * 200
        assert trio.current_time() == 0


async def test_what_is_our_own_fault_is_no_failure_of_the_address(autojump_clock: trio.abc.Clock) -> None:
    ledger = FailingLedger()
    async with listening(ledger) as (central, listener):
        ledger.unavailable(FindChargePoint)
        assert await fail(central, listener, 100) == [503] * 100
        assert trio.current_time() == 0


async def test_a_step_can_blame_the_peer_whatever_the_status(autojump_clock: trio.abc.Clock) -> None:
    async def refuse(handshake: Handshake) -> None:
        raise Refused(503, "too many guesses", blamed=True)

    async with listening(change_steps=lambda steps: [refuse, *steps]) as (central, listener):
        assert await fail(central, listener, 100) == [503] * 100
        assert trio.current_time() > 0.5
