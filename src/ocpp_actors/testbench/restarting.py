"""Ends the server and starts it again while chargers are connected, and sees who comes back."""

from collections.abc import Sequence

import trio
from attrs import define, field

from ocpp_actors.testbench.measuring.limits import Returned
from ocpp_actors.testbench.profiles.profile import Restart
from ocpp_actors.testbench.progress import Progress
from ocpp_actors.testbench.under_test import UnderTest
from ocpp_actors.testbench.wire import Mark, Wire


@define(eq=False, kw_only=True)
class Restarts:
    """The restarts of a profile. ``returned`` tells of each how the chargers came back."""

    under_test: UnderTest
    wires: Sequence[Wire]
    progress: Progress
    returned: list[Returned] = field(init=False, factory=list)

    async def run(self, restarts: Sequence[Restart]) -> None:
        """Do them at their times, 0 being now."""
        began_at = trio.current_time()
        for number, restart in enumerate(sorted(restarts, key=lambda each: each.at), 1):
            await trio.sleep_until(began_at + restart.at)
            await self._restart(number, restart)

    async def _restart(self, number: int, restart: Restart) -> None:
        assert self.under_test.restart is not None
        words = "is killed" if restart.how == "kill" else "is told to end"
        self.progress.say(f"the server {words}, and started again {restart.down:g} seconds later")
        down_at = trio.current_time()
        marks = [(wire, wire.mark()) for wire in self.wires]
        await self.under_test.restart(restart.how, restart.down)
        up_at = trio.current_time()
        with trio.move_on_after(restart.back_within):
            for wire, mark in marks:
                await wire.until(lambda wire=wire, mark=mark: _is_back(wire, mark) or None)  # type: ignore[misc]
        returned = Returned(
            number=number,
            how=restart.how,
            down=up_at - down_at,
            chargers=len(marks),
            back=sum(_is_back(wire, mark) for wire, mark in marks),
            seconds=trio.current_time() - up_at,
            within=restart.back_within,
        )
        self.returned.append(returned)
        self.progress.say(
            f"{returned.back} of {returned.chargers} chargers are back after {returned.seconds:.1f} s"
        )


def _is_back(wire: Wire, mark: Mark) -> bool:
    """Tell whether a charger has a connection that it opened since a mark."""
    newest = next((each for each in reversed(wire.changes) if each.kind == "opened"), None)
    return wire.connected and newest is not None and newest.number >= mark
