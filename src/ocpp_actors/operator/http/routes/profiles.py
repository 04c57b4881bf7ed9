"""Charging profiles: kept under a name, sent to charge points, and installed there."""

from collections.abc import Mapping
from typing import Any, Final

from ocpp_actors.central_system.rules import breach
from ocpp_actors.ledger.port import (
    FindNamedProfile,
    ListInstalledProfiles,
    ListNamedProfiles,
    NamedProfile,
    PutNamedProfile,
    RemoveNamedProfile,
)
from ocpp_actors.operator.http import examples
from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.models import (
    PROFILE_SCHEMA,
    InstalledProfileModel,
    InstalledProfilesModel,
    NamedProfileModel,
    PageQuery,
    ProfileSending,
)
from ocpp_actors.operator.http.operations import (
    Answer,
    Asked,
    Body,
    Content,
    Nothing,
    Operation,
    Reply,
    body_of,
    operation,
)
from ocpp_actors.operator.http.paging import json_answer, page_of, page_reply, text_in
from ocpp_actors.operator.http.problems import Fault
from ocpp_actors.operator.http.routes.calls import CALL_PROBLEMS, answered, answered_reply, attempted
from ocpp_actors.operator.http.routes.common import (
    CHARGE_POINT,
    NO_CONTENT,
    VERSIONED,
    etag,
    expected_version,
    known,
    location,
    not_found,
)
from ocpp_actors.operator.http.wire import Faulty, moved, read_message
from ocpp_actors.protocol.catalogue import ACTIONS
from ocpp_actors.protocol.messages import SetChargingProfile

TAG: Final = "Charging profiles"

WITHIN: Final = "/csChargingProfiles"

ONE: Final = Reply(200, "The profile.", (Content(NamedProfileModel, examples.NAMED_PROFILE),), ("ETag",))


def _sent(connector_id: int, profile: Any, shown_as: str) -> SetChargingProfile:
    """Return the request that sends a profile.

    Raises Faulty: the profile breaks its schema.
    """
    payload = {"connectorId": connector_id, "csChargingProfiles": profile}
    return read_message(SetChargingProfile, payload, WITHIN, shown_as)


def _read_profile(document: Any) -> dict[str, Any]:
    """Read the body that is a ChargingProfile. One for a transaction gets the transaction's id when it is sent."""
    _sent(0, document, "")
    purpose = document["chargingProfilePurpose"]
    tried = {**document, "transactionId": 1} if purpose == "TxProfile" else document
    broken = breach(_sent(0 if purpose == "ChargePointMaxProfile" else 1, tried, ""))
    if broken is not None:
        path = moved(broken.path, WITHIN, "")
        raise Faulty([Fault(path, f"{path.removeprefix('/')}: {broken.rule}", "rule")])
    return dict(document)


@operation(
    "GET",
    "/charging-profiles",
    summary="List named charging profiles",
    tag=TAG,
    query=PageQuery,
    replies=[page_reply(NamedProfileModel, "Profiles by name.", examples.NAMED_PROFILE)],
)
async def list_charging_profiles(desk: Desk, asked: Asked[PageQuery, Nothing]) -> Answer:
    """In the order of their names."""
    query = asked.query
    records = await desk.ask(ListNamedProfiles(after=text_in(query.cursor), limit=query.limit + 1))
    return await page_of(records, query.limit, _model, lambda record: record.name)


@operation(
    "GET",
    "/charging-profiles/{name}",
    summary="Look at a named charging profile",
    tag=TAG,
    replies=[ONE],
    problems=(p.NOT_FOUND,),
)
async def get_charging_profile(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """As it was put."""
    return _answer(await _known(desk, asked.path["name"]))


@operation(
    "PUT",
    "/charging-profiles/{name}",
    summary="Keep a charging profile under a name",
    tag=TAG,
    body=Body(PROFILE_SCHEMA, _read_profile, {"night": examples.PROFILE}),
    replies=[
        ONE,
        Reply(
            201,
            "It was added.",
            (Content(NamedProfileModel, examples.NAMED_PROFILE),),
            ("ETag", "Location"),
        ),
    ],
    problems=VERSIONED,
    request_headers=("If-Match", "If-None-Match", "X-Operator"),
)
async def put_charging_profile(desk: Desk, asked: Asked[Nothing, dict[str, Any]]) -> Answer:
    """Nothing is sent: charge points that have it keep what they have."""
    request = PutNamedProfile(asked.path["name"], asked.body, expected_version(asked.headers))
    record = await desk.change(request, asked.who)
    return _answer(record, created=record.version == 1)


@operation(
    "DELETE",
    "/charging-profiles/{name}",
    summary="Forget a named charging profile",
    tag=TAG,
    replies=[NO_CONTENT],
    problems=(p.NOT_FOUND, *VERSIONED),
    request_headers=("If-Match", "X-Operator"),
)
async def delete_charging_profile(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """Nothing is sent: charge points that have it keep it."""
    removal = RemoveNamedProfile(asked.path["name"], expected_version(asked.headers))
    if not await desk.change(removal, asked.who):
        raise not_found("charging profile", asked.path["name"])
    return Answer(status=204)


@operation(
    "GET",
    "/charge-points/{identity}/charging-profiles",
    summary="List the charging profiles of a charge point",
    tag=TAG,
    replies=[
        Reply(
            200,
            "By connector and chargingProfileId.",
            (Content(InstalledProfilesModel, examples.INSTALLED_PROFILES),),
        )
    ],
    problems=CHARGE_POINT,
)
async def list_installed_profiles(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """Those that it accepted and has not cleared since."""
    record = await known(desk, asked.path["identity"])
    items = [
        InstalledProfileModel(
            connector_id=each.connector_id, profile=each.profile, installed_at=each.installed_at
        )
        for each in await desk.ask(ListInstalledProfiles(record.identity))
    ]
    return json_answer(InstalledProfilesModel(items=items))


@operation(
    "POST",
    "/charge-points/{identity}/charging-profiles",
    summary="Send a charging profile to a charge point",
    tag=TAG,
    body=body_of(
        ProfileSending,
        named=examples.PROFILE_SENDING,
        given={"connectorId": 1, "profile": examples.PROFILE},
    ),
    replies=[answered_reply(ACTIONS["SetChargingProfile"])],
    problems=(*CALL_PROBLEMS, p.NOT_FOUND),
    request_headers=("X-Operator",),
)
async def post_charging_profile(desk: Desk, asked: Asked[Nothing, ProfileSending]) -> Answer:
    """Sends SetChargingProfile with the profile that is named, or given."""
    body = asked.body
    if (body.name is None) == (body.profile is None):
        raise p.broken_rule("/name", "give either a name or a profile")
    profile: Mapping[str, Any]
    if body.name is not None:
        profile = (await _known(desk, body.name)).profile
    else:
        assert body.profile is not None
        profile = body.profile
    if body.transaction_id is not None:
        profile = {**profile, "transactionId": body.transaction_id}
    try:
        request = _sent(body.connector_id, profile, "/profile")
    except Faulty as fault:
        raise p.faulty(p.INVALID_REQUEST, fault.faults) from None
    record = await attempted(
        desk.calls.call(asked.path["identity"], request, requested_by=asked.who), WITHIN, "/profile"
    )
    return json_answer(answered(record))


def _model(record: NamedProfile) -> NamedProfileModel:
    return NamedProfileModel(name=record.name, profile=record.profile, version=record.version)


def _answer(record: NamedProfile, *, created: bool = False) -> Answer:
    headers = {"ETag": etag(record.version)}
    if created:
        headers["Location"] = location("charging-profiles", record.name)
    return json_answer(_model(record), 201 if created else 200, **headers)


async def _known(desk: Desk, name: str) -> NamedProfile:
    record = await desk.ask(FindNamedProfile(name))
    if record is None:
        raise not_found("charging profile", name)
    return record


OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (
    list_charging_profiles,
    get_charging_profile,
    put_charging_profile,
    delete_charging_profile,
    list_installed_profiles,
    post_charging_profile,
)
