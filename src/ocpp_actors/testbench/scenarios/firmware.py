"""The operator has new firmware installed, and follows how it goes."""

from typing import Final

from ocpp_actors.protocol.timestamps import write
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.client import Client
from ocpp_actors.testbench.failures import expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import RESTART, Attended, attended
from ocpp_actors.testbench.steps.progress import UPDATING, report_progress, tells_progress
from ocpp_actors.testbench.steps.registration import expect_accepted_boot
from ocpp_actors.testbench.steps.scripted import command, status
from ocpp_actors.testbench.steps.transactions import expect_recorded
from ocpp_actors.testbench.wire import Mark

NOTES: Final = "FirmwareStatusNotification"

LOCATION: Final = "ftp://127.0.0.1:9/firmware/2.0.bin"
"""Nothing is there: a simulated charge point only acts as if. Another one needs a place that has firmware for it."""


async def update(bench: Bench, client: Client) -> None:
    """Let the operator ask for an update, to be downloaded now."""
    wanted = {
        "location": LOCATION,
        "retrieveDate": write(bench.clock.now()),
        "retries": 1,
        "retryInterval": 30,
    }
    await command(bench, client, "UpdateFirmware", wanted, answer={})


@scenario(case="TC_044_1", needs={Need.OPERATOR})
async def firmware_is_downloaded_and_installed(bench: Bench) -> None:
    """A charge point downloads new firmware, installs it, starts again and is the newer one.

    Checks: UpdateFirmware comes as asked for; FirmwareStatusNotifications (Downloading, Downloaded, Installing,
    Installed) are confirmed and on record; after the restart the BootNotification is accepted, and its firmware
    version on record (OCPP 1.6 §4.2, §4.5, §5.19).

    Not known: where the original restarts the charge point, and which statuses its connectors have meanwhile.
    """
    async with bench.client(boot=True) as client:
        await update(bench, client)
        await report_progress(bench, client, NOTES, "Downloading", "Downloaded")
        await status(bench, client, "Unavailable")
        await report_progress(bench, client, NOTES, "Installing")
        identity = client.identity
    async with bench.client(identity) as client:
        newer = {
            "chargePointVendor": "ocpp-actors",
            "chargePointModel": "test bench",
            "firmwareVersion": "2.0",
        }
        with bench.patient():
            boot = await client.call("BootNotification", newer)
        expect_accepted_boot(bench, boot)
        await report_progress(bench, client, NOTES, "Installed")
        await status(bench, client, "Available")
        kept = await bench.operator.charge_point(identity)
        expect_equal(kept["firmwareVersion"], "2.0", "the firmware version on record")


@scenario(case="TC_044_2", needs={Need.OPERATOR})
async def firmware_download_fails(bench: Bench) -> None:
    """A charge point cannot download the firmware that it is asked to install.

    Checks: UpdateFirmware comes as asked for; Downloading and DownloadFailed are confirmed and on record (OCPP
    1.6 §4.5, §5.19).

    Not known: how often the original lets the charge point try.
    """
    async with bench.client(boot=True) as client:
        await update(bench, client)
        await report_progress(bench, client, NOTES, "Downloading", "DownloadFailed")


@scenario(case="TC_044_3", needs={Need.OPERATOR})
async def firmware_installation_fails(bench: Bench) -> None:
    """A charge point downloads firmware and cannot install it.

    Checks: UpdateFirmware comes as asked for; Downloading, Downloaded, Installing and InstallationFailed are confirmed
    and on record (OCPP 1.6 §4.5, §5.19).

    Not known: whether the original restarts the charge point after it.
    """
    async with bench.client(boot=True) as client:
        await update(bench, client)
        await report_progress(
            bench, client, NOTES, "Downloading", "Downloaded", "Installing", "InstallationFailed"
        )


async def update_now(bench: Bench, charger: Attended) -> Mark:
    """Let the operator ask for an update, now; return the place in what happened before it."""
    since = charger.station.wire.mark()
    await charger.ask("UpdateFirmware", {"location": LOCATION, "retrieveDate": write(bench.clock.now())})
    return since


@scenario(needs={Need.OPERATOR}, features={Feature.FIRMWARE}, seconds=3 * UPDATING)
async def firmware_is_updated(bench: Bench) -> None:
    """A charge point downloads and installs new firmware, starts again, and tells so (OCPP 1.6 §4.5, §5.19)."""
    async with attended(bench) as charger:
        since = await update_now(bench, charger)
        await tells_progress(bench, charger, NOTES, "Downloading", "Downloaded", "Installing", since=since)
        boot = await charger.says("BootNotification", since=since, within=RESTART)
        expect_accepted_boot(bench, boot)
        await tells_progress(bench, charger, NOTES, "Installed", since=since)


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
        since = await update_now(bench, charger)
        await tells_progress(bench, charger, NOTES, "Downloading", "Downloaded", since=since)
        await charger.tap(card)
        stopped = await charger.stops(started, reason="Local")
        await charger.unplug()
        await tells_progress(bench, charger, NOTES, "Installing", since=stopped.asked.number)
        await tells_progress(bench, charger, NOTES, "Installed", since=since)
        await expect_recorded(bench, charger.identity, started, stopped)
