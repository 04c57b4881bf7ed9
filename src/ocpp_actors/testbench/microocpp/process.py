"""One process of a simulator: started in a group of its own, watched, and stopped for certain."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import trio
from attrs import define

TERM_PATIENCE: Final = 3.0
"""Seconds that a process has to end when it is told to; then it is killed."""

STOP_PATIENCE: Final = 15.0
"""Seconds to wait until a process is gone; the kernel ends one that was killed at once."""

TAIL: Final = 2000
"""Bytes at the end of the output that are shown when a process failed."""

MAX_OUTPUT: Final = 16 * 1024 * 1024
"""Bytes of output that are kept in one file; one older file of the same size is kept beside it."""


@define(eq=False)
class SimulatorProcess:
    """A process that was started. Its output goes to a file; it dies with the thread that started it."""

    _popen: "subprocess.Popen[bytes]"
    _pidfd: int | None

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its group."""
        return self._popen.pid

    async def wait(self) -> int:
        """Wait until it has ended, clean its group up, and return its exit status, −N where signal N ended it."""
        if self._pidfd is not None:
            await trio.lowlevel.wait_readable(self._pidfd)
        return self._reap()

    def kill(self) -> None:
        """Kill it at once, and all that it started."""
        self._signal(signal.SIGKILL)

    async def stop(self) -> None:
        """Let it end, kill it if it does not, and wait until it is gone; the caller brings the deadline."""
        self._signal(signal.SIGTERM)
        with trio.move_on_after(TERM_PATIENCE):
            await self.wait()
        self._signal(signal.SIGKILL)
        await self.wait()

    def _signal(self, number: signal.Signals) -> None:
        """Signal the group. While the process is not reaped, its id cannot be that of another one."""
        if self._pidfd is not None:
            os.killpg(self.pid, number)

    def _reap(self) -> int:
        if self._pidfd is not None:
            self._signal(signal.SIGKILL)
            os.close(self._pidfd)
            self._pidfd = None
        return self._popen.wait()


def start_process(command: Sequence[str | Path], directory: Path, output: Path) -> SimulatorProcess:
    """Start a command in a directory; what it prints is added to a file.

    It is killed when this process ends, however that happens, if the machine has ``setpriv`` (util-linux). The kernel
    ties this to the thread that starts it: call it from a thread that lives as long as the process may. Its output is
    written line by line, so that a crash loses none, if the machine has ``stdbuf`` (coreutils).

    Raises OSError: it cannot be started, or the output cannot be written.
    """
    wrapper = [
        *(["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []),
        *(["stdbuf", "--output=L"] if shutil.which("stdbuf") else []),
    ]
    with output.open("ab") as file:
        popen = subprocess.Popen(  # noqa: S603 — the command is the path that the user gave
            [*wrapper, *command],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    return SimulatorProcess(popen, os.pidfd_open(popen.pid))


def last_lines(output: Path) -> str:
    """Return the end of a file of output, without a torn first line."""
    with output.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL))
        text = file.read()
    whole = text.partition(b"\n")[2] if size > TAIL else text
    return (whole or text).decode(errors="replace").strip()


def bound_output(output: Path) -> None:
    """Begin a file of output anew where it has grown too long, and keep the old one beside it.

    What is written between the two steps is lost.
    """
    if output.stat().st_size > MAX_OUTPUT:
        shutil.copyfile(output, output.with_suffix(".1.log"))
        os.truncate(output, 0)
