"""The links of a session: whose fault is whose, partitions, limits, an end that leaves nothing."""

import random

import pytest
import trio
from tests.support.central import BOOT
from tests.support.linked import open_linked
from tests.support.raw import upgrade
from trio.testing import MockClock, wait_all_tasks_blocked

from ocpp_actors.observer import Connected, Disconnected
from ocpp_actors.testbench.client import Closed, Unreachable, open_client
from ocpp_actors.testbench.links.conditions import LinkConditions, both
from ocpp_actors.testbench.links.network import LinkEvent, identity_in, open_network

STALL = both(stall=True)


@pytest.mark.parametrize(
    ("request_line", "identity"),
    [
        (b"GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\n", "CP1"),
        (b"GET /ocpp/CP%201%2FA?x=/y HTTP/1.1\r\n", "CP 1/A"),
        (b"GET /ocpp/CP 1 HTTP/1.1\n", "CP 1"),
        (b"GET /ocpp/CP1/ HTTP/1.1\r\n", "CP1"),
        (b"GET / HTTP/1.1\r\n", ""),
        (b"\x16\x03\x01\x02", ""),
        (b"POST /ocpp/CP1 HTTP/1.1\r\n", ""),
        (b"GET /ocpp/%ff HTTP/1.1\r\n", "\ufffd"),
        (b"", ""),
    ],
)
def test_the_identity_is_in_the_request_line(request_line: bytes, identity: str) -> None:
    assert identity_in(request_line) == identity


async def test_faults_lie_on_top_of_each_other_and_go_one_by_one(autojump_clock: MockClock) -> None:
    always = both(latency=0.5)
    async with open_linked(always) as linked:
        network = linked.network
        with network.fault("slow", both(latency=2, jitter=1), "CP1"), network.fault("stall", STALL):
            assert network.conditions_of("cp1") == both(latency=2, jitter=1, stall=True)
            assert network.conditions_of("CP2") == both(latency=0.5, stall=True)
            assert network.conditions_of() == both(latency=0.5, stall=True)
        assert network.conditions_of("CP1") == always
        network.fault("stall", STALL, "CP1")
        network.fault("stall", STALL, "CP2")
        network.heal("cp1")
        assert network.conditions_of("CP1") == always
        assert network.conditions_of("CP2") == both(latency=0.5, stall=True)
        network.heal()
        assert network.conditions_of("CP2") == LinkConditions()


async def test_a_fault_that_is_stopped_twice_is_over_once(autojump_clock: MockClock) -> None:
    async with open_linked() as linked:
        with linked.network.fault("stall", STALL) as fault:
            await trio.sleep(1)
            fault.stop()
            await trio.sleep(1)
        assert [(each.start, each.end) for each in linked.network.spans] == [(0, 1)]
        assert [event.kind for event in linked.events] == ["fault begins", "fault ends"]


async def test_cut_one_or_all(autojump_clock: MockClock) -> None:
    async with open_linked() as linked, linked.client("CP1") as one, linked.client("CP2") as two:
        linked.network.cut("CP1")
        await one.closed()
        assert (await two.call("Heartbeat", {})).seconds == 0
        linked.network.cut()
        await two.closed()
        async with linked.client("CP1") as again:
            await again.call("Heartbeat", {})


async def test_a_partition_refuses_and_stalls_until_it_is_over(autojump_clock: MockClock) -> None:
    async with open_linked() as linked, linked.client("CP1") as client:
        with linked.network.partition():
            with pytest.raises(Unreachable, match="the network is partitioned"):
                async with linked.client("CP2"):
                    pass
            with trio.move_on_after(60):
                await client.call("Heartbeat", {})
        assert (await client.call("Heartbeat", {})).seconds == 0
        assert len(linked.central.told(Connected)) == 1
        assert linked.central.told(Disconnected) == []


async def test_a_partition_of_one_refuses_it_where_its_identity_is_named_and_drops_it_otherwise(
    autojump_clock: MockClock,
) -> None:
    async with open_linked() as linked, linked.client("CP2") as other:
        with linked.network.partition("CP1"):
            with pytest.raises(Unreachable, match="partitioned"):
                async with linked.client("cp1"):
                    pass
            with pytest.raises(Unreachable, match="left during the handshake"):
                async with open_client(linked.target(), "CP1"):
                    pass
            assert (await other.call("Heartbeat", {})).seconds == 0
        async with linked.client("CP1"):
            pass


async def test_connections_stay_unanswered_until_the_partition_is_over(autojump_clock: MockClock) -> None:
    async with open_linked() as linked:
        with linked.network.partition("CP1", how="unanswered"):
            with trio.move_on_after(100) as given_up:
                async with linked.client("CP1"):
                    pass
            assert given_up.cancelled_caught
            await wait_all_tasks_blocked()
            assert linked.central.told(Connected) == []
            assert [event.detail for event in linked.events if event.kind == "closed"] == [
                "it left without an answer"
            ]
            async with trio.open_nursery() as nursery:

                async def connect() -> None:
                    async with linked.client("CP1") as client:
                        await client.call("BootNotification", BOOT)

                nursery.start_soon(connect)
                await trio.sleep(50)
                linked.network.heal()
        assert len(linked.central.told(Connected)) == 1


async def test_more_connections_than_the_limit_are_reset(autojump_clock: MockClock) -> None:
    async with open_linked() as linked:
        linked.network.max_connections = 1
        async with linked.client("CP1") as client:
            with pytest.raises(Unreachable):
                async with linked.client("CP2"):
                    pass
            assert (await client.call("Heartbeat", {})).seconds == 0
        await wait_all_tasks_blocked()
        async with linked.client("CP2"):
            pass
        assert [event.kind for event in linked.events].count("refused") == 1


async def test_a_central_system_that_cannot_be_reached(autojump_clock: MockClock) -> None:
    events: list[LinkEvent] = []

    async def nowhere() -> trio.abc.Stream:
        raise ConnectionRefusedError("nobody there")

    async with open_network(chance=random.Random(1), tell=events.append) as network:
        with pytest.raises(ConnectionRefusedError):
            await network.faulty(nowhere)()
        charger, near = trio.testing.memory_stream_pair()
        await charger.send_all(b"GET /ocpp/CP1 HTTP/1.1\r\n\r\n")
        await network.carry(near, nowhere)
        assert await charger.receive_some() == b""
        assert [(event.kind, event.identity, event.detail) for event in events] == [
            ("unreachable", "CP1", "nobody there")
        ]


async def test_what_says_nothing_is_carried_without_an_identity(autojump_clock: MockClock) -> None:
    async with open_linked(handshake_timeout=60) as linked:
        stream = await linked.target().dial()
        await trio.sleep(10.5)
        await stream.send_all(upgrade("/ocpp/CP1"))
        assert b" 101 " in await stream.receive_some()
        assert linked.events[0].identity == ""


async def test_a_bug_in_one_link_ends_that_link_only(autojump_clock: MockClock) -> None:
    async def broken() -> trio.abc.Stream:
        raise ZeroDivisionError

    async with open_linked() as linked, linked.client("CP1") as client:
        charger, near = trio.testing.memory_stream_pair()
        await charger.send_all(b"GET /ocpp/CP2 HTTP/1.1\r\n\r\n")
        await linked.network.carry(near, broken)
        assert (await client.call("Heartbeat", {})).seconds == 0


async def test_the_end_of_the_network_drops_all_connections(autojump_clock: MockClock) -> None:
    async with open_linked() as linked:
        async with open_network(chance=random.Random(1)) as network:
            stream = await network.faulty(linked.dial)()
            await stream.send_all(b"GET /ocpp/CP1 HTTP/1.1\r\n\r\n")
        assert await stream.receive_some() == b""


async def test_an_error_in_the_block_comes_out_alone(autojump_clock: MockClock) -> None:
    with pytest.raises(Closed):
        async with open_network(chance=random.Random(1)):
            raise Closed(1006, "")
