"""Limits that the operator sets are obeyed by charge points, and seen in what they report."""

from typing import Any, Final

import trio

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import Attended, attended

HANDS = {Feature.SMART_CHARGING, Feature.PLUG, Feature.TAP}

POWER: Final = "Power.Active.Import"

LIMIT: Final = 3000.0
"""Watts; below what a vehicle draws that charges freely, and above what some charge points take for nothing."""

ACCURACY: Final = 50.0
"""Watts by which a meter may be off."""

METERING: Final = 20.0
"""Seconds in which a limit is seen, at a sample a second."""


def profile(bench: Bench, limit: float, purpose: str = "TxDefaultProfile") -> dict[str, Any]:
    """Return a charging profile with this limit in watts from its start on."""
    return {
        "chargingProfileId": bench.chance.randrange(1, 1_000_000),
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        },
    }


async def limited(bench: Bench, charger: Attended, limit: float) -> int:
    """Let the operator limit connector 1 until the scenario is over; return the id of the profile."""
    wanted = profile(bench, limit)
    profile_id: int = wanted["chargingProfileId"]
    charger.afterwards("ClearChargingProfile", {"id": profile_id})
    await charger.ask("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": wanted}, "Accepted")
    return profile_id


async def power(charger: Attended, wanted: tuple[float, float]) -> None:
    """Wait until meter values tell a power between two. Raises Failed: they never did."""
    low, high = wanted
    seen: list[float] = []
    with trio.move_on_after(METERING):
        while True:
            values = await charger.says("MeterValues", connector_id=1, within=METERING)
            seen += _powers(values.payload)
            if seen and low <= seen[-1] <= high:
                return
    expect(False, f"a power between {low:g} and {high:g} W was expected, and {seen or 'none'} came")


def _powers(payload: dict[str, Any]) -> list[float]:
    return [
        float(sample["value"]) * (1000 if sample.get("unit") == "kW" else 1)
        for value in payload["meterValue"]
        for sample in value["sampledValue"]
        if sample.get("measurand") == POWER and "phase" not in sample
    ]


@scenario(needs={Need.OPERATOR}, features=HANDS, seconds=90)
async def limit_is_seen_at_the_meter(bench: Bench) -> None:
    """A vehicle charges freely; the operator limits it, lets it have nothing, and then lets it charge freely again.

    The meter values tell so, and the transaction goes on (OCPP 1.6 §3.13, §5.5, §5.16).
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        await charger.configure("MeterValuesSampledData", f"Energy.Active.Import.Register,{POWER}")
        await charger.configure("MeterValueSampleInterval", "1")
        started = await charger.charges(card)
        free = (LIMIT + ACCURACY, float("inf"))
        await power(charger, free)
        await limited(bench, charger, LIMIT)
        await power(charger, (LIMIT / 2, LIMIT + ACCURACY))
        profile_id = await limited(bench, charger, 0.0)
        await power(charger, (0.0, ACCURACY))
        await charger.ask("ClearChargingProfile", {"id": profile_id}, "Accepted")
        await power(charger, free)
        await charger.tap(card)
        await charger.stops(started, reason="Local")
        await charger.leaves()


@scenario(needs={Need.OPERATOR}, features={Feature.SMART_CHARGING})
async def profile_of_the_same_level_is_replaced(bench: Bench) -> None:
    """The operator sends a profile of a purpose and stack level for which there is one: the newer one counts.

    The record has the newer one alone (OCPP 1.6 §3.13.1, §5.16.4).
    """
    async with attended(bench) as charger:
        await limited(bench, charger, LIMIT)
        newer = await limited(bench, charger, LIMIT / 2)
        path = f"/charge-points/{charger.identity}/charging-profiles"
        kept = await bench.operator.get(path)
        ids = [each["profile"]["chargingProfileId"] for each in kept["items"]]
        expect_equal(ids, [newer], "the charging profiles on record")
        await charger.ask("ClearChargingProfile", {"id": newer}, "Accepted")
        expect_equal((await bench.operator.get(path))["items"], [], "the charging profiles on record")
