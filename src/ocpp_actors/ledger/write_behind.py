"""Notes: facts that may be lost in a crash, kept in memory and written in batches."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
import trio
from attrs import define, field

from ocpp_actors.ledger.port import LedgerUnavailable, Note, Notes

log = structlog.get_logger(__name__)


class Written(Protocol):
    """Notes on their way to the store."""

    error: Exception | None

    def wait(self) -> Awaitable[object]:
        """Wait until it is written, or could not be; to be awaited at once."""
        ...


@define(eq=False)
class WriteBehind:
    """The newest note of each key, until it is written.

    ``limit`` bounds the keys, above it new ones are dropped; ``chunk`` of them are written at a time.
    """

    _put: Callable[[Notes], Awaitable[Written]]
    _limit: int = field(kw_only=True)
    _chunk: int = field(kw_only=True)
    _waiting: dict[tuple[object, ...], Note] = field(factory=dict, init=False)
    _dropped: int = field(default=0, init=False)

    def add(self, note: Note) -> None:
        """Take a note, in place of an earlier one of its key."""
        key = note.key
        if key in self._waiting or len(self._waiting) < self._limit:
            self._waiting[key] = note
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
        notes = [note for key in keys if (note := self._waiting.get(key)) is not None]
        if not notes:
            return True
        written = await self._put(Notes(tuple(notes)))
        for note in notes:
            if self._waiting.get(note.key) is note:
                del self._waiting[note.key]
        await written.wait()
        if not isinstance(written.error, LedgerUnavailable):
            return True
        for note in notes:
            if note.key not in self._waiting:
                self.add(note)
        return False

    def give_up(self) -> None:
        """Say what could not be written."""
        if self._waiting:
            log.error("notes were not written before the end", lost=len(self._waiting))
