"""Vehicles come and go: what chargers do by themselves while a session runs."""

import random
from typing import Final

import trio
from attrs import define, field

from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.protocol.frames import CallResult
from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.profiles.profile import Chargers
from ocpp_actors.testbench.station import Station
from ocpp_actors.testbench.wire import Exchange, Happening

LOOK: Final = 1.0
"""Seconds between two looks whether all has been said."""

QUIET: Final = 3.0
"""Seconds without a transaction message after which a charger that charges nothing has said all."""


@define(eq=False)
class Charging:
    """At each connector one vehicle after the other is plugged in, charged and taken away."""

    station: Station
    group: Chargers
    id_tag: str
    chance: random.Random
    _finishing: trio.Event = field(init=False, factory=trio.Event)
    _charging: set[int] = field(init=False, factory=set)
    """The ids of transactions that are not stopped yet."""
    _heard_at: float = field(init=False, default=0.0)

    def finish(self) -> None:
        """Let the vehicles that charge be taken away, and none come any more."""
        self._finishing.set()

    async def run(self) -> None:
        """Drive it until it was told to finish and the central system has confirmed the end of each transaction."""
        self._heard_at = trio.current_time()
        self.station.wire.subscribe(self._hear)
        async with trio.open_nursery() as nursery:
            for connector_id in range(1, self.station.connector_count + 1):
                nursery.start_soon(self._drive, connector_id)
        while not self._said_all:  # noqa: ASYNC110 — silence is what it waits for
            await trio.sleep(LOOK)

    @property
    def _said_all(self) -> bool:
        wire = self.station.wire
        return (
            wire.connected
            and not self._charging
            and not any(each.sender is Role.CHARGE_POINT for each in wire.unanswered)
            and trio.current_time() >= self._heard_at + QUIET
        )

    async def _drive(self, connector_id: int) -> None:
        while await self._pause(self.group.pauses_for):
            try:
                await self.station.plug_in(connector_id)
                await self.station.tap(self.id_tag, connector_id)
                await self._pause(self.group.charges_for)
                await self.station.tap(self.id_tag, connector_id)
                await self.station.unplug(connector_id)
            except Failed:
                continue  # a hand that slipped, such as while it starts again

    async def _pause(self, between: tuple[float, float]) -> bool:
        """Wait so long, and return whether to go on."""
        with trio.move_on_after(self.chance.uniform(*between)):
            await self._finishing.wait()
        return not self._finishing.is_set()

    def _hear(self, happening: Happening) -> None:
        if not isinstance(happening, Exchange) or not isinstance(happening.reply, CallResult):
            return
        asked, answer = happening.payload, happening.reply.payload
        if happening.action == "StartTransaction" and isinstance(answer, dict):
            self._charging.add(answer.get("transactionId", 0))
        elif happening.action == "StopTransaction" and isinstance(asked, dict):
            self._charging.discard(asked.get("transactionId", 0))
        else:
            return
        self._heard_at = happening.answered.at
