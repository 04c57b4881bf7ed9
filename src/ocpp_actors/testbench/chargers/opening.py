"""Makes chargers of each kind that a profile can name."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from ocpp_actors.testbench.chargers.simulated import open_simulated
from ocpp_actors.testbench.chargers.unit import OpenChargers, Surroundings, Unit
from ocpp_actors.testbench.profiles.profile import Chargers, Profile, ProfileError


def opener(profile: Profile, microocpp: Path | None, environ: Mapping[str, str]) -> OpenChargers:
    """Return what makes the chargers of a profile. Raises ProfileError: one cannot be made here."""

    @asynccontextmanager
    async def open_chargers(group: Chargers, around: Surroundings) -> AsyncIterator[list[Unit]]:
        if group.kind != "simulated":
            raise ProfileError(f"{group.kind} chargers are not there yet")
        async with open_simulated(group, around) as units:
            yield units

    return open_chargers
