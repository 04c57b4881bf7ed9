"""The protocol task: in order, read ahead within a bound, an answer to each CALL."""

import math
from datetime import timedelta
from typing import Any

import pytest
import structlog
import trio
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from tests.support.central import START, open_central
from tests.support.listening import charger_on, listening

from ocpp_actors.call_in_hand import add_call_in_hand
from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.central_system.router import Router
from ocpp_actors.observer import (
    CallHandled,
    CommandEnded,
    Disconnected,
    Flagged,
    FrameReceived,
    FrameSent,
    Restarted,
)
from ocpp_actors.protocol import messages as m
from ocpp_actors.protocol.conversation import MAX_TURNS

log = structlog.get_logger(__name__)


async def test_calls_are_handled_one_at_a_time_in_order_and_read_ahead_only_so_far(
    autojump_clock: Any,
) -> None:
    router = default_router()
    handled: list[str] = []
    received_at = []

    @router.on(m.DataTransfer)
    async def slow(request: m.DataTransfer, context: Context) -> m.DataTransferResponse:
        handled.append(context.message_id)
        received_at.append(context.received_at)
        await trio.sleep(1)
        return m.DataTransferResponse(status=m.DataTransferStatus.ACCEPTED)

    async with open_central(router=router) as central, central.charger() as charger:
        await charger.boot()
        ids = [f"d{number}" for number in range(50)]
        for message_id in ids:
            await charger.send([2, message_id, "DataTransfer", {"vendorId": "V"}])
        await trio.testing.wait_all_tasks_blocked()
        # One in hand, as many read as may wait; the rest is left to the transport.
        assert len(central.told(FrameReceived)) == 1 + 1 + MAX_TURNS
        [session] = central.fleet.sessions()
        assert session.conversation.full
        assert [(await charger.receive())[1] for _ in ids] == handled == ids
        assert trio.current_time() == 50
    # The receipt is when it was read, not when its turn came.
    assert received_at[: MAX_TURNS + 1] == [START] * (MAX_TURNS + 1)
    assert received_at[-1] == START + timedelta(seconds=50 - MAX_TURNS - 1)


async def test_each_frame_and_each_answered_call_is_told(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        await trio.sleep(5)
        await charger.call("Heartbeat", {}, "beat")
        assert central.told(FrameReceived)[-1].text == '[2,"beat","Heartbeat",{}]'
        assert central.told(FrameSent)[-1].text.startswith('[3,"beat",')
        told = central.told(CallHandled)[-1]
        assert (told.action, told.message_id, told.outcome, told.seconds) == (
            "Heartbeat",
            "beat",
            "CALLRESULT",
            0,
        )
        assert told.at == START + timedelta(seconds=5)


async def test_what_a_charger_makes_up_is_logged_and_told_in_short(autojump_clock: Any) -> None:
    huge = "x" * 100_000
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        with capture_logs(processors=[add_call_in_hand, merge_contextvars]) as lines:
            await charger.call("Heartbeat", {}, huge)
            assert (await charger.call(huge, {}))[2] == "NotImplemented"
            await charger.send([3, huge, {}])
            await charger.result("Heartbeat", {})
    assert len(lines) == 3
    assert max(len(str(line)) for line in lines) < 1000
    assert [line["error_code"] for line in lines if type(line.get("error_code")) is str] == [
        "ProtocolError",
        "NotImplemented",
    ]
    [flagged] = central.told(Flagged)
    assert len(flagged.detail) <= 100


# --- over sockets ------------------------------------------------------------------------------------------------


def answering_after(seconds: float) -> Router:
    """A router that takes so long for a DataTransfer."""
    router = default_router()

    @router.on(m.DataTransfer)
    async def slow(request: m.DataTransfer, context: Context) -> m.DataTransferResponse:
        await trio.sleep(seconds)
        return m.DataTransferResponse(status=m.DataTransferStatus.ACCEPTED)

    return router


async def test_while_an_answer_waits_nobody_reads_until_something_comes(autojump_clock: Any) -> None:
    """What comes is read at once, and a reply to a command reaches its command while the answer goes on waiting."""
    router = default_router()
    tell, ended = trio.open_memory_channel[CommandEnded](1)

    @router.on(m.DataTransfer)
    async def ask_back(request: m.DataTransfer, context: Context) -> m.DataTransferResponse:
        context.command("ClearCache", {})
        assert (await ended.receive()).outcome == "answered"
        return m.DataTransferResponse(status=m.DataTransferStatus.ACCEPTED)

    async with listening(router=router) as (central, listener):
        central.system.observer.subscribe(tell.send_nowait, CommandEnded)
        async with charger_on(listener.connect()) as charger:
            await charger.boot()
            for number in range(3):
                await charger.send([2, f"d{number}", "DataTransfer", {"vendorId": "V"}])
                _, command_id, action, _ = await charger.receive()
                assert action == "ClearCache"
                [session] = central.fleet.sessions()
                assert not session.may_stop_reading, "somebody reads"
                await trio.sleep(20)
                await charger.send([2, f"h{number}", "Heartbeat", {}])
                await trio.testing.wait_all_tasks_blocked()
                assert central.told(FrameReceived)[-1].text.startswith(f'[2,"h{number}"')
                await charger.send([3, command_id, {"status": "Accepted"}])
                assert [(await charger.receive())[1] for _ in range(2)] == [f"d{number}", f"h{number}"]


async def test_a_charger_that_leaves_while_its_answer_waits_is_noticed_at_once(autojump_clock: Any) -> None:
    async with listening(router=answering_after(math.inf)) as (central, listener):
        async with charger_on(listener.connect()) as charger:
            await charger.boot()
            await charger.send([2, "d", "DataTransfer", {"vendorId": "V"}])
            await trio.testing.wait_all_tasks_blocked()
            assert len(central.fleet) == 1
        await trio.testing.wait_all_tasks_blocked()
        assert [each.code for each in central.told(Disconnected)] == [1006]
        assert trio.current_time() == 0


async def test_what_comes_after_the_answer_is_read_at_the_pace_of_the_charger(autojump_clock: Any) -> None:
    """Nobody takes over the reading of who pauses because it came fast."""
    async with listening(router=answering_after(1), max_message_rate=0.1, max_message_burst=1) as (
        central,
        listener,
    ):
        async with charger_on(listener.connect()) as charger:
            await charger.boot()
            assert (await charger.call("DataTransfer", {"vendorId": "V"}))[0] == 3
            begun = trio.current_time()
            for number in range(3):
                await charger.send([2, f"h{number}", "Heartbeat", {}])
                await trio.sleep(1)
            assert [(await charger.receive())[1] for _ in range(3)] == ["h0", "h1", "h2"]
            assert trio.current_time() - begun > 20
        # They came together, and each counts as received when it was to be read.
        assert {told.seconds for told in central.told(CallHandled) if told.action == "Heartbeat"} == {0}
        assert not central.told(Restarted)


async def test_a_session_that_ends_while_its_answer_waits_leaves_nothing_behind(autojump_clock: Any) -> None:
    with capture_logs() as lines:
        async with (
            listening(router=answering_after(math.inf)) as (central, listener),
            charger_on(listener.connect()) as first,
        ):
            await first.boot()
            await first.send([2, "d", "DataTransfer", {"vendorId": "V"}])
            await trio.testing.wait_all_tasks_blocked()
            async with charger_on(listener.connect()) as second:
                await second.boot()
                assert await first.closed() == (1008, "replaced")
                central.fleet.sessions()[0].drop()
                await trio.testing.wait_all_tasks_blocked()
                assert len(central.fleet) == 0
    assert not [line for line in lines if line["log_level"] == "error"]


@pytest.mark.parametrize("on_a_socket", [True, False])
async def test_what_is_read_while_an_answer_waits_is_logged_as_the_chargers(
    on_a_socket: bool, autojump_clock: Any
) -> None:
    """And not as part of the CALL that is being answered."""
    async with (
        listening(router=answering_after(1)) as (central, listener),
        charger_on(listener.connect()) if on_a_socket else central.charger() as charger,
    ):
        await charger.boot()
        with capture_logs(processors=[add_call_in_hand, merge_contextvars]) as lines:
            await charger.send([2, "d", "DataTransfer", {"vendorId": "V"}])
            await trio.testing.wait_all_tasks_blocked()
            await charger.send([3, "unknown", {}])
            assert (await charger.receive())[1] == "d"
            await charger.send([3, "unknown as well", {}])
            await charger.result("Heartbeat", {})
    ignored = [line for line in lines if line["event"] == "message ignored"]
    assert len(ignored) == 2
    for line in ignored:
        assert line["identity"] == "CP1"
        assert "action" not in line
        assert "message_id" not in line


async def test_what_follows_an_answer_is_logged_as_part_of_its_call(autojump_clock: Any) -> None:
    router = default_router()

    @router.after(m.DataTransfer)
    async def follow(request: m.DataTransfer, context: Context) -> None:
        await trio.sleep(1)
        log.info("followed")

    async with open_central(router=router) as central, central.charger() as charger:
        await charger.boot()
        with capture_logs(processors=[add_call_in_hand, merge_contextvars]) as lines:
            await charger.call("DataTransfer", {"vendorId": "V"}, "d")
            await charger.call("Heartbeat", {}, "h")
            await trio.sleep(2)
    [line] = [line for line in lines if line["event"] == "followed"]
    assert (line["action"], line["message_id"]) == ("DataTransfer", "d")
