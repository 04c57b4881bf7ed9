"""Each quirk by name: it shows on the wire, the central system copes, and would not without its handling."""

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import orjson
import pytest
import structlog.testing
import trio
from attrs import frozen
from tests.support.listening import PipedSocket, PipeListener
from tests.support.simulated import Street, open_street
from trio.testing import MockClock, memory_stream_pair
from trio_websocket import WebSocketConnection

from ocpp_actors.central_system import credentials
from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.central_system.router import Router
from ocpp_actors.charge_point import outbound_queue, protocol_task
from ocpp_actors.charge_point.session import SessionOver
from ocpp_actors.ledger.memory import metering as metering_facts
from ocpp_actors.ledger.memory import transactions as transaction_facts
from ocpp_actors.ledger.memory.facts import own_transaction
from ocpp_actors.ledger.port import ListMeterValues, ListOrphanStops, RequestFailed
from ocpp_actors.observer import CallHandled, Connected, Disconnected, Restarted
from ocpp_actors.pace import TokenBucket
from ocpp_actors.protocol import frames, leniency, timestamps, validation
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
from ocpp_actors.protocol.messages import BootNotification, StatusNotification
from ocpp_actors.server import admission, server, transport
from ocpp_actors.server.fleet import Fleet
from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.groups import ungrouped
from ocpp_actors.testbench.simulated.charge_point import open_charge_points
from ocpp_actors.testbench.simulated.quirks import QUIRKS, NoSuchQuirk, personality_of
from ocpp_actors.testbench.target import Target
from ocpp_actors.testing import in_process

LONG = 900.0
KEY = b"0123456789abcdef"

Check = Callable[[Street], Awaitable[None]]
Without = Callable[[pytest.MonkeyPatch], None]


@frozen
class Case:
    quirk: str
    check: Check
    without: Without
    how: dict[str, Any]


CASES: list[Case] = []


def case(quirk: str, without: Without, **how: Any) -> Callable[[Check], Check]:
    """How the central system deals with a quirk, and how that is taken out of it."""

    def decorate(check: Check) -> Check:
        CASES.append(Case(quirk, check, without, how))
        return check

    return decorate


def in_place(target: Any, name: str, value: Any) -> Without:
    return lambda patch: patch.setattr(target, name, value)


async def run(each: Case) -> None:
    with ungrouped(), structlog.testing.capture_logs():
        async with open_street(each.quirk, **each.how) as street:
            with trio.fail_after(5 * LONG):
                await each.check(street)


# --- 1 to 8: how it connects -------------------------------------------------------------------------------------


def identity_naively(target: str, prefix: str) -> str:
    identity = target.removeprefix(f"{prefix}/")
    if "/" in identity:
        raise admission.Refused(404, "the identity is the last part of the path")
    return identity


@case("double-slash", in_place(admission, "identity_of", identity_naively))
async def double_slash(street: Street) -> None:
    await street.boot()
    assert street.head.startswith(b"GET /ocpp//CP1 HTTP")
    assert [event.identity for event in street.told(Connected)] == ["CP1"]


@case("trailing-slash", in_place(admission, "identity_of", identity_naively))
async def trailing_slash(street: Street) -> None:
    await street.boot()
    assert street.head.startswith(b"GET /ocpp/CP1/ HTTP")
    assert [event.identity for event in street.told(Connected)] == ["CP1"]


@case("percent-encoded", in_place(admission, "unquote_to_bytes", str.encode))
async def percent_encoded(street: Street) -> None:
    await street.boot()
    assert street.head.startswith(b"GET /ocpp/%43%50%31 HTTP")
    assert [event.identity for event in street.told(Connected)] == ["CP1"]


class Exact(str):
    """Compared with regard to case."""

    __slots__ = ()

    def casefold(self) -> str:
        return str(self)


def exactly(patch: pytest.MonkeyPatch) -> None:
    found = admission.identity_of
    patch.setattr(admission, "identity_of", lambda target, prefix: Exact(found(target, prefix)))


@case("other-case", exactly)
async def other_case(street: Street) -> None:
    await street.boot()
    await street.station.link_down()
    await street.station.link_up()
    await street.station.wire.change("opened", since=street.station.wire.mark())
    await trio.sleep(60)
    assert [tap.sent[:18] for tap in street.taps] == [b"GET /ocpp/CP1 HTTP", b"GET /ocpp/cp1 HTTP"]
    assert [item["identity"] for item in await street.central.operator.items("/charge-points")] == ["CP1"]


def without_leniency(patch: pytest.MonkeyPatch) -> None:
    async def step(handshake: admission.Handshake) -> None:
        if admission.SUBPROTOCOL in handshake.subprotocols:
            handshake.subprotocol = admission.SUBPROTOCOL

    patch.setattr(server, "subprotocol_step", step)


@case("no-subprotocol", without_leniency, lenient=True)
async def no_subprotocol(street: Street) -> None:
    await street.boot()
    assert b"sec-websocket-protocol" not in street.head.lower()


def only_the_first(patch: pytest.MonkeyPatch) -> None:
    async def step(handshake: admission.Handshake) -> None:
        if handshake.subprotocols[0] == admission.SUBPROTOCOL:
            handshake.subprotocol = admission.SUBPROTOCOL

    patch.setattr(server, "subprotocol_step", step)


@case("several-subprotocols", only_the_first)
async def several_subprotocols(street: Street) -> None:
    await street.boot()
    assert b"ocpp2.0.1, ocpp1.6, ocpp1.5" in street.head
    await street.station.link_down()
    await street.station.link_up()
    await street.station.wire.change("opened", since=street.station.wire.mark())
    assert b"ocpp1.6, ocpp1.5, ocpp2.0.1" in street.head
    await trio.sleep(60)
    assert len(street.taps) == 2


class Never(Exception):
    pass


@case("garbage-instead-of-http", in_place(server, "HandshakeFailed", Never))
async def garbage_instead_of_http(street: Street) -> None:
    with structlog.testing.capture_logs() as lines:
        await street.boot()
    assert bytes(street.taps[0].sent).startswith(b"\x16\x03\x01")
    assert [line["event"] for line in lines if line["log_level"] == "error"] == []
    assert "no charge point" in [line["event"] for line in lines]


async def only_as_itself(_self: admission.Credentials, handshake: admission.Handshake) -> None:
    shown = admission.basic_credentials(handshake.header(b"authorization"))
    if shown is None or shown.user.decode() != handshake.identity:
        raise admission.Refused(401, "wrong user name")


WITH_KEY: dict[str, Any] = {"key": KEY, "how": {"configuration": {"AuthorizationKey": KEY.decode()}}}


@case("other-user", in_place(admission.Credentials, "step", only_as_itself), **WITH_KEY)
async def other_user(street: Street) -> None:
    await street.boot()
    assert b"Basic Y2hhcmdlcjow" in street.head


@case(
    "hex-key",
    in_place(credentials, "_meant", lambda key: key),
    **WITH_KEY,
)
async def hex_key(street: Street) -> None:
    await street.boot()
    assert b"Basic Q1AxOjMwMzEzMj" in street.head


@case(
    "compressed-frame",
    in_place(
        transport._Connection,
        "_handle_close_connection_event",
        WebSocketConnection._handle_close_connection_event,
    ),
)
async def compressed_frame(street: Street) -> None:
    await street.station.power_on()
    closed = await street.station.wire.change("closed")
    assert b"\xc1" in street.taps[0].sent
    assert closed.code == 1002
    await street.station.wire.change("opened", since=closed.number)
    await trio.sleep(60)
    assert "compressed" in street.told(Disconnected)[0].reason
    assert len(street.taps) == 2


# --- 9, 10, 14, 15, 24 to 27: how it speaks ----------------------------------------------------------------------


def without_binary(patch: pytest.MonkeyPatch) -> None:
    receive = protocol_task._receive

    def drop(session: Any, message: str | bytes) -> None:
        if isinstance(message, str):
            receive(session, message)

    patch.setattr(protocol_task, "_receive", drop)


@case("binary-frames", without_binary)
async def binary_frames(street: Street) -> None:
    await street.boot()
    assert set(street.flagged) == {"binary message"}


def empty_is_a_fault(patch: pytest.MonkeyPatch) -> None:
    receive = Conversation.receive

    def strictly(self: Conversation, message: str | bytes, received_at: float = 0.0) -> Any:
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

    def drop(self: Conversation, call: Any, at: float, size: int) -> Any:
        if not self.idle:
            return MessageIgnored(Ignored.UNREADABLE, "busy")
        return receive(self, call, at, size)

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
    def take(self: Conversation, call: Any, at: float, size: int) -> Any:
        self._turns.append(Turn(call, at, size))
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
        return ReplyArrived(reply)

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
    patch.setattr(server, "open_transport", lambda stream, _size: transport.open_transport(stream, 65_536))


@case("huge-answers", small_messages)
async def huge_answers(street: Street) -> None:
    await street.boot()
    keys = (await street.ask("GetConfiguration"))["configurationKey"]
    assert len(orjson.dumps(keys)) > 300_000


# --- 11 to 13, 28 to 30: how it lives ----------------------------------------------------------------------------


@case(
    "no-pong",
    in_place(transport.Transport, "last_pong", property(lambda _: 0.0)),
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


async def test_it_does_not_return_after_a_proper_close(autojump_clock: MockClock) -> None:
    async with open_street("never-returns") as street, trio.open_nursery() as nursery:
        nursery.start_soon(street.central.server.run, [PipeListener()])
        await street.boot()
        street.central.server.shut_down()
        assert (await street.station.wire.change("closed")).code == 1001
        await trio.sleep(LONG)
        assert len(street.taps) == 1


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


# --- 17 to 23: what it says --------------------------------------------------------------------------------------


async def charged(street: Street) -> dict[str, Any]:
    """Charge for two minutes; the transaction as the central system has it."""
    await street.boot()
    await street.charge()
    await trio.sleep(130)
    await street.station.tap("TAG")
    await street.said("StopTransaction")
    await street.status("Finishing")
    (transaction,) = await street.central.operator.transactions("CP1")
    return transaction


@case("minus-one-transaction", in_place(transaction_facts, "_fits", lambda *_: False))
async def minus_one_transaction(street: Street) -> None:
    transaction = await charged(street)
    assert street.station.wire.answered("StopTransaction")[0].payload["transactionId"] == -1
    assert (transaction["meterStop"] or 0) > 300
    assert street.flagged == ["unknown transaction"]
    assert await street.central.central_system.ledger.ask(ListOrphanStops()) == []


def only_linked(identity: str, transaction_id: int | None, facts: Any) -> Any:
    found = own_transaction(identity, transaction_id, facts)
    if found is None:
        raise RequestFailed("an unknown transaction")
    return found


@case("dead-transaction", in_place(metering_facts, "own_transaction", only_linked))
async def dead_transaction(street: Street) -> None:
    await charged(street)
    kept = await street.central.central_system.ledger.ask(ListMeterValues(identity="CP1"))
    assert [record.sent_transaction_id for record in kept] == [987_654, 987_654]
    assert [record.transaction_id for record in kept] == [None, None]
    assert street.flagged == ["unknown transaction"] * 2


def null_is_no_object(patch: pytest.MonkeyPatch) -> None:
    parse = frames._parse_call

    def strictly(frame: list[Any]) -> frames.Call:
        call = parse(frame)
        return frames.Call(call.message_id, call.action, frame[3])

    patch.setattr(frames, "_parse_call", strictly)


@case("null-payload", null_is_no_object, heartbeat_interval=60)
async def null_payload(street: Street) -> None:
    await street.boot()
    beat = await street.said("Heartbeat")
    assert orjson.loads(beat.asked.text)[3] is None
    assert set(beat.result) == {"currentTime"}


def nothing_repaired(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(leniency, "arranged", lambda value, _: value)
    patch.setattr(leniency, "repaired", lambda value, _: value)


@case("numbers-for-strings", nothing_repaired, lenient=True)
async def numbers_for_strings(street: Street) -> None:
    await charged(street)
    first = street.station.wire.answered("MeterValues")[0]
    assert isinstance(first.payload["meterValue"], dict)
    assert first.payload["meterValue"]["sampledValue"][0]["value"] == 183.0
    kept = await street.central.central_system.ledger.ask(ListMeterValues(identity="CP1"))
    assert sorted(record.energy_wh or 0 for record in kept) == [183.0, 366.0]
    assert set(street.flagged) == {"invalid payload"}


def nothing_put_up_with(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(validation, "_lenient", validation._strict)


@case("unknown-names", nothing_put_up_with, lenient=True)
async def unknown_names(street: Street) -> None:
    await charged(street)
    assert street.refusals() == []
    found = await street.central.operator.charge_point("CP1")
    assert {connector["errorCode"] for connector in found["connectors"]} == {"Overheated"}


@case("overlong-strings", nothing_put_up_with, lenient=True)
async def overlong_strings(street: Street) -> None:
    await street.boot()
    found = await street.central.operator.charge_point("CP1")
    assert len(found["serialNumber"]) == len(found["model"]) == 90


def strict_times(patch: pytest.MonkeyPatch) -> None:
    rfc_3339 = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
    patch.setattr(timestamps, "_READABLE", re.compile(rfc_3339))


@case("no-timezone", strict_times)
async def no_timezone(street: Street) -> None:
    transaction = await charged(street)
    sent = street.station.wire.answered("StartTransaction")[0].payload["timestamp"]
    assert sent == "2026-03-01T12:00:00"
    assert transaction["startedAt"] == "2026-03-01T12:00:00.000Z"


@case("short-offset", strict_times)
async def short_offset(street: Street) -> None:
    transaction = await charged(street)
    sent = street.station.wire.answered("StartTransaction")[0].payload["timestamp"]
    assert sent == "2026-03-01T12:00:00+00"
    assert transaction["startedAt"] == "2026-03-01T12:00:00.000Z"


def recent_times(patch: pytest.MonkeyPatch) -> None:
    read = timestamps.read

    def recently(text: str) -> Any:
        moment = read(text)
        if moment.year < 2000:
            raise timestamps.UnreadableDateTime(text)
        return moment

    patch.setattr(timestamps, "read", recently)


@case("from-1970", recent_times)
async def from_1970(street: Street) -> None:
    transaction = await charged(street)
    assert transaction["startedAt"] == "1970-01-01T12:00:00.000Z"
    assert transaction["energyWh"] > 300


# --- all of them -------------------------------------------------------------------------------------------------

EACH = pytest.mark.parametrize("each", [pytest.param(each, id=each.quirk) for each in CASES])


@EACH
async def test_quirk(each: Case, autojump_clock: MockClock) -> None:
    await run(each)


@EACH
async def test_quirk_without_its_handling(
    each: Case, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    each.without(monkeypatch)
    with pytest.raises((AssertionError, Failed, trio.TooSlowError)):
        await run(each)


def test_every_quirk_is_tried() -> None:
    assert [each.quirk for each in CASES] == sorted(QUIRKS, key=[each.quirk for each in CASES].index)
    assert len(CASES) == len(QUIRKS)


STRICT = [
    ("numbers-for-strings", "MeterValues", "TypeConstraintViolation"),
    ("unknown-names", "StatusNotification", "PropertyConstraintViolation"),
    ("overlong-strings", "BootNotification", "PropertyConstraintViolation"),
]


@pytest.mark.parametrize(("quirk", "action", "code"), STRICT)
async def test_a_strict_central_system_refuses_what_breaks_the_schemas(
    quirk: str, action: str, code: str, autojump_clock: MockClock
) -> None:
    async with open_street(quirk) as street:
        await street.station.power_on()
        await street.station.plug_in()
        await trio.sleep(5)
        await street.station.tap("TAG")
        assert (await street.said(action)).error.code == code


async def test_a_strict_central_system_closes_without_a_subprotocol(autojump_clock: MockClock) -> None:
    async with open_street("no-subprotocol") as street:
        await street.station.power_on()
        closed = await street.station.wire.change("closed")
        assert (closed.code, closed.reason) == (1002, "no common subprotocol")


def test_quirks_add_up() -> None:
    both = personality_of(["double-slash", "trailing-slash", "no-pong"])
    assert len(both.dialing) == 2
    assert not both.answers_pings


def test_a_quirk_that_there_is_not() -> None:
    with pytest.raises(NoSuchQuirk, match="did you mean half-open"):
        personality_of(["halfopen"])
