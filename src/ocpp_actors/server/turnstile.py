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

    async def pass_through(self) -> None:
        """Wait for one's turn."""
        async with self._few:
            pass  # to take a place is to wait for the next turn of the loop, in which it is given on
