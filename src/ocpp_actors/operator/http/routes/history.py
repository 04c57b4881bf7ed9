"""What happened: messages, security events, operators' changes, and events as they come."""

from collections.abc import AsyncIterator
from datetime import UTC
from typing import Any, Final

import orjson

from ocpp_actors.ledger.message_entries import MessageEntry, MessagePage, MessageQuery
from ocpp_actors.ledger.port import (
    ListOperatorWrites,
    ListSecurityEvents,
    OperatorWrite,
    RequestFailed,
    SecurityEvent,
)
from ocpp_actors.operator.event_data import TYPES
from ocpp_actors.operator.http import examples
from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.export import AT_ONCE, NDJSON, preferred
from ocpp_actors.operator.http.models import (
    ChangeModel,
    EventsQuery,
    MessageModel,
    MessagesQuery,
    PageQuery,
    SecurityEventModel,
    SecurityEventsQuery,
    message_model,
)
from ocpp_actors.operator.http.operations import (
    JSON,
    Answer,
    Asked,
    Content,
    Nothing,
    Operation,
    Reply,
    Streamed,
    operation,
)
from ocpp_actors.operator.http.paging import Page, number_in, page_of, page_reply, page_with

TAG: Final = "History"

EVENT_STREAM: Final = "text/event-stream"


@operation(
    "GET",
    "/messages",
    summary="Search or export the message log",
    tag=TAG,
    query=MessagesQuery,
    replies=[
        Reply(
            200,
            "Frames.",
            (
                Content(Page(MessageModel), {"items": [examples.MESSAGE], "nextCursor": None}),
                Content(
                    {"type": "string"},
                    '{"at":"2026-03-01T12:00:00+00:00","chargePoint":"CP-0042","direction":"in",'
                    '"frame":"[2,\\"19\\",\\"Heartbeat\\",{}]"}\n',
                    NDJSON,
                ),
            ),
        )
    ],
)
async def list_messages(desk: Desk, asked: Asked[MessagesQuery, Nothing]) -> Answer | Streamed:
    """With `Accept: application/x-ndjson` all that match come, oldest first: what `ocpp-actors check` reads."""
    query = asked.query
    as_lines = preferred(asked.headers.get("accept", ""), (JSON, NDJSON)) == NDJSON
    newest_first = query.order == "newest" and not as_lines

    async def fetch(cursor: str | None, limit: int) -> MessagePage:
        try:
            return await desk.find_messages(
                MessageQuery(
                    identity=query.charge_point,
                    direction=query.direction,
                    action=query.action,
                    since=query.since,
                    search=query.search,
                    newest_first=newest_first,
                    cursor=cursor,
                    limit=limit,
                )
            )
        except RequestFailed as error:
            raise p.bad_parameter("/cursor", str(error)) from None

    if as_lines:
        first = await fetch(query.cursor, AT_ONCE)
        return Streamed(_lines(first, fetch), NDJSON)
    page = await fetch(query.cursor, query.limit)
    more = len(page.entries) == query.limit
    return await page_with(page.entries, message_model, page.cursor if more else None)


async def _lines(page: MessagePage, fetch: Any) -> AsyncIterator[bytes]:
    while page.entries:
        yield b"".join(_line(entry) for entry in page.entries)
        if len(page.entries) < AT_ONCE:
            return
        page = await fetch(page.cursor, AT_ONCE)


def _line(entry: MessageEntry) -> bytes:
    line = {
        "at": entry.at.astimezone(UTC).isoformat(),
        "chargePoint": entry.identity,
        "direction": entry.direction,
        "frame": entry.text,
    }
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


@operation(
    "GET",
    "/security-events",
    summary="List security events",
    tag=TAG,
    query=SecurityEventsQuery,
    replies=[page_reply(SecurityEventModel, "Security events, newest first.", examples.SECURITY_EVENT)],
)
async def list_security_events(desk: Desk, asked: Asked[SecurityEventsQuery, Nothing]) -> Answer:
    """Those that charge points reported, and those that the server noticed itself."""
    query = asked.query
    records = await desk.ask(
        ListSecurityEvents(
            identity=query.charge_point,
            limit=query.limit + 1,
            before=number_in(query.cursor),
            type=query.type,
            origin=query.origin,
        )
    )
    return await page_of(records, query.limit, _security_event, lambda record: record.event_id)


def _security_event(event: SecurityEvent) -> SecurityEventModel:
    return SecurityEventModel(
        charge_point=event.identity or None,
        type=event.type,
        timestamp=event.timestamp,
        tech_info=event.tech_info,
        origin=event.origin,
        received_at=event.received_at,
    )


@operation(
    "GET",
    "/changes",
    summary="List what operators changed",
    tag=TAG,
    query=PageQuery,
    replies=[page_reply(ChangeModel, "Changes, newest first.", examples.CHANGE)],
)
async def list_changes(desk: Desk, asked: Asked[PageQuery, Nothing]) -> Answer:
    """Who changed what, and when. What they asked of charge points is among the calls."""
    query = asked.query
    records = await desk.ask(ListOperatorWrites(limit=query.limit + 1, before=number_in(query.cursor)))
    return await page_of(records, query.limit, _change, lambda record: record.write_id)


def _change(write: OperatorWrite) -> ChangeModel:
    return ChangeModel(
        at=write.at, operator=write.operator, what=write.what, subject=write.subject, detail=write.detail
    )


@operation(
    "GET",
    "/events",
    summary="Follow events",
    tag=TAG,
    query=EventsQuery,
    replies=[
        Reply(
            200,
            "Server-Sent Events, as they come.",
            (
                Content(
                    {},
                    "id: 1a2b-17\nevent: status\n"
                    'data: {"chargePoint":"CP-0042","at":"2026-03-01T12:00:00.000Z","connectorId":1,'
                    '"status":"Charging","errorCode":"NoError"}\n\n',
                    EVENT_STREAM,
                ),
            ),
        )
    ],
    problems=(p.TOO_MANY_CLIENTS,),
    request_headers=("Last-Event-ID",),
)
async def follow_events(desk: Desk, asked: Asked[EventsQuery, Nothing]) -> Streamed:
    """Types: `connection`, `status`, `transaction`, `meterValues`, `message`, `call`, `progress`, `reservation`,
    `securityEvent`, `flag`, `restart`.

    `Last-Event-ID` resumes after that event; where that is not possible, `gap` comes first. A client that does not read
    is dropped, with `dropped` as the last event if it still can be told.
    """
    query = asked.query
    types = None if query.types is None else frozenset(query.types.split(","))
    unknown = (types or frozenset()).difference(TYPES)
    if unknown:
        known = ", ".join(TYPES)
        raise p.bad_parameter("/types", f"{min(unknown)!r} is none of {known}")
    last = asked.headers.get("last-event-id") or query.last_event_id
    return Streamed(
        desk.feed.stream(types, query.charge_point, last), EVENT_STREAM, {"X-Accel-Buffering": "no"}
    )


OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (
    list_messages,
    list_security_events,
    list_changes,
    follow_events,
)
