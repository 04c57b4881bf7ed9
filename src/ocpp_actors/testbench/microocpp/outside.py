"""Charge points that are not made by the test bench: all that is had of them is their wire, and perhaps their link."""

from typing import Any, NoReturn, Protocol

import trio
from attrs import define

from ocpp_actors.protocol.frames import CallError
from ocpp_actors.testbench.failures import Skipped
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.wire import Wire


class Link(Protocol):
    """What stands between a charge point and the central system, and can cut the connection."""

    async def down(self) -> None:
        """Cut the connection, and let none come up."""
        ...

    async def up(self) -> None:
        """Let connections come up again."""
        ...


@define(eq=False, kw_only=True)
class OutsideStation:
    """A charge point of which only the wire is had: a Station whose hands are for others to add.

    Its frames are on ``wire`` where it connects through something that records them.
    """

    wire: Wire
    connector_count: int = 1
    link: Link | None = None

    @property
    def identity(self) -> str:
        """The identity under which it connects."""
        return self.wire.identity

    @property
    def features(self) -> frozenset[Feature]:
        """What it can."""
        return frozenset() if self.link is None else frozenset({Feature.LINK})

    async def power_on(self) -> None:
        """Raise Skipped: nobody is at its switch."""
        self._cannot("be switched on")

    async def power_off(self) -> None:
        """Raise Skipped: nobody is at its switch."""
        self._cannot("be switched off")

    async def wipe(self) -> None:
        """Do nothing: what it keeps is its own."""
        await trio.lowlevel.checkpoint()

    async def plug_in(self, connector_id: int = 1) -> None:
        """Raise Skipped: nobody is at its connectors."""
        self._cannot(f"be plugged into at connector {connector_id}")

    async def unplug(self, connector_id: int = 1) -> None:
        """Raise Skipped: nobody is at its connectors."""
        self._cannot(f"be unplugged at connector {connector_id}")

    async def tap(self, id_tag: str, connector_id: int = 1) -> None:
        """Raise Skipped: nobody is at its connectors."""
        self._cannot(f"be shown the card {id_tag} at connector {connector_id}")

    async def link_down(self) -> None:
        """Cut its connection, and let none come up. Raises Skipped: nothing stands between."""
        await self._link_or_skip().down()

    async def link_up(self) -> None:
        """Let connections come up again. Raises Skipped: nothing stands between."""
        await self._link_or_skip().up()

    async def fault(self, connector_id: int, error_code: str) -> None:
        """Raise Skipped: it cannot be told to fail."""
        self._cannot(f"be told to fail with {error_code} at connector {connector_id}")

    async def clear_fault(self, connector_id: int) -> None:
        """Raise Skipped: it cannot be told to fail."""
        self._cannot(f"be told to recover at connector {connector_id}")

    async def report(self, action: str, payload: dict[str, Any]) -> None:
        """Raise Skipped: it sends what it wants."""
        self._cannot(f"be told to send {action} {payload}")

    def answer(self, action: str, reply: dict[str, Any] | CallError | None, times: int = 1) -> None:
        """Raise Skipped: it answers what it wants."""
        self._cannot(f"be told how to answer {action} ({times} times {reply})")

    def _link_or_skip(self) -> Link:
        if self.link is None:
            self._cannot("be cut off: nothing of the test bench stands between it and the central system")
        return self.link

    def _cannot(self, what: str) -> NoReturn:
        raise Skipped(f"the charge point {self.identity} cannot {what}")
