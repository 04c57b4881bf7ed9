"""Connections wait for their peer's first words, and for their turn, without a task of their own."""

import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

import pytest
import structlog
import trio
import trio.testing
from structlog.testing import capture_logs
from tests.server.test_turnstile import Turns, held
from tests.support.failing_ledger import FailingLedger
from tests.support.listening import charger_on, listening
from tests.support.raw import upgrade

from ocpp_actors.ledger.port import FindChargePoint
from ocpp_actors.server.first_words import PEEKED, has_spoken
from ocpp_actors.server.handshakes import (
    BEGUN_AT_ONCE,
    ENDS_FIRST,
    FAILURES_AT_ONCE,
    LANE_PLACES,
    LOOK_AGAIN,
    PATIENCE,
    Handshakes,
    Place,
)
from ocpp_actors.server.rare_log import RareLog
from ocpp_actors.server.turnstile import AT_ONCE, Turnstile

REQUEST = upgrade("/ocpp/CP1")
STRANGER, OTHERS = ("198.51.100.7", 40000), ("192.0.2.1", 50000)


async def is_open(stream: trio.SocketStream) -> bool:
    """Whether nothing comes, not even the end."""
    try:
        with trio.move_on_after(0.001):
            return bool(await stream.receive_some())
    except trio.BrokenResourceError:
        return False
    return True


# --- what a peer has to say ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "enough"),
    [
        (b"", False),
        (b"G", False),
        (REQUEST[:-2], False),
        (REQUEST, True),
        (b"GET / HTTP/1.0\n\n", True),
        (b"x" * (PEEKED - 1), False),
        (b"x" * PEEKED, True),
        (b"\x16", True),
        (b"\x00\xff garbage", True),
        (b"\r\n", True),
    ],
)
def test_a_whole_request_is_waited_for_and_what_is_none_is_not(said: bytes, enough: bool) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.sendall(said)
        assert has_spoken(ours) is enough
        if said:
            assert ours.recv(2 * PEEKED) == said  # it was left where it is


@pytest.mark.parametrize("said", [b"", REQUEST[:-2]])
async def test_who_leaves_before_a_whole_request_is_forgotten(
    autojump_clock: trio.abc.Clock, said: bytes
) -> None:
    with capture_logs() as logs:
        async with listening() as (central, listener):
            stream = listener.connect()
            await stream.send_all(said)
            await trio.testing.wait_all_tasks_blocked()
            await stream.aclose()
            await trio.testing.wait_all_tasks_blocked()
            assert not central.server._handshakes._silent
            assert trio.current_time() == 0
    assert [(each["event"], each.get("reason")) for each in logs if each["log_level"] == "warning"] == [
        ("no charge point", "the peer left during the handshake")
    ]


@pytest.mark.parametrize("step", [1, 50])
async def test_a_request_may_come_in_parts(autojump_clock: trio.abc.Clock, step: int) -> None:
    async with listening() as (_, listener), listener.connect() as stream:
        for start in range(0, len(REQUEST), step):
            assert await is_open(stream)
            await stream.send_all(REQUEST[start : start + step])
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")


@pytest.mark.parametrize("said", [b"", REQUEST[:-2]], ids=["nothing", "half a request"])
async def test_the_silent_have_no_task_and_keep_nobody_waiting_until_their_time_is_over(
    autojump_clock: trio.abc.Clock, said: bytes
) -> None:
    async with listening(max_handshakes=1, handshake_timeout=7.0) as (central, listener):
        silent = [listener.connect(STRANGER) for _ in range(100)]
        for stream in silent:
            await stream.send_all(said)
        with capture_logs() as logs:
            async with charger_on(listener.connect()) as charger:
                await charger.boot()
                assert trio.current_time() == 0
                assert central.server._serving == 1
                await trio.sleep(6.9)
                assert await is_open(silent[0])
                await trio.sleep(0.2)
                for stream in silent:
                    assert not await is_open(stream)
    assert "the handshake took too long" in [each["event"] for each in logs]
    # They have failed, so that their address has few places now.
    assert not central.server._handshakes._failures.few(STRANGER[0])


async def test_what_a_peer_took_for_its_words_is_taken_from_its_time(autojump_clock: trio.abc.Clock) -> None:
    ledger = FailingLedger()
    async with listening(ledger=ledger, handshake_timeout=7.0) as (_, listener):
        ledger.is_slow(FindChargePoint, seconds=60)
        async with listener.connect() as stream:
            await trio.sleep(4)
            await stream.send_all(REQUEST)
            assert await stream.receive_some() == b""
            assert trio.current_time() == 7


async def test_all_that_wait_are_dropped_at_a_shutdown(autojump_clock: trio.abc.Clock) -> None:
    async with listening() as (central, listener):
        stream = listener.connect()
        await trio.testing.wait_all_tasks_blocked()
        assert await is_open(stream)
        central.server.shut_down()
        assert await stream.receive_some() == b""


# --- room ---------------------------------------------------------------------------------------------------------


class Door:
    """Handshakes of connections that the test brings; ``begun`` and ``dropped`` are the numbers of those."""

    def __init__(self, handshakes: Handshakes) -> None:
        self.handshakes = handshakes
        self.begun: dict[int, Place] = {}
        self.dropped: list[int] = []
        self.at_begin: Callable[[], object] = lambda: None
        self.peers: list[socket.socket] = []
        self._ours: list[socket.socket] = []

    def close(self) -> None:
        for each in (*self.peers, *self._ours):
            each.close()

    async def enter(self, number: int, address: str = "192.0.2.1", said: bytes = b"") -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.sendall(said)
        self.peers.append(theirs)
        self._ours.append(ours)

        def drop() -> None:
            self.dropped.append(number)
            ours.close()

        def begin(place: Place) -> None:
            self.begun[number] = place
            self.at_begin()

        await self.handshakes.enter(f"{address}:50000", drop, begin, ours)


@asynccontextmanager
async def open_door(
    limit: int = 100, trusted: Callable[[str], bool] = lambda _: False, **room: int
) -> AsyncIterator[Door]:
    log, ends = RareLog(structlog.get_logger()), Turnstile()
    door = Door(Handshakes(limit, 60.0, trusted, Random(1), log, ends, **room))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(door.handshakes.run)
        yield door
        nursery.cancel_scope.cancel()
    door.close()


async def test_where_all_places_to_wait_are_taken_the_one_that_is_silent_longest_makes_room(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_door(waiting=4) as door:
        for number in range(4):
            await door.enter(number, f"192.0.2.{number}")
        await door.enter(4, "192.0.2.4")
        assert trio.current_time() == pytest.approx(PATIENCE, abs=2 * LOOK_AGAIN)
        assert door.dropped == [0]


async def test_one_address_takes_half_of_the_places(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_door(waiting=8) as door:
        for number in range(10):
            await door.enter(number)
        assert door.dropped == [4, 5, 6, 7, 8, 9]
        await trio.sleep(PATIENCE)
        await door.enter(10)
        assert door.dropped[-1] == 0
        await door.enter(11, "192.0.2.2")
        assert 11 not in door.dropped


async def test_a_trusted_proxy_may_take_all_places(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_door(waiting=8, trusted=lambda address: address == "192.0.2.1") as door:
        for number in range(8):
            await door.enter(number)
        assert not door.dropped


async def test_few_begin_in_one_turn_of_the_loop_in_the_order_in_which_they_spoke(
    autojump_clock: trio.abc.Clock,
) -> None:
    turns, times = Turns(), list[int]()
    trio.lowlevel.add_instrument(turns)
    async with open_door() as door:
        door.at_begin = lambda: times.append(turns.now)
        for number in range(5 * BEGUN_AT_ONCE):
            await door.enter(number, said=REQUEST if number else b"")
        await trio.testing.wait_all_tasks_blocked()
        door.peers[0].sendall(REQUEST)
        await trio.testing.wait_all_tasks_blocked()
        assert list(door.begun) == [*range(1, 5 * BEGUN_AT_ONCE), 0]
    trio.lowlevel.remove_instrument(turns)
    assert max(times.count(turn) for turn in times) <= BEGUN_AT_ONCE


async def test_who_waits_for_us_is_never_dropped(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_door(limit=1) as door:
        for number in range(3):
            await door.enter(number, said=REQUEST)
        await trio.testing.wait_all_tasks_blocked()
        door.begun[0].asked()
        await trio.sleep(60)
        assert list(door.begun) == [0]
        assert not door.dropped
        door.begun[0].leave()
        await trio.sleep(LOOK_AGAIN)
        assert list(door.begun) == [0, 1]
        # Of that one nothing more comes, as in the midst of TLS.
        await trio.sleep(PATIENCE + LOOK_AGAIN)
        assert list(door.begun) == [0, 1, 2]
        assert door.dropped == [1]


async def test_one_that_has_spoken_unheard_does_not_have_to_make_room(
    autojump_clock: trio.abc.Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_door(waiting=2) as door:
        monkeypatch.setattr(door.handshakes._words, "some", trio.sleep_forever)
        await door.enter(0, "192.0.2.0")
        await door.enter(1, "192.0.2.1")
        door.peers[0].sendall(REQUEST)
        await door.enter(2, "192.0.2.2")
        assert trio.current_time() == pytest.approx(PATIENCE, abs=2 * LOOK_AGAIN)
        assert (door.dropped, list(door.begun)) == ([], [0])


async def test_one_that_has_spoken_unheard_leaves_its_share_to_the_next(
    autojump_clock: trio.abc.Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_door(waiting=8) as door:
        monkeypatch.setattr(door.handshakes._words, "some", trio.sleep_forever)
        for number in range(4):
            await door.enter(number)
        door.peers[0].sendall(REQUEST)
        await trio.sleep(PATIENCE)
        await door.enter(4)
        await trio.testing.wait_all_tasks_blocked()
        assert (door.dropped, list(door.begun)) == ([], [0])


async def test_who_comes_lets_those_that_go_pass_first_but_not_for_long(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_door() as door, trio.open_nursery() as going, trio.open_nursery() as holding:
        ends = door.handshakes._ends
        await holding.start(held, ends)
        for _ in range(3 * AT_ONCE):
            going.start_soon(ends.pass_through)
        await trio.testing.wait_all_tasks_blocked()
        for number in range(3):
            await door.enter(number, said=REQUEST)
        await trio.sleep(0.9 * ENDS_FIRST)
        assert not door.begun
        await trio.sleep(0.2 * ENDS_FIRST)
        assert list(door.begun) == [0, 1, 2]
        await door.enter(3, said=REQUEST)
        await trio.testing.wait_all_tasks_blocked()
        assert list(door.begun) == [0, 1, 2, 3]
        holding.cancel_scope.cancel()


async def test_who_comes_begins_as_soon_as_those_that_go_have_passed(autojump_clock: trio.abc.Clock) -> None:
    async with open_door() as door, trio.open_nursery() as going, trio.open_nursery() as holding:
        ends = door.handshakes._ends
        await holding.start(held, ends)
        for _ in range(3 * AT_ONCE):
            going.start_soon(ends.pass_through)
        await trio.testing.wait_all_tasks_blocked()
        await door.enter(0, said=REQUEST)
        await trio.testing.wait_all_tasks_blocked()
        assert not door.begun
        holding.cancel_scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert list(door.begun) == [0]
        assert ends.waiting_since is None
        assert trio.current_time() == 0


async def test_where_no_more_can_be_watched_one_is_turned_away_and_others_come(
    autojump_clock: trio.abc.Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    async with open_door() as door:
        with monkeypatch.context() as patched, capture_logs() as logs:
            patched.setattr(door.handshakes._words, "watch", full)
            await door.enter(0)
        assert door.dropped == [0]
        assert [each["event"] for each in logs] == ["no room for a handshake"]
        await door.enter(1, said=REQUEST)
        await trio.testing.wait_all_tasks_blocked()
        assert list(door.begun) == [1]


async def test_who_does_not_answer_that_no_subprotocol_is_common_takes_no_place(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with listening(max_handshakes=1) as (central, listener), listener.connect(STRANGER) as silent:
        await silent.send_all(REQUEST.replace(b"ocpp1.6", b"ocpp2.0.1"))
        assert (await silent.receive_some()).startswith(b"HTTP/1.1 101")
        async with charger_on(listener.connect()) as charger:
            await charger.boot()
            assert trio.current_time() == 0
        assert central.server._handshakes._failures._buckets


async def test_one_of_the_slow_lane_whose_place_was_taken_while_it_was_its_turn_does_not_begin(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_door(limit=1) as door:
        await door.enter(0, "192.0.2.9", said=REQUEST)
        await trio.testing.wait_all_tasks_blocked()
        door.begun[0].asked()
        for _ in range(int(FAILURES_AT_ONCE) + 1):
            door.begun[0].home = "192.0.2.1"
            door.begun[0].failed()
        door.begun[0].home = "192.0.2.9"
        number = 1
        await door.enter(number, said=REQUEST)
        await trio.testing.wait_all_tasks_blocked()  # its turn has come, and there is no room
        while 1 not in door.dropped:  # chance finds the first one sooner or later
            number += 1
            await door.enter(number, said=REQUEST)
        assert len(door.handshakes._lane) == LANE_PLACES
        door.begun[0].leave()
        await trio.sleep(60)
        assert 1 not in door.begun
        assert len(door.begun) == 1 + LANE_PLACES
