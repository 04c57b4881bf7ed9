"""A BootNotification that is accepted."""

from typing import Final

from ocpp_actors.protocol.timestamps import read
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.wire import Exchange

CLOCKS_APART: Final = 60.0
"""Seconds by which the clocks of bench and central system may differ."""


def expect_accepted_boot(bench: Bench, boot: Exchange) -> None:
    """Go on where a BootNotification is accepted, with an interval above 0 and the time in UTC (OCPP 1.6 §4.2).

    Raises Failed: it is not.
    """
    answer = boot.result
    expect_equal(answer["status"], "Accepted", "the status of the BootNotification")
    expect(answer["interval"] > 0, f"the interval is {answer['interval']}, and has to be above 0")
    expect(answer["currentTime"].endswith("Z"), f"the time {answer['currentTime']} is not in UTC with Z")
    apart = abs((read(answer["currentTime"]) - bench.clock.now()).total_seconds())
    expect(apart < CLOCKS_APART, f"the time is {apart:.0f} seconds off")
