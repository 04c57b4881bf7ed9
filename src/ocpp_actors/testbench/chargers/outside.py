"""MicroOCPP simulators, and chargers that run already, for a session. All connect through the session's own links."""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import trio
from attrs import define, field

from ocpp_actors.testbench.chargers.activity import Charging
from ocpp_actors.testbench.chargers.unit import Surroundings, Unit
from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.links.network import Fault, Network
from ocpp_actors.testbench.links.proxy import open_proxy
from ocpp_actors.testbench.microocpp.api import open_simulator_api
from ocpp_actors.testbench.microocpp.attached import AttachedStation, Prompt, borrowed
from ocpp_actors.testbench.microocpp.instance import Instance, place_instance
from ocpp_actors.testbench.microocpp.station import MicroOcppStation
from ocpp_actors.testbench.microocpp.store import Seed
from ocpp_actors.testbench.profiles.profile import NO_ACTIVITY, Chargers

RECONNECT: Final = "Cst_ReconnectInterval"
"""The simulator's configuration key for the seconds before it tries again."""

LOOPBACK: Final = "127.0.0.1:0"


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
    """Have simulators, all of them off, for the length of the block. One that breaks, breaks alone.

    Each has a directory, a store and a port of its own.

    Raises OSError: there can be no directory, or no port. SeedRefused: a configuration key is not for a simulator.
    """
    configuration = {RECONNECT: max(1, round(group.reconnect_interval)), **group.configuration}
    async with _proxy(LOOPBACK, around) as url, trio.open_nursery() as nursery:
        units = []
        for identity in around.identities:
            wire = around.new_wire(identity, tapped=True)
            seed = Seed(identity=identity, backend_url=url, configuration=configuration)
            instance: Instance = await nursery.start(_host, binary, seed, around)
            link = SessionLink(around.network, identity)
            station = MicroOcppStation(wire=wire, link=link, api=instance.api, instance=instance)
            units.append(_unit(station, group, around))
        yield units
        nursery.cancel_scope.cancel()


async def _host(
    binary: Path, seed: Seed, around: Surroundings, *, task_status: trio.TaskStatus[Instance]
) -> None:
    async with place_instance(
        binary,
        seed,
        around.directory / seed.identity,
        failing=lambda failure: around.trouble(str(failure)),
    ) as instance:
        task_status.started(instance)
        await trio.sleep_forever()


@asynccontextmanager
async def open_attached(group: Chargers, around: Surroundings, prompt: Prompt) -> AsyncIterator[list[Unit]]:
    """Use simulators and chargers that run already, for the length of the block; simulators are given back after it.

    ``prompt`` asks a person to do something to a charger.

    Raises ApiFailed, SeedRefused: a simulator cannot be had, or not be given back. Failed: it cannot be reached.
    """
    async with _proxy(group.listen, around) as url, AsyncExitStack() as stack:
        units = []
        for address in group.api:
            api = await stack.enter_async_context(
                open_simulator_api(address, beyond_loopback=around.anywhere)
            )
            wire = around.new_wire((await api.connection()).identity, tapped=True)
            await stack.enter_async_context(borrowed(api, await _as_seen_from(address, url)))
            station = MicroOcppStation(wire=wire, link=SessionLink(around.network, wire.identity), api=api)
            units.append(_unit(station, group, around))
        if group.identities:
            around.say(f"chargers connect to {_as_told(url)}")
        for identity in group.identities:
            wire = around.new_wire(identity, tapped=True)
            attached = AttachedStation(
                wire=wire,
                connector_count=group.connectors,
                link=SessionLink(around.network, identity),
                prompt=prompt if group.hands else None,
                supports=group.features,
            )
            units.append(Unit(attached, group))
        yield units


@asynccontextmanager
async def _proxy(listen: str, around: Surroundings) -> AsyncIterator[str]:
    host, _, port = listen.rpartition(":")
    async with open_proxy(
        around.network,
        around.target,
        host=host.strip("[]"),
        port=int(port),
        listen_beyond_loopback=around.anywhere,
        upstream_beyond_loopback=around.anywhere,
    ) as proxy:
        yield proxy.url


def _is_wildcard(url: str) -> bool:
    return ip_address(urlsplit(url).hostname or "").is_unspecified


def _as_told(url: str) -> str:
    """Return the URL as a person is told it."""
    if not _is_wildcard(url):
        return f"{url}/IDENTITY"
    return f"{_with_host(url, 'HOST')}/IDENTITY, HOST being any address of this machine"


async def _as_seen_from(api: str, url: str) -> str:
    """Return the URL with the address that this machine has for the machine of an API, instead of a wildcard.

    Raises Failed: there is no way to that machine.
    """
    if not _is_wildcard(url):
        return url
    peer = urlsplit(api)
    family = socket.AF_UNSPEC if "[" in url else socket.AF_INET
    try:
        found = await trio.socket.getaddrinfo(peer.hostname, peer.port or 80, family, socket.SOCK_DGRAM)
        with trio.socket.socket(found[0][0], socket.SOCK_DGRAM) as way:
            await way.connect(found[0][4])  # which sends nothing
            own = str(way.getsockname()[0])
    except OSError as error:
        raise Failed(f"{api} cannot be told where to connect to: {error.strerror or error}") from None
    return _with_host(url, f"[{own}]" if ":" in own else own)


def _with_host(url: str, host: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{host}:{parts.port}").geturl()


def _unit(station: MicroOcppStation, group: Chargers, around: Surroundings) -> Unit:
    if group.activity == NO_ACTIVITY:
        return Unit(station, group)
    return Unit(station, group, Charging(station, group, around.id_tag, around.chance_of(station.identity)))
