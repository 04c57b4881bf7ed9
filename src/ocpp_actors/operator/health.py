"""How the server is: whether its event loop runs, and whether it can serve charge points."""

from collections import deque
from collections.abc import Callable
from typing import Any, Final

import structlog
import trio

from ocpp_actors.clock import Clock
from ocpp_actors.ledger.port import Ledger, LedgerUnavailable, MarkCommandSent, RequestFailed

log = structlog.get_logger(__name__)

LAG_EVERY: Final = 0.5
"""Seconds between two measurements of the event loop."""

LAG_KEPT: Final = 20
"""Measurements of which the worst counts: the last ten seconds."""

LAG_LIMIT: Final = 1.0
"""Seconds of lag above which the server is not ready: the answers to all charge points are that late."""

LEDGER_TIME: Final = 2.0
"""Seconds for the ledger to carry out the request that shows that it can."""

KEPT_FOR: Final = 1.0
"""Seconds for which an answer holds, so that whoever asks often costs the ledger nothing."""

NO_COMMAND: Final = 0
"""An id that no command has: the ledger begins with 1."""


class LoopLag:
    """Measures how much later than asked for the event loop wakes a task.

    ``on_lag`` is told of each measurement, in seconds.
    """

    def __init__(self, on_lag: Callable[[float], None] = lambda _: None) -> None:
        self._on_lag = on_lag
        self._last: deque[float] = deque(maxlen=LAG_KEPT)

    @property
    def worst(self) -> float:
        """The worst of the last measurements, in seconds; 0 before the first."""
        return max(self._last, default=0.0)

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            due = trio.current_time() + LAG_EVERY
            await trio.sleep_until(due)
            lag = max(0.0, trio.current_time() - due)
            self._last.append(lag)
            self._on_lag(lag)


class Health:
    """Answers how the server is.

    ``listening`` tells whether charge points can connect. ``testing``: deliberate misbehaviour is allowed, which is
    shown. Each answer is a verdict and a document to show; ``status`` in it is ``ok`` or ``failing``.
    """

    def __init__(
        self,
        ledger: Ledger,
        lag: LoopLag,
        clock: Clock,
        *,
        listening: Callable[[], bool] = lambda: True,
        testing: bool = False,
    ) -> None:
        self._ledger = ledger
        self._lag = lag
        self._clock = clock
        self._listening = listening
        self._testing = testing
        self._one_at_a_time = trio.Lock()
        self._ledger_fault: str | None = None
        self._ledger_asked_at: float | None = None

    def live(self) -> tuple[bool, dict[str, Any]]:
        """Tell whether the event loop runs. It does, or nobody would answer."""
        return True, {"status": "ok", "testing": self._testing}

    async def ready(self) -> tuple[bool, dict[str, Any]]:
        """Tell whether charge points can be served: the listener is up, the ledger can be written, the loop is in time.

        ``checks`` in the document has a line for each: ``ok``, or what is wrong. The ledger is asked at most once a
        second, and gets LEDGER_TIME seconds.
        """
        worst = self._lag.worst
        checks = {
            "listener": None if self._listening() else "charge points cannot connect",
            "ledger": await self._look_at_ledger(),
            "eventLoop": None if worst <= LAG_LIMIT else f"it was late by {worst:.1f} s",
        }
        healthy = not any(checks.values())
        return healthy, {
            "status": "ok" if healthy else "failing",
            "testing": self._testing,
            "checks": {name: fault or "ok" for name, fault in checks.items()},
            "loopLagSeconds": round(worst, 3),
        }

    async def _look_at_ledger(self) -> str | None:
        async with self._one_at_a_time:
            asked_at = self._ledger_asked_at
            if asked_at is None or trio.current_time() - asked_at >= KEPT_FOR:
                fault = await self._ask_ledger()
                if fault is not None and self._ledger_fault is None:
                    log.warning("not ready: the ledger cannot be written", reason=fault)
                self._ledger_fault = fault
                self._ledger_asked_at = trio.current_time()
            return self._ledger_fault

    async def _ask_ledger(self) -> str | None:
        """Write nothing, but in the way in which commands are written: what is locked or read-only refuses it."""
        try:
            with trio.fail_after(LEDGER_TIME):
                await self._ledger.ask(MarkCommandSent(NO_COMMAND, "", self._clock.now()))
        except (LedgerUnavailable, RequestFailed) as error:
            return str(error)
        except trio.TooSlowError:
            return f"no answer within {LEDGER_TIME:g} s"
        return None
