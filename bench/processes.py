"""What processes use, as Linux counts it."""

import os
import resource
from pathlib import Path


def used(pid: int) -> tuple[float, int]:
    """Return the seconds of a processor that a process has used, and the KiB of it that are in memory."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return (int(fields[11]) + int(fields[12])) / os.sysconf(
        "SC_CLK_TCK"
    ), pages * resource.getpagesize() // 1024


def busy() -> dict[int, float]:
    """Return the seconds that each processor has worked, for anybody (proc_stat(5))."""
    lines = Path("/proc/stat").read_text().splitlines()
    each = [line.split() for line in lines if line.startswith("cpu") and line[3].isdigit()]
    waiting = (3, 4)  # idle, iowait; what follows the eighth is in the first two already
    return {
        int(name[3:]): sum(int(count) for index, count in enumerate(ticks[:8]) if index not in waiting)
        / os.sysconf("SC_CLK_TCK")
        for name, *ticks in each
    }
