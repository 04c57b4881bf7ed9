"""Messages come in an order that is unusual, or wrong: they are answered, and recorded for what they are."""

from datetime import timedelta
from typing import Any

from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.protocol.frames import CallError
from ocpp_actors.protocol.timestamps import write
from ocpp_actors.testbench.bench import BOOT, Bench
from ocpp_actors.testbench.client import Client
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.steps.answers import SECURITY, codes, goes_on, is_ocpp_actors
from ocpp_actors.testbench.steps.messages import (
    least,
    meter_value,
    meter_values,
    start_request,
    status,
    stop_request,
)
from ocpp_actors.testbench.steps.records import at
from ocpp_actors.testbench.steps.scripted import command, told
from ocpp_actors.testbench.steps.transactions import expect_recorded, expect_started, start, stop

NOT_REGISTERED = codes(SECURITY)

NOBODYS = 2_000_000_000
"""A transactionId that no central system has given."""


# --- registration ----------------------------------------------------------------------------------------------


@scenario()
async def calls_before_the_first_boot(bench: Bench) -> None:
    """A charge point that never booted here sends other messages first; each is answered, then it boots.

    It may come from another central system, and need not boot to reconnect (OCPP-J 1.6 §5.4). What it is told is the
    central system's to decide: it handles them, or refuses them with SecurityError.
    """
    async with bench.client() as client:
        for action, payload in {"Heartbeat": {}, "StatusNotification": status()}.items():
            with bench.patient():
                exchange = await client.call(action, payload)
            if isinstance(exchange.reply, CallError):
                NOT_REGISTERED.expect(bench, exchange.reply.code, f"{action} before the first boot")
        with bench.patient():
            boot = await client.call("BootNotification", BOOT)
        expect_equal(boot.result["status"], "Accepted", "the status of the BootNotification")
        await told(bench, client, "StatusNotification", status())


@scenario(needs={Need.OPERATOR})
async def calls_while_pending(bench: Bench) -> None:
    """A charge point is Pending: nothing but its BootNotification is handled, and what the central system asked for.

    The interval is above 0. The central system may ask for its configuration, and for messages, which are then
    handled; it may start nothing (OCPP 1.6 §4.2; OCPP-J 1.6 errata 3.8). When the operator accepts it, its next
    BootNotification is Accepted, and everything is handled.
    """
    card = await bench.id_tag()
    async with bench.client() as client:
        identity = client.identity
        await _registered(bench, client, "Pending")
        await _all_refused(bench, client, card)
        await command(bench, client, "GetConfiguration", {"key": ["HeartbeatInterval"]}, answer={})
        got = await bench.operator.call(identity, "RemoteStartTransaction", {"idTag": card})
        expect_equal(got.status, 409, "the API's status for a remote start while Pending")
        trigger = {"requestedMessage": "StatusNotification", "connectorId": 1}
        await command(bench, client, "TriggerMessage", trigger, answer={"status": "Accepted"})
        await told(bench, client, "StatusNotification", status())
        await _registered(bench, client, "Accepted")
        await _charges(bench, client, card)


@scenario(needs={Need.OPERATOR})
async def calls_while_rejected(bench: Bench) -> None:
    """A charge point is Rejected: nothing but its BootNotification is handled, and nothing is asked of it.

    The interval is above 0 (OCPP 1.6 §4.2; OCPP-J 1.6 errata 3.8). When the operator accepts it, its next
    BootNotification is Accepted, and everything is handled.
    """
    card = await bench.id_tag()
    async with bench.client() as client:
        await _registered(bench, client, "Rejected")
        since = client.wire.mark()
        await _all_refused(bench, client, card)
        for action, payload in {"GetConfiguration": {}, "RemoteStartTransaction": {"idTag": card}}.items():
            got = await bench.operator.call(client.identity, action, payload)
            expect_equal(got.status, 409, f"the API's status for {action} while Rejected")
        await _all_refused(bench, client, card)
        asked = client.wire.calls(by=Role.CENTRAL_SYSTEM, since=since)
        expect(not asked, f"nothing may be asked of a Rejected charge point, and this was: {asked}")
        await _registered(bench, client, "Accepted")
        await _charges(bench, client, card)


async def _registered(bench: Bench, client: Client, registration: str) -> None:
    await bench.operator.put(at(client.identity), {"registration": registration})
    with bench.patient():
        boot = (await client.call("BootNotification", BOOT)).result
    expect_equal(boot["status"], registration, "the status of the BootNotification")
    expect(boot["interval"] > 0, f"the interval is {boot['interval']}, and has to be above 0")


async def _all_refused(bench: Bench, client: Client, card: str) -> None:
    for action, payload in least(bench, card).items():
        if action == "BootNotification":
            continue
        with bench.patient():
            error = (await client.call(action, payload)).error
        NOT_REGISTERED.expect(bench, error.code, f"{action} of a charge point that is not Accepted")
    expect_equal(await bench.operator.transactions(client.identity), [], "the transactions on record")


async def _charges(bench: Bench, client: Client, card: str) -> None:
    await goes_on(bench, client)
    started = await start(bench, client, card)
    stopped = await stop(bench, client, started)
    await expect_recorded(bench, client.identity, started, stopped)


# --- starts ----------------------------------------------------------------------------------------------------


@scenario()
async def start_on_a_busy_connector(bench: Bench) -> None:
    """A second transaction begins on a connector on which the first has not ended; both get ids of their own.

    "The Central System ... cannot prevent" what has happened, it has to confirm (OCPP 1.6 §4.8). Both can be stopped.
    """
    async with bench.client(boot=True) as client:
        first = await start(bench, client, await bench.id_tag())
        second = await start(bench, client, await bench.id_tag())
        for started in (first, second):
            stopped = await stop(bench, client, started)
            await expect_recorded(bench, client.identity, started, stopped)


@scenario()
async def start_is_repeated(bench: Bench) -> None:
    """The answer to a StartTransaction was lost; the charge point sends it again under another message id.

    It is confirmed. ocpp-actors knows that it is the same and gives the same transactionId: the transaction begins
    once (OCPP 1.6 §3.7.1, §4.8). After its end it would be another one.
    """
    card = await bench.id_tag()
    request = start_request(bench, card)
    async with bench.client(boot=True) as client:
        ids: list[int] = []
        for _ in range(3):
            with bench.patient():
                ids.append((await client.call("StartTransaction", request)).result["transactionId"])
        if is_ocpp_actors(bench):
            expect_equal(len(set(ids)), 1, "the number of transactionIds")
            kept = await bench.operator.transactions(client.identity)
            expect_equal([each["id"] for each in kept], ids[:1], "the transactions on record")
        for each in set(ids):
            await told(bench, client, "StopTransaction", stop_request(bench, each))


@scenario()
async def transactions_have_ids_of_their_own(bench: Bench) -> None:
    """Transactions of two charge points get ids that are above 0 and differ (OCPP 1.6 errata 3.54)."""
    card = await bench.id_tag()
    async with bench.client(boot=True) as one, bench.client(boot=True) as other:
        ids = []
        for number in range(3):
            for client in (one, other):
                started = await start(bench, client, card, meterStart=number)
                await stop(bench, client, started)
                ids.append(started.result["transactionId"])
        expect_equal(len(set(ids)), len(ids), "the number of different transactionIds")


@scenario()
async def blocked_card_has_started_all_the_same(bench: Bench) -> None:
    """A charge point reports a transaction of a card that may not charge: it is told so, and gets a transactionId.

    It has begun; what follows is the charge point's to decide (OCPP 1.6 §4.8). Its end is confirmed.
    """
    card = await bench.id_tag("Blocked")
    async with bench.client(boot=True) as client:
        started = await start(bench, client, card, status="Blocked")
        stopped = await stop(bench, client, started, reason="DeAuthorized")
        await expect_recorded(bench, client.identity, started, stopped)


# --- stops -----------------------------------------------------------------------------------------------------


@scenario()
async def stop_without_a_start(bench: Bench) -> None:
    """A charge point reports the end of a transaction that nobody knows: it is confirmed (OCPP 1.6 §4.10).

    "It is the Central System's responsibility" to judge it; a CALLERROR would make it come again, or get lost.
    Charge points without an id for the transaction write 0 or -1.
    """
    async with bench.client(boot=True) as client:
        for transaction_id in (NOBODYS, 0, -1, 2**31 - 1):
            await told(bench, client, "StopTransaction", stop_request(bench, transaction_id))
            await goes_on(bench, client)
        with_data = stop_request(
            bench, NOBODYS, idTag=await bench.id_tag(), transactionData=[meter_value(bench)]
        )
        await told(bench, client, "StopTransaction", with_data)
        if bench.operator_or_none is not None:
            kept = await bench.operator_or_none.transactions(client.identity, active=True)
            expect_equal(kept, [], "the transactions that run on record")


@scenario()
async def stop_is_repeated(bench: Bench) -> None:
    """The answer to a StopTransaction was lost; the charge point sends it again: confirmed, and changing nothing.

    So is another end of the same transaction: the first one stands (OCPP 1.6 §4.10).
    """
    card = await bench.id_tag()
    async with bench.client(boot=True) as client:
        started = await start(bench, client, card)
        stopped = await stop(bench, client, started)
        for _ in range(2):
            await told(bench, client, "StopTransaction", stopped.payload)
        another = stop_request(bench, started.result["transactionId"], meterStop=9000, reason="Reboot")
        await told(bench, client, "StopTransaction", another)
        await expect_recorded(bench, client.identity, started, stopped)


@scenario()
async def transaction_belongs_to_another_charge_point(bench: Bench) -> None:
    """A charge point reports the end of another one's transaction: confirmed, and the other's goes on."""
    card = await bench.id_tag()
    async with bench.client(boot=True) as owner, bench.client(boot=True) as stranger:
        started = await start(bench, owner, card)
        foreign = stop_request(bench, started.result["transactionId"])
        await told(bench, stranger, "StopTransaction", foreign)
        await expect_recorded(bench, owner.identity, started)
        stopped = await stop(bench, owner, started)
        await expect_recorded(bench, owner.identity, started, stopped)


# --- meter values ----------------------------------------------------------------------------------------------


@scenario()
async def meter_values_at_any_time(bench: Bench) -> None:
    """Meter values come before a transaction, after it, and for one that nobody knows: each is confirmed.

    "Sanity checks ... SHOULD NOT ever cause the Central System to not respond" (OCPP 1.6 §4.7). Only those of the
    transaction are kept with it.
    """
    card = await bench.id_tag()
    async with bench.client(boot=True) as client:
        await told(bench, client, "MeterValues", meter_values(bench, "100"))
        await told(bench, client, "MeterValues", meter_values(bench, "150", transactionId=NOBODYS))
        await told(bench, client, "MeterValues", meter_values(bench, "160", transactionId=0))
        await told(bench, client, "MeterValues", meter_values(bench, "170") | {"connectorId": 0})
        started = await start(bench, client, card)
        known = {"transactionId": started.result["transactionId"]}
        await told(bench, client, "MeterValues", meter_values(bench, "1200", **known))
        await stop(bench, client, started)
        await told(bench, client, "MeterValues", meter_values(bench, "1600"))
        await expect_energies(bench, started.result["transactionId"], [1200.0])
        await told(bench, client, "MeterValues", meter_values(bench, "1700", **known))


async def expect_energies(bench: Bench, transaction_id: int, wanted: list[float]) -> None:
    """Go on where a transaction has these registers on record, in their order, where the record can be looked at."""
    if bench.operator_or_none is not None:
        kept = await bench.operator_or_none.items(f"/transactions/{transaction_id}/meter-values")
        expect_equal(sorted(each["energyWh"] for each in kept), wanted, "the registers on record")


@scenario()
async def meter_values_are_repeated(bench: Bench) -> None:
    """The answer to MeterValues was lost; they are sent again: confirmed, and kept once (OCPP 1.6 §4.7)."""
    card = await bench.id_tag()
    async with bench.client(boot=True) as client:
        started = await start(bench, client, card)
        known = {"transactionId": started.result["transactionId"]}
        for energy in ("1100", "1200"):
            values = meter_values(bench, energy, **known)
            for _ in range(2):
                await told(bench, client, "MeterValues", values)
        await stop(bench, client, started)
        await expect_energies(bench, known["transactionId"], [1100.0, 1200.0])


# --- whole sessions --------------------------------------------------------------------------------------------


@scenario()
async def every_transaction_message_is_confirmed(bench: Bench) -> None:
    """Two transactions run side by side, with meter values and statuses between; every message is confirmed.

    All that was said is on record, and nothing else (OCPP 1.6 §4.7, §4.8, §4.10).
    """
    async with bench.client(boot=True) as client:
        sessions = [await start(bench, client, await bench.id_tag(), connectorId=number) for number in (1, 2)]
        for energy in range(1100, 1500, 100):
            for started in sessions:
                known = {name: started.payload[name] for name in ("connectorId",)}
                known["transactionId"] = started.result["transactionId"]
                await told(bench, client, "StatusNotification", status(known["connectorId"], "Charging"))
                await told(bench, client, "MeterValues", meter_values(bench, str(energy)) | known)
        for started in sessions:
            stopped = await stop(bench, client, started)
            await expect_recorded(bench, client.identity, started, stopped)
            await expect_energies(bench, started.result["transactionId"], [1100.0, 1200.0, 1300.0, 1400.0])
        if bench.operator_or_none is not None:
            kept = await bench.operator_or_none.transactions(client.identity)
            expect_equal(len(kept), len(sessions), "the number of transactions on record")


@scenario()
async def transactions_of_long_ago(bench: Bench) -> None:
    """A charge point was offline for a day, or its clock was never set: what it tells afterwards is confirmed.

    The times are the charge point's; newer ones do not come before (OCPP 1.6 §3.7, §4.8).
    """
    long_ago = ("1970-01-01T00:00:10Z", "1970-01-01T00:30:00Z")
    yesterday = bench.clock.now() - timedelta(days=1)
    times = [long_ago, (write(yesterday), write(yesterday + timedelta(minutes=30)))]
    async with bench.client(boot=True) as client:
        for begun, ended in times:
            started = await start(bench, client, await bench.id_tag(), timestamp=begun)
            stopped = await stop(bench, client, started, timestamp=ended)
            await expect_recorded(bench, client.identity, started, stopped)


@scenario()
async def start_is_told_after_its_stop(bench: Bench) -> None:
    """A charge point tells its messages in the wrong order: the end of a transaction before its begin.

    Each is confirmed (OCPP 1.6 §4.8, §4.10); the transaction can be stopped under the id that it got.
    """
    card = await bench.id_tag()
    async with bench.client(boot=True) as client:
        early: dict[str, Any] = stop_request(bench, 0, idTag=card)
        await told(bench, client, "StopTransaction", early)
        with bench.patient():
            begun = await client.call("StartTransaction", start_request(bench, card))
        transaction_id = expect_started(client.wire, begun)
        await told(bench, client, "StopTransaction", stop_request(bench, transaction_id, meterStop=2000))
