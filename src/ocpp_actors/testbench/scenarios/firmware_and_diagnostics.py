"""Charge points are given new firmware, and asked for their diagnostics, while they work."""

from collections.abc import Callable
from typing import Any, Final

from ocpp_actors.protocol.timestamps import write
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import RESTART, Attended, attended
from ocpp_actors.testbench.steps.records import expect_progress
from ocpp_actors.testbench.steps.registration import expect_accepted_boot
from ocpp_actors.testbench.steps.transactions import expect_recorded
from ocpp_actors.testbench.wire import Mark

FIRMWARE: Final = "ftp://127.0.0.1:9/firmware/next.bin"
UPLOADS: Final = "ftp://127.0.0.1:9/uploads"
"""Nothing is at these places: a simulated charge point only acts as if. Another one needs a profile with real ones."""

UPDATING: Final = 90.0
"""Seconds that an update takes at most."""


async def tells(bench: Bench, charger: Attended, action: str, kind: str, *statuses: str, since: Mark) -> None:
    """Wait until a charge point has told these statuses, one after the other; the last is on record."""
    for status in statuses:
        said = await charger.says(action, _has(status), since=since, within=UPDATING)
        since = said.asked.number
    await expect_progress(bench, charger.identity, kind, statuses[-1])


def _has(status: str) -> Callable[[Any], object]:
    return lambda payload: payload["status"] == status


async def update(bench: Bench, charger: Attended, location: str) -> Mark:
    """Let the operator ask for an update, now; return the place in what happened before it."""
    since = charger.station.wire.mark()
    await charger.ask("UpdateFirmware", {"location": location, "retrieveDate": write(bench.clock.now())})
    return since


@scenario(needs={Need.OPERATOR}, features={Feature.FIRMWARE}, seconds=3 * UPDATING)
async def firmware_is_updated(bench: Bench) -> None:
    """A charge point downloads and installs new firmware, starts again, and tells so (OCPP 1.6 §4.5, §5.19)."""
    async with attended(bench) as charger:
        since = await update(bench, charger, FIRMWARE)
        notes = "FirmwareStatusNotification", "firmware"
        await tells(bench, charger, *notes, "Downloading", "Downloaded", "Installing", since=since)
        boot = await charger.says("BootNotification", since=since, within=RESTART)
        expect_accepted_boot(bench, boot)
        await tells(bench, charger, *notes, "Installed", since=since)


@scenario(
    needs={Need.OPERATOR},
    features={Feature.FIRMWARE, Feature.PLUG, Feature.TAP},
    seconds=3 * UPDATING,
)
async def firmware_waits_for_the_transaction(bench: Bench) -> None:
    """New firmware is downloaded while a vehicle charges, and installed when it has left (OCPP 1.6 §5.19)."""
    card = await bench.id_tag()
    async with attended(bench) as charger:
        started = await charger.charges(card)
        since = await update(bench, charger, FIRMWARE)
        notes = "FirmwareStatusNotification", "firmware"
        await tells(bench, charger, *notes, "Downloading", "Downloaded", since=since)
        await charger.tap(card)
        stopped = await charger.stops(started, reason="Local")
        await charger.unplug()
        await tells(bench, charger, *notes, "Installing", since=stopped.asked.number)
        await tells(bench, charger, *notes, "Installed", since=since)
        await expect_recorded(bench, charger.identity, started, stopped)


@scenario(needs={Need.OPERATOR}, features={Feature.DIAGNOSTICS}, seconds=2 * UPDATING)
async def diagnostics_are_asked_for(bench: Bench) -> None:
    """A charge point uploads its diagnostics and tells so, and goes on working (OCPP 1.6 §4.4, §5.9)."""
    async with attended(bench) as charger:
        since = charger.station.wire.mark()
        await charger.ask("GetDiagnostics", {"location": UPLOADS})
        notes = "DiagnosticsStatusNotification", "diagnostics"
        await tells(bench, charger, *notes, "Uploading", "Uploaded", since=since)
