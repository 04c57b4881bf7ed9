"""A link between two memory streams, and a central system behind a network of links."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import trio
import trio.testing
from attrs import define, field

from ocpp_actors.ledger.port import ListTransactions
from ocpp_actors.observer import Disconnected
from ocpp_actors.testbench.client import Client, open_client
from ocpp_actors.testbench.links.conditions import LinkConditions, conditions_from
from ocpp_actors.testbench.links.link import Link
from ocpp_actors.testbench.links.network import LinkEvent, Network, open_network
from ocpp_actors.testbench.target import Target
from ocpp_actors.testbench.wire import Direction, Wire
from tests.support.central import BOOT, Central, open_central


@define
class Arrivals:
    """What came out of a stream, and when."""

    pieces: list[tuple[float, bytes]] = field(factory=list)
    ended_at: float | None = None
    broken: bool = False

    @property
    def data(self) -> bytes:
        return b"".join(data for _, data in self.pieces)

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.pieces]

    async def collect(self, stream: trio.abc.ReceiveStream) -> None:
        try:
            while data := await stream.receive_some():
                self.pieces.append((trio.current_time(), bytes(data)))
        except trio.BrokenResourceError:
            self.broken = True
        except trio.ClosedResourceError:
            return  # by the test itself
        self.ended_at = trio.current_time()


@define
class Heard:
    """A listener that keeps what it is told."""

    data: dict[Direction, bytes] = field(factory=lambda: {"in": b"", "out": b""})
    ends: int = 0

    def feed(self, direction: Direction, data: bytes) -> None:
        self.data[direction] += data

    def end(self) -> None:
        self.ends += 1


@define
class Ends:
    """The outer ends of a link: what a charge point and a central system hold, and what arrives at each."""

    link: Link
    charger: Any
    server: Any
    to_charger: Arrivals
    to_server: Arrivals
    heard: Heard
    over: trio.Event


@asynccontextmanager
async def open_ends(
    conditions: LinkConditions | None = None, *, seed: int = 1, bounded: bool = False, reading: bool = True
) -> AsyncIterator[Ends]:
    """Run a link for the length of the block; ``bounded`` streams take no byte that nobody reads."""
    pair: Any = trio.testing.lockstep_stream_pair if bounded else trio.testing.memory_stream_pair
    charger, near = pair()
    far, server = pair()
    heard, over = Heard(), trio.Event()
    link = Link(near, far, Random(seed), heard)
    link.change(conditions or LinkConditions())
    ends = Ends(link, charger, server, Arrivals(), Arrivals(), heard, over)

    async def run() -> None:
        await link.run()
        over.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        if reading:
            nursery.start_soon(ends.to_charger.collect, charger)
            nursery.start_soon(ends.to_server.collect, server)
        yield ends
        nursery.cancel_scope.cancel()


@define
class LinkedCentral:
    """A central system in this process, reached over a network of links."""

    central: Central
    network: Network
    events: list[LinkEvent]
    wires: dict[str, Wire]
    bounded: bool

    async def dial(self) -> trio.abc.Stream:
        pair: Any = trio.testing.lockstep_stream_pair if self.bounded else trio.testing.memory_stream_pair
        ours: trio.abc.Stream
        ours, theirs = pair()
        self.central.accept(theirs)
        return ours

    def target(self, identity: str = "") -> Target:
        return Target("ws://central.test/ocpp", self.network.faulty(self.dial, identity))

    @asynccontextmanager
    async def client(self, identity: str = "CP1") -> AsyncIterator[Client]:
        """Connect a client over a link; where it cannot close in time, it is dropped."""
        async with open_client(self.target(identity), identity) as client:
            yield client


@asynccontextmanager
async def open_linked(
    always: LinkConditions | None = None, *, seed: int = 1, bounded: bool = False, **settings: Any
) -> AsyncIterator[LinkedCentral]:
    """Run a central system and a network for the length of the block; what the tap records is in ``wires``."""
    events: list[LinkEvent] = []
    wires: dict[str, Wire] = {}
    async with (
        open_central(**settings) as central,
        open_network(
            chance=Random(seed),
            always=always or LinkConditions(),
            tell=events.append,
            wire_of=lambda identity: wires.setdefault(identity, Wire(identity)),
        ) as network,
    ):
        yield LinkedCentral(central, network, events, wires, bounded)


@asynccontextmanager
async def others_undisturbed(linked: LinkedCentral) -> AsyncIterator[None]:
    """Another charge point is connected meanwhile, stays so, and is answered at once."""
    async with linked.client("CP2") as other:
        await other.call("BootNotification", BOOT)
        yield
        assert (await other.call("Heartbeat", {})).seconds == 0
        assert [event for event in linked.central.told(Disconnected) if event.identity == "CP2"] == []


def fault(linked: LinkedCentral, name: str, **parameters: Any) -> Any:
    """Put a named fault on the link of CP1 for the length of a block."""
    return linked.network.fault(name, conditions_from({"fault": name, **parameters}), "CP1")


async def ended(linked: LinkedCentral, within: float = 0.0) -> Disconnected:
    """How the first session of CP1 ended."""
    await trio.sleep(within)
    await trio.testing.wait_all_tasks_blocked()
    first, *_ = [event for event in linked.central.told(Disconnected) if event.identity == "CP1"]
    assert isinstance(first, Disconnected)
    return first


def sessions_ended(linked: LinkedCentral) -> int:
    return sum(event.identity == "CP1" for event in linked.central.told(Disconnected))


async def transactions(linked: LinkedCentral) -> list[Any]:
    return list(await linked.central.ledger.ask(ListTransactions()))
