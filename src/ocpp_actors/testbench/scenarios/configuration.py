"""The operator reads and changes the configuration of charge points."""

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.steps import records
from ocpp_actors.testbench.steps.attending import attended
from ocpp_actors.testbench.steps.scripted import command

HIDDEN = "AuthorizationKey"
"""The key whose value is nobody's business."""


@scenario(case="TC_019_1", needs={Need.OPERATOR, Need.STATION})
async def retrieve_all_configuration_keys(bench: Bench) -> None:
    """The operator reads the whole configuration of a charge point.

    Checks: GetConfiguration comes without keys; the operator gets all that the charge point answers, and the record
    agrees with it (OCPP 1.6 §5.8).

    Not known: which keys the original wants to see; here it is those that the charge point has.
    """
    async with attended(bench) as charger:
        answer = await charger.ask("GetConfiguration")
        told = {each["key"]: each.get("value") for each in answer["configurationKey"]}
        expect(told, "the charge point has no configuration keys")
        kept = await records.configuration(bench, charger.identity)
        told.pop(HIDDEN, None)
        kept.pop(HIDDEN, None)
        expect_equal(kept, told, "the configuration on record")


@scenario(case="TC_019_2", needs={Need.OPERATOR, Need.STATION})
async def retrieve_specific_configuration_key(bench: Bench) -> None:
    """The operator reads one key of a charge point's configuration, and asks for one that there is not.

    Checks: GetConfiguration comes with the keys asked for; the known one has its value on record, the unknown one none
    (OCPP 1.6 §5.8).

    Not known: the key of the original; here it is SupportedFeatureProfiles, which every charge point has.
    """
    known, unknown = "SupportedFeatureProfiles", "NoSuchKey"
    async with attended(bench) as charger:
        answer = await charger.ask("GetConfiguration", {"key": [known, unknown]})
        expect_equal([each["key"] for each in answer.get("configurationKey", ())], [known], "the keys")
        expect_equal(answer.get("unknownKey"), [unknown], "the unknown keys")
        kept = await records.configuration(bench, charger.identity)
        expect_equal(kept.get(known), answer["configurationKey"][0]["value"], f"{known} on record")
        expect(unknown not in kept, f"{unknown} is on record")


@scenario(case="TC_021", needs={Need.OPERATOR, Need.STATION})
async def change_configuration(bench: Bench) -> None:
    """The operator changes a key of a charge point's configuration.

    Checks: ChangeConfiguration comes as asked for, its answer reaches the operator; the record has the new value, and
    the charge point, too (OCPP 1.6 §5.3).

    Not known: the key of the original; here it is MeterValueSampleInterval, which every charge point has.
    """
    key, value = "MeterValueSampleInterval", "47"
    async with attended(bench) as charger:
        await charger.configure(key, value)
        kept = await records.configuration(bench, charger.identity)
        expect_equal(kept.get(key), value, f"{key} on record")
        answer = await charger.ask("GetConfiguration", {"key": [key]})
        expect_equal(answer["configurationKey"][0]["value"], value, f"{key} at the charge point")


async def refused_change(bench: Bench, key: str, value: str, status: str) -> None:
    """Let the operator change a key, which the charge point refuses: the record stays as it was."""
    async with bench.client(boot=True) as client:
        present = {"configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]}
        await command(bench, client, "GetConfiguration", answer=present)
        wanted = {"key": key, "value": value}
        await command(bench, client, "ChangeConfiguration", wanted, answer={"status": status})
        kept = await records.configuration(bench, client.identity)
        expect_equal(kept, {"HeartbeatInterval": "300"}, "the configuration on record")


@scenario(case="TC_040_1", needs={Need.OPERATOR})
async def change_a_key_that_is_not_supported(bench: Bench) -> None:
    """The operator changes a configuration key that the charge point does not have.

    Checks: ChangeConfiguration comes as asked for; the operator is told NotSupported; the key is not on record (OCPP
    1.6 §5.3, §7.22).

    Not known: the key of the original.
    """
    await refused_change(bench, "NoSuchKey", "1", "NotSupported")


@scenario(case="TC_040_2", needs={Need.OPERATOR})
async def change_a_key_to_an_invalid_value(bench: Bench) -> None:
    """The operator sets a configuration key to a value that it cannot have.

    Checks: ChangeConfiguration comes as asked for, with the wrong value; the operator is told Rejected; the record has
    the old value (OCPP 1.6 §5.3, §7.22).

    Not known: the key and the value of the original.
    """
    await refused_change(bench, "HeartbeatInterval", "-1", "Rejected")
