"""Accepting TCP connections, several in one turn of the loop."""

import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from tests.server.test_turnstile import Turns

from ocpp_actors.server.listening import ACCEPTED_AT_ONCE, Accepted, EagerListener


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[EagerListener, tuple[str, int]]]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    address = listener.socket.getsockname()
    async with EagerListener(listener) as eager:
        yield eager, address


async def test_so_many_are_accepted_in_one_turn_and_then_others_have_theirs() -> None:
    turns, times = Turns(), list[int]()
    async with listening() as (listener, address):
        peers = [socket.create_connection(address) for _ in range(3 * ACCEPTED_AT_ONCE)]
        trio.lowlevel.add_instrument(turns)
        connections = []
        for _ in peers:
            connections.append(await listener.accept())
            times.append(turns.now)
        trio.lowlevel.remove_instrument(turns)
        for connection in connections:
            connection.close()
        for peer in peers:
            peer.close()
    assert len(set(times)) < len(times)
    assert max(times.count(turn) for turn in times) <= ACCEPTED_AT_ONCE


async def test_one_that_comes_later_is_waited_for_and_is_a_stream() -> None:
    async with listening() as (listener, address), trio.open_nursery() as nursery:
        accepted: list[Accepted] = []
        arrived = trio.Event()

        async def accept() -> None:
            accepted.append(await listener.accept())
            arrived.set()

        nursery.start_soon(accept)
        await trio.testing.wait_all_tasks_blocked()
        assert not accepted
        async with await trio.open_tcp_stream(*address) as peer:
            await peer.send_all(b"hello")
            await arrived.wait()
            async with accepted[0].stream() as stream:
                assert accepted[0].remote == "{}:{}".format(*peer.socket.getsockname())
                assert await stream.receive_some(10) == b"hello"
                assert stream.getsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 4) != bytes(4)


async def test_who_waits_for_one_is_told_when_it_is_closed() -> None:
    async def accept() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await listener.accept()

    async with listening() as (listener, address):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(accept)
            await trio.testing.wait_all_tasks_blocked()
            listener.close()
        with pytest.raises(trio.ClosedResourceError):
            await listener.accept()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)


async def test_waiting_can_be_cancelled_and_accepting_goes_on() -> None:
    async with listening() as (listener, address):
        with trio.CancelScope() as scope:
            scope.cancel()
            await listener.accept()
        assert scope.cancelled_caught
        with socket.create_connection(address):
            (await listener.accept()).close()


@pytest.mark.parametrize(
    ("code", "raised"), [(errno.ECONNABORTED, False), (errno.EMFILE, True), (errno.EINVAL, True)]
)
async def test_one_that_is_gone_already_is_passed_over_and_other_failures_are_told(
    monkeypatch: pytest.MonkeyPatch, code: int, raised: bool
) -> None:
    failures = [OSError(code, "cannot be accepted")]

    class Failing:
        """The listening socket, of which the first connection cannot be accepted."""

        def __init__(self, listening: socket.socket) -> None:
            self.fileno, self.close, self._listening = listening.fileno, listening.close, listening

        def accept(self) -> object:
            if failures:
                raise failures.pop()
            return self._listening.accept()

    async with listening() as (listener, address):
        monkeypatch.setattr(listener, "_descriptor", Failing(listener._descriptor))
        with socket.create_connection(address):
            if raised:
                with pytest.raises(OSError, match="cannot be accepted"):
                    await listener.accept()
            (await listener.accept()).close()
