"""Waiting in tests: for what will surely be so, without a guess at how long it takes."""

from collections.abc import Callable
from typing import Any

import trio

LONGEST = 600.0


async def eventually(holds: Callable[[], Any]) -> None:
    """Wait until it holds; it is given up after ten minutes of trio's clock, which may be virtual."""
    with trio.fail_after(LONGEST):
        while not holds():  # noqa: ASYNC110 — what is waited for has no event of its own
            await trio.sleep(0.01)
