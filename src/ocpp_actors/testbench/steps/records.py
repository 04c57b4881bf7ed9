"""What the central system has on record, as its operator sees it."""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote

import trio

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.failures import Failed, expect_equal

LOOK_EVERY: Final = 0.5
"""Seconds between two looks at the record, where nothing on the wire tells when to look."""


async def eventually(look: Callable[[], Awaitable[None]], within: float) -> None:
    """Look again and again until it is as expected, for some seconds at most. Raises Failed: it never was."""
    deadline = trio.current_time() + within
    while True:
        try:
            return await look()
        except Failed:
            if trio.current_time() >= deadline:
                raise
        await trio.sleep(LOOK_EVERY)


def at(identity: str, *more: str) -> str:
    """Return the path of the API at which a charge point is, or something of it."""
    return "/".join(("/charge-points", *(quote(part, safe="") for part in (identity, *more))))


async def configuration(bench: Bench, identity: str) -> dict[str, str | None]:
    """Return the configuration of a charge point, as it was last seen."""
    kept = await bench.operator.get(at(identity, "configuration"))
    return {each["key"]: each["value"] for each in kept["items"]}


async def local_list(bench: Bench, identity: str) -> tuple[int | None, dict[str, str] | None]:
    """Return the version of a charge point's local list, and the status of each idTag on it."""
    kept = await bench.operator.get(at(identity, "local-list"))
    if kept["entries"] is None:
        return kept["version"], None
    return kept["version"], {each["idTag"]: each["idTagInfo"]["status"] for each in kept["entries"]}


async def charging_profiles(bench: Bench, identity: str) -> list[dict[str, Any]]:
    """Return the charging profiles that a charge point has accepted and not cleared."""
    kept = await bench.operator.get(at(identity, "charging-profiles"))
    return [{"connectorId": each["connectorId"], **each["profile"]} for each in kept["items"]]


async def security_events(bench: Bench, identity: str) -> list[dict[str, Any]]:
    """Return the security events that a charge point has reported, the newest first."""
    kept = await bench.operator.items("/security-events", chargePoint=identity)
    return [each for each in kept if each["origin"] == "chargePoint"]


async def expect_profile(bench: Bench, identity: str, profile: int, *, at_least: int = 0) -> None:
    """Go on where a charge point is connected with this security profile, and needs ``at_least`` that one.

    Raises Failed.
    """
    kept = await bench.operator.charge_point(identity)
    expect_equal(kept["online"], True, f"whether {identity} is online")
    expect_equal(kept["securityProfile"], profile, f"the security profile that {identity} uses")
    expect_equal(
        kept["settings"]["securityProfile"], at_least, f"the security profile that {identity} needs at least"
    )


async def expect_refusals(bench: Bench, identity: str, *types: str) -> None:
    """Go on where the central system noted just these security events of a charge point, in order. Raises Failed."""
    kept = await bench.operator.items("/security-events", chargePoint=identity)
    noted = [each["type"] for each in reversed(kept) if each["origin"] == "centralSystem"]
    expect_equal(noted, list(types), f"the security events that were noted of {identity}")


async def expect_progress(bench: Bench, identity: str, kind: str, status: str) -> None:
    """Go on where a job of this kind has got so far: diagnostics, firmware, signedFirmware or log. Raises Failed."""
    kept = (await bench.operator.charge_point(identity))["progress"]
    expect_equal(kept.get(kind), status, f"the progress of {kind}")


async def expect_reservation(bench: Bench, reservation_id: int, status: str, **more: object) -> None:
    """Go on where this became of a reservation. Raises Failed."""
    kept = await bench.operator.get(f"/reservations/{reservation_id}")
    wanted = {"status": status, **more}
    expect_equal({name: kept[name] for name in wanted}, wanted, f"the record of reservation {reservation_id}")


async def expect_connector(bench: Bench, identity: str, connector_id: int, status: str, **more: str) -> None:
    """Go on where a connector is on record so, where the record can be looked at. Raises Failed."""
    if bench.operator_or_none is None:
        return
    connectors = (await bench.operator.charge_point(identity))["connectors"]
    found: dict[str, Any] = next((each for each in connectors if each["connectorId"] == connector_id), {})
    wanted = {"status": status, **more}
    expect_equal(
        {name: found.get(name) for name in wanted}, wanted, f"the record of connector {connector_id}"
    )
