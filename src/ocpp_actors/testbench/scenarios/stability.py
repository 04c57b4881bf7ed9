"""Many charge points at once, bad neighbours, and connections that are lost again and again."""

from typing import Any, Final

import trio

from ocpp_actors.protocol.frames import CallResult
from ocpp_actors.testbench.bench import BOOT, Bench
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import scenario
from ocpp_actors.testbench.steps.answers import goes_on, is_ocpp_actors
from ocpp_actors.testbench.steps.by_hand import TEXT, frame, stream_to, upgraded
from ocpp_actors.testbench.steps.messages import meter_values, start_request, status, stop_request
from ocpp_actors.testbench.steps.scripted import told

CLIENTS: Final = 50
BEATS: Final = 10
RECONNECTIONS: Final = 15
TRANSACTIONS: Final = 6

JUNK: Final = (
    "no JSON",
    '[2,"1","Heartbeat",{"extra":1}]',
    '[2,"","",{}]',
    "[" * 5000,
    '[3,"1",{}]',
    '[2,"' + "i" * 5000 + '","Heartbeat",{}]',
)


@scenario(seconds=60)
async def many_charge_points_at_once(bench: Bench) -> None:
    """Fifty charge points connect, boot and send heartbeats at once; each is answered, and none waits long.

    The slowest answer, of a boot too, has to come within the patience of the bench.
    """
    slowest = 0.0

    async def live() -> None:
        nonlocal slowest
        async with bench.client() as client:
            with trio.fail_after(bench.patience * BEATS):
                exchanges = [await client.call("BootNotification", BOOT)]
                exchanges += [await client.call("Heartbeat", {}) for _ in range(BEATS)]
        expect_equal(exchanges[0].result["status"], "Accepted", "the status of a BootNotification")
        expect(all(isinstance(each.reply, CallResult) for each in exchanges), "a heartbeat was refused")
        slowest = max(slowest, *(each.seconds for each in exchanges))

    async with trio.open_nursery() as nursery:
        for _ in range(CLIENTS):
            nursery.start_soon(live)
    expect(
        slowest <= bench.patience,
        f"the slowest answer took {slowest:.1f} s, and {bench.patience:g} s are allowed",
    )


@scenario(seconds=60)
async def bad_neighbours_disturb_nobody(bench: Bench) -> None:
    """While others send junk, break off their messages, or drop their connections, a charge point is served.

    What one charge point does is no other's concern.
    """
    async with bench.client(boot=True) as client, trio.open_nursery() as nursery:
        nursery.start_soon(_send_junk, bench)
        nursery.start_soon(_break_off, bench)
        nursery.start_soon(_drop, bench)
        for number in range(BEATS):
            await told(bench, client, "StatusNotification", status(number + 1))
            await goes_on(bench, client)
    async with bench.client(boot=True) as newcomer:
        await goes_on(bench, newcomer)


async def _send_junk(bench: Bench) -> None:
    async with upgraded(bench) as peer:
        try:
            for text in JUNK * 5:
                await peer.send(frame(TEXT, text.encode()))
        except trio.BrokenResourceError:
            return  # it has every right to close such a connection


async def _break_off(bench: Bench) -> None:
    for size in range(1, 12):
        async with upgraded(bench) as peer:
            await peer.send(frame(TEXT, b'[2,"1","Heartbeat",{}]')[:size])
        async with stream_to(bench) as peer:
            await peer.send(b"GET /ocpp HTTP/1.1\r\nHost: central.test\r\n"[: 3 * size])


async def _drop(bench: Bench) -> None:
    for _ in range(10):
        async with bench.client() as client:
            await client.send([2, "1", "Heartbeat", {}])
            await client.drop()


@scenario(seconds=60)
async def reconnections_without_end(bench: Bench) -> None:
    """A charge point with a bad connection comes back fifteen times, and is served at once each time.

    It drops the connection, or closes it, or leaves a message unanswered; its registration stays (OCPP-J 1.6 §5.4).
    """
    identity = bench.new_name()
    async with bench.client(identity, boot=True) as client:
        await goes_on(bench, client)
    for number in range(RECONNECTIONS):
        async with bench.client(identity) as client:
            await goes_on(bench, client)
            if number % 3 == 1:
                await client.drop()
            elif number % 3 == 2:
                await client.send([2, "unanswered", "StatusNotification", status()])
                await client.drop()
    async with bench.client(identity) as client:
        await goes_on(bench, client)
        if bench.operator_or_none is not None:
            known = await bench.operator_or_none.charge_point(identity)
            expect_equal(
                (known["online"], known["registration"]), (True, "Accepted"), "online, and registration"
            )


@scenario(seconds=90)
async def nothing_is_lost_or_doubled(bench: Bench) -> None:
    """The connection is lost around every message of six transactions; the charge point repeats what had no answer.

    Each transaction is confirmed with one transactionId in the end. Where the record can be looked at, it has each
    once, with its meter value once and its end (OCPP 1.6 §3.7.1, §4.7, §4.8, §4.10).
    """
    identity = bench.new_name()
    async with bench.client(identity, boot=True) as client:
        await goes_on(bench, client)
    ids: list[int] = []
    for number in range(TRANSACTIONS):
        card = await bench.id_tag()
        begin = start_request(bench, card, meterStart=1000 * number)
        transaction_id = (await _insist(bench, identity, "StartTransaction", begin, number))["transactionId"]
        ids.append(transaction_id)
        values = meter_values(bench, str(1000 * number + 500), transactionId=transaction_id)
        await _insist(bench, identity, "MeterValues", values, number)
        end = stop_request(bench, transaction_id, meterStop=1000 * number + 900)
        await _insist(bench, identity, "StopTransaction", end, number)
    expect_equal(len(set(ids)), TRANSACTIONS, "the number of different transactionIds")
    if is_ocpp_actors(bench):
        await _recorded(bench, identity, ids)


async def _insist(
    bench: Bench, identity: str, action: str, payload: dict[str, Any], number: int
) -> dict[str, Any]:
    """Send a message, lose the connection, and send it again under another message id.

    The connection is lost at once, before the message may have arrived; then once its answer is there, which the
    charge point does not get to read.
    """
    for attempt in range(number % 3):
        async with bench.client(identity) as client:
            await client.send([2, "lost", action, payload])
            if attempt:
                with bench.patient():
                    await client.answer_to("lost")
            await client.drop()
    async with bench.client(identity) as client:
        return await told(bench, client, action, payload)


async def _recorded(bench: Bench, identity: str, ids: list[int]) -> None:
    kept = await bench.operator.transactions(identity)
    expect_equal(sorted(each["id"] for each in kept), sorted(ids), "the transactions on record")
    for number, transaction_id in enumerate(ids):
        record = next(each for each in kept if each["id"] == transaction_id)
        expect_equal(record["meterStop"], 1000 * number + 900, "the register at the end on record")
        values = await bench.operator.items(f"/transactions/{transaction_id}/meter-values")
        energies = [each["energyWh"] for each in values]
        expect_equal(energies, [1000.0 * number + 500], "the meter values on record")
