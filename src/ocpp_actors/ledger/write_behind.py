"""Notes: facts that may be lost in a crash, kept in memory and written in batches."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
import trio
from attrs import define, field

from ocpp_actors.ledger.port import LedgerUnavailable, Note

log = structlog.get_logger(__name__)


class Written(Protocol):
    """A note on its way to the store."""

    settled: trio.Event
    error: Exception | None


@define(eq=False)
class WriteBehind:
    """The newest note of each key, until it is written.

    ``limit`` bounds the keys, above it new ones are dropped; ``chunk`` notes are on their way at a time.
    """

    _put: Callable[[Note], Awaitable[Written]]
    _limit: int = field(kw_only=True)
    _chunk: int = field(kw_only=True)
    _waiting: dict[tuple[object, ...], Note] = field(factory=dict, init=False)
    _dropped: int = field(default=0, init=False)

    def add(self, note: Note) -> None:
        """Take a note, in place of an earlier one of its key."""
        if note.key in self._waiting or len(self._waiting) < self._limit:
            self._waiting[note.key] = note
        else:
            self._dropped += 1

    async def run(self, interval: float) -> None:
        """Write every ``interval`` seconds, for ever."""
        while True:
            await trio.sleep(interval)
            await self.flush()

    async def flush(self) -> None:
        """Write the notes that wait now. Where the store fails they wait on, unless a newer one came."""
        waiting = list(self._waiting)
        for begin in range(0, len(waiting), self._chunk):
            if not await self._write(waiting[begin : begin + self._chunk]):
                log.warning("notes wait for the ledger", waiting=len(self._waiting))
                break
        if self._dropped:
            log.warning("too many notes waited, the newest were dropped", dropped=self._dropped)
            self._dropped = 0

    async def _write(self, keys: list[tuple[object, ...]]) -> bool:
        on_their_way: list[tuple[Note, Written]] = []
        for key in keys:
            note = self._waiting.get(key)
            if note is None:
                continue
            on_their_way.append((note, await self._put(note)))
            if self._waiting.get(key) is note:
                del self._waiting[key]
        unwritten = []
        for note, written in on_their_way:
            await written.settled.wait()
            if isinstance(written.error, LedgerUnavailable):
                unwritten.append(note)
        for note in unwritten:
            if note.key not in self._waiting:
                self.add(note)
        return not unwritten

    def give_up(self) -> None:
        """Say what could not be written."""
        if self._waiting:
            log.error("notes were not written before the end", lost=len(self._waiting))
