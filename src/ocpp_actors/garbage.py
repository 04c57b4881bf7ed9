"""When the interpreter looks for garbage: what messages and connections leave behind is in no cycle, and goes at once.

A look at everything takes some 30 ms for a hundred connected charge points, and seconds for ten thousand; nobody is
answered meanwhile. Left alone, the interpreter looks when there are so many objects more than there were: in the midst
of a storm of charge points that come back, or, where each message takes the place of the last, after minutes, at all
that came in them. So it is not left alone: it looks at what is new ten times a second, unless that takes long or is
many charge points, which stay, and at everything seldom, or when more memory is taken than the connected charge points
explain: then there is garbage somewhere all the same.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Final

import trio

NEW: Final = 1
"""The generations up to which an object is new: whatever is still there after one look is so no more."""

LOOK_AT_NEW_EVERY: Final = 0.1
"""Seconds from one look at what is new to the next; it takes a millisecond for a thousand objects that stayed."""

SHARE_OF_NEW: Final = 100
LONGEST_PAUSE: Final = 1.0
"""How many times longer than such a look the time until the next is, at least, up to so many seconds: where a thousand
messages are answered at a time, all that they are made of is new."""

STORM: Final = 50
"""Charge points more than at the last look that make a storm: to look at what comes with them takes a tenth of it."""

ASK_EVERY: Final = 1.0
"""Seconds between two questions whether it is time to look at everything."""

SELDOM: Final = 3600.0
"""Seconds between two looks at everything, at least, unless memory grows."""

SHARE: Final = 100_000
"""How many times longer than such a look the time until the next is."""

GROWTH: Final = 200 * 1024
GROWTH_OF_A_CONNECTION: Final = 64
"""KiB that may be taken since the last look, and of them for each of the charge points that were connected at a time
since then, before it is time: what those who left have given back is not always given back to the machine."""

_STATM: Final = Path("/proc/self/statm")
_PAGE: Final = 4
"""KiB."""


def memory() -> int:
    """Return how much memory this process takes, in KiB; 0 where that cannot be known."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE
    except OSError:
        return 0


@contextmanager
def settled() -> Iterator[None]:
    """Have the interpreter look at nothing by itself during the block, nor at what was imported, which stays.

    After a storm what was imported is looked at all the same, with everything.
    """
    automatic = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if automatic:
            gc.enable()


async def collect_new_garbage(
    connected: Callable[[], int], *, timer: Callable[[], float] = perf_counter
) -> None:
    """Look at what is new, every ``LOOK_AT_NEW_EVERY`` seconds or less often, until cancelled.

    ``connected``: how many charge points are; ``timer`` counts the seconds that a look takes. In a storm nothing is
    looked at; what came then is no longer new.
    """
    before, pause = connected(), LOOK_AT_NEW_EVERY
    while True:
        await trio.sleep(pause)
        now = connected()
        if now - before >= STORM:
            gc.freeze()
            pause = LOOK_AT_NEW_EVERY
        else:
            begun = timer()
            gc.collect(NEW)
            pause = min(LONGEST_PAUSE, max(LOOK_AT_NEW_EVERY, SHARE_OF_NEW * (timer() - begun)))
        before = now


async def collect_garbage(
    connected: Callable[[], int],
    *,
    memory: Callable[[], int] = memory,
    timer: Callable[[], float] = perf_counter,
) -> None:
    """Look at everything when it is time, until cancelled.

    ``connected``: how many charge points are; ``timer`` counts the seconds that a look takes.
    """
    imported = gc.get_freeze_count()
    taken, most, next_look = memory(), connected(), trio.current_time() + SELDOM
    while True:
        await trio.sleep(ASK_EVERY)
        most = max(most, connected())
        grown = memory() - taken > GROWTH + GROWTH_OF_A_CONNECTION * most
        if grown or trio.current_time() >= next_look:
            begun = timer()
            if gc.get_freeze_count() > imported:  # there was a storm
                gc.unfreeze()
            gc.collect()
            next_look = trio.current_time() + max(SELDOM, SHARE * (timer() - begun))
            taken, most = memory(), connected()
