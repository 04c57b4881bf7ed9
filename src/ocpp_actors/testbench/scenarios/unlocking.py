"""The operator has a connector unlocked, to help a driver whose cable is stuck."""

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import attended
from ocpp_actors.testbench.steps.scripted import command
from ocpp_actors.testbench.steps.transactions import expect_recorded

UNLOCK = "UnlockConnector"


@scenario(case="TC_017_1", needs={Need.OPERATOR}, features={Feature.UNLOCK})
async def unlock_a_free_connector(bench: Bench) -> None:
    """The operator has a connector unlocked on which no transaction runs.

    Checks: UnlockConnector comes as asked for; the operator is told Unlocked (OCPP 1.6 §5.18).

    Not known: whether a cable is plugged in in the original.
    """
    async with attended(bench) as charger:
        await charger.ask(UNLOCK, {"connectorId": 1}, "Unlocked")
        await charger.says_nothing_of("StopTransaction")


@scenario(case="TC_017_2", needs={Need.OPERATOR})
async def unlock_a_fixed_cable(bench: Bench) -> None:
    """The operator asks for the unlocking of a connector whose cable is fixed: there is nothing to unlock.

    Checks: UnlockConnector comes as asked for; the operator is told NotSupported (OCPP 1.6 §5.18, §7.46).

    Not known: nothing of weight.
    """
    async with bench.client(boot=True) as client:
        await command(bench, client, UNLOCK, {"connectorId": 1}, answer={"status": "NotSupported"})


@scenario(case="TC_018_1", needs={Need.OPERATOR}, features={Feature.UNLOCK, Feature.PLUG, Feature.TAP})
async def unlock_while_charging(bench: Bench) -> None:
    """The operator has a connector unlocked while a vehicle charges: the transaction ends first.

    Checks: UnlockConnector comes as asked for; the operator is told Unlocked; the StopTransaction is confirmed, the
    record has the reason UnlockCommand (OCPP 1.6 §4.10, §5.18, §7.36).

    Not known: whether the original sends the StopTransaction before or after the answer.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        started = await charger.charges(card)
        await charger.ask(UNLOCK, {"connectorId": 1}, "Unlocked")
        stopped = await charger.stops(started, reason="UnlockCommand")
        await charger.leaves()
        await expect_recorded(bench, charger.identity, started, stopped, reason="UnlockCommand")


@scenario(case="TC_030", needs={Need.OPERATOR})
async def unlocking_fails(bench: Bench) -> None:
    """The operator asks for the unlocking of a connector, and the lock does not open.

    Checks: UnlockConnector comes as asked for; the operator is told UnlockFailed (OCPP 1.6 §5.18, §7.46).

    Not known: whether the connector is Faulted afterwards in the original.
    """
    async with bench.client(boot=True) as client:
        await command(bench, client, UNLOCK, {"connectorId": 1}, answer={"status": "UnlockFailed"})


@scenario(case="TC_031", needs={Need.OPERATOR})
async def unlock_an_unknown_connector(bench: Bench) -> None:
    """The operator asks for the unlocking of a connector that the charge point does not have.

    Checks: UnlockConnector comes with the number that was asked for; the operator is told NotSupported (OCPP
    1.6 §5.18, §7.46).

    Not known: the connectorId of the original.
    """
    async with bench.client(boot=True) as client:
        await command(bench, client, UNLOCK, {"connectorId": 99}, answer={"status": "NotSupported"})
