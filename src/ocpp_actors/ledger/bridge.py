"""Where trio and Pykka meet, and the only place: requests go to the actor's thread, answers come back.

Nothing here blocks trio's thread. An answer comes back through ``TrioToken.run_sync_soon``, once a batch.
"""

import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, TypeVar

import structlog
import trio
from attrs import define

from ocpp_actors.ledger.actor import STOPPED, Batch, Inbox, Job, Open, Store, StoreActor
from ocpp_actors.ledger.database import parse_url
from ocpp_actors.ledger.group_commit import LedgerStore
from ocpp_actors.ledger.memory import MemoryLedger
from ocpp_actors.ledger.port import Ledger, LedgerUnavailable, Note, Request
from ocpp_actors.ledger.write_behind import WriteBehind

log = structlog.get_logger(__name__)

CLOSE_TIMEOUT: Final = 5.0
"""Seconds in which a store writes what is left and stops, unless it is opened with another limit."""

SETTLED_AT_ONCE: Final = 20
"""Jobs of one commit that are settled in one turn of the loop, so that the others in it do not wait for hundreds."""

COMMIT_INTERVAL: Final = 0.025
"""Seconds between two commits of the ledger, unless there is much to commit: a commit takes the loop's time, too."""

LATE: Final = "no answer in time"

LATE_BY: Final = 0.01
"""Seconds after its time at which a waiter gives up at the latest, so that many of them do so together."""

MEMORY: Final = "memory:"

R = TypeVar("R")
BatchHook = Callable[[Batch], None]


@define(eq=False)
class Slot(Job):
    """A job, whether it is settled, and who then goes on: what is called, and the one task that waits."""

    on_settled: Callable[[], None] | None = None
    settled: bool = False
    by: float = math.inf
    _waiter: trio.lowlevel.Task | None = None

    def wait(self) -> Awaitable[object]:
        """Wait until the job is settled, or given up. For one task, to be awaited at once."""
        if self.settled:
            return trio.lowlevel.checkpoint()  # noqa: ASYNC105, it is awaited by whoever waits
        self._waiter = trio.lowlevel.current_task()
        return trio.lowlevel.wait_task_rescheduled(self._wait_no_more)  # noqa: ASYNC105, as above

    def _wait_no_more(self, _: object) -> trio.lowlevel.Abort:
        self._waiter = None
        self.by = math.inf
        return trio.lowlevel.Abort.SUCCEEDED

    def give_up(self) -> None:
        """Let the task that waits go on without an answer."""
        self.by = math.inf
        if self._waiter is not None:
            trio.lowlevel.reschedule(self._waiter)
            self._waiter = None

    def settle(self) -> None:
        """Let the task that waits go on, and call what is to be called."""
        self.settled = True
        if self._waiter is not None:
            trio.lowlevel.reschedule(self._waiter)
        if self.on_settled is not None:
            self.on_settled()


class NextTurn:
    """Calls functions in the next turn of trio's loop, from its thread.

    So does run_sync_soon, with a system call and at five times the price; it stands in while run() does not run.
    """

    def __init__(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._runs = False
        self._calls: deque[Callable[[], None]] = deque()
        self._asleep = trio.lowlevel.ParkingLot()

    def call(self, function: Callable[[], None]) -> None:
        """Call it in the next turn."""
        if self._runs:
            self._calls.append(function)
            self._asleep.unpark()
        else:
            self._token.run_sync_soon(function)

    async def run(self) -> None:
        """Do it in this task, for ever."""
        self._runs = True
        try:
            while True:
                if self._calls:
                    await trio.lowlevel.checkpoint()
                else:
                    await self._asleep.park()
                self._call_all()
        finally:
            self._runs = False
            self._call_all()

    def _call_all(self) -> None:
        for _ in range(len(self._calls)):
            self._calls.popleft()()


class Bridge:
    """The trio side of one actor: a bounded number of jobs on their way, each settled exactly once.

    ``queue_limit`` bounds the jobs that are queued or being carried out; ``on_batch`` is told in trio's thread what
    each batch took. ``close_timeout`` is how many seconds the whole end may take; ``interval``: see StoreActor.
    """

    def __init__(
        self,
        store: Store,
        *,
        queue_limit: int,
        batch_limit: int,
        on_batch: BatchHook | None = None,
        close_timeout: float = CLOSE_TIMEOUT,
        interval: float = 0.0,
    ) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self.next_turn = NextTurn()
        self._room = trio.Semaphore(queue_limit)
        self._inbox = Inbox()
        self._on_batch = on_batch
        self._close_timeout = close_timeout
        self._close_by: float | None = None
        self._alarm = trio.CancelScope()
        self._waking = False
        self._outstanding: dict[Job, Slot] = {}
        self._idle = trio.Event()
        self._stopped = trio.Event()
        self._actor = StoreActor.start(
            store,
            self._inbox,
            self._settle_soon,
            self._stop_soon,
            batch_limit=batch_limit,
            interval=interval,
        )

    @property
    def waiting(self) -> int:
        """How many jobs are queued or being carried out."""
        return len(self._outstanding)

    async def ask(self, request: Any, by: float | None = None) -> Any:
        """Have a request carried out and return its answer. A waiter that is cancelled or gives up does not undo it.

        Raises LedgerUnavailable: the store failed, is closed, or has not answered by ``by``, see ``watch``.
        Raises RequestFailed: this request cannot be carried out.
        """
        slot = await self.put(request, math.inf if by is None else by)
        await slot.wait()
        if slot.error is not None:
            try:
                raise slot.error
            finally:
                del slot  # which has the error, whose frames have it
        if not slot.settled:
            raise LedgerUnavailable(LATE)
        return slot.answer

    async def put(self, request: Any, by: float = math.inf) -> Slot:
        """Queue a request, once there is room. Where there is, no other task runs first.

        Raises LedgerUnavailable: there was none by ``by``.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._room.value:
            self._room.acquire_nowait()
        else:
            with trio.move_on_at(by) as scope:
                await self._room.acquire()
            if scope.cancelled_caught:
                raise LedgerUnavailable(LATE)
        slot = self._put(request)
        slot.by = by
        if by < self._alarm.deadline:  # noqa: PLR1730, to set it costs more than to read it
            self._alarm.deadline = by
        return slot

    async def watch(self) -> None:
        """Let those give up who have waited for as long as they want to, for ever.

        One timer for all costs less than one each. It is set anew when it has run off: mostly they have their answers.
        """
        while True:
            with self._alarm:
                await trio.sleep_forever()
            self._alarm = trio.CancelScope(deadline=self._give_up())

    def _give_up(self) -> float:
        """Let those give up whose time has come, and return when that of the next one comes."""
        now = trio.current_time()
        soonest = math.inf
        for slot in self._outstanding.values():
            if slot.by <= now:
                slot.give_up()
            elif slot.by < soonest:
                soonest = slot.by
        return max(soonest, now + LATE_BY)

    def put_nowait(self, request: Any, on_settled: Callable[[], None] | None = None) -> Slot:
        """Queue a request; ``on_settled`` is called when it was carried out or has failed.

        Raises trio.WouldBlock: there is no room.
        """
        self._room.acquire_nowait()
        return self._put(request, on_settled)

    def _put(self, request: Any, on_settled: Callable[[], None] | None = None) -> Slot:
        slot = Slot(request, on_settled=on_settled)
        self._outstanding[slot] = slot
        if self._inbox.put(slot) and not self._waking:
            self._waking = True
            self.next_turn.call(self._wake)
        return slot

    def _wake(self) -> None:
        """Wake the actor, in the turn of the loop after that of the first job: all jobs of a turn make one batch.

        The order matters: an actor that dies empties the inbox after it is marked dead, so that a job put in while it
        was alive is settled by it.
        """
        self._waking = False
        self._inbox.wake(self._actor)
        if not self._actor.is_alive():
            self._settle(self._inbox.give_up(), None)

    def close_by(self) -> float:
        """Return by when, on trio's clock, the end is over; the first call begins it."""
        if self._close_by is None:
            self._close_by = trio.current_time() + self._close_timeout
            self._inbox.hurry()
        return self._close_by

    async def close(self) -> None:
        """Carry out what is queued and stop the actor, until ``close_by`` and shielded from cancellation."""
        with trio.move_on_at(self.close_by(), shield=True) as scope:
            while self._outstanding:
                self._idle = trio.Event()
                await self._idle.wait()
        if scope.cancelled_caught:
            log.error("not everything could be written before the end", waiting=len(self._outstanding))
        self._actor.stop(block=False)
        with trio.move_on_at(self.close_by(), shield=True) as scope:
            await self._stopped.wait()
        if scope.cancelled_caught:
            log.error("the ledger's thread hangs and is left behind")
            self._settle(self._inbox.give_up(), None)
            for job in list(self._outstanding):
                job.error = LedgerUnavailable(STOPPED)
            self._settle(list(self._outstanding), None)

    def _settle_soon(self, jobs: list[Job], batch: Batch | None) -> None:
        try:
            self._token.run_sync_soon(self._settle_some, jobs, batch)
        except trio.RunFinishedError:
            log.debug("answers came after the end", jobs=len(jobs))

    def _stop_soon(self) -> None:
        try:
            self._token.run_sync_soon(self._stopped.set)
        except trio.RunFinishedError:
            log.debug("the ledger's thread stopped after the end")

    def _settle_some(self, jobs: list[Job], batch: Batch | None) -> None:
        """Settle a few jobs now and the others in the next turns of the loop: each wakes a task that has work to do."""
        rest = jobs[SETTLED_AT_ONCE:]
        self._settle(jobs[:SETTLED_AT_ONCE], None if rest else batch)
        if rest:
            self.next_turn.call(partial(self._settle_some, rest, batch))

    def _settle(self, jobs: list[Job], batch: Batch | None) -> None:
        for job in jobs:
            slot = self._outstanding.pop(job, None)
            if slot is not None:
                self._room.release()
                slot.settle()
        if not self._outstanding:
            self._idle.set()
        if batch is not None and self._on_batch is not None:
            try:
                self._on_batch(batch)
            except Exception:
                log.exception("a measurement failed")


@asynccontextmanager
async def running(
    store: Store,
    *,
    queue_limit: int,
    batch_limit: int,
    on_batch: BatchHook | None = None,
    close_timeout: float = CLOSE_TIMEOUT,
    interval: float = 0.0,
) -> AsyncIterator[Bridge]:
    """Run an actor that owns the store, from its opening to its end, which takes up to ``close_timeout`` seconds.

    Raises LedgerUnavailable: the store cannot be opened.
    """
    bridge = Bridge(
        store,
        queue_limit=queue_limit,
        batch_limit=batch_limit,
        on_batch=on_batch,
        close_timeout=close_timeout,
        interval=interval,
    )
    try:
        await bridge.ask(Open())
        yield bridge
    finally:
        await bridge.close()  # noqa: ASYNC102, it is shielded and bounded inside


@define(eq=False)
class DatabaseLedger:
    """Implements ``Ledger`` on a bridge."""

    _bridge: Bridge
    _notes: WriteBehind

    @property
    def waiting(self) -> int:
        """How many requests are queued or being carried out."""
        return self._bridge.waiting

    def ask(self, request: Request[R], by: float | None = None) -> Coroutine[Any, Any, R]:
        """Have a request carried out, and committed, by the actor."""
        return self._bridge.ask(request, by)

    def note(self, request: Note) -> None:
        """Leave a note to be written behind."""
        self._notes.add(request)


@asynccontextmanager
async def open_ledger(
    url: str,
    *,
    queue_limit: int = 10_000,
    batch_limit: int = 200,
    note_limit: int = 100_000,
    note_interval: float = 1.0,
    on_batch: BatchHook | None = None,
    close_timeout: float = CLOSE_TIMEOUT,
) -> AsyncIterator[Ledger]:
    """Open the ledger at a database URL, or ``memory:`` for one that forgets everything at its end.

    Its tables are brought to this version first. At its end the notes and what is queued are written, all within
    ``close_timeout`` seconds. A nursery runs inside: an exception of the body arrives in an exception group.

    ``queue_limit`` bounds the requests on their way, above it ``ask`` waits. ``batch_limit`` bounds the requests of
    one commit; where they are few, they are gathered for up to ``COMMIT_INTERVAL`` seconds. ``note_limit`` bounds the
    notes that wait, written every ``note_interval`` seconds. ``on_batch`` is told, in trio's thread, what each commit
    took.

    Raises LedgerUrlError: the URL is none of a database that is supported.
    Raises LedgerUnavailable: the database cannot be reached or written, or is of another version; the text says why.
    """
    if url == MEMORY:
        yield MemoryLedger()
        return
    store = LedgerStore(parse_url(url))
    async with running(
        store,
        queue_limit=queue_limit,
        batch_limit=batch_limit,
        on_batch=on_batch,
        close_timeout=close_timeout,
        interval=COMMIT_INTERVAL,
    ) as bridge:
        notes = WriteBehind(bridge.put, limit=note_limit, chunk=batch_limit)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(notes.run, note_interval)
            nursery.start_soon(bridge.watch)
            nursery.start_soon(bridge.next_turn.run)
            try:
                yield DatabaseLedger(bridge, notes)
            finally:
                nursery.cancel_scope.cancel()
                with trio.move_on_at(bridge.close_by(), shield=True):
                    await notes.flush()
                notes.give_up()
