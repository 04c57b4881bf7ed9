"""A simulated charge point and the central system that it speaks to, in virtual time."""

import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import trio
from attrs import define, field

from ocpp_actors.observer import Event, Flagged
from ocpp_actors.protocol.frames import CallError
from ocpp_actors.protocol.messages import RegistrationStatus
from ocpp_actors.testbench.judging import faults_of
from ocpp_actors.testbench.simulated.charge_point import SimulatedChargePoint, open_charge_point
from ocpp_actors.testbench.simulated.quirks import personality_of
from ocpp_actors.testbench.target import Target
from ocpp_actors.testbench.wire import Exchange
from ocpp_actors.testing.in_process import InProcess, open_in_process
from tests.support.known import introduce

E = TypeVar("E", bound=Event)
PATIENCE = 200.0

PING = 0x89
"""The first byte of a ping (RFC 6455 §5.2)."""


@define(eq=False)
class Tap(trio.abc.Stream):
    """A stream that keeps what is sent on it."""

    below: trio.abc.Stream
    sent: bytearray = field(factory=bytearray)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data
        await self.below.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.below.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.below.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self.below.aclose()


@define(eq=False)
class WithoutPings(Tap):
    """A stream that loses the pings that are sent on it, so that they get no pong, or breaks at them."""

    breaks: bool = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if data[0] != PING:
            await super().send_all(data)
        elif self.breaks:
            raise trio.BrokenResourceError


def without_pings(target: Target, *, breaks: bool = False) -> Target:
    """The target at which no ping arrives."""

    async def dial() -> trio.abc.Stream:
        return WithoutPings(await target.dial(), breaks=breaks)

    return Target(target.url, dial)


@define
class Street:
    """One charge point, CP1, and its central system."""

    central: InProcess
    station: SimulatedChargePoint
    events: list[Event]
    taps: list[Tap]
    """Of its connections, in order."""

    @property
    def head(self) -> bytes:
        """The request line and headers of the last handshake."""
        return bytes(self.taps[-1].sent).partition(b"\r\n\r\n")[0]

    def told(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def flagged(self) -> list[str]:
        return [event.quirk for event in self.told(Flagged)]

    async def ask(self, action: str, **payload: Any) -> dict[str, Any]:
        """Have the operator ask the charge point, and return its answer."""
        return await self.central.operator.result("CP1", action, payload)

    async def said(self, action: str, since: int = 0, **wanted: Any) -> Exchange:
        """Wait until the charge point has said this, and return the exchange."""
        with trio.fail_after(PATIENCE):
            return await self.station.wire.exchange(
                action, since=since, where=lambda payload: (payload or {}).items() >= wanted.items()
            )

    async def status(self, status: str, connector_id: int = 1, since: int = 0) -> Exchange:
        return await self.said("StatusNotification", since, connectorId=connector_id, status=status)

    async def boot(self) -> None:
        """Start the charge point, and wait until it has told all it has to."""
        since = self.station.wire.mark()
        await self.station.power_on()
        boot = await self.said("BootNotification", since)
        assert boot.result["status"] == "Accepted", boot.result
        await self.said("StatusNotification", since, connectorId=self.station.connector_count)

    async def charge(self, id_tag: str = "TAG", connector_id: int = 1) -> int:
        """Plug in, present a card, and return the id of the transaction that begins."""
        since = self.station.wire.mark()
        await self.station.plug_in(connector_id)
        await self.station.tap(id_tag, connector_id)
        started = await self.said("StartTransaction", since)
        await self.said("StatusNotification", since, connectorId=connector_id, status="Charging")
        transaction_id: int = started.result["transactionId"]
        return transaction_id

    def statuses(self, connector_id: int = 1, since: int = 0) -> list[str]:
        """What was reported of a connector, in order."""
        return [
            exchange.payload["status"]
            for exchange in self.station.wire.answered("StatusNotification", since=since)
            if exchange.payload["connectorId"] == connector_id
        ]

    def refusals(self) -> list[CallError]:
        """The CALLERRORs that it got."""
        return [
            exchange.reply
            for exchange in self.station.wire.answered()
            if isinstance(exchange.reply, CallError)
        ]


@asynccontextmanager
async def open_street(
    *quirks: str,
    lenient: bool = False,
    key: bytes | None = None,
    known: bool = True,
    registration: RegistrationStatus | None = RegistrationStatus.ACCEPTED,
    pings: bool = True,
    abort_on_shutdown: bool = False,
    how: dict[str, Any] | None = None,
    target: Target | None = None,
    subscribers: Iterable[Any] = (),
    **settings: Any,
) -> AsyncIterator[Street]:
    """Have a central system and CP1, off, for the length of the block; settings are given by their names."""
    events: list[Event] = []
    async with open_in_process(subscribers=(events.append, *subscribers), **settings) as central:
        if known:
            await introduce(
                central.central_system.ledger,
                key=key,
                registration=registration,
                lenient=lenient,
                pings=pings,
                abort_on_shutdown=abort_on_shutdown,
            )
        taps: list[Tap] = []

        async def dial() -> trio.abc.Stream:
            taps.append(Tap(await (target or central.target).dial()))
            return taps[-1]

        async with open_charge_point(
            Target(central.target.url, dial),
            "CP1",
            central.clock,
            random.Random(1),
            personality=personality_of(quirks),
            **(how or {}),
        ) as station:
            yield Street(central, station, events, taps)


def valid(street: Street) -> bool:
    """Whether it said nothing that breaks a schema."""
    assert list(faults_of(street.station.wire.frames)) == []
    return True
