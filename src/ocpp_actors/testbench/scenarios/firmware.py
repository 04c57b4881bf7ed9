"""The operator has new firmware installed, and follows how it goes."""

from ocpp_actors.protocol.timestamps import write
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.client import Client
from ocpp_actors.testbench.failures import expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.steps.records import expect_progress
from ocpp_actors.testbench.steps.registration import expect_accepted_boot
from ocpp_actors.testbench.steps.scripted import command, status, told

LOCATION = "ftp://files.example/firmware/2.0.bin"


async def update(bench: Bench, client: Client) -> None:
    """Let the operator ask for an update, to be downloaded now."""
    wanted = {
        "location": LOCATION,
        "retrieveDate": write(bench.clock.now()),
        "retries": 1,
        "retryInterval": 30,
    }
    await command(bench, client, "UpdateFirmware", wanted, answer={})


async def report(bench: Bench, client: Client, *statuses: str) -> None:
    """Let the charge point report these statuses, one after the other; each has to be on record then."""
    for each in statuses:
        answer = await told(bench, client, "FirmwareStatusNotification", {"status": each})
        expect_equal(answer, {}, "FirmwareStatusNotification.conf")
        await expect_progress(bench, client.identity, "firmware", each)


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
        await report(bench, client, "Downloading", "Downloaded")
        await status(bench, client, "Unavailable")
        await report(bench, client, "Installing")
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
        await report(bench, client, "Installed")
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
        await report(bench, client, "Downloading", "DownloadFailed")


@scenario(case="TC_044_3", needs={Need.OPERATOR})
async def firmware_installation_fails(bench: Bench) -> None:
    """A charge point downloads firmware and cannot install it.

    Checks: UpdateFirmware comes as asked for; Downloading, Downloaded, Installing and InstallationFailed are confirmed
    and on record (OCPP 1.6 §4.5, §5.19).

    Not known: whether the original restarts the charge point after it.
    """
    async with bench.client(boot=True) as client:
        await update(bench, client)
        await report(bench, client, "Downloading", "Downloaded", "Installing", "InstallationFailed")
