"""What a scenario works with: the central system under test, a charge point, the operator, identities, time."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, Final

import trio
from attrs import define, field

from ocpp_actors.clock import Clock
from ocpp_actors.testbench.client import Client, open_client
from ocpp_actors.testbench.failures import Skipped
from ocpp_actors.testbench.operators import Operator
from ocpp_actors.testbench.profiles.profile import RestartKind
from ocpp_actors.testbench.secured import Secured
from ocpp_actors.testbench.simulated.access import Security
from ocpp_actors.testbench.simulated.charge_point import SimulatedChargePoint
from ocpp_actors.testbench.simulated.personality import Personality
from ocpp_actors.testbench.station import Station
from ocpp_actors.testbench.target import Target
from ocpp_actors.testbench.wire import Wire

PATIENCE: Final = 10.0
"""Seconds to wait for what should come at once."""

RECONNECTS: Final = 0.2, 0.5
"""Seconds until a charge point of the scenario's own connects again: between these."""

BOOT: Final = {"chargePointVendor": "ocpp-actors", "chargePointModel": "test bench"}


def _ignore(_wire: Wire) -> None:
    pass


@define(eq=False, kw_only=True)
class Bench:
    """The bench of one run of one scenario.

    ``label`` begins the identities and idTags that it makes up, so that nobody else has them. ``id_tags`` are those
    that a foreign central system knows, by status.
    """

    target: Target
    clock: Clock
    chance: random.Random
    label: str
    operator_or_none: Operator | None = None
    station_or_none: Station | None = None
    secured_or_none: Secured | None = None
    id_tags: Mapping[str, str] = field(factory=dict)
    restart_or_none: "Callable[[RestartKind, float], Awaitable[None]] | None" = None
    patience: float = PATIENCE
    on_wire: Callable[[Wire], None] = _ignore
    """Told of the wire of each client, before it connects."""
    over: trio.Event = field(factory=trio.Event)
    """Set when the session is ended early: its chargers go, nothing has to be left as it was found."""
    wires: list[Wire] = field(init=False, factory=list)
    """What was said on the connections of this scenario's own clients, and from its beginning on by its station."""
    _made: int = field(init=False, default=0)

    @property
    def operator(self) -> Operator:
        """Somebody who uses the operator's API. Raises Skipped: there is none."""
        if self.operator_or_none is None:
            raise Skipped("it needs the operator's API of ocpp-actors")
        return self.operator_or_none

    @property
    def station(self) -> Station:
        """The charge point that lives by itself. Raises Skipped: there is none."""
        if self.station_or_none is None:
            raise Skipped("it needs a charge point that lives by itself")
        return self.station_or_none

    @property
    def secured(self) -> Secured:
        """The central system over TLS. Raises Skipped: it is not reached so."""
        if self.secured_or_none is None:
            raise Skipped("the central system is reached without TLS")
        return self.secured_or_none

    async def restart(self, how: RestartKind, down: float = 0.0) -> None:
        """End the server, and start it on the same address after some seconds; returns when it listens.

        Raises Skipped: it is not the session's own.
        """
        if self.restart_or_none is None:
            raise Skipped("it needs a server that may be killed and started again")
        await self.restart_or_none(how, down)

    def patient(self) -> AbstractContextManager[trio.CancelScope]:
        """Give what is waited for in the block ``patience`` seconds; the block raises trio.TooSlowError then."""
        return trio.fail_after(self.patience)

    @asynccontextmanager
    async def undoing(self) -> AsyncIterator[None]:
        """Shield the block, which leaves things as they were found, from all but an early end of the session."""

        async def until_over() -> None:
            await self.over.wait()
            nursery.cancel_scope.cancel()

        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(until_over)
                yield
                nursery.cancel_scope.cancel()

    def new_name(self, kind: str = "") -> str:
        """Return a name of at most 20 characters that nothing else in the session has."""
        self._made += 1
        return f"{self.label}{kind}{self._made}"

    @asynccontextmanager
    async def client(
        self,
        identity: str | None = None,
        *,
        boot: bool = False,
        target: Target | None = None,
        **how: Any,
    ) -> AsyncIterator[Client]:
        """Connect a client for the length of the block; ``how`` is what open_client() takes.

        It has an identity of its own where none is given, and goes to ``target`` instead of the bench's.
        ``boot``: it sends a BootNotification first.

        Raises Refused, Unreachable, as open_client() does.
        """
        wire = Wire(identity or self.new_name())
        self.wires.append(wire)
        self.on_wire(wire)
        async with open_client(target or self.target, wire.identity, wire=wire, **how) as client:
            if boot:
                with trio.fail_after(self.patience):
                    await client.call("BootNotification", BOOT)
            yield client

    @asynccontextmanager
    async def charge_point(self) -> AsyncIterator[SimulatedChargePoint]:
        """Have a simulated charge point of the scenario's own, that runs, for the length of the block.

        It has no security, knows where the central system is over TLS, if that is there, and does not wait long before
        it connects again.
        """
        wire = Wire(self.new_name())
        self.wires.append(wire)
        self.on_wire(wire)
        async with trio.open_nursery() as nursery:
            station = SimulatedChargePoint(
                target=self.target,
                wire=wire,
                nursery=nursery,
                clock=self.clock,
                chance=random.Random(self.chance.random()),  # noqa: S311 — it is to be repeatable
                personality=Personality(back_off=lambda _failures, chance: chance.uniform(*RECONNECTS)),
                security=Security(None if self.secured_or_none is None else self.secured_or_none.address),
            )
            await station.power_on()
            yield station
            await station.shut_down()
            nursery.cancel_scope.cancel()

    async def id_tag(self, status: str = "Accepted", **more: object) -> str:
        """Return an idTag that the central system answers with a status, made for this scenario.

        ``more`` is set with it: ``parentIdTag``, ``expiryDate``. A foreign central system's are those it was told of;
        one that accepts whatever it does not know needs to be told of none that is Accepted.

        Raises Skipped: there is no such idTag, and none can be made.
        """
        if self.operator_or_none is not None:
            tag = self.new_name("T")
            body = {"status": status, **more}
            if status == "Expired":
                body = {"status": "Accepted", "expiryDate": "2020-01-01T00:00:00Z", **more}
            await self.operator_or_none.put(f"/id-tags/{tag}", body)
            return tag
        if status in self.id_tags and not more:
            return self.id_tags[status]
        if status == "Accepted" and not more:
            return self.new_name("T")
        raise Skipped(f"it needs an idTag that is {status}, and the central system was told of none")

    def own_wires(self) -> Sequence[Wire]:
        """Return all wires of this scenario."""
        return [*self.wires, *([self.station_or_none.wire] if self.station_or_none else [])]
