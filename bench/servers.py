"""Servers and the load generator as processes of their own, each on a processor of its own."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Self

from attrs import field, frozen
from machine import pinned
from processes import used

HERE = Path(__file__).parent
START_TIMEOUT = END_TIMEOUT = 60.0
"""Seconds for a server to listen, and to end."""

Result = dict[str, Any]
"""What the load generator printed."""


@frozen
class Server:
    """A server that runs: where charge points connect, without identity, where its API is, its process."""

    url: str
    api: str
    pid: int

    @property
    def memory(self) -> int:
        """How much of it is in memory, in KiB."""
        return used(self.pid)[1]

    @property
    def processor(self) -> float:
        """Seconds of a processor that it has used."""
        return used(self.pid)[0]


Start = Callable[[Path], AbstractContextManager[Server]]
"""Starts a server that keeps what it stores in this directory."""


def this_server(
    processor: int,
    *,
    in_memory: bool = False,
    message_log: bool = False,
    source: Path | None = None,
    **more: str,
) -> Start:
    """Return how this server is started: without a limit on messages, all other settings have their defaults.

    ``in_memory``: where the ledger is; ``message_log``: whether frames are recorded; ``source``: the sources of another
    tree, which are used instead of those of this one; ``more``: other settings.
    """
    command = [
        sys.executable,
        *((str(HERE / "in_memory.py"),) if in_memory else ("-m", "ocpp_actors", "serve")),
    ]

    def start(directory: Path) -> AbstractContextManager[Server]:
        settings = {
            "PORT": "0",
            "API_PORT": "0",
            "DATABASE": f"sqlite:///{directory / 'ledger.db'}",
            "MAX_MESSAGE_RATE": "0",
            "MESSAGE_LOG": str(directory / "messages.db") if message_log else "off",
            **more,
        }
        environment = {f"OCPP_ACTORS_{name}": value for name, value in settings.items()}
        if source is not None:
            environment["PYTHONPATH"] = str(source)
        return started(command, directory, processor, environment)

    return start


@contextmanager
def started(
    command: Sequence[str], directory: Path, processor: int, environment: Mapping[str, str]
) -> Iterator[Server]:
    """Start a server, wait until it has said where it listens, and end it after the block."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OCPP_ACTORS_")}
    log = directory / "server.log"
    with log.open("ab") as stderr, pinned(processor):
        process = subprocess.Popen(
            command, cwd=directory, env={**inherited, **environment}, stdout=subprocess.PIPE, stderr=stderr
        )
    try:
        text = _greeting(process)
        url, api = re.search(r"(ws://\S+)/IDENTITY", text), re.search(r"(http://\S+?)/? ", text)
        if url is None:
            said = (log.read_text(errors="replace").strip() or "nothing").splitlines()[-1]
            raise SystemExit(f"{command[-1]} did not start; it said: {said}")
        yield Server(url[1], api[1] if api else "", process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout
        process.stdout.close()


def _greeting(process: "subprocess.Popen[bytes]") -> str:
    """Read what a server says until it is ready: its last word is where messages are logged, or ``ready``."""
    assert process.stdout
    text, until = b"", time.monotonic() + START_TIMEOUT
    while b"Messages are logged in" not in text and not text.endswith(b"ready\n"):
        if not select.select([process.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
            break
        chunk = os.read(process.stdout.fileno(), 65536)
        if not chunk:
            break
        text += chunk
    return text.decode()


@frozen
class Generator:
    """The load generator, running. What it printed when all charge points were booted is ``start``."""

    _process: "subprocess.Popen[str]"
    _lines: list[str] = field(factory=list)

    def wait(self, seconds: float) -> Result | None:
        """Return its next line of JSON, or None if it says nothing in that time."""
        assert self._process.stdout
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            return None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the load generator gave up, see above")
        told: Result = json.loads(line)
        return told

    def read(self) -> Result:
        """Return its next line of JSON."""
        while (told := self.wait(3600)) is None:
            pass
        return told

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let an idle one end, and any other too."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()


def generator(server: Server, processor: int, **options: object) -> Generator:
    """Start the load generator; the options are those of its command line."""
    command = [sys.executable, str(HERE / "load.py"), server.url, "--pid", str(server.pid)]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    with pinned(processor):
        return Generator(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))


def measure(start: Start, processor: int, directory: Path, **options: object) -> Result:
    """Start a server with an empty ledger, put it under load and return what the load generator saw."""
    with (
        temporary(directory) as place,
        start(place) as server,
        generator(server, processor, **options) as load,
    ):
        begun = load.read()
        if begun["refused"]:
            raise SystemExit(f"{begun['refused']} charge points were not let in: {begun['reason']}")
        return load.read()


@contextmanager
def temporary(directory: Path) -> Iterator[Path]:
    """Make a directory for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="ocpp-actors-bench-", dir=directory) as place:
        yield Path(place)
