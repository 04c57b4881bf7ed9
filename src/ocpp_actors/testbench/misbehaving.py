"""Has the central system break its answers as a profile says, for as long as the session lasts."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import quote

import structlog
import trio

from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.operators import Operator
from ocpp_actors.testbench.under_test import UnderTest

log = structlog.get_logger(__name__)

REMOVAL: Final = 10.0
"""Seconds in which the rules have to be removed in the end."""

Rules = Mapping[str, Sequence[Mapping[str, Any]]]
"""How the answers to which charge point are broken."""


@asynccontextmanager
async def misbehaving(
    under_test: UnderTest, rules: Rules, trouble: Callable[[str], None]
) -> AsyncIterator[None]:
    """Have answers broken for the length of the block, also by a server that is started again meanwhile.

    ``trouble`` is told when a server that is back does not take the rules. Raises Failed: it did not take them at all.
    """
    if not rules:
        yield
        return
    operator = under_test.operator
    if operator is None:
        raise Failed("the central system cannot be told to misbehave without its operator's API")
    ups, news = trio.open_memory_channel[None](1)
    is_up = True

    def changed(up: bool) -> None:
        nonlocal is_up
        is_up = up
        if up:
            with suppress(trio.WouldBlock):  # it is to be told already
                ups.send_nowait(None)

    async def tell_again() -> None:
        async for _ in news:
            try:
                await _tell(operator, rules)
            except Failed as error:
                if is_up:
                    trouble(f"the server that was started again misbehaves no more: {error}")

    under_test.on_change.append(changed)
    try:
        await _tell(operator, rules)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tell_again)
            yield
            nursery.cancel_scope.cancel()
    finally:
        under_test.on_change.remove(changed)
        with trio.CancelScope(shield=True):
            await _remove(operator, rules)


async def _tell(operator: Operator, rules: Rules) -> None:
    for identity, own in rules.items():
        await operator.put(_path(identity), {"rules": own})


async def _remove(operator: Operator, rules: Rules) -> None:
    left = dict.fromkeys(rules, f"no time within {REMOVAL:g} s")
    with trio.move_on_after(REMOVAL):
        for identity in rules:
            try:
                await operator.delete(_path(identity))
                del left[identity]
            except Failed as error:
                left[identity] = str(error)
    if left:
        log.warning(
            "rules of misbehaviour were not removed", charge_points=len(left), error=next(iter(left.values()))
        )


def _path(identity: str) -> str:
    return f"/charge-points/{quote(identity, safe='')}/misbehaviour"
