"""Whatever one charger does, fifty others go on without one missed answer (virtual time)."""

import logging
from typing import Any

import pytest
import structlog
import trio
from tests.faults.bystanders import (
    CLOSE,
    NOT_UTF8,
    NUMBER,
    PING,
    TEXT,
    TLS_HELLO,
    client_frame,
    heartbeats_go_on,
    upgrade,
)
from tests.support.central import open_central

from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.central_system.router import Handled, Router
from ocpp_actors.observer import Disconnected, Restarted
from ocpp_actors.protocol.frames import Call
from ocpp_actors.protocol.messages import DataTransfer

CRASH = {"vendorId": "crash"}


@pytest.fixture
def fragile_router(monkeypatch: pytest.MonkeyPatch) -> Router:
    """A router that raises on one message, where the protocol task does not expect it."""
    router = default_router()
    dispatch = router.dispatch

    async def crash_or_dispatch(call: Call, context: Context) -> Handled:
        if call.payload == CRASH:
            raise RuntimeError("crash")
        return await dispatch(call, context)

    monkeypatch.setattr(router, "dispatch", crash_or_dispatch)
    return router


async def test_handler_that_raises_harms_nobody_else(autojump_clock: trio.testing.MockClock) -> None:
    router = default_router()

    @router.on(DataTransfer)
    def fail(_request: DataTransfer, _context: Context) -> Any:
        raise RuntimeError("a secret detail")

    async with open_central(router=router) as central, heartbeats_go_on(central):
        async with central.charger("BAD") as bad:
            answer = await bad.call("DataTransfer", {"vendorId": "V"})
            assert answer[2] == "InternalError"
            assert "secret" not in str(answer)
            await bad.result("Heartbeat", {})
        assert not central.told(Restarted)


async def test_crashed_tree_is_back_on_the_same_websocket(
    autojump_clock: trio.testing.MockClock, fragile_router: Router
) -> None:
    async with (
        open_central(router=fragile_router) as central,
        heartbeats_go_on(central),
        central.charger("BAD") as bad,
    ):
        for restarts in (1, 2, 3):
            answer = await bad.call("DataTransfer", CRASH)
            assert answer[0] == 4
            assert answer[2] == "InternalError"
            await bad.result("Heartbeat", {})
            assert len(central.told(Restarted)) == restarts
        assert not central.told(Disconnected)


async def test_crashes_above_the_limit_close_the_connection(
    autojump_clock: trio.testing.MockClock, fragile_router: Router
) -> None:
    async with (
        open_central(router=fragile_router, restart_limit=3, restart_window=60.0) as central,
        heartbeats_go_on(central),
        central.charger("BAD") as bad,
    ):
        for _ in range(3):
            assert (await bad.call("DataTransfer", CRASH))[2] == "InternalError"
            await bad.result("Heartbeat", {})
        await bad.send([2, "last", "DataTransfer", CRASH])
        assert await bad.closed() == (1011, "internal error")
        assert len(central.told(Restarted)) == 3


async def test_crashes_of_long_ago_are_forgotten(
    autojump_clock: trio.testing.MockClock, fragile_router: Router
) -> None:
    async with (
        open_central(router=fragile_router, restart_limit=2, restart_window=60.0) as central,
        central.charger("BAD") as bad,
    ):
        for _ in range(6):
            assert (await bad.call("DataTransfer", CRASH))[2] == "InternalError"
            await trio.sleep(30.5)  # two within any 60 seconds
        await bad.call("DataTransfer", CRASH)
        await bad.send([2, "third", "DataTransfer", CRASH])
        assert (await bad.closed())[0] == 1011


async def test_oversize_frame_is_told_and_harms_nobody_else(autojump_clock: trio.testing.MockClock) -> None:
    limit = 2048
    async with open_central(max_message_size=limit) as central, heartbeats_go_on(central):
        async with central.charger("BAD") as bad:
            await bad.stream.send_all(client_frame(TEXT, b"x" * (limit + 1)))
            assert (await bad.closed())[0] == 1009
        async with central.charger("BAD") as again:
            await again.boot()


async def test_invalid_utf8_is_told_and_harms_nobody_else(autojump_clock: trio.testing.MockClock) -> None:
    async with open_central() as central, heartbeats_go_on(central), central.charger("BAD") as bad:
        await bad.stream.send_all(client_frame(TEXT, NOT_UTF8))
        assert (await bad.closed())[0] == 1007


async def test_ping_after_close_harms_nobody(autojump_clock: trio.testing.MockClock) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with structlog.testing.capture_logs() as logs:
        async with open_central() as central, heartbeats_go_on(central):
            ours, theirs = central.pipe()
            central.accept(theirs)
            await ours.send_all(upgrade("BAD"))
            assert b" 101 " in await ours.receive_some()
            await trio.sleep(0.1)
            entry = central.fleet.find("BAD")
            assert entry is not None
            assert entry.session is not None
            session = entry.session
            session.drain()
            close = await ours.receive_some()
            assert close[0] == 0x80 | CLOSE
            await ours.send_all(client_frame(PING, b"?"))
            await trio.sleep(0.5)
            assert entry.session is session, "the connection should still wait for the answer to its close"
            await ours.send_all(client_frame(CLOSE, bytes(close[2:4])))
            assert await ours.receive_some() == b""
            await trio.sleep(0.1)
            assert len(central.fleet) == NUMBER
    assert not logs


@pytest.mark.parametrize(
    "hello", [TLS_HELLO, b"\x00" * 100, b"SSH-2.0-scanner\r\n", b"GET / HTTP/1.1\r\n\r\n"]
)
async def test_what_is_no_handshake_harms_nobody(
    autojump_clock: trio.testing.MockClock, hello: bytes
) -> None:
    async with open_central() as central, heartbeats_go_on(central):
        ours, theirs = central.pipe()
        central.accept(theirs)
        await ours.send_all(hello)
        with trio.fail_after(11):
            while await ours.receive_some():
                pass
