"""What a benchmark runs on: processors, interpreter, disk, open files. Figures mean nothing without it."""

import os
import platform
import resource
import statistics
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

FSYNCS = 50
SPARE_FILES = 200
"""Open files that a server needs beside its connections."""


@frozen
class Machine:
    """The machine and the interpreter, for the head of a table and for the JSON.

    ``processors``: that of the server and that of the load generator; ``fsync``: milliseconds that one takes.
    """

    processors: tuple[int, int]
    python: str
    optimised: bool
    fsync: float
    directory: str

    def tell(self) -> None:
        """Print it."""
        server, load = self.processors
        print(f"{self.python}; server on processor {server}, load generator on {load}")
        print(f"ledger in {self.directory}; one fsync takes {self.fsync:.2f} ms (median of {FSYNCS})")
        if server == load:
            print("(!) one processor only: server and load generator share it, the figures are too low")
        if not self.optimised:
            print(
                "(!) this Python was built without profile-guided optimisation: one with it is about 1.4 times as fast"
            )


def look(directory: Path) -> Machine:
    """Examine the machine; the ledger is to lie in this directory."""
    allowed = sorted(os.sched_getaffinity(0))
    optimised, how = _optimised()
    return Machine(
        processors=(allowed[0], allowed[1] if len(allowed) > 1 else allowed[0]),
        python=f"{platform.python_implementation()} {platform.python_version()} ({sys.base_prefix}, {how})",
        optimised=optimised,
        fsync=_fsync(directory),
        directory=str(directory),
    )


def _optimised() -> tuple[bool, str]:
    """Tell whether the interpreter was built with profile-guided optimisation."""
    if "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""):
        return True, "built with profile-guided optimisation"
    # Debian's interpreter is, and records the options of another build, that of the shared library.
    if sys.base_prefix == "/usr" and Path("/etc/debian_version").exists():
        return True, "Debian's, built with profile-guided optimisation"
    return False, "built without profile-guided optimisation"


def _fsync(directory: Path) -> float:
    """Return the milliseconds that it takes to sync 4 KiB to the disk."""
    seconds = []
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        for _ in range(FSYNCS):
            file.write(bytes(4096))
            begun = time.perf_counter()
            os.fsync(file.fileno())
            seconds.append(time.perf_counter() - begun)
    return round(1000 * statistics.median(seconds), 3)


@contextmanager
def pinned(processor: int) -> Iterator[None]:
    """Processes that are started within the block stay on this processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {processor})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def refuse_memory(directory: Path) -> None:
    """Refuse a directory in memory, where a sync costs nothing."""
    path, kind = directory.resolve(), ""
    longest = -1
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, found, *_ = line.split()
        mounted = Path(place.replace("\\040", " "))
        if path.is_relative_to(mounted) and len(mounted.parts) >= longest:
            longest, kind = len(mounted.parts), found
    if kind in ("tmpfs", "ramfs"):
        raise SystemExit(f"{directory} is in memory ({kind}): name one on a disk with --directory")


def allow_files(charge_points: int) -> None:
    """Raise the limit on open files, or say what is to be done."""
    needed = charge_points + SPARE_FILES
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise SystemExit(
            f"{charge_points} charge points need {needed} open files, the limit is {hard}: raise it "
            f"(as root: ulimit -n {needed}), or ask for fewer with --charge-points"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
