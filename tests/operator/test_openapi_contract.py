"""The OpenAPI document tells the truth: whatever is asked of a running server, the answer is one that it shows."""

import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from subprocess import STDOUT
from typing import Any, Final

import httpx
import pytest
import trio
from trio_websocket import ConnectionClosed, HandshakeError

from ocpp_actors.operator.http import examples
from tests.support.central import BOOT
from tests.support.client import open_charger
from tests.support.messages import meter_values, start, status, stop
from tests.support.process import ServerProcess, open_server

CALLED: Final = "CALLED"
"""The charge point that is asked for things; nothing is decided about it, so that it stays connected."""
TOKEN: Final = "a token of this test"
LONGEST: Final = 300.0

CONFIGURATION: Final = """
seed = 5
workers = 2
continue-on-failure = true
request-timeout = 20.0
max-stream-events = 1
headers = {headers}
[generation]
mode = "all"
max-examples = {examples}
deterministic = true
database = "none"
[warnings]
enabled = false
[dictionaries]
charge-points = {{ values = ["CALLED", "DECIDED", "OFFLINE"] }}
called = {{ values = ["CALLED"] }}
numbers = {{ values = [1, 2, 3] }}
tags = {{ values = ["TAG", "PARENT"] }}
profiles = {{ values = ["night"] }}
[parameters]
"path.identity" = {{ dictionary = "charge-points", probability = 0.7 }}
"path.id" = {{ dictionary = "numbers", probability = 0.7 }}
"path.idTag" = {{ dictionary = "tags", probability = 0.7 }}
"path.name" = {{ dictionary = "profiles", probability = 0.7 }}
[phases.stateful]
enabled = false
[checks]
not_a_server_error = {{ expected-statuses = ["2xx", "3xx", "4xx"] }}
# 412: a version that is not the present one; 422: rules of the specification that no schema can tell.
positive_data_acceptance = {{ expected-statuses = ["2xx", "401", "403", "404", "409", "412", "422", "429"] }}
[[operations]]
include-path-regex = "/charge-points/[^/]+/.*"
include-method = "POST"
parameters = {{ "path.identity" = {{ dictionary = "called", probability = 0.8 }} }}
"""


async def answer_for_ever(server: ServerProcess, identity: str, ready: trio.Event) -> None:
    """Be a charge point that answers every command at once, and comes again whenever it is sent away."""
    while True:
        try:
            async with open_charger(server.url, identity) as charger:
                await charger.send([2, "boot", "BootNotification", BOOT])
                while True:
                    frame = await charger.receive()
                    if frame[0] == 2:
                        payload = examples.RESPONSES.get(frame[2], examples.ACCEPTED)
                        await charger.send([3, frame[1], payload])
                    else:
                        ready.set()
        except* (ConnectionClosed, HandshakeError, OSError):
            await trio.sleep(0.1)


async def live_a_while(server: ServerProcess) -> None:
    """Let a charge point do something of everything that is kept."""
    async with open_charger(server.url, "DECIDED") as charger:
        await charger.boot()
        await charger.result("StatusNotification", status())
        for _ in range(2):
            transaction = (await charger.result("StartTransaction", start()))["transactionId"]
            await charger.result("MeterValues", meter_values(transactionId=transaction))
            await charger.result("StopTransaction", stop(transaction))
        await charger.result("StartTransaction", start())
        await charger.result("SignCertificate", {"csr": "a request"})
        event = {"type": "SettingSystemTime", "timestamp": "2026-03-01T12:00:00Z"}
        await charger.result("SecurityEventNotification", event)


async def fill(client: httpx.AsyncClient) -> None:
    """Let operators have decided something of everything."""
    for path, document in (
        ("charge-points/OFFLINE", {}),
        ("id-tags/PARENT", {}),
        ("id-tags/TAG", {"parentIdTag": "PARENT"}),
        ("charging-profiles/night", examples.PROFILE),
    ):
        answer = await client.put(f"/api/v1/{path}", json=document)
        assert answer.status_code == 201, answer.text
    reservation = {"connectorId": 1, "idTag": "TAG", "expiryDate": "2999-01-01T00:00:00Z"}
    answer = await client.post(f"/api/v1/charge-points/{CALLED}/reservations", json=reservation)
    assert answer.status_code == 201, answer.text


@asynccontextmanager
async def open_filled(directory: Path, **settings: object) -> AsyncIterator[ServerProcess]:
    token = settings.get("api_token")
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with (
        open_server(directory, **settings) as server,
        httpx.AsyncClient(base_url=server.api, headers=headers) as client,
        trio.open_nursery() as nursery,
    ):
        await live_a_while(server)
        for identity in (CALLED, "DECIDED"):
            ready = trio.Event()
            nursery.start_soon(answer_for_ever, server, identity, ready)
            await ready.wait()
        await fill(client)
        yield server
        nursery.cancel_scope.cancel()


async def contradictions(server: ServerProcess, directory: Path, headers: str, *options: Any) -> str | None:
    """Ask whatever can be asked, rightly and wrongly; return what contradicts the document, None if nothing does."""
    configuration = directory / "schemathesis.toml"
    configuration.write_text(CONFIGURATION.format(examples=EXAMPLES, headers=headers))
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", configuration,
        "run", f"{server.api}/api/v1/schema", "--no-color", *options,
    ]  # fmt: skip
    with trio.fail_after(LONGEST):
        done = await trio.run_process(command, capture_stdout=True, stderr=STDOUT, check=False, cwd=directory)
    print(done.stdout.decode())
    return None if done.returncode == 0 else done.stdout.decode()
EXAMPLES = 8

async def test_x(tmp_path: Path) -> None:
    async with open_filled(tmp_path) as server:
        found = await contradictions(server, tmp_path, "{}")
        assert found is None
