"""A station of a few lines, so that sessions can be tested without a charge point that can do everything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from attrs import define, field

from ocpp_actors.protocol.frames import CallError
from ocpp_actors.testbench.bench import BOOT
from ocpp_actors.testbench.chargers.unit import Surroundings, Unit
from ocpp_actors.testbench.client import Client, Closed, Refused, Unreachable, open_client
from ocpp_actors.testbench.failures import Skipped
from ocpp_actors.testbench.profiles.profile import NO_ACTIVITY, Chargers
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.target import Target
from ocpp_actors.testbench.wire import Wire


@define(eq=False)
class FakeStation:
    """Connects, boots, sends heartbeats and answers commands with Accepted; it comes back after a second."""

    target: Target
    wire: Wire
    nursery: trio.Nursery
    connector_count: int = 1
    features: frozenset[Feature] = frozenset({Feature.POWER, Feature.LINK, Feature.PLUG})
    heartbeat: float = 5.0
    stuck: bool = False
    _scope: trio.CancelScope | None = field(init=False, default=None)
    _link: bool = field(init=False, default=True)
    _booted: bool = field(init=False, default=False)
    client: Client | None = field(init=False, default=None)

    @property
    def identity(self) -> str:
        return self.wire.identity

    async def power_on(self) -> None:
        if self._scope is None:
            self._scope = trio.CancelScope()
            self.nursery.start_soon(self._live, self._scope)

    async def power_off(self) -> None:
        if self.stuck:
            raise OSError("the switch is stuck")
        if self._scope is not None:
            self._scope.cancel()
            self._scope, self._booted = None, False
            await trio.sleep(0.01)

    async def wipe(self) -> None:
        pass

    async def link_down(self) -> None:
        self._link = False
        if self.client is not None:
            await self.client.drop()

    async def link_up(self) -> None:
        self._link = True

    async def plug_in(self, connector_id: int = 1) -> None:
        pass

    async def unplug(self, connector_id: int = 1) -> None:
        pass

    async def tap(self, id_tag: str, connector_id: int = 1) -> None:
        raise Skipped("it has no reader")

    async def fault(self, connector_id: int, error_code: str) -> None:
        raise Skipped("it does not fail")

    async def clear_fault(self, connector_id: int) -> None:
        raise Skipped("it does not fail")

    async def report(self, action: str, payload: dict[str, Any]) -> None:
        raise Skipped("it reports what it wants")

    def answer(self, action: str, reply: dict[str, Any] | CallError | None, times: int = 1) -> None:
        raise Skipped("it answers what it wants")

    async def _live(self, scope: trio.CancelScope) -> None:
        with scope:
            while True:
                if self._link:
                    try:
                        async with open_client(self.target, self.identity, wire=self.wire) as self.client:
                            await self._talk(self.client)
                    except* (Closed, Refused, Unreachable, trio.BrokenResourceError):
                        pass
                    self.client = None
                await trio.sleep(1)

    async def _talk(self, client: Client) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._serve, client)
            if not self._booted:
                await client.call("BootNotification", BOOT)
                self._booted = True
            while True:
                await trio.sleep(self.heartbeat)
                await client.call("Heartbeat", {})

    async def _serve(self, client: Client) -> None:
        while True:
            await client.answer(await client.next_call(), {"status": "Accepted"})


@define(eq=False)
class FakeActivity:
    """One transaction after the other, until it is told to finish."""

    station: FakeStation
    finished: bool = False

    def finish(self) -> None:
        self.finished = True

    async def run(self) -> None:
        number = 0
        while not self.finished:
            number += 1
            try:
                await self._charge(number)
            except Closed:
                await trio.sleep(1)
            await trio.sleep(1)

    async def _charge(self, number: int) -> None:
        client = self.station.client
        if client is None:
            return
        at = f"2026-03-01T12:00:{number % 60:02}Z"
        start = {"connectorId": 1, "idTag": "TAG", "meterStart": 10 * number, "timestamp": at}
        transaction = (await client.call("StartTransaction", start)).result["transactionId"]
        stop = {"transactionId": transaction, "meterStop": 10 * number + 5, "timestamp": at}
        await client.call("StopTransaction", stop)


@asynccontextmanager
async def open_fakes(group: Chargers, around: Surroundings) -> AsyncIterator[list[Unit]]:
    async with trio.open_nursery() as nursery:
        units = []
        for identity in around.identities:
            wire = around.new_wire(identity, tapped=False)
            target = around.target
            if group.faults:
                target = Target(target.url, around.network.faulty(target.dial, identity))
            station = FakeStation(target, wire, nursery)
            activity = None if group.activity == NO_ACTIVITY else FakeActivity(station)
            units.append(Unit(station, group, activity))
        yield units
        nursery.cancel_scope.cancel()
