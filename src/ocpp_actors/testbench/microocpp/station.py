"""A MicroOCPP simulator as a station."""

from typing import Final

import trio
from attrs import define

from ocpp_actors.testbench.microocpp.api import SimulatorApi
from ocpp_actors.testbench.microocpp.instance import Instance
from ocpp_actors.testbench.microocpp.outside import OutsideStation
from ocpp_actors.testbench.station import Feature

CONNECTORS: Final = 2

SUPPORTED: Final = frozenset(
    {
        Feature.PLUG,
        Feature.TAP,
        Feature.SMART_CHARGING,
        Feature.LOCAL_LIST,
        Feature.RESERVATION,
    }
)
"""What every simulator can. It unlocks nothing, has neither UpdateFirmware nor the security extension, and reports on
GetDiagnostics for FTP alone."""

DECISION: Final = 2.0
"""Seconds that it may take to read the answer about a card, which the link saw before; it ignores others until then."""

POLL_INTERVAL: Final = 0.02
"""Seconds between two looks whether it has."""


@define(eq=False, kw_only=True)
class MicroOcppStation(OutsideStation):
    """A simulator: plugged and tapped through its API, cut off through the link that it connects over.

    ``instance`` is the one that was started here, which makes POWER a feature; None: it runs elsewhere.
    """

    api: SimulatorApi
    instance: Instance | None = None
    connector_count: int = CONNECTORS

    @property
    def features(self) -> frozenset[Feature]:
        """What it can."""
        power = frozenset() if self.instance is None else frozenset({Feature.POWER})
        return super().features | SUPPORTED | power

    async def power_on(self) -> None:
        """Start it with what it kept. Raises Skipped: it runs elsewhere."""
        if self.instance is None:
            self._cannot("be switched on: it was not started here")
        await self.instance.power_on()

    async def power_off(self) -> None:
        """Kill it. Raises Skipped: it runs elsewhere."""
        if self.instance is None:
            self._cannot("be switched off: it was not started here")
        await self.instance.power_off()

    async def plug_in(self, connector_id: int = 1) -> None:
        """Connect a vehicle that is ready to charge. Raises ApiFailed."""
        await self._ready()
        await self.api.plug_in(connector_id)

    async def unplug(self, connector_id: int = 1) -> None:
        """Take the vehicle's cable out. Raises ApiFailed."""
        await self._ready()
        await self.api.unplug(connector_id)

    async def tap(self, id_tag: str, connector_id: int = 1) -> None:
        """Present a card, once it has decided about the one before. Raises ApiFailed."""
        await self._ready()
        # One that charges without an id, as offline, has decided and does not say so: hence not for ever.
        with trio.move_on_after(DECISION):
            while True:
                present = await self.api.transaction(connector_id)
                if present.transaction_id is not None or present.id_tag in (None, id_tag):
                    break
                await trio.sleep(POLL_INTERVAL)
        await self.api.tap(id_tag, connector_id)

    async def _ready(self) -> None:
        if self.instance is not None:
            await self.instance.ready()
