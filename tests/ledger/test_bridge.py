"""The bridge between trio and the actor's thread: bounded, answered exactly once, and never left hanging."""

import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pykka
import pytest
import trio
import trio.testing
from attrs import define, field
from structlog.testing import capture_logs
from tests.ledger.facts import NOON, POISON, later, start

from ocpp_actors.ledger import bridge as bridge_module
from ocpp_actors.ledger.actor import ENOUGH, WAKE, Batch, Inbox, Job, StoreActor
from ocpp_actors.ledger.bridge import LATE_BY, SETTLED_AT_ONCE, Bridge, NextTurn, open_ledger, running
from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    FindChargePoint,
    Ledger,
    LedgerUnavailable,
    ListTransactions,
    Note,
    Notes,
    NoteSeen,
    RequestFailed,
)
from ocpp_actors.ledger.write_behind import WriteBehind

PATIENCE = 10


@define(eq=False)
class FakeStore:
    """Answers a request with itself, raises what is an exception, and can be held up."""

    batches: list[list[Any]] = field(factory=list)
    gate: threading.Event = field(factory=threading.Event)
    entered: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))
    closed: bool = False
    fails_to_open: BaseException | None = None
    fails_to_close: Exception | None = None

    def __attrs_post_init__(self) -> None:
        self.gate.set()

    def open(self) -> None:
        if self.fails_to_open:
            raise self.fails_to_open

    def carry_out(self, jobs: Sequence[Job]) -> Batch:
        self.batches.append([job.request for job in jobs])
        self.entered.release()
        assert self.gate.wait(PATIENCE)
        for job in jobs:
            if isinstance(job.request, BaseException):
                raise job.request
            job.answer = job.request
        return Batch(len(jobs), 0, 0.0, 0.0)

    def close(self) -> None:
        self.closed = True
        if self.fails_to_close:
            raise self.fails_to_close

    def release(self) -> None:
        """Let go a thread that was left behind, and wait for its end: it has something to say to the log."""
        self.gate.set()
        for thread in threading.enumerate():
            if thread.name.startswith("StoreActor"):
                thread.join(PATIENCE)

    async def busy(self) -> None:
        """Return when a batch has begun."""
        assert await trio.to_thread.run_sync(partial(self.entered.acquire, timeout=PATIENCE))


@asynccontextmanager
async def bridged(store: FakeStore, queue_limit: int = 100, batch_limit: int = 100) -> AsyncIterator[Bridge]:
    with trio.fail_after(PATIENCE):
        async with running(store, queue_limit=queue_limit, batch_limit=batch_limit) as bridge:
            yield bridge


async def outcome(bridge: Bridge, request: object, into: list[object]) -> None:
    try:
        into.append(await bridge.ask(request))
    except LedgerUnavailable as error:
        into.append(str(error))


async def test_requests_that_come_while_the_thread_is_busy_become_one_batch() -> None:
    store = FakeStore()
    answers: list[object] = []
    batches: list[Batch] = []
    async with running(store, queue_limit=100, batch_limit=100, on_batch=batches.append) as bridge:
        store.gate.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outcome, bridge, "first", answers)
            await store.busy()
            for number in range(20):
                nursery.start_soon(outcome, bridge, number, answers)
            await trio.testing.wait_all_tasks_blocked()
            store.gate.set()
    assert [len(batch) for batch in store.batches] == [1, 20]
    assert sorted(answers, key=str) == sorted(["first", *range(20)], key=str)
    assert sorted(store.batches[1]) == list(range(20))
    assert [batch.size for batch in batches] == [1, 20]


async def test_requests_of_one_turn_of_the_loop_become_one_batch() -> None:
    store = FakeStore()
    async with bridged(store) as bridge:
        first = bridge.put_nowait("first")
        assert not store.entered.acquire(timeout=0.05), "the thread is not to begin before the turn is over"
        second = bridge.put_nowait("second")
        await first.wait()
        await second.wait()
    assert store.batches == [["first", "second"]]


class Turns(trio.abc.Instrument):
    """Counts the turns of the loop."""

    now = 0

    def before_io_wait(self, timeout: float) -> None:
        self.now += 1


async def test_the_answers_of_one_commit_wake_a_few_tasks_in_each_turn() -> None:
    store, turns = FakeStore(), Turns()
    woken: Counter[int] = Counter()
    batches: list[Batch] = []
    async with running(store, queue_limit=100, batch_limit=100, on_batch=batches.append) as bridge:

        async def ask(number: int) -> None:
            assert await bridge.ask(number) == number
            woken[turns.now] += 1

        store.gate.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bridge.ask, "first")
            await store.busy()
            for number in range(50):
                nursery.start_soon(ask, number)
            await trio.testing.wait_all_tasks_blocked()
            trio.lowlevel.add_instrument(turns)
            store.gate.set()
        trio.lowlevel.remove_instrument(turns)
    assert list(woken.values()) == [SETTLED_AT_ONCE, SETTLED_AT_ONCE, 50 - 2 * SETTLED_AT_ONCE]
    assert [batch.size for batch in batches] == [1, 50]


async def test_a_batch_is_bounded() -> None:
    store = FakeStore()
    answers: list[object] = []
    async with bridged(store, batch_limit=3) as bridge:
        store.gate.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outcome, bridge, "first", answers)
            await store.busy()
            for number in range(7):
                nursery.start_soon(outcome, bridge, number, answers)
            await trio.testing.wait_all_tasks_blocked()
            store.gate.set()
    assert [len(batch) for batch in store.batches] == [1, 3, 3, 1]
    assert sorted(answers, key=str) == sorted(["first", *range(7)], key=str)


async def test_asking_waits_while_the_queue_is_full() -> None:
    store = FakeStore()
    answers: list[object] = []
    async with bridged(store, queue_limit=2) as bridge:
        store.gate.clear()
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(outcome, bridge, number, answers)
            await trio.testing.wait_all_tasks_blocked()
            assert len(bridge._outstanding) == 2
            with pytest.raises(trio.WouldBlock):
                bridge.put_nowait("no room")
            store.gate.set()
        assert sorted(answers, key=str) == [0, 1, 2, 3, 4]
        assert bridge._room.value == 2


async def test_a_cancelled_waiter_leaves_nothing_behind_and_its_request_is_carried_out() -> None:
    store = FakeStore()
    async with bridged(store, queue_limit=2) as bridge:
        store.gate.clear()
        async with trio.open_nursery() as nursery:
            for number in range(3):  # two are on their way, one waits for room
                nursery.start_soon(bridge.ask, number)
                await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        store.gate.set()
        assert await bridge.ask("after") == "after"
        assert bridge._outstanding == {}
        assert bridge._room.value == 2
    assert [request for batch in store.batches for request in batch] == [0, 1, "after"]


async def test_who_is_cancelled_already_asks_nothing() -> None:
    store = FakeStore()
    async with bridged(store) as bridge:
        with trio.CancelScope() as scope:
            scope.cancel()
            await bridge.ask("cancelled")
        assert bridge.waiting == 0
        assert await bridge.ask("after") == "after"
    assert store.batches == [["after"]]


@asynccontextmanager
async def watched(store: FakeStore, queue_limit: int = 100) -> AsyncIterator[Bridge]:
    async with (
        running(store, queue_limit=queue_limit, batch_limit=100) as bridge,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(bridge.watch)
        yield bridge
        store.gate.set()
        nursery.cancel_scope.cancel()


async def test_who_waits_too_long_gives_up_and_the_request_is_carried_out(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store, gave_up = FakeStore(), []
    autojump_clock.autojump_threshold = float("inf")

    async def ask(bridge: Bridge, by: float) -> None:
        with pytest.raises(LedgerUnavailable, match="no answer in time"):
            await bridge.ask(by, by)
        gave_up.append((by, trio.current_time()))

    async with watched(store) as bridge:
        store.gate.clear()
        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            for seconds in (10.0, 7.0, 12.0, 10.0):
                nursery.start_soon(ask, bridge, begun + seconds)
            await store.busy()
            await trio.testing.wait_all_tasks_blocked()
            autojump_clock.autojump_threshold = 0
        autojump_clock.autojump_threshold = float("inf")
        assert gave_up == [(begun + seconds, begun + seconds) for seconds in (7.0, 10.0, 10.0, 12.0)]
        store.gate.set()
        assert await bridge.ask("after", trio.current_time() + 1) == "after"
    carried_out = [request for batch in store.batches for request in batch]
    assert sorted(carried_out[:-1]) == [begun + seconds for seconds in (7.0, 10.0, 10.0, 12.0)]


async def test_who_finds_no_room_in_time_asks_nothing(autojump_clock: trio.testing.MockClock) -> None:
    store = FakeStore()
    autojump_clock.autojump_threshold = float("inf")
    async with watched(store, queue_limit=1) as bridge:
        store.gate.clear()
        stuck = bridge.put_nowait("stuck")
        await store.busy()
        autojump_clock.autojump_threshold = 0
        begun = trio.current_time()
        with pytest.raises(LedgerUnavailable, match="no answer in time"):
            await bridge.ask("no room", begun + 5)
        assert trio.current_time() == begun + 5
        autojump_clock.autojump_threshold = float("inf")
        store.gate.set()
        await stuck.wait()
        assert bridge._room.value == 1
    assert store.batches == [["stuck"]]


async def test_many_who_give_up_at_almost_one_time_are_looked_for_few_times(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, late = FakeStore(), []
    look, looked = Bridge._give_up, 0

    def counted(bridge: Bridge) -> float:
        nonlocal looked
        looked += 1
        return look(bridge)

    monkeypatch.setattr(Bridge, "_give_up", counted)
    autojump_clock.autojump_threshold = float("inf")

    async def ask(bridge: Bridge, by: float) -> None:
        with pytest.raises(LedgerUnavailable):
            await bridge.ask(by, by)
        late.append(trio.current_time() - by)

    async with watched(store) as bridge:
        store.gate.clear()
        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(ask, bridge, begun + 10 + number / 1000)
            await store.busy()
            await trio.testing.wait_all_tasks_blocked()
            autojump_clock.autojump_threshold = 0
        autojump_clock.autojump_threshold = float("inf")
    assert len(late) == 50
    assert 0 <= min(late) <= max(late) <= LATE_BY * 1.01
    assert looked <= 6


async def test_what_is_queued_at_the_end_is_carried_out_before_the_actor_stops() -> None:
    store = FakeStore()
    async with bridged(store, batch_limit=1) as bridge:
        slots = [bridge.put_nowait(number) for number in range(10)]
    assert [slot.answer for slot in slots] == list(range(10))
    assert store.closed


async def test_an_actor_that_is_stopped_fails_every_request_that_is_left() -> None:
    store = FakeStore()
    answers: list[object] = []
    async with bridged(store, batch_limit=1) as bridge:
        store.gate.clear()
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(outcome, bridge, number, answers)
            await store.busy()
            pykka.ActorRegistry.stop_all(block=False)
            store.gate.set()
        carried_out = [request for batch in store.batches for request in batch]
        assert 0 < len(carried_out) < 5
        failed = ["the ledger is closed"] * (5 - len(carried_out))
        assert sorted(answers, key=str) == sorted([*carried_out, *failed], key=str)
        with pytest.raises(LedgerUnavailable, match="the ledger is closed"):
            await bridge.ask("later")
        assert bridge._outstanding == {}
        assert bridge._room.value == 100
    assert store.closed


async def test_asking_after_the_end_fails_at_once() -> None:
    async with bridged(FakeStore()) as bridge:
        pass
    with trio.fail_after(PATIENCE), pytest.raises(LedgerUnavailable, match="the ledger is closed"):
        await bridge.ask("later")


class Neighbour(pykka.ThreadingActor):
    pass


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), ValueError("a bug")], ids=repr)
async def test_no_error_in_the_thread_ends_it_or_any_other_actor(error: BaseException) -> None:
    neighbour = Neighbour.start()
    store = FakeStore()
    try:
        async with bridged(store) as bridge:
            with capture_logs() as logs, pytest.raises(LedgerUnavailable, match=type(error).__name__):
                await bridge.ask(error)
            assert [line["event"] for line in logs] == ["the ledger's thread survived an error"]
            assert await bridge.ask("next") == "next"
            assert neighbour.is_alive()
    finally:
        neighbour.stop()


async def test_a_store_that_cannot_be_opened_says_why_and_leaves_no_thread() -> None:
    store = FakeStore(fails_to_open=LedgerUnavailable("no disk"))
    with pytest.raises(LedgerUnavailable, match="no disk"):
        async with bridged(store):
            pytest.fail("it was opened")
    assert store.closed
    assert pykka.ActorRegistry.get_all() == []


async def test_a_store_whose_opening_crashes_is_unavailable() -> None:
    with capture_logs() as logs, pytest.raises(LedgerUnavailable, match="internal error: ZeroDivisionError"):
        async with bridged(FakeStore(fails_to_open=ZeroDivisionError())):
            pytest.fail("it was opened")
    assert len(logs) == 1


async def test_a_store_that_fails_to_close_does_not_keep_the_end_from_coming() -> None:
    store = FakeStore(fails_to_close=OSError("broken"))
    with capture_logs() as logs:
        async with bridged(store) as bridge:
            assert await bridge.ask(1) == 1
    assert [line["event"] for line in logs] == ["the ledger could not be closed"]


async def test_a_thread_that_hangs_is_left_behind_in_bounded_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = float("inf")
    store = FakeStore()
    with capture_logs() as logs:
        async with running(store, queue_limit=10, batch_limit=10, close_timeout=60.0) as bridge:
            store.gate.clear()
            slot = bridge.put_nowait("stuck")
            await store.busy()
            left = bridge.put_nowait("left")
            autojump_clock.autojump_threshold = 0
            begun = trio.current_time()
    assert trio.current_time() - begun == 60.0
    assert [str(slot.error), str(left.error)] == ["the ledger is closed"] * 2
    assert slot.settled
    assert left.settled
    assert [line["event"] for line in logs] == [
        "not everything could be written before the end",
        "the ledger's thread hangs and is left behind",
    ]
    store.release()


async def test_notes_and_the_ledger_end_together_in_bounded_time(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    store = FakeStore()
    monkeypatch.setattr(bridge_module, "LedgerStore", lambda url: store)
    autojump_clock.autojump_threshold = float("inf")
    with capture_logs() as logs:
        async with open_ledger("sqlite:///fake.db", close_timeout=60.0, note_interval=3600) as ledger:
            store.gate.clear()
            for number in range(3):
                ledger.note(seen(number))
            autojump_clock.autojump_threshold = 0
            begun = trio.current_time()
    assert trio.current_time() - begun == 60.0
    assert [line["event"] for line in logs] == [
        "not everything could be written before the end",
        "the ledger's thread hangs and is left behind",
    ]
    store.release()


async def test_a_measurement_that_fails_disturbs_nobody() -> None:
    def broken(batch: Batch) -> None:
        raise RuntimeError("no metrics")

    with capture_logs() as logs:
        async with running(FakeStore(), queue_limit=10, batch_limit=10, on_batch=broken) as bridge:
            assert await bridge.ask(1) == 1
    assert [line["event"] for line in logs] == ["a measurement failed"]


def test_answers_that_come_after_the_end_of_trio_are_dropped() -> None:
    async def make() -> Bridge:
        async with running(FakeStore(), queue_limit=1, batch_limit=1) as bridge:
            return bridge

    bridge = trio.run(make)
    bridge._settle_soon([], None)
    bridge._stop_soon()


@define
class Stopwatch:
    """Time that passes only while somebody waits; ``meanwhile`` is called then."""

    now: float = 0.0
    waited: list[float] = field(factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def wait(self, event: threading.Event, seconds: float) -> None:
        self.waited.append(seconds)
        assert len(self.waited) < 100, "it waits for what is there"
        self.meanwhile()
        if not event.is_set():
            self.now += seconds


def gathering(store: FakeStore, inbox: Inbox, watch: Stopwatch) -> StoreActor:
    """An actor without a thread, whose small batches begin a hundredth of a second after each other."""
    return StoreActor(store, inbox, lambda *_: None, lambda: None, 100, 0.01, lambda: watch.now, watch.wait)


def test_small_batches_gather_what_comes_and_large_ones_begin_at_once() -> None:
    store, inbox, watch = FakeStore(), Inbox(), Stopwatch()
    actor = gathering(store, inbox, watch)

    def come(jobs: int) -> None:
        for _ in range(jobs):
            inbox.put(Job("x"))

    come(1)
    actor.on_receive(WAKE)
    assert watch.waited == [], "the last one is long ago"

    come(1)
    watch.meanwhile = lambda: come(1)
    actor.on_receive(WAKE)
    assert watch.waited == [pytest.approx(0.01)]
    assert watch.now == pytest.approx(0.01)

    come(1)
    watch.meanwhile = lambda: come(ENOUGH)
    actor.on_receive(WAKE)
    assert watch.now == pytest.approx(0.01), "there is enough now"

    watch.waited.clear()
    come(ENOUGH)
    actor.on_receive(WAKE)
    assert watch.waited == []

    watch.meanwhile = lambda: None
    come(1)
    actor.on_receive(WAKE)
    assert watch.waited == [pytest.approx(0.01)], "that there was enough is long ago"

    watch.meanwhile = inbox.hurry
    come(1)
    actor._at_once = 0
    actor.on_receive(WAKE)
    assert watch.now == pytest.approx(0.02), "the end has begun"

    watch.waited.clear()
    come(1)
    actor.on_receive(WAKE)
    assert watch.waited == []
    assert [len(batch) for batch in store.batches] == [1, 2, 1 + ENOUGH, ENOUGH, 1, 1, 1]


def test_who_asks_one_thing_after_the_other_hardly_waits() -> None:
    store, inbox, watch = FakeStore(), Inbox(), Stopwatch()
    actor = gathering(store, inbox, watch)

    def waits(asked: int) -> int:
        """How many of so many questions had to wait."""
        waited = 0
        for _ in range(asked):
            watch.waited.clear()
            inbox.put(Job("x"))
            actor.on_receive(WAKE)
            waited += bool(watch.waited)
        return waited

    assert waits(1 + (1 + 1) + (1 + 3) + (1 + 7)) == 3
    assert waits((1 + 15) + (1 + 31) + 9 * (1 + 63)) == 2 + 9

    def come() -> None:
        inbox.put(Job("another"))

    watch.meanwhile = come
    while not waits(1):
        pass
    assert waits(10) == 10, "now it pays to wait"


async def test_nothing_is_gathered_any_more_at_the_end() -> None:
    async with bridged(FakeStore()) as bridge:
        assert bridge._inbox.few
        bridge.close_by()
        assert not bridge._inbox.few


async def test_what_is_to_be_called_in_the_next_turn_is_called_then_and_none_is_forgotten() -> None:
    """Whether a task does it or not, and when it ends."""
    next_turn, turns = NextTurn(), Turns()
    called: list[tuple[str, int]] = []

    def call(name: str) -> None:
        next_turn.call(lambda: called.append((name, turns.now)))

    async with trio.open_nursery() as nursery:
        trio.lowlevel.add_instrument(turns)
        call("without a task")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(next_turn.run)
        await trio.testing.wait_all_tasks_blocked()
        begun = turns.now
        call("one")
        call("two")
        next_turn.call(lambda: call("later"))
        await trio.testing.wait_all_tasks_blocked()
        assert called[1:] == [("one", begun + 1), ("two", begun + 1), ("later", begun + 2)]

        def end() -> None:
            call("the last")
            nursery.cancel_scope.cancel()

        next_turn.call(end)
    call("without a task again")
    await trio.testing.wait_all_tasks_blocked()
    trio.lowlevel.remove_instrument(turns)
    assert [name for name, _ in called] == [
        "without a task",
        "one",
        "two",
        "later",
        "the last",
        "without a task again",
    ]


# --- through the whole ledger ------------------------------------------------------------------------------------


async def test_a_poisonous_request_fails_alone_through_the_bridge(database_url: str) -> None:
    answers: list[object] = []

    async def ask(ledger: Ledger, request: Any) -> None:
        try:
            answers.append(await ledger.ask(request))
        except RequestFailed as error:
            answers.append(error)

    batches: list[Batch] = []
    async with open_ledger(database_url, on_batch=batches.append) as ledger:
        with capture_logs():
            async with trio.open_nursery() as nursery:
                for number in range(20):
                    nursery.start_soon(ask, ledger, POISON if number == 7 else start(meter_start=number))
        assert len(await ledger.ask(ListTransactions())) == 19
    assert [type(answer) for answer in answers].count(RequestFailed) == 1
    assert sum(batch.failed for batch in batches) == 1


async def test_cancelling_a_waiter_does_not_undo_the_write(database_url: str) -> None:
    async with open_ledger(database_url) as ledger, trio.open_nursery() as nursery:
        nursery.start_soon(ledger.ask, start())
        await trio.testing.wait_all_tasks_blocked(0.0)
        nursery.cancel_scope.cancel()
    async with open_ledger(database_url) as ledger:
        assert len(await ledger.ask(ListTransactions())) == 1


async def test_notes_are_written_at_the_end(database_url: str) -> None:
    async with open_ledger(database_url, batch_limit=7) as ledger:
        for number in range(50):
            await ledger.ask(AdmitChargePoint(f"CP-{number}", NOON))
        for seconds in range(3):
            for number in range(50):
                ledger.note(NoteSeen(f"CP-{number}", later(seconds)))
    async with open_ledger(database_url) as ledger:
        for number in range(50):
            record = await ledger.ask(FindChargePoint(f"CP-{number}"))
            assert record is not None
            assert record.last_seen_at == later(2)


async def test_notes_are_written_even_when_the_body_fails(database_url: str) -> None:
    async def body() -> None:
        async with open_ledger(database_url) as ledger:
            await ledger.ask(AdmitChargePoint("CP-1", NOON))
            ledger.note(NoteSeen("CP-1", later(1)))
            raise ValueError("the body")

    with pytest.RaisesGroup(ValueError):
        await body()
    async with open_ledger(database_url) as ledger:
        record = await ledger.ask(FindChargePoint("CP-1"))
        assert record is not None
        assert record.last_seen_at == later(1)


async def test_notes_are_written_every_interval(database_url: str) -> None:
    written = trio.Event()

    def see(batch: Batch) -> None:
        if asked:
            written.set()

    asked = False
    async with open_ledger(database_url, note_interval=0.001, on_batch=see) as ledger:
        await ledger.ask(AdmitChargePoint("CP-1", NOON))
        asked = True
        ledger.note(NoteSeen("CP-1", later(1)))
        with trio.fail_after(PATIENCE):
            await written.wait()
        record = await ledger.ask(FindChargePoint("CP-1"))
        assert record is not None
        assert record.last_seen_at == later(1)


# --- notes ---------------------------------------------------------------------------------------------------------


@define
class Written:
    error: Exception | None

    async def wait(self) -> None:
        await trio.lowlevel.checkpoint()


@define(eq=False)
class NoteSink:
    """Takes notes and settles them at once."""

    notes: list[Note] = field(factory=list)
    chunks: list[int] = field(factory=list)
    error: Exception | None = None
    before: Callable[[], object] = lambda: None

    async def put(self, notes: Notes) -> Written:
        await trio.lowlevel.checkpoint()
        self.before()
        self.notes += notes.notes
        self.chunks.append(len(notes.notes))
        return Written(self.error)


def seen(number: int, seconds: float = 0) -> NoteSeen:
    return NoteSeen(f"CP-{number}", later(seconds))


async def test_notes_are_coalesced_by_key() -> None:
    sink = NoteSink()
    notes = WriteBehind(sink.put, limit=10, chunk=10)
    for seconds in range(5):
        notes.add(seen(1, seconds))
        notes.add(seen(2, seconds))
    await notes.flush()
    await notes.flush()
    assert sink.notes == [seen(1, 4), seen(2, 4)]


async def test_notes_are_bounded_and_known_keys_still_change() -> None:
    sink = NoteSink()
    notes = WriteBehind(sink.put, limit=2, chunk=10)
    for number in range(4):
        notes.add(seen(number))
    notes.add(seen(1, 9))
    with capture_logs() as logs:
        await notes.flush()
        await notes.flush()
    assert sink.notes == [seen(0), seen(1, 9)]
    assert [line["dropped"] for line in logs] == [2]


async def test_notes_wait_for_a_ledger_that_fails_unless_newer_ones_came() -> None:
    sink = NoteSink(error=LedgerUnavailable("full"))
    notes = WriteBehind(sink.put, limit=10, chunk=2)
    for number in range(5):
        notes.add(seen(number))
    sink.before = lambda: notes.add(seen(0, 9))
    with capture_logs() as logs:
        await notes.flush()
    assert len(sink.notes) == 2, "the rest is not tried"
    assert [line["waiting"] for line in logs] == [5]
    sink.error, sink.before = None, lambda: None
    sink.notes.clear()
    await notes.flush()
    assert sorted(sink.notes, key=lambda note: note.identity) == [seen(0, 9), *map(seen, range(1, 5))]


async def test_notes_go_in_chunks() -> None:
    sink = NoteSink()
    notes = WriteBehind(sink.put, limit=10, chunk=3)
    for number in range(8):
        notes.add(seen(number))
    await notes.flush()
    assert sink.chunks == [3, 3, 2]
    assert sink.notes == list(map(seen, range(8)))


async def test_notes_that_are_refused_are_not_tried_again() -> None:
    sink = NoteSink(error=RequestFailed("no"))
    notes = WriteBehind(sink.put, limit=10, chunk=2)
    notes.add(seen(1))
    await notes.flush()
    await notes.flush()
    assert sink.notes == [seen(1)]


async def test_a_newer_note_that_comes_while_the_older_is_handed_over_is_kept() -> None:
    sink = NoteSink()
    notes = WriteBehind(sink.put, limit=10, chunk=2)
    notes.add(seen(1))
    sink.before = lambda: notes.add(seen(1, 5))
    await notes.flush()
    sink.before = lambda: None
    await notes.flush()
    assert sink.notes == [seen(1), seen(1, 5)]


async def test_notes_that_another_flush_took_are_not_written_twice() -> None:
    sink = NoteSink()
    notes = WriteBehind(sink.put, limit=10, chunk=1)
    notes.add(seen(1))
    notes.add(seen(2))
    sink.before = partial(notes._waiting.pop, seen(2).key, None)
    await notes.flush()
    assert sink.notes == [seen(1)]


async def test_notes_are_written_each_interval_for_ever(autojump_clock: trio.testing.MockClock) -> None:
    sink = NoteSink()
    notes = WriteBehind(sink.put, limit=10, chunk=10)
    with trio.move_on_after(3.5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(notes.run, 1.0)
            for number in range(3):
                notes.add(seen(number))
                await trio.sleep(1.1)
                assert sink.notes == [seen(earlier) for earlier in range(number + 1)]


def test_notes_that_could_not_be_written_are_spoken_of_at_the_end() -> None:
    notes = WriteBehind(NoteSink().put, limit=10, chunk=10)
    with capture_logs() as logs:
        notes.give_up()
        notes.add(seen(1))
        notes.give_up()
    assert [line["lost"] for line in logs] == [1]
