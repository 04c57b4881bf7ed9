"""Tells the measures what a scenario does to a charger that the charger cannot help."""

from typing import Any

import trio
from attrs import define

from ocpp_actors.protocol.frames import CallError
from ocpp_actors.testbench.measuring.measures import Measures
from ocpp_actors.testbench.station import Feature, Station
from ocpp_actors.testbench.wire import Wire


@define(eq=False)
class NotedStation:
    """A station whose power and link are in a scenario's hands: the measures are told what it cannot help."""

    inner: Station
    measures: Measures

    @property
    def identity(self) -> str:
        """The identity under which it connects."""
        return self.inner.identity

    @property
    def wire(self) -> Wire:
        """All that passes between it and the central system."""
        return self.inner.wire

    @property
    def connector_count(self) -> int:
        """How many connectors it has."""
        return self.inner.connector_count

    @property
    def features(self) -> frozenset[Feature]:
        """What it can."""
        return self.inner.features

    async def power_on(self) -> None:
        """Start it."""
        self.measures.up(self.identity, "off", trio.current_time())
        await self.inner.power_on()

    async def power_off(self) -> None:
        """Cut its power."""
        self.measures.down(self.identity, "off", trio.current_time())
        await self.inner.power_off()

    async def wipe(self) -> None:
        """Drop what it keeps."""
        await self.inner.wipe()

    async def plug_in(self, connector_id: int = 1) -> None:
        """Connect a vehicle."""
        await self.inner.plug_in(connector_id)

    async def unplug(self, connector_id: int = 1) -> None:
        """Take the cable out."""
        await self.inner.unplug(connector_id)

    async def tap(self, id_tag: str, connector_id: int = 1) -> None:
        """Present a card."""
        await self.inner.tap(id_tag, connector_id)

    async def link_down(self) -> None:
        """Cut the connection."""
        self.measures.down(self.identity, "link", trio.current_time())
        await self.inner.link_down()

    async def link_up(self) -> None:
        """Let connections come up again."""
        await self.inner.link_up()
        self.measures.up(self.identity, "link", trio.current_time())

    async def fault(self, connector_id: int, error_code: str) -> None:
        """Let a connector fail."""
        await self.inner.fault(connector_id, error_code)

    async def clear_fault(self, connector_id: int) -> None:
        """Let it work again."""
        await self.inner.clear_fault(connector_id)

    async def report(self, action: str, payload: dict[str, Any]) -> None:
        """Send a request of the charge point's."""
        await self.inner.report(action, payload)

    def answer(self, action: str, reply: dict[str, Any] | CallError | None, times: int = 1) -> None:
        """Answer the next CALLs of an action so."""
        self.inner.answer(action, reply, times)
