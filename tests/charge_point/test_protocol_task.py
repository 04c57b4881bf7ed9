"""The protocol task: in order, read ahead within a bound, an answer to each CALL."""

from datetime import timedelta
from typing import Any

import trio
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from tests.support.central import START, open_central

from ocpp_actors.call_in_hand import add_call_in_hand
from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.observer import CallHandled, Flagged, FrameReceived, FrameSent
from ocpp_actors.protocol import messages as m
from ocpp_actors.protocol.conversation import MAX_TURNS


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
    [flagged] = central.told(Flagged)
    assert len(flagged.detail) <= 100
