"""Transactions: begun and ended by a client, and what the central system has to say to them and to keep of them."""

from typing import Any

from ocpp_actors.protocol.frames import CallResult
from ocpp_actors.protocol.timestamps import write
from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.client import Client
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.steps.comparing import expect_same
from ocpp_actors.testbench.wire import Exchange, Wire


def expect_started(wire: Wire, start: Exchange, status: str = "Accepted") -> int:
    """Return the id that a StartTransaction got.

    Raises Failed: the idTag's status is another one, or the id is not above 0 (errata 3.54), or another transaction of
    this charge point has it.
    """
    answer = start.result
    expect_equal(answer["idTagInfo"]["status"], status, "the idTag's status in StartTransaction.conf")
    given: int = answer["transactionId"]
    expect(given > 0, f"the transactionId is {given}, and has to be above 0")
    others = [each for each in wire.answered("StartTransaction") if each.payload != start.payload]
    taken = [
        each
        for each in others
        if isinstance(each.reply, CallResult) and each.result.get("transactionId") == given
    ]
    expect(not taken, f"the transactionId {given} was given to another transaction of this charge point")
    return given


async def start(
    bench: Bench, client: Client, id_tag: str, *, status: str = "Accepted", **more: Any
) -> Exchange:
    """Let a client report that a transaction has begun, on connector 1, now, at 1000 Wh, where nothing else is given.

    Raises Failed: see expect_started.
    """
    begun = {
        "connectorId": 1,
        "idTag": id_tag,
        "meterStart": 1000,
        "timestamp": write(bench.clock.now()),
        **more,
    }
    with bench.patient():
        exchange = await client.call("StartTransaction", begun)
    expect_started(client.wire, exchange, status)
    return exchange


async def stop(bench: Bench, client: Client, started: Exchange, **more: Any) -> Exchange:
    """Let a client report that a transaction has ended, now, with 500 Wh, where nothing else is given.

    Raises Failed: it is not confirmed with a CALLRESULT.
    """
    ended = {
        "transactionId": started.result["transactionId"],
        "meterStop": started.payload["meterStart"] + 500,
        "timestamp": write(bench.clock.now()),
        **more,
    }
    with bench.patient():
        exchange = await client.call("StopTransaction", ended)
    expect(isinstance(exchange.result, dict), "StopTransaction.conf is no object")
    return exchange


async def expect_recorded(
    bench: Bench,
    identity: str,
    started: Exchange,
    stopped: Exchange | None = None,
    *,
    reason: str | None = None,
    **more: Any,
) -> None:
    """Go on where the central system's record of a transaction agrees with what was said, where it can be asked.

    ``reason`` is what it has to have as such, without it the one that was said, or Local (OCPP 1.6 §4.10).

    Raises Failed: it does not agree.
    """
    if bench.operator_or_none is None:
        return
    begun, ended = started.payload, stopped.payload if stopped else {}
    kept = await bench.operator_or_none.get(f"/transactions/{started.result['transactionId']}")
    wanted = {
        "chargePoint": identity,
        "connectorId": begun["connectorId"],
        "idTag": begun["idTag"],
        "meterStart": begun["meterStart"],
        "startedAt": begun["timestamp"],
        "reservationId": begun.get("reservationId"),
        "meterStop": ended.get("meterStop"),
        "stoppedAt": ended.get("timestamp"),
        "stopReason": (reason or ended.get("reason", "Local")) if stopped else None,
        **more,
    }
    expect_same({name: kept[name] for name in wanted}, wanted, "the record of the transaction")


async def expect_recorded_once(bench: Bench, identity: str, started: Exchange, stopped: Exchange) -> None:
    """Go on where the record of a transaction agrees, and is the only one of its idTag, where it can be asked.

    Raises Failed: it does not agree, or there are more.
    """
    await expect_recorded(bench, identity, started, stopped)
    if bench.operator_or_none is not None:
        id_tag = started.payload["idTag"]
        kept = await bench.operator_or_none.transactions(identity, idTag=id_tag)
        ids = [each["id"] for each in kept]
        expect_equal(ids, [started.result["transactionId"]], f"the transactions of {id_tag}")


async def expect_no_transaction(bench: Bench, identity: str, id_tag: str) -> None:
    """Go on where the central system has no transaction of this idTag, where it can be asked.

    Raises Failed: it has one.
    """
    if bench.operator_or_none is not None:
        kept = await bench.operator_or_none.transactions(identity, idTag=id_tag)
        expect_equal(kept, [], f"the transactions of {id_tag}")
