"""The port through which scenarios drive a charge point, whatever it is made of."""

from enum import StrEnum
from typing import Any, Final, Protocol

from ocpp_actors.protocol.frames import CallError
from ocpp_actors.testbench.wire import Wire


class Feature(StrEnum):
    """What a charge point can be made to do, or does by itself.

    The first group is about hands on it, the second about what it supports.
    """

    PLUG = "plug"
    """Plug in and unplug a vehicle."""
    TAP = "tap"
    """Present a card."""
    POWER = "power"
    """Cut the power, and give it back."""
    LINK = "link"
    """Cut the connection to the central system, and give it back."""
    FAULT = "fault"
    """Bring a connector into an error state, and out of it."""
    SCRIPT = "script"
    """Answer the next command as told."""
    REPORT = "report"
    """Send a notification as told."""

    SMART_CHARGING = "smart charging"
    LOCAL_LIST = "local list"
    RESERVATION = "reservation"
    UNLOCK = "unlock"
    FIRMWARE = "firmware"
    DIAGNOSTICS = "diagnostics"
    SECURITY = "security"
    """The actions of the security extension."""


OPTIONAL: Final = frozenset(
    {
        Feature.SMART_CHARGING,
        Feature.LOCAL_LIST,
        Feature.RESERVATION,
        Feature.UNLOCK,
        Feature.FIRMWARE,
        Feature.DIAGNOSTICS,
        Feature.SECURITY,
    }
)
"""What a charge point may support or not."""


class Station(Protocol):
    """One charge point that lives by itself: it connects, boots, reports and charges without being told.

    What it says is on its wire; the methods return when the thing was done, not when it was reported. One that is not
    among its features raises Skipped.
    """

    @property
    def identity(self) -> str:
        """The identity under which it connects."""
        ...

    @property
    def wire(self) -> Wire:
        """All that passes between it and the central system."""
        ...

    @property
    def connector_count(self) -> int:
        """How many connectors it has, without connector 0."""
        ...

    @property
    def features(self) -> frozenset[Feature]:
        """What it can."""
        ...

    async def power_on(self) -> None:
        """Start it; it connects and boots by itself. Nothing happens if it runs."""
        ...

    async def power_off(self) -> None:
        """Cut its power: the connection drops, what is in memory is lost, what it keeps is kept."""
        ...

    async def wipe(self) -> None:
        """While it is off, drop what it keeps and what is plugged in, except for its configuration and certificates.

        Nothing happens where that cannot be done.
        """
        ...

    async def plug_in(self, connector_id: int = 1) -> None:
        """Connect a vehicle that is ready to charge."""
        ...

    async def unplug(self, connector_id: int = 1) -> None:
        """Take the vehicle's cable out."""
        ...

    async def tap(self, id_tag: str, connector_id: int = 1) -> None:
        """Present a card: it starts a transaction, or stops that of the same card."""
        ...

    async def link_down(self) -> None:
        """Cut the connection to the central system, and let none come up."""
        ...

    async def link_up(self) -> None:
        """Let connections come up again."""
        ...

    async def fault(self, connector_id: int, error_code: str) -> None:
        """Let a connector fail with an error code of StatusNotification (OCPP 1.6 §7.6)."""
        ...

    async def clear_fault(self, connector_id: int) -> None:
        """Let the connector work again."""
        ...

    async def report(self, action: str, payload: dict[str, Any]) -> None:
        """Send a request of the charge point's, in its turn."""
        ...

    def answer(self, action: str, reply: "dict[str, Any] | CallError | None", times: int = 1) -> None:
        """Answer the next CALLs of an action so, and do nothing else about them; None: do not answer."""
        ...
