"""The operator has signed firmware installed, and reads the security log."""

from datetime import timedelta

from ocpp_actors.protocol.timestamps import write
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.client import Client
from ocpp_actors.testbench.failures import expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.steps.certificates import ROOT
from ocpp_actors.testbench.steps.progress import report_progress
from ocpp_actors.testbench.steps.records import security_events
from ocpp_actors.testbench.steps.scripted import command, told

NOTES = "SignedFirmwareStatusNotification"
ACCEPTED = {"status": "Accepted"}
SIGNATURE = "MEUCIQCp8nsbUrVTgRbpzBK2mWTp6xpHGSeVCE41QWyuUk6IwIhAL29x9ExfM1MchXbg129UHQEv9IXHXkVEL5O"


async def update(bench: Bench, client: Client) -> int:
    """Let the operator ask for a signed update; return its requestId."""
    request_id = bench.chance.randrange(1, 1_000_000)
    firmware = {
        "location": "https://files.example/firmware/2.0.bin",
        "retrieveDateTime": write(bench.clock.now()),
        "signingCertificate": ROOT,
        "signature": SIGNATURE,
    }
    wanted = {"requestId": request_id, "firmware": firmware, "retries": 1, "retryInterval": 30}
    await command(bench, client, "SignedUpdateFirmware", wanted, answer=ACCEPTED)
    return request_id


async def report_event(bench: Bench, client: Client, event: str) -> None:
    """Let the charge point report a security event; it has to be on record."""
    report = {"type": event, "timestamp": write(bench.clock.now())}
    answer = await told(bench, client, "SecurityEventNotification", report)
    expect_equal(answer, {}, "SecurityEventNotification.conf")
    kept = await security_events(bench, client.identity)
    expect_equal([each["type"] for each in kept], [event], "the security events on record")


@scenario(case="TC_079", needs={Need.OPERATOR})
async def security_log_is_uploaded(bench: Bench) -> None:
    """A charge point uploads its security log.

    Checks: GetLog comes as asked for, its filename reaches the operator; the LogStatusNotifications Uploading and
    Uploaded are confirmed and on record (security whitepaper N01). Nothing is uploaded: the central system is no party
    to that.

    Not known: the location and the period of the original.
    """
    async with bench.client(boot=True) as client:
        now, request_id = bench.clock.now(), bench.chance.randrange(1, 1_000_000)
        log = {
            "remoteLocation": "https://files.example/logs/",
            "oldestTimestamp": write(now - timedelta(hours=1)),
            "latestTimestamp": write(now),
        }
        wanted = {"log": log, "logType": "SecurityLog", "requestId": request_id}
        await command(bench, client, "GetLog", wanted, answer={**ACCEPTED, "filename": "security.log"})
        statuses = "Uploading", "Uploaded"
        await report_progress(bench, client, "LogStatusNotification", *statuses, request_id=request_id)


@scenario(case="TC_080", needs={Need.OPERATOR})
async def signed_firmware_is_installed(bench: Bench) -> None:
    """A charge point downloads signed firmware, verifies the signature, and installs it.

    Checks: SignedUpdateFirmware comes with the certificate and the signature, its answer reaches the operator; the
    SignedFirmwareStatusNotifications from Downloading to Installed are confirmed and on record, and so is the security
    event FirmwareUpdated (security whitepaper L01, A04).

    Not known: whether the charge point of the original restarts, and where.
    """
    async with bench.client(boot=True) as client:
        request_id = await update(bench, client)
        steps = "Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed"
        await report_progress(bench, client, NOTES, *steps, request_id=request_id)
        await report_event(bench, client, "FirmwareUpdated")


@scenario(case="TC_081", needs={Need.OPERATOR})
async def signed_firmware_with_an_invalid_signature(bench: Bench) -> None:
    """A charge point downloads signed firmware whose signature is wrong, and does not install it.

    Checks: SignedUpdateFirmware comes with the certificate and the signature; the SignedFirmwareStatusNotifications
    Downloading, Downloaded and InvalidSignature are confirmed and on record, and so is the security event
    InvalidFirmwareSignature (security whitepaper L01.FR.03, A04).

    Not known: nothing of weight.
    """
    async with bench.client(boot=True) as client:
        request_id = await update(bench, client)
        steps = "Downloading", "Downloaded", "InvalidSignature"
        await report_progress(bench, client, NOTES, *steps, request_id=request_id)
        await report_event(bench, client, "InvalidFirmwareSignature")
