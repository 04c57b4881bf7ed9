"""The scripted client, and the record of what passes."""

import pytest
import trio
from tests.support.simulated import without_pings
from trio.testing import MockClock

from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.testbench.bench import BOOT
from ocpp_actors.testbench.client import Closed, Refused, Unreachable, open_client
from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.target import Target, target_of
from ocpp_actors.testbench.wire import ConnectionChange, Exchange, Wire, WireFrame
from ocpp_actors.testing.in_process import open_in_process


async def test_a_call_and_its_answer_are_an_exchange(autojump_clock: MockClock) -> None:
    async with open_in_process() as central, open_client(central.target, "CP1") as client:
        assert client.subprotocol == "ocpp1.6"
        boot = await client.call("BootNotification", BOOT)
        assert boot.result["status"] == "Accepted"
        assert (boot.action, boot.payload) == ("BootNotification", BOOT)
        assert client.wire.answered("BootNotification") == [boot]
        with pytest.raises(Failed, match="CALLERROR was expected"):
            _ = boot.error
        refused = await client.call("NoSuchAction", {})
        assert refused.error.code == "NotImplemented"
        with pytest.raises(Failed, match="CALLERROR NotImplemented"):
            _ = refused.result


async def test_a_refused_handshake_tells_its_status(autojump_clock: MockClock) -> None:
    wire = Wire("CP1")
    async with open_in_process(admission="known") as central:
        with pytest.raises(Refused, match="404") as refused:
            async with open_client(central.target, "CP1", wire=wire):
                pass
    assert refused.value.status == 404
    assert [(each.kind, each.code) for each in wire.changes] == [("refused", 404)]


async def test_a_peer_that_leaves_during_the_handshake_is_unreachable(autojump_clock: MockClock) -> None:
    async def dial() -> trio.abc.Stream:
        ours, theirs = trio.testing.memory_stream_pair()
        await theirs.aclose()
        return ours

    with pytest.raises(Unreachable, match="left during the handshake"):
        async with open_client(Target("ws://nobody.test/ocpp", dial), "CP1"):
            pass


async def test_nobody_listens() -> None:
    with trio.socket.socket() as free:
        await free.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match="cannot be reached"):
            async with open_client(target_of(f"ws://127.0.0.1:{free.getsockname()[1]}/ocpp"), "CP1"):
                pass


async def test_commands_reach_the_client_and_its_answer_the_operator(autojump_clock: MockClock) -> None:
    async with open_in_process() as central, open_client(central.target, "CP1") as client:
        await client.call("BootNotification", BOOT)
        async with trio.open_nursery() as nursery:

            async def serve() -> None:
                call = await client.next_call("Reset")
                await client.answer(call, {"status": "Accepted"})

            nursery.start_soon(serve)
            assert await central.operator.result("CP1", "Reset", {"type": "Soft"}) == {"status": "Accepted"}
        reset = await client.wire.exchange("Reset", by=Role.CENTRAL_SYSTEM)
        assert reset.payload == {"type": "Soft"}


async def test_a_newer_connection_closes_the_older(autojump_clock: MockClock) -> None:
    async with open_in_process() as central, open_client(central.target, "CP1") as older:
        async with open_client(central.target, "cp1") as newer:
            assert (await older.closed()).code == 1008
            with pytest.raises(Closed):
                await older.call("Heartbeat", {})
            await newer.call("Heartbeat", {})
        assert [each.kind for each in older.wire.changes] == ["opened", "closed"]


async def test_subscribers_are_told_all_in_order(autojump_clock: MockClock) -> None:
    wire, heard = Wire("CP1"), list[object]()
    wire.subscribe(lambda happening: heard.append(type(happening)))
    async with open_in_process() as central, open_client(central.target, "CP1", wire=wire) as client:
        await client.call("Heartbeat", {})
        await client.drop()
    assert heard == [ConnectionChange, WireFrame, WireFrame, Exchange, ConnectionChange]


async def test_a_ping_has_its_pong(autojump_clock: MockClock) -> None:
    async with open_in_process() as central, open_client(central.target, "CP1") as client:
        with trio.fail_after(1):
            await client.ping()
        await client.drop()
        with pytest.raises(Closed):
            await client.ping()


async def test_a_ping_ends_with_the_connection(autojump_clock: MockClock) -> None:
    async with open_in_process() as central, open_client(without_pings(central.target), "CP1") as client:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_replace, central.target)
            with trio.fail_after(60), pytest.raises(Closed) as closed:
                await client.ping()
        assert closed.value.code == 1008
        await client.closed()


async def _replace(target: Target) -> None:
    await trio.sleep(1)
    async with open_client(target, "CP1"):
        pass
