"""A ledger that fails when it is told to, and as it is told to."""

import math
from typing import Any, TypeVar

import trio
from attrs import define, field

from ocpp_actors.ledger.memory import MemoryLedger
from ocpp_actors.ledger.port import LedgerUnavailable, Note, Request, RequestFailed

R = TypeVar("R")


@define(eq=False)
class Fault:
    """What happens to the next ``times`` requests of these kinds.

    First they take ``seconds``, then they raise ``error`` if there is one. ``stored``: the fact is committed all the
    same, and before that time passes.
    """

    kinds: tuple[type, ...]
    error: Exception | None
    seconds: float
    stored: bool
    times: float

    def hits(self, request: Request[Any]) -> bool:
        return self.times > 0 and isinstance(request, self.kinds)


@define
class FailingLedger:
    """The in-memory ledger, with faults before it. Notes never fail."""

    inner: MemoryLedger = field(factory=MemoryLedger)
    asked: list[Request[Any]] = field(factory=list)
    _faults: list[Fault] = field(factory=list)

    def unavailable(self, *kinds: type, times: float = math.inf, stored: bool = False) -> None:
        self._add(kinds, LedgerUnavailable("disk full"), 0.0, stored, times)

    def refuses(self, *kinds: type, times: float = math.inf) -> None:
        self._add(kinds, RequestFailed("poison"), 0.0, stored=False, times=times)

    def hangs(self, *kinds: type) -> None:
        self._add(kinds, None, math.inf, stored=False, times=math.inf)

    def is_slow(self, *kinds: type, seconds: float, times: float = math.inf) -> None:
        self._add(kinds, None, seconds, stored=True, times=times)

    def recovers(self) -> None:
        self._faults.clear()

    def _add(
        self, kinds: tuple[type, ...], error: Exception | None, seconds: float, stored: bool, times: float
    ) -> None:
        self._faults.append(Fault(kinds or (Request,), error, seconds, stored, times))

    def count(self, kind: type) -> int:
        """How often such a request was asked."""
        return sum(isinstance(request, kind) for request in self.asked)

    async def ask(self, request: Request[R], by: float | None = None) -> R:
        with trio.move_on_at(math.inf if by is None else by):
            return await self._ask(request)
        raise LedgerUnavailable("no answer in time")

    async def _ask(self, request: Request[R]) -> R:
        self.asked.append(request)
        fault = next((fault for fault in self._faults if fault.hits(request)), None)
        if fault is None:
            return await self.inner.ask(request)
        fault.times -= 1
        answer = [await self.inner.ask(request)] if fault.stored else []
        await trio.sleep(fault.seconds)
        if fault.error is not None:
            raise fault.error
        return answer[0] if answer else await self.inner.ask(request)

    def note(self, request: Note) -> None:
        self.inner.note(request)
