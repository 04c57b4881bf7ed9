"""Where the simulator is: a path that its user gives."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ocpp_actors.settings import PREFIX

VARIABLE: Final = f"{PREFIX}MICROOCPP"
NAME: Final = "mo_simulator"
"""What the simulator's own build calls it."""

_PLACES: Final = (Path(NAME), Path("build") / NAME)


class NoSimulator(ValueError):
    """There is no simulator to start; the message says why, and what to do."""


def find_simulator(option: str | Path | None, environ: Mapping[str, str]) -> Path:
    """Return the simulator's program: that of ``--microocpp``, else that of ``OCPP_ACTORS_MICROOCPP``.

    A directory holds it, or is the place where it was built.

    Raises NoSimulator: no path is given, nothing is there, or it cannot be executed.
    """
    given, source = (option, "--microocpp") if option else (environ.get(VARIABLE), VARIABLE)
    if not given:
        raise NoSimulator(
            f"no MicroOCPP simulator is given: name its program {NAME} with --microocpp PATH, or in {VARIABLE}"
        )
    path = Path(given).expanduser().absolute()
    if path.is_dir():
        found = next((path / place for place in _PLACES if (path / place).is_file()), None)
        if found is None:
            raise NoSimulator(f"{source}: the directory {path} holds no {NAME}; is it built?")
        path = found
    if not path.is_file():
        raise NoSimulator(f"{source}: there is no file {path}")
    if not os.access(path, os.X_OK):
        raise NoSimulator(f"{source}: {path} cannot be executed: chmod +x makes it a program")
    return path
