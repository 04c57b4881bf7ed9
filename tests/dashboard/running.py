"""The server as a process, for tests that are not async: Playwright's own loop does not run on trio."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread, Timer

from attrs import frozen
from tests.support.process import START_TIMEOUT, environment

COMMAND = (sys.executable, "-m", "ocpp_actors", "serve")


@frozen
class Running:
    """A server that runs: where the dashboard is, and where charge points connect, without the identity."""

    dashboard: str
    url: str


@contextmanager
def running_server(directory: Path, **settings: object) -> Iterator[Running]:
    """Run a server with its API for the length of the block; it keeps everything in the directory."""
    log = directory / "stderr.log"
    with (
        log.open("ab") as stderr,
        subprocess.Popen(
            COMMAND,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=environment(directory, {"API_PORT": 0, **settings}),
        ) as process,
    ):
        assert process.stdout is not None
        too_late = Timer(START_TIMEOUT, process.kill)
        too_late.start()
        try:
            found = _addresses(process.stdout)
            too_late.cancel()
            assert found is not None, log.read_text()
            drain = Thread(target=process.stdout.read)
            drain.start()
            try:
                yield found
            finally:
                process.kill()
                drain.join()
        finally:
            too_late.cancel()
            process.kill()


def _addresses(output: Iterator[str]) -> Running | None:
    text = ""
    for line in output:
        text += line
        dashboard, url = re.search(r"(http://[^\s/]+)", text), re.search(r"(ws://\S+)/IDENTITY", text)
        if dashboard and url:
            return Running(dashboard[1], url[1])
    return None
