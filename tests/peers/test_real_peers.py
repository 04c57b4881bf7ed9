"""Chargers that nobody here wrote, against the server as it is started by a user."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from tests.support.process import open_server

pytestmark = pytest.mark.heavy

HERE = Path(__file__).parent
SESSION_TIMEOUT = 120.0


async def charge(command: list[str | Path], directory: Path) -> dict[str, object]:
    async with open_server(directory) as server:
        with trio.fail_after(SESSION_TIMEOUT):
            client = await trio.run_process(
                [*command, server.url, "PEER-1"], capture_stdout=True, capture_stderr=True, check=False
            )
        assert client.returncode == 0, client.stderr.decode()
        log = server.stderr.read_text()
        assert await server.end() == 0
    complaints = [
        line for line in map(json.loads, log.splitlines()) if line["level"] not in ("info", "debug")
    ]
    assert complaints == []
    found = json.loads(client.stdout)
    assert isinstance(found, dict)
    return found


def check_session(found: dict[str, object]) -> None:
    assert found["boot"] == "Accepted"
    assert found["interval"] == 300
    assert found["authorize"] == found["start"] == found["stop"] == "Accepted"
    assert found["transactionId"] == 1
    assert str(found["heartbeat"]).endswith("Z")


async def test_mobilityhouse_client_charges_without_a_schema_complaint(tmp_path: Path) -> None:
    check_session(await charge([sys.executable, HERE / "mobilityhouse_client.py"], tmp_path))


@pytest.fixture(scope="session")
def ocpp_rpc() -> list[str | Path]:
    """The command of the ocpp-rpc client, its packages installed if they are not there yet."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        if "CI" in os.environ:
            pytest.fail("Node.js and npm are missing")
        pytest.skip("Node.js or npm is missing, so the client on ocpp-rpc cannot run")
    folder = HERE / "node"
    if not (folder / "node_modules" / "ocpp-rpc").is_dir():
        installed = subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True, check=False
        )
        if installed.returncode != 0:
            if "CI" in os.environ:
                pytest.fail(f"ocpp-rpc cannot be installed: {installed.stderr}")
            pytest.skip("ocpp-rpc cannot be installed from the npm registry now")
    return [node, folder / "client.js"]


async def test_ocpp_rpc_client_in_strict_mode_charges_without_a_schema_complaint(
    ocpp_rpc: list[str | Path], tmp_path: Path
) -> None:
    found = await charge(ocpp_rpc, tmp_path)
    check_session(found)
    assert found["complaints"] == []
