"""The operator limits what vehicles may draw; charge points obey, and it is seen in what they report."""

from typing import Any, Final

import trio

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import expect, expect_equal
from ocpp_actors.testbench.scenario import Need, scenario
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.steps.attending import Attended, attended
from ocpp_actors.testbench.steps.comparing import expect_same
from ocpp_actors.testbench.steps.records import charging_profiles
from ocpp_actors.testbench.steps.transactions import expect_recorded

HANDS = {Feature.SMART_CHARGING, Feature.PLUG, Feature.TAP}

LIMIT: Final = 3000.0
"""Watts; below what a vehicle draws that charges freely, and above what some charge points take for nothing."""

POWER: Final = "Power.Active.Import"

ACCURACY: Final = 50.0
"""Watts by which a meter may be off."""

METERING: Final = 20.0
"""Seconds in which a limit is seen, at a sample a second."""

DURATION: Final = 300
"""Seconds of a composite schedule."""


def profile(bench: Bench, purpose: str, limit: float = LIMIT, **more: Any) -> dict[str, Any]:
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
        **more,
    }


async def install(bench: Bench, charger: Attended, wanted: dict[str, Any]) -> None:
    """Let the operator set a profile on connector 1, until the scenario is over; it has to be on record."""
    charger.afterwards("ClearChargingProfile", {"id": wanted["chargingProfileId"]})
    setting = {"connectorId": 1, "csChargingProfiles": wanted}
    await charger.ask("SetChargingProfile", setting, "Accepted")
    kept = await charging_profiles(bench, charger.identity)
    expect_same(kept, [{"connectorId": 1, **wanted}], "the charging profiles on record")


async def clear(bench: Bench, charger: Attended, wanted: dict[str, Any]) -> None:
    """Let the operator clear a profile; it has to be off the record."""
    await charger.ask("ClearChargingProfile", {"id": wanted["chargingProfileId"]}, "Accepted")
    expect_equal(await charging_profiles(bench, charger.identity), [], "the charging profiles on record")


@scenario(
    case="TC_056",
    needs={Need.OPERATOR},
    features=HANDS,
)
async def default_profile_for_transactions(bench: Bench) -> None:
    """The operator sets a limit for all transactions on a connector, then a driver charges there.

    Checks: SetChargingProfile comes as asked for, its answer reaches the operator; the TxDefaultProfile is on record,
    also after the transaction, until it is cleared (OCPP 1.6 §3.13.1, §5.5, §5.16).

    Not known: the schedule of the original, and whether it wants the limit to be seen in meter values.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        wanted = profile(bench, "TxDefaultProfile")
        await install(bench, charger, wanted)
        started = await charger.charges(card)
        await charger.tap(card)
        stopped = await charger.stops(started)
        await charger.leaves()
        await expect_recorded(bench, charger.identity, started, stopped)
        kept = await charging_profiles(bench, charger.identity)
        expect_same(kept, [{"connectorId": 1, **wanted}], "the charging profiles on record")
        await clear(bench, charger, wanted)


@scenario(
    case="TC_057",
    needs={Need.OPERATOR},
    features=HANDS,
)
async def profile_for_a_running_transaction(bench: Bench) -> None:
    """A driver charges, and the operator limits this transaction.

    Checks: SetChargingProfile comes as asked for, with the transactionId, its answer reaches the operator; the
    TxProfile is on record until it is cleared; the transaction goes on (OCPP 1.6 §3.13.1, §5.5, §5.16).

    Not known: the schedule of the original, and whether it wants the limit to be seen in meter values.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        started = await charger.charges(card)
        wanted = profile(bench, "TxProfile", transactionId=started.result["transactionId"])
        await install(bench, charger, wanted)
        await clear(bench, charger, wanted)
        await charger.tap(card)
        stopped = await charger.stops(started)
        await charger.leaves()
        await expect_recorded(bench, charger.identity, started, stopped)


@scenario(case="TC_059", needs={Need.OPERATOR}, features={Feature.SMART_CHARGING, Feature.PLUG})
async def remote_start_with_a_charging_profile(bench: Bench) -> None:
    """The operator starts a transaction, and limits it from its start.

    Checks: RemoteStartTransaction comes with the idTag and the TxProfile that was asked for, which has no
    transactionId; the StartTransaction is Accepted and on record (OCPP 1.6 §5.11, §5.16.2, errata 3.41).

    Not known: the schedule of the original, and whether it wants the limit to be seen in meter values.
    """
    card = await bench.id_tag()
    async with attended(bench) as charger:
        await charger.plug_in()
        await charger.reports("Preparing")
        wanted = {"connectorId": 1, "idTag": card, "chargingProfile": profile(bench, "TxProfile")}
        await charger.ask("RemoteStartTransaction", wanted, "Accepted")
        started = await charger.starts(card)
        await charger.reports("Charging")
        ending = {"transactionId": started.result["transactionId"]}
        await charger.ask("RemoteStopTransaction", ending, "Accepted")
        stopped = await charger.stops(started, reason="Remote")
        await charger.leaves()
        await expect_recorded(bench, charger.identity, started, stopped)


@scenario(case="TC_066", needs={Need.OPERATOR}, features={Feature.SMART_CHARGING})
async def get_composite_schedule(bench: Bench) -> None:
    """The operator asks a charge point for the limits that result from its profiles.

    Checks: GetCompositeSchedule comes as asked for; the schedule reaches the operator as the charge point answers it
    (OCPP 1.6 §5.7).

    Not known: the profiles of the original, and the schedule that it expects of them.
    """
    async with attended(bench) as charger:
        wanted = profile(bench, "TxDefaultProfile")
        await install(bench, charger, wanted)
        asked = {"connectorId": 1, "duration": DURATION, "chargingRateUnit": "W"}
        answer = await charger.ask("GetCompositeSchedule", asked, "Accepted")
        expect_equal(answer.get("connectorId"), 1, "the connectorId of the schedule")
        await clear(bench, charger, wanted)


@scenario(case="TC_067", needs={Need.OPERATOR}, features={Feature.SMART_CHARGING})
async def clear_a_charging_profile(bench: Bench) -> None:
    """The operator clears a profile, and then once more, where there is none left.

    Checks: ClearChargingProfile comes as asked for; its answers, Accepted and then Unknown, reach the operator; the
    profile is off the record (OCPP 1.6 §5.5, §7.21).

    Not known: by what the original picks the profile; here by its id.
    """
    async with attended(bench) as charger:
        wanted = profile(bench, "TxDefaultProfile")
        await install(bench, charger, wanted)
        await clear(bench, charger, wanted)
        await charger.ask("ClearChargingProfile", {"id": wanted["chargingProfileId"]}, "Unknown")


async def limited(bench: Bench, charger: Attended, limit: float) -> int:
    """Let the operator limit connector 1 until the scenario is over; return the id of the profile."""
    wanted = profile(bench, "TxDefaultProfile", limit)
    await install(bench, charger, wanted)
    profile_id: int = wanted["chargingProfileId"]
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
        await install(bench, charger, profile(bench, "TxDefaultProfile"))
        newer = profile(bench, "TxDefaultProfile", LIMIT / 2)
        await install(bench, charger, newer)
        await clear(bench, charger, newer)
