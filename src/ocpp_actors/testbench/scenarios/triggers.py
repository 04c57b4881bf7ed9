"""The operator looks at a charge point by asking for what it would send by itself later."""

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import attended
from ocpp_actors.testbench.steps.scripted import command
from ocpp_actors.testbench.steps.transactions import expect_recorded

OF_A_CONNECTOR = ("MeterValues", "StatusNotification")
WITH_FEATURE = {
    Feature.FIRMWARE: "FirmwareStatusNotification",
    Feature.DIAGNOSTICS: "DiagnosticsStatusNotification",
}


@scenario(case="TC_054", needs={Need.OPERATOR, Need.STATION})
async def trigger_messages(bench: Bench) -> None:
    """The operator asks for messages, one of each kind, and gets them.

    Checks: TriggerMessage comes as asked for, its answer reaches the operator; the MeterValues, StatusNotification and
    Heartbeat that follow are confirmed, and FirmwareStatusNotification and DiagnosticsStatusNotification where the
    charge point has these profiles (OCPP 1.6 §5.17, §7.32). A BootNotification is not asked for after one was accepted
    (errata 3.40).

    Not known: which messages the original asks for, and in which order.
    """
    async with attended(bench) as charger:
        wanted = [*OF_A_CONNECTOR, "Heartbeat"]
        wanted += [
            message for feature, message in WITH_FEATURE.items() if feature in charger.station.features
        ]
        for message in wanted:
            since = charger.station.wire.mark()
            connector = {"connectorId": 1} if message in OF_A_CONNECTOR else {}
            await charger.ask("TriggerMessage", {"requestedMessage": message, **connector}, "Accepted")
            await charger.says(message, connector_id=connector.get("connectorId"), since=since)


@scenario(case="TC_055", needs={Need.OPERATOR})
async def trigger_message_is_rejected(bench: Bench) -> None:
    """The operator asks for a message that the charge point does not send.

    Checks: TriggerMessage comes as asked for; the operator is told Rejected (OCPP 1.6 §5.17, §7.44).

    Not known: the message of the original; here it is MeterValues of a connector.
    """
    async with bench.client(boot=True) as client:
        wanted = {"requestedMessage": "MeterValues", "connectorId": 1}
        await command(bench, client, "TriggerMessage", wanted, answer={"status": "Rejected"})


@scenario(needs={Need.OPERATOR, Need.STATION})
async def status_of_each_connector_is_asked_for(bench: Bench) -> None:
    """The operator asks for the status of each connector, and gets that of this one, Available (OCPP 1.6 §5.17)."""
    async with attended(bench) as charger:
        for connector_id in charger.connectors:
            since = charger.station.wire.mark()
            wanted = {"requestedMessage": "StatusNotification", "connectorId": connector_id}
            await charger.ask("TriggerMessage", wanted, "Accepted")
            report = await charger.says("StatusNotification", connector_id=connector_id, since=since)
            expect_equal(report.payload["status"], "Available", f"the status of connector {connector_id}")


@scenario(needs={Need.OPERATOR}, features={Feature.PLUG, Feature.TAP})
async def meter_is_read_while_charging(bench: Bench) -> None:
    """The operator asks for meter values of a connector at which a vehicle charges (OCPP 1.6 §4.7, §5.17).

    They come with the transactionId, and are on record with the transaction.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        started = await charger.charges(card)
        transaction_id = started.result["transactionId"]
        since = charger.station.wire.mark()
        wanted = {"requestedMessage": "MeterValues", "connectorId": 1}
        await charger.ask("TriggerMessage", wanted, "Accepted")
        values = await charger.says("MeterValues", connector_id=1, since=since)
        expect_equal(
            values.payload.get("transactionId"), transaction_id, "the transactionId of the meter values"
        )
        kept = await bench.operator.items(f"/transactions/{transaction_id}/meter-values")
        said = values.payload["meterValue"]
        expect(said in [each["meterValues"] for each in kept], f"{said} is not on record")
        await charger.tap(card)
        stopped = await charger.stops(started, reason="Local")
        await charger.leaves()
        await expect_recorded(bench, charger.identity, started, stopped)
