"""When the interpreter looks for garbage: what messages and connections leave behind is in no cycle, and goes at once.

A look at everything takes some 30 ms for a hundred connected charge points, and seconds for ten thousand; nobody is
answered meanwhile. Left alone, the interpreter looks whenever much was added: in the midst of a storm of charge points
that come back. Here it looks often at what is new, and seldom at everything.
"""

import gc
from collections.abc import Callable
from time import perf_counter
from typing import Final

import trio

YOUNG: Final = (2_000, 3, 1_000_000)
"""After how many new objects it looks at those, after how many such looks at all that came since the last; and never at
everything by itself."""

SELDOM: Final = 3600.0
"""Seconds between two looks at everything, at least."""

SHARE: Final = 100_000
"""How many times longer than such a look the time until the next is."""


def settle() -> None:
    """Begin: what was imported stays to the end, so it is never looked at."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*YOUNG)


async def collect_garbage(timer: Callable[[], float] = perf_counter) -> None:
    """Look at everything now and then, until cancelled. ``timer`` counts the seconds that a look takes."""
    pause = SELDOM
    while True:
        await trio.sleep(pause)
        begun = timer()
        gc.collect()
        pause = max(SELDOM, SHARE * (timer() - begun))
