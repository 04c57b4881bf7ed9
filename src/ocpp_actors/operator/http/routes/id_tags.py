"""IdTags: who may charge."""

from typing import Any, Final

from ocpp_actors.ledger.port import FindIdTag, IdTag, ListIdTags, PutIdTag, RemoveIdTag
from ocpp_actors.operator.http import examples
from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.models import IdTagModel, IdTagPut, SearchQuery, id_tag_model
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
from ocpp_actors.operator.http.paging import json_answer, page_of, page_reply, text_in
from ocpp_actors.operator.http.routes.common import (
    NO_CONTENT,
    VERSIONED,
    etag,
    expected_version,
    location,
    not_found,
)

TAG: Final = "IdTags"

ONE: Final = Reply(200, "The idTag.", (Content(IdTagModel, examples.ID_TAG),), ("ETag",))


@operation(
    "GET",
    "/id-tags",
    summary="List idTags",
    tag=TAG,
    query=SearchQuery,
    replies=[page_reply(IdTagModel, "IdTags, without regard to case.", examples.ID_TAG)],
)
async def list_id_tags(desk: Desk, asked: Asked[SearchQuery, Nothing]) -> Answer:
    """In their order without regard to case."""
    query = asked.query
    records = await desk.ask(
        ListIdTags(after=text_in(query.cursor), limit=query.limit + 1, search=query.search)
    )
    return await page_of(records, query.limit, id_tag_model, lambda record: record.id_tag.casefold())


@operation(
    "GET", "/id-tags/{idTag}", summary="Look at an idTag", tag=TAG, replies=[ONE], problems=(p.NOT_FOUND,)
)
async def get_id_tag(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """What is known of it."""
    record = await desk.ask(FindIdTag(asked.path["idTag"]))
    if record is None:
        raise not_found("idTag", asked.path["idTag"])
    return _answer(record)


@operation(
    "PUT",
    "/id-tags/{idTag}",
    summary="Add or replace an idTag",
    tag=TAG,
    body=body_of(IdTagPut, accepted=examples.ID_TAG_PUT, blocked={"status": "Blocked"}),
    replies=[
        ONE,
        Reply(201, "It was added.", (Content(IdTagModel, examples.ID_TAG),), ("ETag", "Location")),
    ],
    problems=VERSIONED,
    request_headers=("If-Match", "If-None-Match", "X-Operator"),
)
async def put_id_tag(desk: Desk, asked: Asked[Nothing, IdTagPut]) -> Answer:
    """What is left out is unlimited."""
    body = asked.body
    tag = IdTag(
        id_tag=asked.path["idTag"],
        status=body.status,
        expiry_date=body.expiry_date,
        parent_id_tag=body.parent_id_tag,
        max_active_transactions=body.max_active_transactions,
    )
    record = await desk.change(PutIdTag(tag, expected_version(asked.headers)), asked.who)
    return _answer(record, created=record.version == 1)


@operation(
    "DELETE",
    "/id-tags/{idTag}",
    summary="Remove an idTag",
    tag=TAG,
    replies=[NO_CONTENT],
    problems=(p.NOT_FOUND, *VERSIONED),
    request_headers=("If-Match", "X-Operator"),
)
async def delete_id_tag(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """It is unknown from then on."""
    removal = RemoveIdTag(asked.path["idTag"], expected_version(asked.headers))
    if not await desk.change(removal, asked.who):
        raise not_found("idTag", asked.path["idTag"])
    return Answer(status=204)


def _answer(record: IdTag, *, created: bool = False) -> Answer:
    headers = {"ETag": etag(record.version)}
    if created:
        headers["Location"] = location("id-tags", record.id_tag)
    return json_answer(id_tag_model(record), 201 if created else 200, **headers)


OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (list_id_tags, get_id_tag, put_id_tag, delete_id_tag)
