"""The message log: every frame in and out, kept beside the ledger, in a thread of its own.

Recording never waits and never fails: where the log cannot keep up it loses entries, and counts them.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Protocol

import structlog
import trio
from attrs import define, evolve, field, frozen
from sqlalchemy import URL

from ocpp_actors.clock import Clock
from ocpp_actors.ledger.actor import Batch, Job
from ocpp_actors.ledger.bridge import CLOSE_TIMEOUT, Bridge, running
from ocpp_actors.ledger.database import parse_url, unavailable
from ocpp_actors.ledger.masking import mask
from ocpp_actors.ledger.message_entries import MessageEntry, MessagePage, MessageQuery, MessageStore, Recorded
from ocpp_actors.ledger.message_files import MessageFiles
from ocpp_actors.ledger.message_tables import MessageTables
from ocpp_actors.ledger.port import LedgerUnavailable, RequestFailed

log = structlog.get_logger(__name__)

OFF: Final = "off"
GATHER: Final = 0.03
"""Seconds for which entries are gathered, so that many are written at once; who looks for entries does not wait."""

PRUNE_INTERVAL: Final = 24 * 3600.0
"""Seconds between two looks for entries that are too old; the size is looked after while writing."""


class MessageLog(Protocol):
    """What keeps frames."""

    @property
    def dropped(self) -> int:
        """How many entries were lost since the start."""
        ...

    def record(self, entry: Recorded) -> None:
        """Keep an entry, its secrets masked. Never blocks and never fails."""
        ...

    async def find(self, query: MessageQuery) -> MessagePage:
        """Return the oldest entries that match, or the newest.

        Raises LedgerUnavailable: the log cannot be read now.
        Raises RequestFailed: the cursor is none of this log's, or of the other order.
        """
        ...


class NoMessageLog:
    """Implements ``MessageLog`` where none is wanted."""

    dropped = 0

    def record(self, entry: Recorded) -> None:
        """Forget it."""

    async def find(self, query: MessageQuery) -> MessagePage:
        """Find nothing."""
        await trio.lowlevel.checkpoint()
        return MessagePage([], query.cursor)


@define(eq=False)
class StoredMessageLog:
    """Implements ``MessageLog`` on a bridge."""

    _bridge: Bridge
    _lost: "_Lost"
    _queue_limit: int
    _waiting_limit: int
    _gathered: list[Recorded] = field(factory=list, init=False)
    _gathering: trio.Event = field(factory=trio.Event, init=False)
    """Is set while anything is gathered."""
    _waiting: int = field(default=0, init=False)
    """How many entries wait to be written."""
    _waiting_characters: int = field(default=0, init=False)
    _handed_over: int = field(default=0, init=False)
    """Those of their characters that were handed over."""

    @property
    def dropped(self) -> int:
        """How many entries were lost since the start."""
        return self._lost.count

    def record(self, entry: Recorded) -> None:
        """Keep an entry; where as many, or as large ones, wait as may, it is dropped."""
        characters = self._waiting_characters + len(entry.text)
        if characters > self._waiting_limit or self._waiting >= self._queue_limit:
            self._lost.count += 1
            return
        self._waiting_characters = characters
        self._waiting += 1
        if not self._gathered:
            self._gathering.set()
        self._gathered.append(entry)

    async def hand_over_regularly(self) -> None:
        """Hand over what was gathered, for as long as it runs."""
        while True:
            await self._gathering.wait()
            await trio.sleep(GATHER)
            self.hand_over()

    def hand_over(self) -> None:
        """Hand over what was gathered, to be written."""
        if not self._gathered:
            return
        number = len(self._gathered)
        characters = self._waiting_characters - self._handed_over

        def written() -> None:
            self._waiting -= number
            self._waiting_characters -= characters
            self._handed_over -= characters

        self._handed_over += characters
        entries, self._gathered, self._gathering = self._gathered, [], trio.Event()
        try:
            self._bridge.put_nowait(_Write(entries), written)
        except trio.WouldBlock:
            self._lost.count += number
            written()

    async def find(self, query: MessageQuery) -> MessagePage:
        """Return a page; what was recorded before is in it.

        Where much has to be looked at, this is done in parts, so that writing has its turns between them.
        """
        entries: list[MessageEntry] = []
        more = True
        while more and len(entries) < query.limit:
            self.hand_over()
            part: MessagePage = await self._bridge.ask(evolve(query, limit=query.limit - len(entries)))
            entries += part.entries
            query, more = evolve(query, cursor=part.cursor), part.more
        return MessagePage(entries, query.cursor)


@define
class _Lost:
    """How many entries were lost, in the queue or in the store."""

    count: int = 0

    def add(self, batch: Batch) -> None:
        self.count += batch.failed


@frozen
class _Write:
    """Keep entries."""

    entries: list[Recorded]


@frozen
class _Prune:
    """Forget entries older than a moment."""

    before: datetime


@define(eq=False)
class _Keeper:
    """What the actor owns: a message store, whose failures it survives."""

    _store: MessageStore
    _batch_limit: int
    _failing: bool = field(default=False, init=False)

    def open(self) -> None:
        self._store.open()

    def close(self) -> None:
        self._store.close()

    def carry_out(self, jobs: Sequence[Job]) -> Batch:
        """Write all entries, then do the rest."""
        begun = perf_counter()
        entries = [entry for job in jobs if isinstance(job.request, _Write) for entry in job.request.entries]
        failed = sum(
            self._write(entries[first : first + self._batch_limit])
            for first in range(0, len(entries), self._batch_limit)
        )
        for job in jobs:
            if isinstance(job.request, MessageQuery):
                job.answer, job.error = self._try(partial(self._store.find, job.request))
            elif isinstance(job.request, _Prune):
                job.answer, job.error = self._try(partial(self._store.prune, job.request.before))
        return Batch(len(jobs), failed, perf_counter() - begun, 0.0)

    def _write(self, entries: Sequence[Recorded]) -> int:
        """Write entries in one commit; return how many failed: all or none."""
        _, error = self._try(lambda: self._store.append([_masked(entry) for entry in entries]))
        return 0 if error is None else len(entries)

    def _try(self, action: Callable[[], Any]) -> tuple[Any, Exception | None]:
        """Return the answer, or the error."""
        try:
            answer = action()
        except RequestFailed as error:
            return None, error
        except Exception as error:
            if not self._failing:
                log.exception("the message log fails")
            self._failing = True
            self._store.recover()
            reason = str(unavailable(error) or getattr(error, "strerror", None) or "it failed")
            return None, LedgerUnavailable(f"the message log: {reason}")
        self._failing = False
        return answer, None


def _masked(entry: Recorded) -> Recorded:
    text = mask(entry.text)
    if text is entry.text:
        return entry
    return MessageEntry(
        at=entry.at,
        identity=entry.identity,
        direction=entry.direction,
        text=text,
        message_id=entry.message_id,
        action=entry.action,
    )


@asynccontextmanager
async def open_message_log(
    target: str,
    *,
    clock: Clock,
    days: float = 7,
    max_size: int = 1 << 30,
    queue_limit: int = 10_000,
    waiting_limit: int = 64 << 20,
    batch_limit: int = 2000,
    close_timeout: float = CLOSE_TIMEOUT,
) -> AsyncIterator[MessageLog]:
    """Open the message log: a file (SQLite), a database URL, a directory for JSON lines, or ``off``.

    A directory is one that exists, or is written with a slash at its end. ``days`` is how long entries are kept, looked
    after at the start and daily; ``max_size`` how many bytes about. ``queue_limit`` bounds the entries that wait and
    ``waiting_limit`` their characters: above it they are dropped; ``batch_limit`` bounds those of one commit. What
    waits at the end is written, within ``close_timeout`` seconds. A nursery runs inside: an exception of the body
    arrives in an exception group.

    Raises LedgerUrlError: the URL is none of a database that is supported.
    Raises LedgerUnavailable: it cannot be opened; the text says where and why.
    """
    if target == OFF:
        yield NoMessageLog()
        return
    lost = _Lost()
    keeper = _Keeper(_store(target, max_size), batch_limit)
    async with (
        running(
            keeper,
            queue_limit=queue_limit,
            batch_limit=batch_limit,
            on_batch=lost.add,
            close_timeout=close_timeout,
        ) as bridge,
        trio.open_nursery() as nursery,
    ):
        await bridge.put(_Prune(clock.now() - timedelta(days=days)))
        nursery.start_soon(_prune_daily, bridge, clock, timedelta(days=days))
        message_log = StoredMessageLog(bridge, lost, queue_limit, waiting_limit)
        nursery.start_soon(message_log.hand_over_regularly)
        try:
            yield message_log
        finally:
            message_log.hand_over()
            nursery.cancel_scope.cancel()


def _store(target: str, max_size: int) -> MessageStore:
    if "://" in target:
        return MessageTables(parse_url(target), max_size)
    if target.endswith("/") or Path(target).is_dir():
        return MessageFiles(Path(target), max_size)
    return MessageTables(URL.create("sqlite+pysqlite", database=target), max_size)


async def _prune_daily(bridge: Bridge, clock: Clock, age: timedelta) -> None:
    while True:
        await trio.sleep(PRUNE_INTERVAL)
        await bridge.put(_Prune(clock.now() - age))
