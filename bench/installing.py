"""Installs the peers that this server is compared with: mobilityhouse's ``ocpp``, and ``ocpp-rpc``."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from servers import HERE, Server, Start, started

PYTHON_PACKAGES = ("ocpp==2.1.*", "websockets==17.*")
NODE_PACKAGE = "ocpp-rpc@~2.2.1"
PEERS = HERE / "peers"


class NotInstalled(Exception):
    """A peer cannot be installed; the message says why."""


def mobilityhouse(directory: Path, processor: int) -> tuple[str, Start]:
    """Install it in this directory if it is not there, and return its name with versions, and how it is started.

    Raises NotInstalled: pip failed.
    """
    python = directory / "python" / "bin" / "python"
    if not python.exists():
        _run(sys.executable, "-m", "venv", str(directory / "python"))
        _run(str(python), "-m", "pip", "install", "--quiet", *PYTHON_PACKAGES)
    versions = _run(
        str(python),
        "-c",
        "from importlib.metadata import version; print(version('ocpp'), version('websockets'))",
    ).split()
    command = [str(python), str(PEERS / "mobilityhouse.py")]
    return f"ocpp {versions[0]} on websockets {versions[1]}", _starting(command, processor)


def ocpp_rpc(directory: Path, processor: int) -> tuple[str, Start]:
    """Install it in this directory if it is not there, and return its name with versions, and how it is started.

    Raises NotInstalled: Node.js or npm is missing, or npm failed.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NotInstalled(f"{'Node.js' if node is None else 'npm'} is missing")
    modules = directory / "node_modules"
    if not (modules / "ocpp-rpc").is_dir():
        _run(npm, "install", "--prefix", str(directory), "--no-audit", "--no-fund", "--silent", NODE_PACKAGE)
    version = json.loads((modules / "ocpp-rpc" / "package.json").read_text())["version"]
    name = f"ocpp-rpc {version} on Node.js {_run(node, '--version').strip()}"
    return name, _starting([node, str(PEERS / "ocpp_rpc.js")], processor, NODE_PATH=str(modules))


def _starting(command: Sequence[str], processor: int, **environment: str) -> Start:
    def start(directory: Path) -> AbstractContextManager[Server]:
        return started(command, directory, processor, environment)

    return start


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip() or "nothing").splitlines()[-1]
        raise NotInstalled(f"{Path(command[0]).name} {' '.join(command[1:4])} … failed; it said: {said}")
    return done.stdout
