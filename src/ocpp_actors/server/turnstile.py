"""Ends of connections, few at a time: each takes as long as several messages.

When thousands of charge points go at once, those who are connected still have their turn in between.
"""

from typing import Final

import trio

AT_ONCE: Final = 2
"""How many pass in one turn of the loop."""


class Turnstile:
    """Lets tasks pass in the order in which they come, ``AT_ONCE`` in one turn of the loop."""

    def __init__(self) -> None:
        self._few = trio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._first_came = trio.current_time()
        self._all_passed = trio.lowlevel.ParkingLot()

    @property
    def waiting_since(self) -> float | None:
        """Since when there has always been one that waits for its turn; None: there is none."""
        return self._first_came if self._waiting else None

    async def pass_through(self) -> None:
        """Wait for one's turn."""
        if not self._waiting:
            self._first_came = trio.current_time()
        self._waiting += 1
        try:
            async with self._few:
                pass  # to take a place is to wait for the next turn of the loop, in which it is given on
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._all_passed.unpark_all()

    async def all_passed(self) -> None:
        """Wait until nobody waits for a turn. The caller brings the deadline."""
        while self._waiting:
            await self._all_passed.park()
