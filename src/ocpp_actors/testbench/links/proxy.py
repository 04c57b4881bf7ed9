"""A listener before a central system, that carries every connection over a link."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import trio
from attrs import frozen

from ocpp_actors.testbench.groups import ungrouped
from ocpp_actors.testbench.links.network import Network
from ocpp_actors.testbench.target import Dial, Target

BACKLOG: Final = 1024
"""Connections that the kernel keeps until they are accepted."""

ACCEPT_PAUSE: Final = 0.5
"""Seconds before the next connection is accepted when one could not be."""


class CannotListen(Exception):
    """The proxy cannot listen there; the message says why."""


class BeyondLoopback(Exception):
    """The address is not one of this machine alone, and nobody said that it may be another."""


@frozen
class Proxy:
    """A proxy that listens. ``url`` is where charge points connect, without identity."""

    url: str
    network: Network

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return urlsplit(self.url).port or 0


@asynccontextmanager
async def open_proxy(
    network: Network,
    upstream: Target,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    listen_beyond_loopback: bool = False,
    upstream_beyond_loopback: bool = False,
) -> AsyncIterator[Proxy]:
    """Listen for the length of the block, and carry each connection over the network to a central system.

    The path of a charge point's handshake is passed on as it is. Port 0 picks a free one. While a partition refuses
    all, nobody listens on the port; it stays the proxy's.

    Raises BeyondLoopback: one of the two addresses is not of this machine alone, and it was not said that it may be.
    Raises CannotListen: the address cannot be listened on, or is unknown.
    """
    if not upstream_beyond_loopback:
        await _check_loopback(urlsplit(upstream.url).hostname or "", "central system", "upstream")
    if not listen_beyond_loopback:
        await _check_loopback(host, "address to listen on", "listen")
    holder = await _hold_address(host, port)
    try:
        address = holder.getsockname()
        listener = await _listen(holder, address)
        with ungrouped():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_serve, network, upstream.dial, holder, listener)
                name = f"[{address[0]}]" if ":" in address[0] else address[0]
                path = urlsplit(upstream.url).path.rstrip("/")
                yield Proxy(f"ws://{name}:{address[1]}{path}", network)
                nursery.cancel_scope.cancel()
    finally:
        holder.close()


async def _check_loopback(host: str, what: str, option: str) -> None:
    try:
        found = await trio.socket.getaddrinfo(host, None, type=socket.SOCK_STREAM) if host else []
    except OSError as error:
        raise CannotListen(f"the {what} {host!r} is unknown: {error.strerror or error}") from None
    addresses = [ip_address(str(address[0]).partition("%")[0]) for *_, address in found]
    if not addresses or not all(address.is_loopback for address in addresses):
        raise BeyondLoopback(
            f"the {what} {host!r} is not of this machine alone: "
            f"to use it all the same, say --{option}-beyond-loopback"
        )


async def _hold_address(host: str, port: int) -> trio.socket.SocketType:
    """Bind a socket that never listens: while nobody listens there, the address stays taken."""
    try:
        family, *_, address = (
            await trio.socket.getaddrinfo(
                host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
        )[0]
        return await _bound(family, address)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror or error}") from None


async def _bound(family: int, address: Any) -> trio.socket.SocketType:
    bound = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        await bound.bind(address)
    except BaseException:
        bound.close()
        raise
    return bound


async def _listen(holder: trio.socket.SocketType, address: Any) -> trio.SocketListener:
    bound = await _bound(holder.family, address)
    try:
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise CannotListen(f"cannot listen on {address[0]}:{address[1]}: {error.strerror or error}") from None
    return trio.SocketListener(bound)


async def _serve(
    network: Network, dial: Dial, holder: trio.socket.SocketType, listener: trio.SocketListener
) -> None:
    async with trio.open_nursery() as connections:
        while True:
            async with listener, trio.open_nursery() as accepting:
                accepting.start_soon(_accept, network, dial, listener, connections)
                await _until(network, refuses=True)
                accepting.cancel_scope.cancel()
            await _until(network, refuses=False)
            listener = await _listen(holder, holder.getsockname())


async def _until(network: Network, *, refuses: bool) -> None:
    while (network.conditions_of().partition == "refused") is not refuses:
        await network.changed.wait()


async def _accept(
    network: Network, dial: Dial, listener: trio.SocketListener, connections: trio.Nursery
) -> None:
    while True:
        try:
            stream = await listener.accept()
        except OSError:
            # The peer gave up meanwhile, or the machine has no room for another connection: accept(2).
            await trio.sleep(ACCEPT_PAUSE)
            continue
        connections.start_soon(network.carry, stream, dial)
