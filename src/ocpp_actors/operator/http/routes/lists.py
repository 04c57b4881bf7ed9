"""What a charge point keeps: its configuration and its local authorization list, as far as they are known."""

from typing import Any, Final

from ocpp_actors.ledger.port import FindLocalList, IdTag, ListConfiguration, ListIdTags
from ocpp_actors.operator import local_list
from ocpp_actors.operator.http import examples
from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.models import (
    ConfigurationKeyModel,
    ConfigurationModel,
    LocalListModel,
    LocalListSending,
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
from ocpp_actors.operator.http.paging import json_answer
from ocpp_actors.operator.http.routes.calls import (
    CALL_PROBLEMS,
    answered,
    answered_example,
    answered_schema,
    attempted,
)
from ocpp_actors.operator.http.routes.common import CHARGE_POINT, known
from ocpp_actors.protocol.catalogue import ACTIONS

TAG: Final = "Configuration and lists"

_SEND: Final = ACTIONS["SendLocalList"]
_VERSION: Final = {"listVersion": {"type": "integer", "description": "The version that was sent last."}}


@operation(
    "GET",
    "/charge-points/{identity}/configuration",
    summary="Look at the configuration of a charge point",
    tag=TAG,
    replies=[Reply(200, "By key.", (Content(ConfigurationModel, examples.CONFIGURATION),))],
    problems=CHARGE_POINT,
)
async def get_configuration(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """As GetConfiguration and ChangeConfiguration showed it last."""
    record = await known(desk, asked.path["identity"])
    keys = await desk.ask(ListConfiguration(record.identity))
    items = [
        ConfigurationKeyModel(
            key=each.key,
            value=each.value,
            readonly=each.readonly,
            reboot_required=each.reboot_required,
            seen_at=each.seen_at,
        )
        for each in keys
    ]
    return json_answer(ConfigurationModel(items=items))


@operation(
    "GET",
    "/charge-points/{identity}/local-list",
    summary="Look at the local authorization list of a charge point",
    tag=TAG,
    replies=[Reply(200, "The list.", (Content(LocalListModel, examples.LOCAL_LIST),))],
    problems=CHARGE_POINT,
)
async def get_local_list(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """What it accepted. `entries` is null where only the version is known, and all is where nothing is."""
    record = await known(desk, asked.path["identity"])
    found = await desk.ask(FindLocalList(record.identity))
    if found is None:
        return json_answer(LocalListModel(version=None, entries=None, changed_at=None))
    entries = None if found.entries is None else list(found.entries.values())
    return json_answer(LocalListModel(version=found.version, entries=entries, changed_at=found.changed_at))


@operation(
    "POST",
    "/charge-points/{identity}/local-list",
    summary="Bring the local authorization list of a charge point up to date",
    tag=TAG,
    body=body_of(LocalListSending, full={"updateType": "Full"}, differential={"updateType": "Differential"}),
    replies=[
        Reply(
            200,
            "What the charge point answered, to the last request if there were several.",
            (Content(answered_schema(_SEND, **_VERSION), answered_example(_SEND, listVersion=4)),),
        )
    ],
    problems=(*CALL_PROBLEMS, p.UNKNOWN_LIST),
    request_headers=("X-Operator",),
)
async def post_local_list(desk: Desk, asked: Asked[Nothing, LocalListSending]) -> Answer:
    """Sends all known idTags (`Full`), or what changed since the list that the charge point has (`Differential`).

    Versions are managed. Where the charge point told its `SendLocalListMaxLength`, several requests are sent; they end
    with the first that it does not accept.
    """
    record = await known(desk, asked.path["identity"])
    present = await desk.ask(FindLocalList(record.identity))
    longest = local_list.longest_request(await desk.ask(ListConfiguration(record.identity)))
    try:
        requests = local_list.requests(asked.body.update_type, await _all_tags(desk), present, longest)
    except local_list.UnknownList as error:
        raise p.Problem(p.UNKNOWN_LIST, str(error)) from None
    shown: dict[str, Any] = {}
    for request in requests:
        called = await attempted(desk.calls.call(record.identity, request, requested_by=asked.who))
        shown = {**answered(called), "listVersion": request.list_version}
        if shown["response"].get("status") != "Accepted":
            break
    return json_answer(shown)


async def _all_tags(desk: Desk) -> list[IdTag]:
    tags: list[IdTag] = []
    while page := await desk.ask(ListIdTags(after=tags[-1].id_tag.casefold() if tags else "", limit=1000)):
        tags += page
    return tags


OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (get_configuration, get_local_list, post_local_list)
