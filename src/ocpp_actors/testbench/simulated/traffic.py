"""Cars that come to simulated charge points by chance, charge and leave, for load and monitoring."""

from collections.abc import Sequence
from random import Random
from typing import Final

import trio
from attrs import frozen

from ocpp_actors.testbench.simulated.charge_point import SimulatedChargePoint
from ocpp_actors.testbench.simulated.meter import LoadCurve

ID_TAGS: Final = tuple(f"TAG{number}" for number in range(1, 101))
"""The cards of those who come, where no others are given."""

_POWERS: Final = (3_700.0, 7_400.0, 11_000.0, 22_000.0)
_HANDS: Final = (3.0, 15.0)
"""Seconds between plugging in and presenting the card, at least and at most."""


@frozen
class Traffic:
    """Cars come to each connector, charge along a curve, and leave.

    ``arrival`` and ``stay`` are the mean seconds for which a connector is free, and a car stays; both follow an
    exponential distribution. All are ``speed`` times shorter; the meter runs as always.
    """

    arrival: float = 600.0
    stay: float = 3600.0
    speed: float = 1.0
    id_tags: Sequence[str] = ID_TAGS

    async def run(self, station: SimulatedChargePoint, connector_id: int, chance: Random) -> None:
        """Let cars come to one connector until cancelled."""
        while True:
            await trio.sleep(chance.expovariate(1 / self.arrival) / self.speed)
            id_tag = chance.choice(self.id_tags)
            station.outlets[connector_id].curve = car(chance)
            await station.plug_in(connector_id)
            await trio.sleep(chance.uniform(*_HANDS) / self.speed)
            await station.tap(id_tag, connector_id)
            await trio.sleep(chance.expovariate(1 / self.stay) / self.speed)
            if chance.random() < 0.8 and charges(station, connector_id):
                await station.tap(id_tag, connector_id)
                await trio.sleep(chance.uniform(*_HANDS) / self.speed)
            await station.unplug(connector_id)


def car(chance: Random) -> LoadCurve:
    """Return a car of some size, more or less empty."""
    watts, wanted = chance.choice(_POWERS), chance.uniform(5_000, 50_000)
    return LoadCurve(
        ((0, watts), (0.8 * wanted, watts * 0.6), (0.95 * wanted, watts * 0.2), (wanted, 0.0)),
        battery_wh=60_000.0,
        begins_at=1 - wanted / 60_000,
    )


def charges(station: SimulatedChargePoint, connector_id: int) -> bool:
    """Tell whether a transaction runs on a connector."""
    controller = station.controller
    return controller is not None and controller.places[connector_id].transaction is not None
