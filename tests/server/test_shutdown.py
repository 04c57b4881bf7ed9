"""Shutdown: nothing new, answer what is in hand, close with 1001, all within its time; and the accept loop."""

import errno
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import trio
from attrs import define, field
from tests.support.central import START, Central, open_central
from tests.support.failing_ledger import FailingLedger
from tests.support.listening import PipeListener, charger_on

from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.central_system.router import Router
from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    ChargePointSettings,
    CommandState,
    FindCommand,
    SetChargePointSettings,
)
from ocpp_actors.observer import Connected, Disconnected
from ocpp_actors.protocol import messages as m
from ocpp_actors.server.admission import Handshake, Step
from ocpp_actors.server.handshakes import PATIENCE
from ocpp_actors.server.server import ACCEPT_PAUSE

VENDOR = {"vendorId": "V"}


@define
class Running:
    """A server that listens; ``ended`` is set when it has returned."""

    central: Central
    listener: PipeListener
    ended: trio.Event = field(factory=trio.Event)
    ended_at: float = math.nan
    failure: BaseException | None = None

    async def run(self, others: list[PipeListener]) -> None:
        try:
            await self.central.server.run([self.listener, *others])
        except* trio.ClosedResourceError as group:
            self.failure = group
        self.ended_at = trio.current_time()
        self.ended.set()

    def charger(self, identity: str = "CP1") -> Any:
        return charger_on(self.listener.connect(self.central), identity)


@asynccontextmanager
async def running(*others: PipeListener, **how: Any) -> AsyncIterator[Running]:
    # Where something never comes, virtual time gets there at once.
    with trio.fail_after(10_000):
        async with open_central(**how) as central:
            server = Running(central, PipeListener())
            central.nursery.start_soon(server.run, list(others))
            yield server


def slow_router(seconds: float) -> Router:
    router = default_router()

    @router.on(m.DataTransfer)
    async def slow(request: m.DataTransfer, context: Context) -> m.DataTransferResponse:
        await trio.sleep(seconds)
        return m.DataTransferResponse(status=m.DataTransferStatus.ACCEPTED)

    return router


async def test_what_is_in_hand_is_answered_then_the_connection_is_closed(autojump_clock: Any) -> None:
    async with (
        running(router=slow_router(2)) as server,
        server.charger() as busy,
        server.charger("CP2") as idle,
    ):
        await busy.boot()
        await idle.boot()
        for message_id in ("first", "second"):
            await busy.send([2, message_id, "DataTransfer", VENDOR])
        await trio.sleep(1)
        server.central.server.shut_down()
        assert await idle.closed() == (1001, "the central system is shutting down")
        assert trio.current_time() == 1
        assert (await busy.receive())[:2] == [3, "first"]
        assert (await busy.receive())[:2] == [3, "second"]
        assert trio.current_time() == 4
        assert await busy.closed() == (1001, "the central system is shutting down")
        await server.ended.wait()
        assert server.ended_at == 4
        assert server.listener.closed
        assert len(server.central.fleet) == 0
        assert {event.code for event in server.central.told(Disconnected)} == {1001}


async def test_a_peer_that_does_not_read_holds_nothing_up_beyond_the_timeout(autojump_clock: Any) -> None:
    async with running(send_timeout=3600.0, shutdown_timeout=10.0) as server:
        async with server.charger() as charger:
            await charger.boot()
            sending: Any = server.listener.accepted[0].pipe.send_stream
            sending.send_all_hook = trio.sleep_forever
            await charger.send([2, "m", "Heartbeat", {}])
            await trio.sleep(1)
            server.central.server.shut_down()
            await server.ended.wait()
        assert server.ended_at == 11
        assert len(server.central.fleet) == 0


async def test_what_comes_after_the_shutdown_began_is_not_read(autojump_clock: Any) -> None:
    async with running(router=slow_router(5)) as server, server.charger() as charger:
        await charger.boot()
        await charger.send([2, "before", "DataTransfer", VENDOR])
        await trio.sleep(1)
        server.central.server.shut_down()
        await trio.sleep(1)
        await charger.send([2, "after", "Heartbeat", {}])
        assert (await charger.receive())[:2] == [3, "before"]
        assert (await charger.closed())[0] == 1001
        assert trio.current_time() == 5


async def test_a_server_without_connections_ends_at_once(autojump_clock: Any) -> None:
    other = PipeListener()
    async with running(other) as server:
        await trio.sleep(5)
        server.central.server.shut_down()
        await server.ended.wait()
        assert server.ended_at == 5
        assert other.closed


async def test_a_server_that_is_shut_down_before_it_runs_never_accepts(autojump_clock: Any) -> None:
    async with open_central() as central:
        central.server.shut_down()
        listener = PipeListener()
        await central.server.run([listener])
        assert listener.closed


async def test_a_charger_that_does_not_return_after_a_close_is_dropped_instead(autojump_clock: Any) -> None:
    async with running() as server:
        ledger = server.central.ledger
        await ledger.ask(AdmitChargePoint("CP1", START))
        await ledger.ask(SetChargePointSettings("CP1", ChargePointSettings(abort_on_shutdown=True)))
        async with server.charger() as charger:
            await charger.boot()
            server.central.server.shut_down()
            assert (await charger.closed())[0] == 1006


async def test_whoever_comes_during_the_shutdown_is_sent_away_for_a_while(autojump_clock: Any) -> None:
    async with running(router=slow_router(5)) as server, server.charger() as busy:
        await busy.boot()
        await busy.send([2, "x", "DataTransfer", VENDOR])
        await trio.sleep(1)
        server.central.server.shut_down()
        refusal = await server.central.refused(identity="CP2")
        assert refusal.status_code == 503
        assert (b"retry-after", b"30") in [(name.lower(), value) for name, value in refusal.headers]
        assert refusal.body == b"the central system is shutting down\n"
        assert (await busy.receive())[:2] == [3, "x"]


async def test_a_handshake_that_ends_during_the_shutdown_is_closed_with_1001(autojump_clock: Any) -> None:
    def with_slow_step(steps: list[Step]) -> list[Step]:
        async def slow(handshake: Handshake) -> None:
            if handshake.identity == "CP2":
                await trio.sleep(3)

        return [*steps, slow]

    async with running(change_steps=with_slow_step) as server:
        server.central.nursery.start_soon(shut_down_after, server, 1)
        async with server.charger("CP2") as late:
            assert trio.current_time() == 3
            assert await late.closed() == (1001, "the central system is shutting down")
        await server.ended.wait()
        assert server.ended_at == 3


async def shut_down_after(server: Running, seconds: float) -> None:
    await trio.sleep(seconds)
    server.central.server.shut_down()


async def test_a_handler_that_hangs_is_dropped_when_the_time_is_over(autojump_clock: Any) -> None:
    async with running(router=slow_router(math.inf), shutdown_timeout=7.0) as server:
        async with server.charger() as stuck, server.charger("CP2") as idle:
            await stuck.boot()
            await idle.boot()
            await stuck.send([2, "x", "DataTransfer", VENDOR])
            await trio.sleep(1)
            server.central.server.shut_down()
            assert (await idle.closed())[0] == 1001
            assert trio.current_time() == 1
            assert (await stuck.closed())[0] == 1006
            await server.ended.wait()
        assert server.ended_at == 8
        assert len(server.central.fleet) == 0
        assert server.central.fleet.sessions() == []
        assert len(server.central.told(Disconnected)) == len(server.central.told(Connected)) == 2


async def test_a_ledger_that_hangs_does_not_hold_the_shutdown_up(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    async with running(ledger=ledger, shutdown_timeout=5.0, ledger_patience=3600.0) as server:
        async with server.charger() as charger:
            await charger.boot()
            ledger.hangs()
            await charger.send([2, "x", "MeterValues", {"connectorId": 1, "meterValue": []}])
            await charger.send([2, "x", "Authorize", {"idTag": "TAG"}])
            await charger.receive()
            server.central.server.shut_down()
            await server.ended.wait()
        assert server.ended_at == 5


async def test_no_command_is_sent_any_more_whose_answer_would_not_be_read(autojump_clock: Any) -> None:
    async with running(router=slow_router(5)) as server:
        central = server.central
        async with server.charger() as charger:
            await charger.boot()
            await charger.send([2, "x", "DataTransfer", VENDOR])
            await trio.sleep(1)
            central.server.shut_down()
            await trio.testing.wait_all_tasks_blocked()
            durable = await central.fleet.queue("CP1", m.ClearCache(), timedelta(hours=1))
            fleeting = central.fleet.submit("CP1", m.ClearCache())
            assert (await charger.receive())[:2] == [3, "x"]
            assert (await charger.closed())[0] == 1001
        await server.ended.wait()
        assert (await fleeting.wait()).state is CommandState.LOST
        record = await central.ledger.ask(FindCommand(durable))
        assert record is not None
        assert record.state is CommandState.WAITING


# --- accepting -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EPERM, errno.EPROTO]
)
async def test_accepting_goes_on_after_a_connection_could_not_be_accepted(
    autojump_clock: Any, code: int
) -> None:
    async with running() as server:
        for _ in range(3):
            server.listener.fail(OSError(code, "no room"))
        async with server.charger() as charger:
            await charger.boot()
            assert trio.current_time() == 3 * ACCEPT_PAUSE
        assert server.failure is None


async def test_no_place_for_a_handshake_is_lost_by_failures_to_accept(autojump_clock: Any) -> None:
    async with running(max_handshakes=1) as server:
        for _ in range(3):
            server.listener.fail(OSError(errno.EMFILE, "no room"))
        async with server.charger() as charger:
            await charger.boot()


async def test_a_listener_that_was_closed_by_others_ends_the_server(autojump_clock: Any) -> None:
    async with running() as server:
        server.listener.fail(trio.ClosedResourceError())
        await server.ended.wait()
        assert server.failure is not None


async def test_so_many_handshakes_are_in_progress_and_the_next_has_to_wait(autojump_clock: Any) -> None:
    async with running(max_handshakes=2, handshake_timeout=10.0) as server:
        for _ in range(2):
            server.listener.connect(server.central)
        async with server.charger() as charger:
            assert trio.current_time() == pytest.approx(PATIENCE, abs=0.1)
            await charger.boot()
        # The one that waits was accepted, and none after it.
        assert server.listener.accepted_at == [0, 0, 0]


async def test_an_idle_listener_keeps_no_place_for_a_handshake(autojump_clock: Any) -> None:
    other = PipeListener()
    async with running(other, max_handshakes=1) as server:
        for listener in (server.listener, other, server.listener):
            async with charger_on(listener.connect(server.central)) as charger:
                await charger.boot()
        assert trio.current_time() == 0


async def test_one_that_waits_for_its_handshake_is_dropped_at_a_shutdown(autojump_clock: Any) -> None:
    async with running(max_handshakes=1, handshake_timeout=5.0) as server:
        server.listener.connect(server.central)
        waiting = server.listener.connect(server.central)
        await trio.sleep(1)
        server.central.server.shut_down()
        assert await waiting.receive_some() == b""
        await server.ended.wait()


async def test_the_rate_of_connections_is_that_of_all_listeners_together(autojump_clock: Any) -> None:
    other = PipeListener()
    async with running(other, max_connection_rate=2.0) as server:
        for listener in (server.listener, other):
            for _ in range(10):
                listener.connect(server.central)
        await trio.sleep(4)
        assert 9 <= len(server.listener.accepted_at + other.accepted_at) <= 12


async def test_established_connections_leave_room_for_handshakes(autojump_clock: Any) -> None:
    async with (
        running(max_handshakes=1) as server,
        server.charger("CP1"),
        server.charger("CP2"),
        server.charger("CP3"),
    ):
        assert trio.current_time() == 0


async def test_connections_are_accepted_at_a_limited_rate(autojump_clock: Any) -> None:
    async with running(max_connection_rate=2.0) as server:
        for _ in range(8):
            server.listener.connect(server.central)
        await trio.sleep(20)
        # As many as make up a second at once, then at the rate.
        assert server.listener.accepted_at == [0, 0, 0, 0.5, 1, 1.5, 2, 2.5]


@pytest.mark.parametrize(
    ("address", "remote"),
    [
        (("192.0.2.1", 50000), "192.0.2.1:50000"),
        (("2001:db8::1", 50000, 0, 0), "[2001:db8::1]:50000"),
    ],
)
async def test_the_peers_address_is_told(autojump_clock: Any, address: Any, remote: str) -> None:
    async with running() as server:
        async with charger_on(server.listener.connect(server.central, address)) as charger:
            await charger.boot()
        assert [event.remote for event in server.central.told(Connected)] == [remote]
