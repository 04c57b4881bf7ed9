"""A charge point boots."""

from ocpp_actors.protocol.timestamps import read
from ocpp_actors.testbench.bench import BOOT, Bench
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import scenario


@scenario()
async def boot_is_accepted(bench: Bench) -> None:
    """A BootNotification is accepted, with a positive interval and the time in UTC (OCPP 1.6 §4.2)."""
    async with bench.client() as client:
        with bench.patient():
            boot = (await client.call("BootNotification", BOOT)).result
        expect_equal(boot["status"], "Accepted", "the status of the BootNotification")
        expect(boot["interval"] > 0, f"the interval is {boot['interval']}, and has to be above 0")
        expect(boot["currentTime"].endswith("Z"), f"the time {boot['currentTime']} is not in UTC with Z")
        distance = abs((read(boot["currentTime"]) - bench.clock.now()).total_seconds())
        expect(distance < 60, f"the time is {distance:.0f} seconds off")
