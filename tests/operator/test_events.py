import gc
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import trio
from structlog.testing import capture_logs
from tests.operator.facts import AT, AT_TEXT, EVERY_KIND, frame, status, tell_all
from trio.testing import MockClock, wait_all_tasks_blocked

from ocpp_actors import observer as o
from ocpp_actors.operator import events
from ocpp_actors.operator.event_data import DEFAULT_TYPES, TYPE_OF, TYPES
from ocpp_actors.operator.events import (
    BACKLOG_EVENTS,
    KEEP_ALIVE,
    PATIENCE,
    PAUSE,
    Feed,
    Stream,
    TooManyClients,
)
from ocpp_actors.operator_cli.event_stream import ServerSentEvent, parse

EVERYTHING = frozenset(TYPES)


def follow(
    feed: Feed,
    types: frozenset[str] | None = None,
    charge_point: str | None = None,
    last_event_id: str | None = None,
) -> Stream:
    return feed.stream(types, charge_point, last_event_id)


async def next_events(stream: AsyncIterator[bytes]) -> list[ServerSentEvent]:
    """The events of the next chunk that has any."""
    with trio.fail_after(2 * KEEP_ALIVE):
        while not (found := list(parse([await anext(stream)]))):
            pass
    return found


async def begun(feed: Feed, *how: Any, **named: Any) -> Stream:
    """A stream whose first chunk, which has no events, was read."""
    stream = follow(feed, *how, **named)
    assert list(parse([await anext(stream)])) == []
    return stream


def ids(found: list[ServerSentEvent]) -> list[str]:
    return [event.id for event in found]


async def test_every_type_of_event_has_its_data(autojump_clock: MockClock) -> None:
    feed = Feed("e")
    stream = await begun(feed, EVERYTHING)
    tell_all(feed)
    told = [(event.type, orjson.loads(event.data)) for event in await next_events(stream)]
    where = {"chargePoint": "CP1", "at": AT_TEXT}
    remote = {"online": True, "remote": "192.0.2.7:4711", "generation": 3, "code": None, "reason": None}
    gone = {"online": False, "remote": None, "generation": 3, "code": 1006, "reason": "gone"}
    call = {
        "callId": 17,
        "action": "Reset",
        "status": "callError",
        "errorCode": "NotSupported",
        "seconds": 0.25,
    }
    raised = {"type": "TamperDetectionActivated", "detail": "lid", "origin": "chargePoint"}
    power = {"connectorId": 1, "transactionId": 42, "energyWh": 1500.0, "powerW": 11_000.0}
    assert told == [
        ("connection", where | remote),
        ("message", where | {"direction": "in", "frame": '[2,"1","Heartbeat",{}]'}),
        ("message", where | {"direction": "out", "frame": '[3,"1",{}]'}),
        ("call", where | call),
        ("restart", where | {"cause": "ValueError"}),
        ("flag", where | {"quirk": "late reply", "detail": "reply to m1"}),
        ("securityEvent", where | raised),
        ("status", where | {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}),
        ("progress", where | {"kind": "firmware", "status": "Installed", "requestId": None}),
        ("reservation", where | {"reservationId": 7, "connectorId": 1, "status": "Accepted"}),
        ("transaction", where | {"transactionId": 42, "state": "started", "connectorId": 1, "idTag": "TAG"}),
        ("meterValues", where | power),
        ("transaction", where | {"transactionId": 42, "state": "stopped", "reason": "Local"}),
        ("connection", where | gone),
    ]


def test_every_event_but_a_handled_call_has_a_type() -> None:
    untold = {kind for kind in o.Event.__subclasses__() if kind not in TYPE_OF}
    assert untold == {o.CallHandled}
    assert {type(event) for event in EVERY_KIND} == set(o.Event.__subclasses__())


async def test_messages_are_told_only_to_who_asks_for_them(autojump_clock: MockClock) -> None:
    feed = Feed("e")
    by_default, messages = await begun(feed), await begun(feed, frozenset({"message"}))
    tell_all(feed)
    assert {event.type for event in await next_events(by_default)} == DEFAULT_TYPES
    assert {event.type for event in await next_events(messages)} == {"message"}


async def test_frames_are_kept_from_when_the_first_client_asks_for_them(autojump_clock: MockClock) -> None:
    observer, feed = o.Observer(), Feed("e")
    feed.follow(observer)
    by_default = await begun(feed)
    for event in (status("CP1"), frame("[1]"), status("CP1")):
        observer.tell(event)
    assert ids(await next_events(by_default)) == ["e-1", "e-2"]
    everything = follow(feed, EVERYTHING, None, "e-1")
    observer.tell(frame("[2]"))
    told = [event.type for event in await next_events(everything)]
    assert told == ["gap", "status", "message"]
    messages = await begun(feed, frozenset({"message"}))
    observer.tell(frame("[3]"))
    assert [orjson.loads(event.data)["frame"] for event in await next_events(messages)] == ["[3]"]


async def test_a_charge_point_is_followed_without_regard_to_case(autojump_clock: MockClock) -> None:
    feed = Feed("e")
    stream = await begun(feed, None, "Straße-1")
    feed(status("CP2"))
    feed(status("STRASSE-1"))
    assert [orjson.loads(event.data)["chargePoint"] for event in await next_events(stream)] == ["STRASSE-1"]


async def test_a_type_that_does_not_exist_is_refused_before_the_stream_begins() -> None:
    feed = Feed("e")
    with pytest.raises(ValueError, match="no type nonsense of events; there are connection, status"):
        follow(feed, frozenset({"status", "nonsense"}))
    assert feed.clients == 0


async def test_secrets_are_masked_in_messages(autojump_clock: MockClock) -> None:
    feed = Feed("e")
    stream = await begun(feed, EVERYTHING)
    feed(frame('[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"s3cret"}]'))
    (event,) = await next_events(stream)
    assert "s3cret" not in event.data
    assert "AuthorizationKey" in event.data


async def test_half_a_surrogate_pair_ends_no_stream(autojump_clock: MockClock) -> None:
    feed = Feed("e")
    stream = await begun(feed)
    feed(o.Flagged("CP1", AT, "quirk", "half \ud800 of a pair"))
    (event,) = await next_events(stream)
    assert '"half \\ud800 of a pair"' in event.data


async def test_an_event_becomes_json_once_and_only_if_somebody_wants_it(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[o.Event] = []

    def counting(event: o.Event) -> dict[str, Any]:
        written.append(event)
        return {}

    monkeypatch.setattr(events, "document", counting)
    feed = Feed("e")
    first, second = await begun(feed), await begun(feed)
    feed(status())
    feed(frame())
    assert written == []
    await next_events(first)
    await next_events(second)
    assert written == [status()]


async def test_a_client_goes_on_behind_the_last_event_that_it_had(autojump_clock: MockClock) -> None:
    feed = Feed("e")
    for _ in range(5):
        feed(status())
    assert ids(await next_events(follow(feed, last_event_id="e-3"))) == ["e-4", "e-5"]
    assert ids(await next_events(follow(feed, last_event_id="e-0")))[0] == "e-1"


async def test_a_silent_stream_tells_from_where_it_can_be_resumed(autojump_clock: MockClock) -> None:
    feed = Feed("e")
    stream = follow(feed, charge_point="CP2")
    assert b"\nid: e-0\n\n" in await anext(stream)
    for _ in range(20):
        feed(status("CP1"))
    began = trio.current_time()
    assert await anext(stream) == b": keep-alive\nid: e-20\n\n"
    assert trio.current_time() - began == KEEP_ALIVE


@pytest.mark.parametrize(
    "last_event_id", ["other-3", "e-6", "e-", "nonsense", "e-9999999999999999999", "e--1", "-"]
)
async def test_a_gap_is_told_where_the_last_event_is_none_of_ours(
    last_event_id: str, autojump_clock: MockClock
) -> None:
    feed = Feed("e")
    for _ in range(5):
        feed(status())
    stream = follow(feed, last_event_id=last_event_id)
    (gap,) = await next_events(stream)
    assert gap.type == "gap"
    assert orjson.loads(gap.data)["reason"]
    feed(status())
    assert ids(await next_events(stream)) == ["e-6"]


async def test_a_gap_is_told_where_events_in_between_are_not_kept(autojump_clock: MockClock) -> None:
    feed = Feed("e", ring_events=3)
    for _ in range(5):
        feed(status())
    assert [event.type for event in await next_events(follow(feed, last_event_id="e-2"))] == ["status"] * 3
    found = await next_events(follow(feed, last_event_id="e-1"))
    assert [event.type for event in found] == ["gap", "status", "status", "status"]
    assert ids(found)[1:] == ["e-3", "e-4", "e-5"]


async def test_messages_do_not_push_out_other_events(autojump_clock: MockClock) -> None:
    feed = Feed("e", ring_events=3)
    feed(status())
    for _ in range(10):
        feed(frame())
    assert ids(await next_events(follow(feed, last_event_id="e-0"))) == ["e-1"]
    found = await next_events(follow(feed, EVERYTHING, last_event_id="e-0"))
    assert [event.type for event in found] == ["gap", "status", "message", "message", "message"]
    assert ids(found)[1:] == ["e-1", "e-9", "e-10", "e-11"]


async def test_the_ring_is_bounded_in_bytes(autojump_clock: MockClock) -> None:
    feed = Feed("e", ring_size=100_000)
    for _ in range(50):
        feed(frame("x" * 10_000))
    found = await next_events(follow(feed, EVERYTHING, last_event_id="e-0"))
    assert found[0].type == "gap"
    assert len(found) - 1 == 4


async def test_many_events_come_in_few_chunks_in_order(autojump_clock: MockClock) -> None:
    feed = Feed("e")
    stream = await begun(feed, EVERYTHING)
    chunks: list[list[ServerSentEvent]] = []

    async def read() -> None:
        chunks.extend([list(parse([chunk])) async for chunk in stream])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        for number in range(2000):
            feed(status() if number % 3 else frame())
            await trio.sleep(0.001)
        await trio.sleep(2 * PAUSE)
        feed.close()
    assert ids([event for chunk in chunks for event in chunk]) == [f"e-{number}" for number in range(1, 2001)]
    assert len(chunks) <= 2 / PAUSE + 2


async def test_the_first_event_after_a_silence_comes_at_once(autojump_clock: MockClock) -> None:
    feed = Feed("e")
    stream = await begun(feed)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(next_events, stream)
        await trio.sleep(0.5)
        began = trio.current_time()
        feed(status())
    assert trio.current_time() == began


async def test_a_client_is_not_woken_for_each_event_that_it_does_not_want(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    take = Stream._take

    def counting(stream: Stream) -> bytes:
        nonlocal looks
        looks += 1
        return take(stream)

    feed = Feed("e")
    stream = await begun(feed)
    monkeypatch.setattr(Stream, "_take", counting)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(next_events, stream)
        for _ in range(1000):
            feed(frame())
            await trio.sleep(0.001)
        nursery.cancel_scope.cancel()
    assert looks <= 1 / PAUSE + 2


async def test_a_client_that_does_not_read_is_dropped_with_a_reason(autojump_clock: MockClock) -> None:
    feed = Feed("e")
    stream = await begun(feed)
    for _ in range(BACKLOG_EVENTS + 1):
        feed(status())
    await trio.sleep(PATIENCE + 0.1)
    with capture_logs() as logs:
        (dropped,) = await next_events(stream)
    assert dropped.type == "dropped"
    assert "too much was waiting" in orjson.loads(dropped.data)["reason"]
    assert [(line["log_level"], line["waiting"]) for line in logs] == [("warning", BACKLOG_EVENTS + 1)]
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert (feed.dropped, feed.clients) == (1, 0)


async def test_a_client_that_never_reads_again_is_counted_once_when_it_is_closed(
    autojump_clock: MockClock,
) -> None:
    feed = Feed("e")
    stream = await begun(feed)
    for _ in range(BACKLOG_EVENTS + 1):
        feed(status())
    await trio.sleep(PATIENCE + 0.1)
    await stream.aclose()
    await stream.aclose()
    assert (feed.dropped, feed.clients) == (1, 0)


async def test_a_client_is_dropped_for_bytes_as_well(autojump_clock: MockClock) -> None:
    feed = Feed("e")
    stream = await begun(feed, EVERYTHING)
    for _ in range(5):
        feed(frame("x" * (1 << 20)))
    await trio.sleep(PATIENCE + 0.1)
    assert [event.type for event in await next_events(stream)] == ["dropped"]


async def test_a_client_that_does_not_read_what_it_does_not_want_is_not_slow(
    autojump_clock: MockClock,
) -> None:
    feed = Feed("e")
    stream = await begun(feed)
    for _ in range(BACKLOG_EVENTS + 1):
        feed(frame())
    feed(status())
    await trio.sleep(PATIENCE + 0.1)
    assert [event.type for event in await next_events(stream)] == ["status"]


async def test_a_burst_while_the_server_is_busy_drops_nobody(autojump_clock: MockClock) -> None:
    feed = Feed("e")
    stream = await begun(feed)
    for _ in range(2 * BACKLOG_EVENTS):
        feed(status())
    found: list[ServerSentEvent] = []
    while len(found) < 2 * BACKLOG_EVENTS:
        found += await next_events(stream)
    assert ids(found) == [f"e-{number}" for number in range(1, 2 * BACKLOG_EVENTS + 1)]


async def test_there_are_so_many_clients_and_no_more() -> None:
    feed = Feed("e", max_clients=2)
    streams = [follow(feed), follow(feed)]
    with pytest.raises(TooManyClients, match="2 clients"):
        follow(feed)
    await streams.pop().aclose()
    streams.append(follow(feed))
    assert feed.clients == 2


async def test_a_stream_that_is_forgotten_gives_back_its_place() -> None:
    feed = Feed("e", max_clients=1)
    follow(feed)
    gc.collect()
    follow(feed)


async def test_the_end_of_the_feed_ends_every_stream(autojump_clock: MockClock) -> None:
    feed = Feed("e")
    reading = [await begun(feed), await begun(feed, EVERYTHING)]
    ended = 0

    async def read(stream: Stream) -> None:
        nonlocal ended
        async for _ in stream:
            pass
        ended += 1

    with trio.fail_after(2 * PAUSE):
        async with trio.open_nursery() as nursery:
            for stream in reading:
                nursery.start_soon(read, stream)
            await wait_all_tasks_blocked()
            feed.close()
    assert (ended, feed.clients) == (2, 0)
    with pytest.raises(StopAsyncIteration):
        await anext(follow(feed))


async def test_a_reader_that_is_cancelled_loses_nothing(autojump_clock: MockClock) -> None:
    feed = Feed("e")
    stream = await begun(feed)
    with trio.move_on_after(0.2):
        await next_events(stream)
    feed(status())
    assert ids(await next_events(stream)) == ["e-1"]
