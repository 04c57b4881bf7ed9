"""The actor that owns a store: one thread, to which everything that blocks is left."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from threading import Event
from time import monotonic
from typing import Any, Final, Protocol

import pykka
import structlog
from attrs import define, field, frozen

from ocpp_actors.ledger.port import LedgerUnavailable

log = structlog.get_logger(__name__)

WAKE: Final = "wake"
"""The only message: there are jobs in the inbox."""

ENOUGH: Final = 8
"""Jobs for which a batch is worth its while."""

MOST_AT_ONCE: Final = 63
"""Batches that begin at once after a wait in vain, at most."""

STOPPED: Final = "the ledger is closed"


@define(eq=False)
class Job:
    """A request on its way through the actor; ``answer`` or ``error`` is set before it is settled."""

    request: Any
    answer: Any = None
    error: Exception | None = None


@frozen
class Open:
    """The first request: make the store ready."""


@frozen
class Batch:
    """What one batch took: how many requests, how many of them failed, seconds in all, and seconds in its commit."""

    size: int
    failed: int
    seconds: float
    commit_seconds: float


class Store(Protocol):
    """What the actor's thread owns. Every method blocks and is called in that thread only."""

    def open(self) -> None:
        """Make it ready, or raise LedgerUnavailable."""
        ...

    def carry_out(self, jobs: Sequence[Job]) -> Batch:
        """Carry out some jobs: set the answer or the error of each."""
        ...

    def close(self) -> None:
        """Give up what it holds."""
        ...


Wait = Callable[[Event, float], object]
"""Waits for an event, for so many seconds at most."""

Settle = Callable[[list[Job], Batch | None], None]
"""Called in the actor's thread with the jobs that have their answers; what the batch took, if it was one."""


@define(eq=False)
class Inbox:
    """Jobs for the actor. Pykka's own inbox only carries the wake-up: a batch costs one message, not one a job."""

    _jobs: deque[Job] = field(factory=deque, init=False)
    _awake: bool = field(default=False, init=False)
    _enough: Event = field(factory=Event, init=False)
    _hurried: bool = field(default=False, init=False)

    @property
    def few(self) -> bool:
        """Whether it is worth while to wait for more jobs."""
        return not self._hurried and len(self._jobs) < ENOUGH

    def hurry(self) -> None:
        """Let no job wait for others any more: the end has begun."""
        self._hurried = True
        self._enough.set()

    def wait_for_more(self, seconds: float, wait: Wait) -> None:
        """Wait for so long, in the actor's thread, or until there are enough jobs."""
        self._enough.clear()
        if self.few:
            wait(self._enough, seconds)

    def put(self, job: Job) -> bool:
        """Put a job in; whether the actor is to be woken: it may have looked at the inbox before."""
        self._jobs.append(job)
        if len(self._jobs) == ENOUGH:
            self._enough.set()
        return not self._awake

    def wake(self, actor: "pykka.ActorRef[StoreActor]") -> None:
        """Wake the actor unless that was done."""
        if not self._awake:
            self._awake = True
            try:
                actor.tell(WAKE)
            except pykka.ActorDeadError:
                self._awake = False

    def take(self, limit: int) -> list[Job]:
        """Take up to ``limit`` jobs out. For the next job that is put in the actor is to be woken again."""
        self._awake = False
        jobs: list[Job] = []
        while len(jobs) < limit:
            try:
                jobs.append(self._jobs.popleft())
            except IndexError:
                break
        return jobs

    def give_up(self) -> list[Job]:
        """Take all jobs out, failed."""
        jobs = self.take(len(self._jobs))
        for job in jobs:
            job.error = LedgerUnavailable(STOPPED)
        return jobs

    def __len__(self) -> int:
        return len(self._jobs)


class StoreActor(pykka.ThreadingActor):
    """Carries out jobs in batches. Nothing that a job raises ends it: pykka would end every actor of the process.

    Its thread is a daemon, so that a database that hangs cannot keep the process from ending: what it has not
    committed was not confirmed.

    A batch of fewer than ``ENOUGH`` jobs, which costs nearly as much as one of many, waits until the last one began
    ``interval`` seconds ago. ``timer`` counts seconds, ``wait`` lets them pass.
    """

    use_daemon_thread = True

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        settle: Settle,
        stopped: Callable[[], None],
        batch_limit: int,
        interval: float = 0.0,
        timer: Callable[[], float] = monotonic,
        wait: Wait = Event.wait,
    ) -> None:
        super().__init__()
        self._store = store
        self._inbox = inbox
        self._settle = settle
        self._stopped = stopped
        self._batch_limit = batch_limit
        self._interval = interval
        self._timer = timer
        self._wait = wait
        self._next = -math.inf
        """When the next batch may begin."""
        self._at_once = 0
        """How many batches are to begin at once."""
        self._in_vain = 0
        """How many did after the last wait in vain."""

    def on_receive(self, message: object) -> None:  # noqa: ARG002
        """Carry out one batch; where jobs are left, wake up again, so that a stop finds its turn."""
        self._gather()
        jobs = self._inbox.take(self._batch_limit)
        batch: Batch | None = None
        try:
            batch = self._carry_out(jobs)
        except BaseException as error:  # noqa: ASYNC103, it runs in a thread of Pykka, without trio
            log.exception("the ledger's thread survived an error")
            for job in jobs:
                job.error = LedgerUnavailable(f"internal error: {type(error).__name__}")
        if jobs:
            self._settle(jobs, batch)
        if len(jobs) == self._batch_limit:
            self._inbox.wake(self.actor_ref)

    def _gather(self) -> None:
        """Wait until there are enough jobs, or the last batch is long enough ago.

        After waits in vain, as for one who asks one thing after the other, more and more batches begin at once.
        """
        there = len(self._inbox)
        waited = False
        while self._at_once == 0 and self._inbox.few and (early := self._next - self._timer()) > 0:
            self._inbox.wait_for_more(early, self._wait)
            waited = True
        if waited:
            self._in_vain = 0 if len(self._inbox) > there else min(2 * self._in_vain + 1, MOST_AT_ONCE)
            self._at_once = self._in_vain
        elif self._at_once:
            self._at_once -= 1
        self._next = self._timer() + self._interval

    def _carry_out(self, jobs: list[Job]) -> Batch | None:
        rest = jobs
        if jobs and isinstance(jobs[0].request, Open):
            try:
                self._store.open()
            except LedgerUnavailable as error:
                jobs[0].error = error
            rest = jobs[1:]
        return self._store.carry_out(rest) if rest else None

    def on_stop(self) -> None:
        """Close the store and settle what is left."""
        try:
            self._store.close()
        except Exception:
            log.exception("the ledger could not be closed")
        self.on_failure()

    def on_failure(self, *_: object) -> None:
        """Settle what is left."""
        self._settle(self._inbox.give_up(), None)
        self._stopped()
