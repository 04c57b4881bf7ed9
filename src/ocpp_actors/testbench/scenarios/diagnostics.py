"""The operator has diagnostics uploaded, and follows how it goes."""

from datetime import timedelta
from typing import Final

from ocpp_actors.protocol.timestamps import write
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.client import Client
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import attended
from ocpp_actors.testbench.steps.progress import UPDATING, report_progress, tells_progress
from ocpp_actors.testbench.steps.scripted import command

UPLOADS: Final = "ftp://127.0.0.1:9/uploads"
"""Nothing is there: a simulated charge point only acts as if. Another one needs a place that takes uploads."""


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


@scenario(case="TC_045_1", needs={Need.OPERATOR})
async def diagnostics_are_uploaded(bench: Bench) -> None:
    """A charge point uploads its diagnostics.

    Checks: GetDiagnostics comes as asked for, its fileName reaches the operator; Uploading and Uploaded are confirmed
    and on record (OCPP 1.6 §4.4, §5.9). Nothing is uploaded: the central system is no party to that.

    Not known: the location and the period of the original.
    """
    async with bench.client(boot=True) as client:
        await ask_for_upload(bench, client)
        await report_progress(bench, client, "DiagnosticsStatusNotification", "Uploading", "Uploaded")


@scenario(case="TC_045_2", needs={Need.OPERATOR})
async def diagnostics_upload_fails(bench: Bench) -> None:
    """A charge point cannot upload its diagnostics.

    Checks: GetDiagnostics comes as asked for; Uploading and UploadFailed are confirmed and on record (OCPP 1.6 §4.4,
    §5.9).

    Not known: how often the original lets the charge point try.
    """
    async with bench.client(boot=True) as client:
        await ask_for_upload(bench, client)
        await report_progress(bench, client, "DiagnosticsStatusNotification", "Uploading", "UploadFailed")


@scenario(needs={Need.OPERATOR}, features={Feature.DIAGNOSTICS}, seconds=2 * UPDATING)
async def diagnostics_are_asked_for(bench: Bench) -> None:
    """A charge point uploads its diagnostics and tells so, and goes on working (OCPP 1.6 §4.4, §5.9)."""
    async with attended(bench) as charger:
        since = charger.station.wire.mark()
        await charger.ask("GetDiagnostics", {"location": UPLOADS})
        statuses = "Uploading", "Uploaded"
        await tells_progress(bench, charger, "DiagnosticsStatusNotification", *statuses, since=since)
