"""How many files, sockets among them, a process may have open."""

import resource
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import rich_click as click

if TYPE_CHECKING:
    from ocpp_actors.testbench.profiles.profile import ChargerKind, Profile

FILES_BESIDE: Final = 200
"""Files that are not for one charger: what Python, logs, scenarios' own clients and the API's connections take."""

FILES_OF: Final[Mapping["ChargerKind", int]] = {"simulated": 2, "attached": 4, "microocpp": 6}
"""Files for each charger of a kind: its sockets, both sides of the proxy, its process, its API."""


def allow_files_for(profile: "Profile") -> None:
    """Let this process have the files that a session needs; see allow_files()."""
    chargers = {kind: sum(each.count for each in profile.chargers if each.kind == kind) for kind in FILES_OF}
    needed = sum(FILES_OF[kind] * count for kind, count in chargers.items())
    allow_files(needed + FILES_BESIDE, f"{sum(chargers.values())} chargers")


def allow_files(needed: int, what: str) -> None:
    """Let this process, and what it starts, have so many files open.

    Raises click.UsageError: the machine does not allow it; ``what`` tells what they are for.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _allows(soft, needed):
        return
    if not _allows(hard, needed):
        raise click.UsageError(
            f"{what} need {needed} open files, and the hard limit is {hard}: raise it (ulimit -Hn {needed}, "
            f"LimitNOFILE={needed}), or take fewer"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _allows(limit: int, needed: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= needed
