"""Jobs that take their time, told step by step: firmware, diagnostics, logs."""

from collections.abc import Callable
from typing import Any, Final

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.client import Client
from ocpp_actors.testbench.failures import expect_equal
from ocpp_actors.testbench.steps.attending import Attended
from ocpp_actors.testbench.steps.records import expect_progress
from ocpp_actors.testbench.steps.scripted import told
from ocpp_actors.testbench.wire import Mark

UPDATING: Final = 90.0
"""Seconds that each step takes at most, where a charge point lives by itself."""

KINDS: Final = {
    "DiagnosticsStatusNotification": "diagnostics",
    "FirmwareStatusNotification": "firmware",
    "LogStatusNotification": "log",
    "SignedFirmwareStatusNotification": "signedFirmware",
}
"""What the record calls the job that an action tells of."""


async def report_progress(
    bench: Bench, client: Client, action: str, *statuses: str, request_id: int | None = None
) -> None:
    """Let a client tell these statuses, one after the other; each has to be confirmed, and on record then."""
    more = {} if request_id is None else {"requestId": request_id}
    for status in statuses:
        answer = await told(bench, client, action, {"status": status, **more})
        expect_equal(answer, {}, f"{action}.conf")
        await expect_progress(bench, client.identity, KINDS[action], status)


async def tells_progress(bench: Bench, charger: Attended, action: str, *statuses: str, since: Mark) -> None:
    """Wait until a charge point has told these statuses, one after the other; the last has to be on record then."""
    for status in statuses:
        said = await charger.says(action, _has(status), since=since, within=UPDATING)
        since = said.asked.number
    await expect_progress(bench, charger.identity, KINDS[action], statuses[-1])


def _has(status: str) -> Callable[[Any], object]:
    return lambda payload: payload["status"] == status
