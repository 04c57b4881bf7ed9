"""The operator has charge points send what they would send by themselves later."""

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import attended
from ocpp_actors.testbench.steps.scripted import command

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
