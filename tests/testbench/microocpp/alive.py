"""Which processes there are, as the kernel tells it."""

from pathlib import Path


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def processes_in(directory: Path) -> list[int]:
    """Return the processes whose working directory is one, or below it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            where = (entry / "cwd").readlink()
        except OSError:  # it has ended since, or is somebody else's
            continue
        if where.is_relative_to(directory) and is_alive(int(entry.name)):
            found.append(int(entry.name))
    return found
