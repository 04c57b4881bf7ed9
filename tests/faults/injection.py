"""Stops a task at one of its checkpoints and makes a fault happen there.

The coroutine of a watched task is driven by hand: each time it yields to trio, that is a point. At the chosen point
a scope is cancelled, or an exception is raised in the task as if what it waits for had failed, after it was taken back
by trio's own protocol for aborting a wait.
"""

import math
import types
from collections import Counter
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar
from enum import StrEnum
from functools import wraps
from typing import Any, NoReturn, cast

import outcome
import pytest
import trio
from attrs import define, field

from ocpp_actors.charge_point import protocol_task, supervisor

watched: ContextVar[bool] = ContextVar("watched", default=False)
"""Whether this task belongs to a connection whose tasks are counted; children of a task inherit it."""

CONNECTION = "connection and supervisor"
PROTOCOL, WORKER, FOLLOWING = "protocol task", "worker that reads and answers", "following task"
HEARTBEAT, OUTBOUND = "heartbeat monitor", "outbound queue"
TASKS = (CONNECTION, PROTOCOL, WORKER, FOLLOWING, HEARTBEAT, OUTBOUND)
TREE = frozenset({PROTOCOL, WORKER, FOLLOWING, HEARTBEAT, OUTBOUND})
PARTS_OF_PROTOCOL_TASK = frozenset({WORKER, FOLLOWING})


class Fault(StrEnum):
    CANCELLATION = "cancellation"
    EXCEPTION = "exception"


class Injected(Exception):
    """The fault that is injected as an exception."""


Act = Callable[["Injector", trio.CancelScope], BaseException | None]
"""What is done at a point, given the scope of the task; an exception that it returns is raised in the task."""

covered: Counter[str] = Counter()
"""How many points were tried, by what was done there; printed at the end of the test run."""


@define
class Injector:
    """Counts the checkpoints of the watched tasks, and acts at one: the ``at``-th of ``task``; 0: at none."""

    task: str = ""
    act: Act = lambda _injector, _scope: None
    at: int = 0
    counts: Counter[str] = field(factory=Counter)
    counting: bool = True
    on_act: Callable[[], None] = lambda: None
    """Called when it is about to act."""
    cancelled_before: bool = False
    """Whether the task was being cancelled anyway."""
    where: list[str] | None = None
    """The functions that the task was in, outermost first, when the fault was injected."""
    _scopes: dict[str, trio.CancelScope] = field(factory=dict)

    @property
    def done(self) -> bool:
        return self.where is not None

    def within(self, *functions: str) -> bool:
        return self.where is not None and not set(functions).isdisjoint(self.where)

    async def run(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run the coroutine of a watched task."""
        with trio.CancelScope() as own_scope:
            self._scopes[name] = own_scope
            scope = self._scopes[PROTOCOL] if name in PARTS_OF_PROTOCOL_TASK else own_scope
            if self.task not in ("", name):
                return await coroutine
            return await _drive(coroutine, lambda: self._at_point(name, scope, coroutine))
        return None

    def _at_point(
        self, name: str, scope: trio.CancelScope, coroutine: Coroutine[Any, Any, Any]
    ) -> BaseException | None:
        self.counts[name] += self.counting
        if self.done or not self.counting or self.counts[name] != self.at:
            return None
        self.where = _functions(coroutine)
        self.cancelled_before = trio.current_effective_deadline() == -math.inf
        self.on_act()
        return self.act(self, scope)


def cancel(_injector: Injector, scope: trio.CancelScope) -> None:
    scope.cancel()


def fail(injector: Injector, _scope: trio.CancelScope) -> BaseException:
    return Injected(f"{injector.task}, point {injector.at}")


ACTS: dict[Fault, Act] = {Fault.CANCELLATION: cancel, Fault.EXCEPTION: fail}


def watch_tasks(monkeypatch: pytest.MonkeyPatch, injector: Injector) -> None:
    """Have the injector run the tasks of every watched connection."""

    def watch(owner: Any, function: str, name: str) -> None:
        original = getattr(owner, function)
        original = getattr(original, "__wrapped__", original)

        @wraps(original)
        async def run(*args: Any, **named: Any) -> Any:
            coroutine = original(*args, **named)
            return await (injector.run(name, coroutine) if watched.get() else coroutine)

        monkeypatch.setattr(owner, function, run)

    watch(supervisor, "run_protocol_task", PROTOCOL)
    watch(supervisor, "run_heartbeat_monitor", HEARTBEAT)
    watch(supervisor, "run_outbound_queue", OUTBOUND)
    watch(protocol_task._Pair, "work", WORKER)
    watch(protocol_task, "_follow", FOLLOWING)


@types.coroutine
def _drive(
    coroutine: Coroutine[Any, Any, Any], at_point: Callable[[], BaseException | None]
) -> Generator[Any, Any, Any]:
    value: Any = None
    while True:
        try:
            trap = coroutine.send(value)
        except StopIteration as stop:
            return stop.value
        error = at_point()
        if error is None or not _taken_back(trap, error):
            value = yield trap
        else:
            value = outcome.Error(error)


def _taken_back(trap: Any, error: BaseException) -> bool:
    """Take back the wait that a task is about to begin; False: it will end by itself, with the error."""

    def give() -> NoReturn:
        raise error

    abort = getattr(trap, "abort_func", None)
    return abort is None or cast(trio.lowlevel.Abort, abort(give)) is trio.lowlevel.Abort.SUCCEEDED


def _functions(coroutine: Any) -> list[str]:
    names = []
    while coroutine is not None:
        code = getattr(coroutine, "cr_code", None) or getattr(coroutine, "gi_code", None)
        if code is not None:
            names.append(code.co_qualname)
        coroutine = (
            getattr(coroutine, "cr_await", None)
            or getattr(coroutine, "gi_yieldfrom", None)
            or _driven_by_hand(coroutine)
        )
    return names


def _driven_by_hand(generator: Any) -> Any:
    """Return the coroutine that a generator drives step by step, as protocol_task._noticing does."""
    frame = getattr(generator, "gi_frame", None)
    return None if frame is None else frame.f_locals.get("coroutine")
