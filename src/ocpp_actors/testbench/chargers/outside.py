"""MicroOCPP simulators, and chargers that run already, for a session. All connect through the session's own links."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import trio
from attrs import define, field

from ocpp_actors.testbench.chargers.activity import Charging
from ocpp_actors.testbench.chargers.unit import Surroundings, Unit
from ocpp_actors.testbench.links.network import Fault, Network
from ocpp_actors.testbench.links.proxy import open_proxy
from ocpp_actors.testbench.microocpp.api import open_simulator_api
from ocpp_actors.testbench.microocpp.attached import AttachedStation, ask_at_terminal, borrowed
from ocpp_actors.testbench.microocpp.instance import open_instance
from ocpp_actors.testbench.microocpp.station import MicroOcppStation
from ocpp_actors.testbench.microocpp.store import Seed
from ocpp_actors.testbench.profiles.profile import NO_ACTIVITY, Chargers

RECONNECT: Final = "Cst_ReconnectInterval"
"""The simulator's configuration key for the seconds before it tries again."""


@define(eq=False)
class SessionLink:
    """The link of one charger, cut by a partition of its own."""

    network: Network
    identity: str
    _partition: Fault | None = field(init=False, default=None)

    async def down(self) -> None:
        """Cut the connection, and let none come up."""
        if self._partition is None:
            self._partition = self.network.partition(self.identity)
            self.network.cut(self.identity)
        await trio.lowlevel.checkpoint()

    async def up(self) -> None:
        """Let connections come up again."""
        if self._partition is not None:
            self._partition.stop()
            self._partition = None
        await trio.lowlevel.checkpoint()


@asynccontextmanager
async def open_microocpp(binary: Path, group: Chargers, around: Surroundings) -> AsyncIterator[list[Unit]]:
    """Start simulators for the length of the block; each has a directory, a store and a port of its own.

    Raises InstanceFailed: one did not start.
    """
    configuration = {RECONNECT: max(1, round(group.reconnect_interval)), **group.configuration}
    async with _proxy(group, around) as url, AsyncExitStack() as stack:
        units = []
        for identity in around.identities:
            wire = around.new_wire(identity, tapped=True)
            seed = Seed(identity=identity, backend_url=url, configuration=configuration)
            instance = await stack.enter_async_context(
                open_instance(binary, seed, around.directory / identity)
            )
            link = SessionLink(around.network, identity)
            station = MicroOcppStation(wire=wire, link=link, api=instance.api, instance=instance)
            units.append(_unit(station, group, around))
        yield units


@asynccontextmanager
async def open_attached(group: Chargers, around: Surroundings) -> AsyncIterator[list[Unit]]:
    """Use simulators and chargers that run already, for the length of the block; simulators are given back after it.

    Raises ApiFailed, SeedRefused: a simulator cannot be had.
    """
    async with _proxy(group, around) as url, AsyncExitStack() as stack:
        units = []
        for address in group.api:
            api = await stack.enter_async_context(
                open_simulator_api(address, beyond_loopback=around.anywhere)
            )
            wire = around.new_wire((await api.connection()).identity, tapped=True)
            await stack.enter_async_context(borrowed(api, url))
            station = MicroOcppStation(wire=wire, link=SessionLink(around.network, wire.identity), api=api)
            units.append(_unit(station, group, around))
        if group.identities:
            sys.stderr.write(f"Chargers connect to {url}/IDENTITY\n")
        for identity in group.identities:
            wire = around.new_wire(identity, tapped=True)
            attached = AttachedStation(
                wire=wire,
                connector_count=group.connectors,
                link=SessionLink(around.network, identity),
                prompt=ask_at_terminal if group.hands else None,
            )
            units.append(Unit(attached, group))
        yield units


@asynccontextmanager
async def _proxy(group: Chargers, around: Surroundings) -> AsyncIterator[str]:
    host, _, port = group.listen.rpartition(":")
    async with open_proxy(
        around.network,
        around.target,
        host=host.strip("[]"),
        port=int(port),
        listen_beyond_loopback=around.anywhere,
        upstream_beyond_loopback=around.anywhere,
    ) as proxy:
        yield proxy.url


def _unit(station: MicroOcppStation, group: Chargers, around: Surroundings) -> Unit:
    if group.activity == NO_ACTIVITY:
        return Unit(station, group)
    return Unit(station, group, Charging(station, group, around.id_tag, around.chance_of(station.identity)))
