"""How it speaks."""

from typing import Any

import orjson
import pytest
import trio
from tests.support.simulated import Street
from tests.testbench.simulated.quirk_cases.cases import Cases, in_place

from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.central_system.router import Router
from ocpp_actors.ledger.memory import transactions as transaction_facts
from ocpp_actors.observer import CallHandled, Restarted
from ocpp_actors.protocol import frames
from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.protocol.conversation import (
    CallArrived,
    Conversation,
    Ignored,
    MessageIgnored,
    ReplyArrived,
    Turn,
)
from ocpp_actors.protocol.errors import ErrorCode
from ocpp_actors.protocol.frames import CallError
from ocpp_actors.protocol.messages import StatusNotification
from ocpp_actors.server import server, transport

case = Cases()


def without_binary(patch: pytest.MonkeyPatch) -> None:
    receive = Conversation.receive

    def drop(self: Conversation, message: str | bytes, received_at: Any = None) -> Any:
        if isinstance(message, bytes):
            return MessageIgnored(Ignored.UNREADABLE, "it is binary")
        return receive(self, message, received_at)

    patch.setattr(Conversation, "receive", drop)


@case("binary-frames", without_binary)
async def binary_frames(street: Street) -> None:
    await street.boot()
    assert set(street.flagged) == {"binary message"}


def empty_is_a_fault(patch: pytest.MonkeyPatch) -> None:
    receive = Conversation.receive

    def strictly(self: Conversation, message: str | bytes, received_at: Any = None) -> Any:
        if not message:
            raise ValueError("an empty message")
        return receive(self, message, received_at)

    patch.setattr(Conversation, "receive", strictly)


@case("empty-messages", empty_is_a_fault)
async def empty_messages(street: Street) -> None:
    await street.boot()
    assert set(street.flagged) == {"empty message"}
    assert street.told(Restarted) == []


def slow_router(*_arguments: object) -> Router:
    router = default_router()

    @router.around(StatusNotification)
    async def slow(request: StatusNotification, context: Context, proceed: Any) -> Any:
        await trio.sleep(1)
        return await proceed(request, context)

    return router


def one_at_a_time(patch: pytest.MonkeyPatch) -> None:
    receive = Conversation._receive_call

    def drop(self: Conversation, call: Any, at: float, message: str | bytes) -> Any:
        if not self.idle:
            return MessageIgnored(Ignored.UNREADABLE, "busy")
        return receive(self, call, at, message)

    patch.setattr(Conversation, "_receive_call", drop)


@case("burst-at-connect", one_at_a_time, router=slow_router(), how={"connector_count": 12})
async def burst_at_connect(street: Street) -> None:
    await street.station.power_on()
    await street.said("StatusNotification", connectorId=12)
    wire = street.station.wire
    asked = [frame.frame.message_id for frame in wire.calls() if isinstance(frame.frame, frames.Call)]
    answered = [exchange.reply.message_id for exchange in wire.exchanges]
    assert wire.calls()[-1].at == 0.0
    assert answered == asked
    assert len(asked) == 14


def every_call_anew(patch: pytest.MonkeyPatch) -> None:
    def take(self: Conversation, call: Any, at: float, message: str | bytes) -> Any:
        self._turns += (Turn(call, at, message),)
        return CallArrived(call)

    patch.setattr(Conversation, "_receive_call", take)


@case("repeated-id", every_call_anew)
async def repeated_id(street: Street) -> None:
    await street.boot()
    await street.charge()
    handled = [event.message_id for event in street.told(CallHandled) if event.action == "StartTransaction"]
    started = street.station.wire.calls("StartTransaction")
    assert len(started) == 2
    assert len(handled) == 1


@case("duplicate-start", in_place(transaction_facts, "_natural_key", lambda kept: kept.transaction_id))
async def duplicate_start(street: Street) -> None:
    await street.boot()
    transaction_id = await street.charge()
    await trio.sleep(60)
    await street.station.tap("TAG")
    await street.said("StopTransaction")
    await trio.sleep(60)
    starts = street.station.wire.answered("StartTransaction")
    assert [start.result["transactionId"] for start in starts] == [transaction_id, transaction_id]
    assert starts[0].call.message_id != starts[1].call.message_id
    assert len(street.station.wire.answered("StopTransaction")) == 2
    assert len(await street.central.operator.transactions("CP1")) == 1


def any_reply_fits(patch: pytest.MonkeyPatch) -> None:
    def take(self: Conversation, reply: Any) -> Any:
        if self.outstanding is not None:
            self.end_call(self.outstanding)
        return ReplyArrived(reply, "")

    patch.setattr(Conversation, "_receive_reply", take)


@case("late-reply", any_reply_fits, call_timeout=30.0)
async def late_reply(street: Street) -> None:
    await street.boot()
    first = await street.central.operator.call("CP1", "ClearCache")
    assert first.status == 504
    second = await street.central.operator.call("CP1", "GetLocalListVersion")
    assert second.status == 504
    assert street.flagged[:1] == ["late reply"]
    late = await street.station.wire.exchange("ClearCache", by=Role.CENTRAL_SYSTEM)
    assert late.seconds == 45


def five_elements(patch: pytest.MonkeyPatch) -> None:
    parse = frames._parse_call_error

    def strictly(frame: list[Any]) -> CallError:
        if len(frame) != 5:
            raise frames.FrameFault("five elements", ErrorCode.PROTOCOL_ERROR)
        return parse(frame)

    patch.setattr(frames, "_parse_call_error", strictly)


@case("short-callerror", five_elements)
async def short_callerror(street: Street) -> None:
    await street.boot()
    answer = await street.central.operator.call("CP1", "ClearCache")
    assert (answer.status, answer.body.get("errorCode")) == (502, "NotSupported")
    (exchange,) = street.station.wire.answered("ClearCache", by=Role.CENTRAL_SYSTEM)
    assert len(orjson.loads(exchange.answered.text)) == 3


@case("unasked-answers", any_reply_fits)
async def unasked_answers(street: Street) -> None:
    await street.boot()
    assert set(street.flagged) == {"reply to no CALL"}
    assert (await street.ask("ClearCache")) == {"status": "Accepted"}
    assert street.told(Restarted) == []


def small_messages(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        server, "open_transport", lambda stream, _size, **_: transport.open_transport(stream, 65_536)
    )


@case("huge-answers", small_messages)
async def huge_answers(street: Street) -> None:
    await street.boot()
    keys = (await street.ask("GetConfiguration"))["configurationKey"]
    assert len(orjson.dumps(keys)) > 300_000
