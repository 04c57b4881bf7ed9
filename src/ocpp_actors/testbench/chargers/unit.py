"""What the chargers of a session have in common, whatever they are made of."""

import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from attrs import define, frozen

from ocpp_actors.clock import Clock
from ocpp_actors.testbench.links.network import Network
from ocpp_actors.testbench.profiles.profile import Chargers
from ocpp_actors.testbench.station import Station
from ocpp_actors.testbench.target import Target
from ocpp_actors.testbench.wire import Wire


class NewWire(Protocol):
    """Makes the record of a charger, which is measured from then on. Raises Failed: another one has the identity."""

    def __call__(self, identity: str, *, tapped: bool) -> Wire:
        """``tapped``: what passes is recorded by the network, because nobody else does.

        It is measured where the network ends at the central system, if there are faults on it.
        """
        ...


class Activity(Protocol):
    """What a charger does by itself, beside the scenarios."""

    async def run(self) -> None:
        """Go on until finish() was called and all has been said that was to be said; it may be cancelled."""
        ...

    def finish(self) -> None:
        """Come to an end: stop what charges, deliver what waits."""
        ...


@define(eq=False)
class Unit:
    """A charger of the session."""

    station: Station
    group: Chargers
    activity: Activity | None = None


@frozen(kw_only=True)
class Surroundings:
    """What a group of chargers is put into.

    ``faulty``: there will be faults on the network; without any, simulated chargers need not connect through it.
    ``identities`` are theirs, where the session gives them. ``id_tag`` is one that the central system accepts.
    ``anywhere``: what they connect to or listen on may be beyond this machine. ``trouble`` is told of a charger that
    broke, ``say`` what a person should know at once. ``directory`` is for what they keep.
    """

    target: Target
    network: Network
    faulty: bool
    clock: Clock
    identities: tuple[str, ...]
    new_wire: NewWire
    seed: int
    id_tag: str
    anywhere: bool
    directory: Path
    trouble: Callable[[str], None]
    say: Callable[[str], None]

    def chance_of(self, identity: str) -> random.Random:
        """Return the chance that drives the vehicles of a charger."""
        return random.Random(f"{self.seed}:{identity.partition('-')[2]}")  # noqa: S311 — it is to be repeatable


OpenChargers = Callable[[Chargers, Surroundings], AbstractAsyncContextManager[list[Unit]]]
"""Makes a group of chargers, switched off unless they are attached, in their order, for the length of the block."""
