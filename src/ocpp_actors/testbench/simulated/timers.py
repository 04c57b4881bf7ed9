"""All that a charge point does at its time, in one task."""

from collections.abc import Callable
from math import inf

import trio
from attrs import define, field


@define(eq=False)
class Timers:
    """What is due when, by name, in seconds of trio's clock. What is called must not block."""

    _due: dict[str, tuple[float, Callable[[], None]]] = field(init=False, factory=dict)
    _changed: trio.Event = field(init=False, factory=trio.Event)

    def after(self, seconds: float, name: str, call: Callable[[], None]) -> None:
        """Call it in so many seconds; it stands for what had the name before."""
        self._due[name] = (trio.current_time() + max(0.0, seconds), call)
        self._changed.set()

    def cancel(self, name: str) -> None:
        """Call nothing of this name."""
        self._due.pop(name, None)

    async def run(self) -> None:
        """Call what is due, until cancelled."""
        while True:
            now = trio.current_time()
            for name in [name for name, (at, _) in self._due.items() if at <= now]:
                due = self._due.pop(name, None)
                if due is not None:
                    due[1]()
            self._changed = trio.Event()
            next_at = min((at for at, _ in self._due.values()), default=inf)
            if next_at > trio.current_time():
                with trio.move_on_at(next_at):
                    await self._changed.wait()
            else:
                await trio.lowlevel.checkpoint()
