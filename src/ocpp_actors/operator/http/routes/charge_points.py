"""Charge points: listed, added, changed, removed."""

from typing import Any, Final

from ocpp_actors.ledger.port import (
    ChargePointRecord,
    PutChargePoint,
    RemoveChargePoint,
    VersionConflict,
)
from ocpp_actors.operator.http import examples
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.fleet_view import (
    changed_settings,
    charge_point_model,
    find,
    settings_from,
)
from ocpp_actors.operator.http.models import (
    ChargePointModel,
    ChargePointPatch,
    ChargePointPut,
    ChargePointsQuery,
)
from ocpp_actors.operator.http.operations import (
    Answer,
    Asked,
    Content,
    Nothing,
    Operation,
    Reply,
    body_of,
    operation,
)
from ocpp_actors.operator.http.paging import cursor_of, json_answer, page_reply, page_with, text_in
from ocpp_actors.operator.http.routes.common import (
    CHARGE_POINT,
    NO_CONTENT,
    VERSIONED,
    etag,
    expected_version,
    known,
    location,
    refresh,
    unknown_charge_point,
)

TAG = "Charge points"

ONE = Reply(200, "The charge point.", (Content(ChargePointModel, examples.CHARGE_POINT),), headers=("ETag",))
CREATED = Reply(
    201, "It was added.", (Content(ChargePointModel, examples.CHARGE_POINT),), headers=("ETag", "Location")
)

RETRIES = 5
"""How often a change is made anew that met another one, where no version was asked for."""


@operation(
    "GET",
    "/charge-points",
    summary="List charge points",
    tag=TAG,
    query=ChargePointsQuery,
    replies=[page_reply(ChargePointModel, "Charge points by identity.", examples.CHARGE_POINT)],
)
async def list_charge_points(desk: Desk, asked: Asked[ChargePointsQuery, Nothing]) -> Answer:
    """In the order of their identities, without regard to case.

    With `online=false` a page may have fewer items than `limit` although there are more.
    """
    records, after = await find(desk, asked.query, text_in(asked.query.cursor))
    next_cursor = None if after is None else cursor_of(after)
    return await page_with(records, lambda record: charge_point_model(desk, record), next_cursor)


@operation(
    "GET",
    "/charge-points/{identity}",
    summary="Look at a charge point",
    tag=TAG,
    replies=[ONE],
    problems=CHARGE_POINT,
)
async def get_charge_point(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """What is known of it, and how it is now."""
    return _answer(desk, await known(desk, asked.path["identity"]))


@operation(
    "PUT",
    "/charge-points/{identity}",
    summary="Add a charge point, or decide anew about it",
    tag=TAG,
    body=body_of(ChargePointPut, decided=examples.CHARGE_POINT_PUT),
    replies=[ONE, CREATED],
    problems=VERSIONED,
    request_headers=("If-Match", "If-None-Match", "X-Operator"),
)
async def put_charge_point(desk: Desk, asked: Asked[Nothing, ChargePointPut]) -> Answer:
    """Settings that are left out are strict. Without a registration it keeps the one that it has, or gets one at its
    first boot.
    """
    request = PutChargePoint(
        asked.path["identity"],
        asked.body.registration,
        settings_from(asked.body.settings),
        desk.clock.now(),
        expected_version(asked.headers),
    )
    record = await desk.change(request, asked.who)
    refresh(desk, record)
    return _answer(desk, record, created=record.version == 1)


@operation(
    "PATCH",
    "/charge-points/{identity}",
    summary="Change what was decided about a charge point",
    tag=TAG,
    body=body_of(ChargePointPatch, lenient={"settings": {"lenient": True}}),
    replies=[ONE],
    problems=(*CHARGE_POINT, *VERSIONED),
    request_headers=("If-Match", "X-Operator"),
)
async def patch_charge_point(desk: Desk, asked: Asked[Nothing, ChargePointPatch]) -> Answer:
    """What is left out stays."""
    expected = expected_version(asked.headers)
    for attempt in range(RETRIES):
        present = await known(desk, asked.path["identity"])
        request = PutChargePoint(
            present.identity,
            asked.body.registration,
            changed_settings(present.settings, asked.body.settings),
            desk.clock.now(),
            present.version if expected is None else expected,
        )
        try:
            record = await desk.change(request, asked.who)
        except VersionConflict:
            if expected is not None or attempt == RETRIES - 1:
                raise
        else:
            refresh(desk, record)
            return _answer(desk, record)
    raise AssertionError("the last attempt returns or raises")


@operation(
    "DELETE",
    "/charge-points/{identity}",
    summary="Remove a charge point",
    tag=TAG,
    replies=[NO_CONTENT],
    problems=(*CHARGE_POINT, *VERSIONED),
    request_headers=("If-Match", "X-Operator"),
)
async def delete_charge_point(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """Its connection is closed. Its transactions and past calls stay; waiting calls become `lost`."""
    identity = asked.path["identity"]
    removal = RemoveChargePoint(identity, desk.clock.now(), expected_version(asked.headers))
    if not await desk.change(removal, asked.who):
        raise unknown_charge_point(identity)
    desk.fleet.remove(identity)
    return Answer(status=204)


def _answer(desk: Desk, record: ChargePointRecord, *, created: bool = False) -> Answer:
    headers = {"ETag": etag(record.version)}
    if created:
        headers["Location"] = location("charge-points", record.identity)
    return json_answer(charge_point_model(desk, record), 201 if created else 200, **headers)


OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (
    list_charge_points,
    get_charge_point,
    put_charge_point,
    patch_charge_point,
    delete_charge_point,
)
