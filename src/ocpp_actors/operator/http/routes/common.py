"""What several routes share: documented headers and problems, versions in headers, charge points that exist."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from ocpp_actors.ledger.port import ChargePointRecord, FindChargePoint
from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.operations import Reply

CHARGE_POINT: Final = (p.UNKNOWN_CHARGE_POINT,)
VERSIONED: Final = (p.VERSION_CONFLICT,)

NO_CONTENT: Final = Reply(204, "Done.")

BASE: Final = "/api/v1"

_VERSION: Final = re.compile(r'"([1-9][0-9]{0,14})"')


def expected_version(headers: Mapping[str, str]) -> int | None:
    """Return the version that is to be changed: that of If-Match; 0 for ``If-None-Match: *``; None: whatever it is.

    Raises Problem: a header is anything else.
    """
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if match is not None and none_match is not None:
        raise p.bad_parameter("If-None-Match", "it contradicts If-Match")
    if none_match is not None:
        if none_match.strip() != "*":
            raise p.bad_parameter("If-None-Match", "only * is understood here", "enum")
        return 0
    if match is None:
        return None
    version = _VERSION.fullmatch(match.strip())
    if version is None:
        raise p.bad_parameter("If-Match", 'it is the ETag that was given, such as "3"', "pattern")
    return int(version[1])


def etag(version: int) -> str:
    """Return the ETag of a version."""
    return f'"{version}"'


async def known(desk: Desk, identity: str) -> ChargePointRecord:
    """Return the record of a charge point.

    Raises Problem: there is none.
    """
    record = await desk.ask(FindChargePoint(identity))
    if record is None:
        raise unknown_charge_point(identity)
    return record


def unknown_charge_point(identity: str) -> p.Problem:
    """Make the problem of a charge point that does not exist."""
    return p.Problem(p.UNKNOWN_CHARGE_POINT, f"there is no charge point {identity}")


def not_found(what: str, name: Any) -> p.Problem:
    """Make the problem of something that does not exist."""
    return p.Problem(p.NOT_FOUND, f"there is no {what} {name}")


def refresh(desk: Desk, record: ChargePointRecord) -> None:
    """Make an operator's decision about a charge point count at once, if it is in memory."""
    if desk.fleet.find(record.identity) is not None:
        desk.fleet.entry(record)


def location(*parts: object) -> str:
    """Return the path of something that the API has."""
    return "/".join((BASE, *(quote(str(part), safe="") for part in parts)))
