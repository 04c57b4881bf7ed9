"""The central system ends, the hard way or in order, and comes back."""

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.steps.transactions import expect_recorded, start, stop

LONG = 120.0
"""Seconds for a scenario in which a server starts."""

GOING_AWAY = {1000, 1001, 1012}
"""Close codes of a server that ends in order (RFC 6455 §7.4.1)."""


@scenario(needs={Need.OPERATOR, Need.RESTART}, seconds=LONG)
async def server_is_killed_in_a_transaction(bench: Bench) -> None:
    """The server is killed after it confirmed a StartTransaction, and knows of it when it is back.

    The charge point says its start again, as one does that is not sure, and is given the same transaction; then it
    ends it.
    """
    card = await bench.id_tag()
    identity = bench.new_name()
    async with bench.client(identity, boot=True) as client:
        started = await start(bench, client, card)
        await bench.restart("kill")
        with bench.patient():
            await client.closed()
    async with bench.client(identity) as client:
        again = await start(bench, client, card, **started.payload)
        expect_equal(again.result["transactionId"], started.result["transactionId"], "the transactionId")
        stopped = await stop(bench, client, started)
        await expect_recorded(bench, identity, started, stopped)
    kept = await bench.operator.transactions(identity)
    expect_equal(len(kept), 1, "the number of transactions on record")


@scenario(needs={Need.RESTART}, seconds=LONG)
async def server_ends_in_order_and_comes_back(bench: Bench) -> None:
    """A server that is told to end closes its connections properly, and takes its charge points in again.

    They need not boot anew (OCPP-J 1.6 §5.4).
    """
    identity = bench.new_name()
    async with bench.client(identity, boot=True) as client:
        await bench.restart("gracefully")
        with bench.patient():
            closed = await client.closed()
        expect(closed.code in GOING_AWAY, f"the connection was closed with {closed.code}, not with 1001")
    async with bench.client(identity) as client:
        with bench.patient():
            answer = await client.call("Heartbeat", {})
        expect("currentTime" in answer.result, "the Heartbeat after the restart has no time")
