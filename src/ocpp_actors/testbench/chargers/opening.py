"""Makes chargers of each kind that a profile can name."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from attrs import evolve

from ocpp_actors.testbench.chargers.outside import open_attached, open_microocpp
from ocpp_actors.testbench.chargers.simulated import open_simulated
from ocpp_actors.testbench.chargers.unit import OpenChargers, Surroundings, Unit
from ocpp_actors.testbench.microocpp.attached import Terminal
from ocpp_actors.testbench.microocpp.path import NoSimulator, find_simulator
from ocpp_actors.testbench.microocpp.station import CONNECTORS
from ocpp_actors.testbench.profiles.profile import NO_ACTIVITY, Chargers, Profile, ProfileError


def on_simulators(profile: Profile) -> Profile:
    """Return the profile with MicroOCPP simulators instead of the simulated chargers that scenarios run on.

    One that has simulators already stays as it is.
    """
    if any(each.kind == "microocpp" for each in profile.chargers):
        return profile
    groups = tuple(
        evolve(each, kind="microocpp", connectors=CONNECTORS, quirks=(), configuration={})
        if each.kind == "simulated" and each.activity == NO_ACTIVITY
        else each
        for each in profile.chargers
    )
    return evolve(profile, chargers=groups)


def opener(profile: Profile, microocpp: Path | None, environ: Mapping[str, str]) -> OpenChargers:
    """Return what makes the chargers of a profile; ``microocpp`` is the simulator's program.

    Raises ProfileError: the profile wants simulators, and there are none.
    """
    binary: Path | None = None
    if any(each.kind == "microocpp" for each in profile.chargers):
        try:
            binary = find_simulator(microocpp, environ)
        except NoSimulator as error:
            raise ProfileError(str(error)) from None
    terminal = Terminal()

    def open_chargers(group: Chargers, around: Surroundings) -> AbstractAsyncContextManager[list[Unit]]:
        if group.kind == "simulated":
            return open_simulated(group, around)
        if group.kind == "attached":
            return open_attached(group, around, terminal.ask)
        assert binary is not None
        return open_microocpp(binary, group, around)

    return open_chargers
