"""The operator starts and stops transactions from afar."""

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import Attended, attended
from ocpp_actors.testbench.steps.scripted import command, status
from ocpp_actors.testbench.steps.transactions import expect_no_transaction, expect_recorded, start, stop
from ocpp_actors.testbench.wire import Exchange

CONNECTION_TIMEOUT = 2
"""Seconds that a driver gets to plug in, where a scenario waits for their end."""


async def stop_remotely(bench: Bench, charger: Attended, started: Exchange) -> None:
    """Let the operator end a transaction, and the driver leave; the record has to agree."""
    ending = {"transactionId": started.result["transactionId"]}
    await charger.ask("RemoteStopTransaction", ending, "Accepted")
    stopped = await charger.stops(started, reason="Remote")
    await charger.leaves()
    await expect_recorded(bench, charger.identity, started, stopped, reason="Remote")


@scenario(case="TC_010", needs={Need.OPERATOR}, features={Feature.PLUG})
async def remote_start_with_the_cable_plugged_in(bench: Bench) -> None:
    """A vehicle is plugged in, and the operator starts the transaction.

    Checks: RemoteStartTransaction comes as asked for, its answer reaches the operator; the StartTransaction with the
    operator's idTag is Accepted and on record (OCPP 1.6 §4.8, §5.11).

    Not known: whether the original wants AuthorizeRemoteTxRequests, and so an Authorize before the start.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        await charger.plug_in()
        await charger.reports("Preparing")
        await charger.ask("RemoteStartTransaction", {"connectorId": 1, "idTag": card}, "Accepted")
        started = await charger.starts(card)
        await charger.reports("Charging")
        await expect_recorded(bench, charger.identity, started)
        await stop_remotely(bench, charger, started)


@scenario(case="TC_011_1", needs={Need.OPERATOR}, features={Feature.PLUG})
async def remote_start_before_the_cable_is_plugged_in(bench: Bench) -> None:
    """The operator starts a transaction, then the driver plugs in.

    Checks: as with the cable plugged in (OCPP 1.6 §4.8, §5.11).

    Not known: whether the original wants AuthorizeRemoteTxRequests, and so an Authorize before the start.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        await charger.ask("RemoteStartTransaction", {"connectorId": 1, "idTag": card}, "Accepted")
        await charger.reports("Preparing")
        await charger.plug_in()
        started = await charger.starts(card)
        await charger.reports("Charging")
        await expect_recorded(bench, charger.identity, started)
        await stop_remotely(bench, charger, started)


@scenario(case="TC_011_2", needs={Need.OPERATOR, Need.STATION})
async def remote_start_and_nobody_plugs_in(bench: Bench) -> None:
    """The operator starts a transaction, and nobody plugs in: the connector is free again after ConnectionTimeOut.

    Checks: the operator sets ConnectionTimeOut; RemoteStartTransaction comes as asked for; both StatusNotifications
    are confirmed; there is no transaction on record (OCPP 1.6 §5.11, §9.1.4).

    Not known: the ConnectionTimeOut of the original.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        await charger.configure("ConnectionTimeOut", str(CONNECTION_TIMEOUT))
        await charger.ask("RemoteStartTransaction", {"connectorId": 1, "idTag": card}, "Accepted")
        await charger.reports("Preparing")
        await charger.reports("Available", within=CONNECTION_TIMEOUT + bench.patience)
        await charger.says_nothing_of("StartTransaction")
        await expect_no_transaction(bench, charger.identity, card)


@scenario(case="TC_012", needs={Need.OPERATOR}, features={Feature.PLUG, Feature.TAP})
async def remote_stop_of_a_charging_session(bench: Bench) -> None:
    """A driver charges with a card, and the operator stops the transaction.

    Checks: RemoteStopTransaction comes with the transactionId of the transaction, its answer reaches the operator; the
    StopTransaction is confirmed, the record has the reason Remote (OCPP 1.6 §4.10, §5.12).

    Not known: whether the original wants an idTag in the StopTransaction.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        started = await charger.charges(card)
        await stop_remotely(bench, charger, started)


@scenario(case="TC_026", needs={Need.OPERATOR})
async def remote_start_is_rejected(bench: Bench) -> None:
    """The operator asks for a transaction on a connector that is faulted, and the charge point refuses.

    Checks: RemoteStartTransaction comes as asked for; the operator is told Rejected; there is no transaction on record
    (OCPP 1.6 §5.11).

    Not known: for which reason the charge point of the original refuses.
    """
    card = await bench.id_tag()
    async with bench.client(boot=True) as client:
        await status(bench, client, "Faulted", error_code="GroundFailure")
        wanted = {"connectorId": 1, "idTag": card}
        await command(bench, client, "RemoteStartTransaction", wanted, answer={"status": "Rejected"})
        await expect_no_transaction(bench, client.identity, card)


@scenario(case="TC_028", needs={Need.OPERATOR})
async def remote_stop_is_rejected(bench: Bench) -> None:
    """The operator asks for the end of a transaction, and the charge point refuses: the transaction goes on.

    Checks: RemoteStopTransaction comes with the transactionId of the transaction; the operator is told Rejected; the
    transaction is still running on record, until the charge point ends it (OCPP 1.6 §5.12).

    Not known: whether the transactionId of the original is that of a running transaction, as it is here.
    """
    card = await bench.id_tag()
    async with bench.client(boot=True) as client:
        started = await start(bench, client, card)
        ending = {"transactionId": started.result["transactionId"]}
        await command(bench, client, "RemoteStopTransaction", ending, answer={"status": "Rejected"})
        await expect_recorded(bench, client.identity, started)
        stopped = await stop(bench, client, started, idTag=card)
        await expect_recorded(bench, client.identity, started, stopped)
