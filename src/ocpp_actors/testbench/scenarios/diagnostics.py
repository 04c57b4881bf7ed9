"""The operator has diagnostics uploaded, and follows how it goes."""

from datetime import timedelta

from ocpp_actors.protocol.timestamps import write
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.client import Client
from ocpp_actors.testbench.failures import expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.steps.records import expect_progress
from ocpp_actors.testbench.steps.scripted import command, told


async def ask_for_upload(bench: Bench, client: Client) -> None:
    """Let the operator ask for the diagnostics of the last hour."""
    now = bench.clock.now()
    wanted = {
        "location": "ftp://files.example/diagnostics/",
        "startTime": write(now - timedelta(hours=1)),
        "stopTime": write(now),
        "retries": 1,
        "retryInterval": 30,
    }
    await command(bench, client, "GetDiagnostics", wanted, answer={"fileName": "diagnostics.zip"})


async def report(bench: Bench, client: Client, *statuses: str) -> None:
    """Let the charge point report these statuses, one after the other; each has to be on record then."""
    for each in statuses:
        answer = await told(bench, client, "DiagnosticsStatusNotification", {"status": each})
        expect_equal(answer, {}, "DiagnosticsStatusNotification.conf")
        await expect_progress(bench, client.identity, "diagnostics", each)


@scenario(case="TC_045_1", needs={Need.OPERATOR})
async def diagnostics_are_uploaded(bench: Bench) -> None:
    """A charge point uploads its diagnostics.

    Checks: GetDiagnostics comes as asked for, its fileName reaches the operator; Uploading and Uploaded are confirmed
    and on record (OCPP 1.6 §4.4, §5.9). Nothing is uploaded: the central system is no party to that.

    Not known: the location and the period of the original.
    """
    async with bench.client(boot=True) as client:
        await ask_for_upload(bench, client)
        await report(bench, client, "Uploading", "Uploaded")


@scenario(case="TC_045_2", needs={Need.OPERATOR})
async def diagnostics_upload_fails(bench: Bench) -> None:
    """A charge point cannot upload its diagnostics.

    Checks: GetDiagnostics comes as asked for; Uploading and UploadFailed are confirmed and on record (OCPP 1.6 §4.4,
    §5.9).

    Not known: how often the original lets the charge point try.
    """
    async with bench.client(boot=True) as client:
        await ask_for_upload(bench, client)
        await report(bench, client, "Uploading", "UploadFailed")
