"""A charger that sends too much is read more slowly, and loses nothing."""

from typing import Any

import pytest
import trio
from tests.support.central import open_central


async def flood(seconds_expected: float, messages: int, **settings: Any) -> None:
    async with (
        open_central(**settings) as central,
        central.charger() as charger,
    ):
        await charger.boot()
        began = trio.current_time()
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def send() -> None:
                for number in range(messages):
                    await charger.send([2, f"h{number}", "Heartbeat", {}])

            for number in range(messages):
                assert (await charger.receive())[:2] == [3, f"h{number}"]
        assert trio.current_time() - began == pytest.approx(seconds_expected)


async def test_a_burst_is_read_at_once(autojump_clock: Any) -> None:
    # The boot was the first of the burst.
    await flood(0, 49, max_message_rate=10.0, max_message_burst=50)


async def test_what_exceeds_the_burst_is_read_at_the_rate(autojump_clock: Any) -> None:
    await flood(10, 150, max_message_rate=10.0, max_message_burst=50)


async def test_a_rate_of_zero_is_no_limit(autojump_clock: Any) -> None:
    await flood(0, 500, max_message_rate=0.0, max_message_burst=1)


async def test_no_other_charger_is_read_more_slowly(autojump_clock: Any) -> None:
    async with (
        open_central(max_message_rate=1.0, max_message_burst=1) as central,
        central.charger() as loud,
        central.charger("CP2") as other,
    ):
        for number in range(20):
            await loud.send([2, f"b{number}", "DataTransfer", {"vendorId": "V"}])
        await trio.sleep(5)
        before = trio.current_time()
        await other.boot()
        assert trio.current_time() == before
