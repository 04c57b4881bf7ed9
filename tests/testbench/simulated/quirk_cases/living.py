"""How it lives."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
import trio
from tests.support.listening import PipedSocket, PipeListener
from tests.support.simulated import Street
from tests.testbench.simulated.quirk_cases.cases import LONG, Cases, in_place
from trio.testing import memory_stream_pair

from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.central_system.router import Router
from ocpp_actors.charge_point import outbound_queue, protocol_task
from ocpp_actors.charge_point.session import SessionOver
from ocpp_actors.observer import Connected, Disconnected
from ocpp_actors.pace import TokenBucket
from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.protocol.messages import BootNotification
from ocpp_actors.server import transport
from ocpp_actors.server.fleet import Fleet
from ocpp_actors.testbench.simulated.charge_point import open_charge_points
from ocpp_actors.testbench.simulated.quirks import personality_of
from ocpp_actors.testbench.target import Target
from ocpp_actors.testing import in_process

case = Cases()


def as_if_it_answered_pings(patch: pytest.MonkeyPatch) -> None:
    last_pong = property(lambda _: 0.0, lambda *_: None)
    patch.setattr(transport.Transport, "last_pong", last_pong, raising=False)


@case(
    "no-pong",
    as_if_it_answered_pings,
    ping_interval=30,
    ping_timeout=20,
)
async def no_pong(street: Street) -> None:
    await street.boot()
    await trio.sleep(LONG)
    assert len(street.told(Connected)) == 1
    assert b"\x8a" not in frames_sent(bytes(street.taps[0].sent))


def frames_sent(data: bytes) -> bytes:
    """The first byte of each frame after a handshake."""
    data = data.partition(b"\r\n\r\n")[2]
    firsts, at = bytearray(), 0
    while at < len(data):
        firsts.append(data[at])
        size, head = data[at + 1] & 0x7F, 2
        if size == 126:
            size, head = int.from_bytes(data[at + 2 : at + 4]), 4
        at += head + 4 + size
    return bytes(firsts)


@contextmanager
def side_by_side(self: Any, entry: Any, session: Any) -> Iterator[None]:
    entry.session = session
    self._central_system.observer.tell(Connected(session.identity, self._now(), "", session.generation))
    try:
        yield
    finally:
        entry.session = None


@case("half-open", in_place(Fleet, "attached", side_by_side))
async def half_open(street: Street) -> None:
    await street.boot()
    await trio.sleep(320)
    assert [event.generation for event in street.told(Connected)] == [1, 2]
    assert [(event.generation, event.reason) for event in street.told(Disconnected)] == [(1, "replaced")]
    assert b"\x88" not in frames_sent(bytes(street.taps[0].sent))
    assert await street.ask("ClearCache") == {"status": "Accepted"}


async def at_once(_session: Any) -> None:
    await trio.lowlevel.checkpoint()


@case("loops-on-early-calls", in_place(outbound_queue, "_until_allowed", at_once))
async def loops_on_early_calls(street: Street) -> None:
    waiting = await street.central.operator.call("CP1", "ClearCache", wait="queue", ttl=600)
    assert waiting.status == 202
    await street.boot()
    await street.station.wire.exchange("ClearCache", by=Role.CENTRAL_SYSTEM)
    assert len(street.taps) == 1


async def after_a_boot(session: Any) -> None:
    while not session.boot_answered:
        await session.boots.wait()


@case(
    "never-boots",
    in_place(outbound_queue, "_until_allowed", after_a_boot),
    registration=None,
    boot_grace=10.0,
)
async def never_boots(street: Street) -> None:
    await street.station.power_on()
    await street.said("StatusNotification", connectorId=1)
    with trio.fail_after(30):
        trigger = await street.station.wire.exchange("TriggerMessage", by=Role.CENTRAL_SYSTEM)
    assert trigger.payload == {"requestedMessage": "BootNotification"}
    assert await street.ask("ClearCache") == {"status": "Accepted"}
    await trio.sleep(LONG)
    assert len(street.station.wire.answered("TriggerMessage", by=Role.CENTRAL_SYSTEM)) == 1
    assert street.station.wire.calls("BootNotification") == []


def without_abort(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(protocol_task, "SessionOver", lambda code, reason, **_: SessionOver(code, reason))


@case("never-returns", without_abort, abort_on_shutdown=True)
async def never_returns(street: Street) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(street.central.server.run, [PipeListener()])
        await street.boot()
        street.central.server.shut_down()
        await street.station.wire.change("closed")
    await trio.sleep(60)
    assert len(street.taps) > 1


def without_pace(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TokenBucket, "take", lambda _self, _now: 0.0)


@case("reconnect-storm", without_pace, max_connection_rate=10)
async def reconnect_storm(street: Street) -> None:
    listener = PipeListener()

    async def dial() -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        ours, theirs = memory_stream_pair()
        listener._offer.send_nowait(PipedSocket(theirs, ("192.0.2.1", 50_000)))
        return ours

    target = Target(street.central.target.url, dial)
    identities = [f"S{number}" for number in range(60)]
    async with (
        trio.open_nursery() as nursery,
        open_charge_points(
            target,
            identities,
            street.central.clock,
            Random(1),
            personality=personality_of(["reconnect-storm"]),
        ) as stations,
    ):
        nursery.start_soon(street.central.server.run, [listener])
        for station in stations:
            await station.power_on()
        for station in stations:
            await station.wire.exchange("BootNotification")
        before, since = len(listener.accepted_at), trio.current_time()
        street.central.server.drop_all()
        for station in stations:
            await station.wire.change("opened", since=2)
        times = [at - since for at in listener.accepted_at[before:]]
        assert {tap for tap in stations if len(tap.wire.changes) > 3} == set()
        assert times[-1] == pytest.approx(5, abs=1.5)
        nursery.cancel_scope.cancel()


def probing_router() -> Router:
    router = default_router()

    @router.around(BootNotification)
    async def probe(request: BootNotification, context: Context, proceed: Any) -> Any:
        context.command("GetConfiguration", {"key": ["HeartbeatInterval"]})
        return await proceed(request, context)

    return router


@case("reboots-on-probe", in_place(in_process, "default_router", probing_router))
async def reboots_on_probe(street: Street) -> None:
    await street.boot()
    await trio.sleep(LONG)
    assert len(street.station.wire.answered("BootNotification")) == 1
    await street.ask("GetConfiguration")
    await trio.sleep(60)
    assert len(street.station.wire.answered("BootNotification")) == 2
