"""The proxy, over real sockets: a RST is one, a partition refuses, nothing is left."""

import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from attrs import define, field
from tests.support.central import BOOT, Central, open_central
from tests.support.linked import Arrivals
from tests.support.listening import listen_on_a_port
from tests.support.raw import RawPeer, upgrade
from tests.support.waiting import eventually

from ocpp_actors.observer import Disconnected
from ocpp_actors.testbench.client import Unreachable, open_client
from ocpp_actors.testbench.links.conditions import LinkConditions, conditions_from
from ocpp_actors.testbench.links.network import LinkEvent, Network, open_network
from ocpp_actors.testbench.links.proxy import BeyondLoopback, CannotListen, Proxy, open_proxy
from ocpp_actors.testbench.target import Target, target_of
from ocpp_actors.testbench.wire import Wire


@define
class Proxied:
    proxy: Proxy
    network: Network
    central: Central
    events: list[LinkEvent] = field(factory=list)
    wires: dict[str, Wire] = field(factory=dict)

    @property
    def target(self) -> Target:
        return target_of(self.proxy.url)

    async def stream(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.proxy.port)


@asynccontextmanager
async def open_proxied(always: LinkConditions = LinkConditions()) -> AsyncIterator[Proxied]:  # noqa: B008
    """Run a central system on a socket, and a proxy before it."""
    events: list[LinkEvent] = []
    wires: dict[str, Wire] = {}
    async with open_central(shutdown_timeout=1) as central:
        port = await listen_on_a_port(central)
        async with (
            open_network(
                chance=random.Random(1),
                always=always,
                tell=events.append,
                wire_of=lambda identity: wires.setdefault(identity, Wire(identity)),
            ) as network,
            open_proxy(network, target_of(f"ws://127.0.0.1:{port}/ocpp")) as proxy,
        ):
            yield Proxied(proxy, network, central, events, wires)


async def test_a_charge_point_connects_through_it() -> None:
    async with open_proxied() as proxied:
        async with open_client(proxied.target, "CP1") as client:
            assert (await client.call("BootNotification", BOOT)).result["status"] == "Accepted"
        await eventually(lambda: not proxied.wires["CP1"].connected)
        assert [change.kind for change in proxied.wires["CP1"].changes] == ["opened", "closed"]
        assert proxied.wires["CP1"].answered("BootNotification")
        await eventually(lambda: proxied.events[-1].kind == "closed")
        assert [(event.kind, event.identity) for event in proxied.events] == [
            ("opened", "CP1"),
            ("closed", "CP1"),
        ]


async def test_a_reset_is_a_rst_to_the_charge_point() -> None:
    async with open_proxied() as proxied, await proxied.stream() as stream:
        peer = RawPeer(stream)
        await peer.send(upgrade("/ocpp/CP1"))
        assert (await peer.answer()).status == 101
        proxied.network.cut("cp1")
        with pytest.raises(trio.BrokenResourceError) as broken, trio.fail_after(60):
            await stream.receive_some()
        assert isinstance(broken.value.__cause__, ConnectionResetError)
        await eventually(lambda: proxied.central.told(Disconnected))
        assert proxied.events[-1].kind == "reset"


async def test_a_reset_after_so_many_bytes_is_a_rst_to_the_central_system() -> None:
    heard = Arrivals()

    async with trio.open_nursery() as nursery, open_network(chance=random.Random(1)) as network:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, heard.collect, listeners)
        upstream = target_of(f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}/ocpp")
        cut = conditions_from({"in": {"reset_after": 20}})
        with trio.fail_after(60):
            async with open_proxy(network, upstream) as proxy:
                with network.fault("cut", cut):
                    async with await trio.open_tcp_stream("127.0.0.1", proxy.port) as stream:
                        await stream.send_all(upgrade("/ocpp/CP1"))
                        with pytest.raises(trio.BrokenResourceError):
                            await stream.receive_some()
                await eventually(lambda: heard.ended_at is not None)
                assert heard.broken
                assert heard.data == upgrade("/ocpp/CP1")[:20]
        nursery.cancel_scope.cancel()


async def test_fragments_reach_the_central_system() -> None:
    async with (
        open_proxied(conditions_from({"fragment": 1})) as proxied,
        open_client(proxied.target, "CP1") as client,
    ):
        await client.call("BootNotification", BOOT)


async def test_a_partition_refuses_connections_and_keeps_the_port() -> None:
    async with open_proxied() as proxied, open_client(proxied.target, "CP1") as client:
        for _ in range(2):
            with proxied.network.partition():
                await _refused(proxied.proxy.port)
                with socket.socket() as other, pytest.raises(OSError, match="in use"):
                    other.bind(("127.0.0.1", proxied.proxy.port))
            await _accepted(proxied.proxy.port)
        await client.call("Heartbeat", {})


async def _refused(port: int) -> None:
    """Wait until nobody listens: the listener goes in a moment, and what it had not accepted is reset."""
    with trio.fail_after(60):
        while await _connects(port):  # noqa: ASYNC110 — there is no event of it
            await trio.sleep(0.01)


async def _accepted(port: int) -> None:
    with trio.fail_after(60):
        while not await _connects(port):  # noqa: ASYNC110 — there is no event of it
            await trio.sleep(0.01)


async def _connects(port: int) -> bool:
    with trio.socket.socket() as newcomer:
        try:
            await newcomer.connect(("127.0.0.1", port))
        except ConnectionRefusedError:
            return False
        except ConnectionResetError:
            pass
        return True


async def test_a_partition_of_one_drops_its_connections_alone() -> None:
    async with open_proxied() as proxied:
        with proxied.network.partition("CP1"):
            with pytest.raises(Unreachable):
                async with open_client(proxied.target, "CP1"):
                    pass
            async with open_client(proxied.target, "CP2") as other:
                await other.call("Heartbeat", {})


async def test_nothing_is_left_at_the_end() -> None:
    async with open_proxied() as proxied:
        stream = await proxied.stream()
        await stream.send_all(upgrade("/ocpp/CP1"))
        await RawPeer(stream).answer()
    with trio.fail_after(60):
        try:
            while await stream.receive_some():
                pass
        except trio.BrokenResourceError:
            pass
    await _refused(proxied.proxy.port)
    await stream.aclose()


async def test_connections_are_bounded() -> None:
    async with open_proxied() as proxied:
        proxied.network.max_connections = 1
        async with open_client(proxied.target, "CP1") as client:
            with pytest.raises(Unreachable):
                async with open_client(proxied.target, "CP2"):
                    pass
            await client.call("Heartbeat", {})


# --- where it may listen, and what it may reach ----------------------------------------------------------------


async def _open(upstream: str = "ws://127.0.0.1:9/ocpp", **how: Any) -> str:
    async with (
        open_network(chance=random.Random(1)) as network,
        open_proxy(network, target_of(upstream), **how) as proxy,
    ):
        return proxy.url


@pytest.mark.parametrize("host", ["0.0.0.0", "", "192.0.2.1", "::"])
async def test_it_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(BeyondLoopback, match="say --listen-beyond-loopback"):
        await _open(host=host)


@pytest.mark.parametrize(
    "upstream", ["ws://192.0.2.1:9000/ocpp", "ws://[2001:db8::1]/ocpp", "ws://0.0.0.0:1/"]
)
async def test_it_reaches_loopback_only(upstream: str) -> None:
    with pytest.raises(BeyondLoopback, match="say --upstream-beyond-loopback"):
        await _open(upstream)


async def test_it_goes_beyond_loopback_where_it_was_told_so() -> None:
    url = await _open(
        "ws://192.0.2.1:9000/a/b/", host="0.0.0.0", listen_beyond_loopback=True, upstream_beyond_loopback=True
    )
    assert url.startswith("ws://0.0.0.0:")
    assert url.endswith("/a/b")


async def test_names_of_loopback_are_loopback() -> None:
    assert (await _open("ws://localhost:9/ocpp", host="localhost")).endswith("/ocpp")


async def test_an_address_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            await _open(port=port)


async def test_a_name_that_is_unknown_is_told() -> None:
    with pytest.raises(CannotListen, match=r"the central system 'no\.such\.invalid' is unknown"):
        await _open("ws://no.such.invalid:1/ocpp")
