import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ocpp_actors.testbench.microocpp.path import VARIABLE, find_simulator

MakeFake = Callable[..., Path]


@pytest.fixture
def fake(tmp_path: Path) -> MakeFake:
    """Makes a program that stands in for the simulator.

    Its habits are those of fake_simulator.py, or one of two: ``fleeting`` ends at once with status 0, ``mute`` never
    listens.
    """

    def make(*habits: str) -> Path:
        program = tmp_path / "mo_simulator"
        script = Path(__file__).with_name("fake_simulator.py")
        commands: dict[tuple[str, ...], str] = {("fleeting",): "echo I am up", ("mute",): "exec sleep 600"}
        script_with_habits = f'exec "{sys.executable}" -I -S "{script}" {" ".join(habits)}'
        program.write_text(f"#!/bin/sh\n{commands.get(habits, script_with_habits)}\n")
        program.chmod(0o755)
        return program

    return make


@pytest.fixture(scope="session")
def simulator() -> Path:
    """The real simulator, which is no part of this project."""
    if not os.environ.get(VARIABLE):
        pytest.skip(f"{VARIABLE} does not say where a MicroOCPP simulator is")
    return find_simulator(None, os.environ)
