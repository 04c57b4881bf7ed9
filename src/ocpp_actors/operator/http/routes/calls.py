"""Calls: every action of the central system as an operation, and what became of those that were asked for."""

from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import Any, Final, TypeVar

from attrs import AttrsInstance

from ocpp_actors.charge_point.mailbox import MailboxFull
from ocpp_actors.ledger.masking import mask_document
from ocpp_actors.ledger.port import CommandRecord, CommandState, FindCommand, ListCommands
from ocpp_actors.operator.calls import IdempotencyKeyReused, RuleBroken
from ocpp_actors.operator.http import examples
from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.models import (
    ActionModel,
    CallModel,
    CallQuery,
    CallsQuery,
    QueuedCall,
    call_model,
)
from ocpp_actors.operator.http.operations import (
    Answer,
    Asked,
    Content,
    Nothing,
    Operation,
    Reply,
    message_body,
    operation,
)
from ocpp_actors.operator.http.paging import json_answer, number_in, page_of, page_reply
from ocpp_actors.operator.http.routes.common import location, not_found
from ocpp_actors.operator.http.wire import message_schema, moved
from ocpp_actors.protocol.catalogue import ACTIONS, Action, Role
from ocpp_actors.server.fleet import NotAllowed, NotConnected, UnknownChargePoint

T = TypeVar("T")

TAG: Final = "Calls"

SERVER_ACTIONS: Final = tuple(
    sorted(
        (action for action in ACTIONS.values() if Role.CENTRAL_SYSTEM in action.senders),
        key=lambda action: action.name,
    )
)

CALL_PROBLEMS: Final = (
    p.UNKNOWN_CHARGE_POINT,
    p.NOT_CONNECTED,
    p.NOT_ALLOWED,
    p.KEY_REUSED,
    p.INVALID_REQUEST,
    p.MAILBOX_FULL,
    p.CALL_ERROR,
    p.INVALID_ANSWER,
    p.CONNECTION_LOST,
    p.NO_ANSWER,
    p.NOT_SENT,
)

MAX_IDEMPOTENCY_KEY: Final = 255


# --- sending ---------------------------------------------------------------------------------------------------


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Return the idempotency key of a request.

    Raises Problem: it cannot be used.
    """
    key = headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= MAX_IDEMPOTENCY_KEY and key.isascii() and key.isprintable()):
        raise p.bad_parameter(
            "Idempotency-Key", f"it has 1 to {MAX_IDEMPOTENCY_KEY} printable ASCII characters"
        )
    return key


async def attempted(calling: Awaitable[T], within: str = "", shown_as: str = "") -> T:
    """Wait for a call. A broken rule below the pointer ``within`` is told as below ``shown_as``.

    Raises Problem: it was not sent.
    """
    try:
        return await calling
    except RuleBroken as broken:
        raise p.broken_rule(moved(broken.path, within, shown_as), str(broken)) from None
    except UnknownChargePoint as error:
        raise p.Problem(p.UNKNOWN_CHARGE_POINT, str(error)) from None
    except NotConnected as error:
        raise p.Problem(p.NOT_CONNECTED, str(error)) from None
    except NotAllowed as error:
        raise p.Problem(p.NOT_ALLOWED, str(error)) from None
    except IdempotencyKeyReused as error:
        raise p.Problem(p.KEY_REUSED, str(error)) from None
    except MailboxFull as error:
        raise p.try_later(p.MAILBOX_FULL, str(error)) from None


def answered(record: CommandRecord) -> dict[str, Any]:
    """Return the answer to a call as it is shown.

    Raises Problem: there is none, or none that is valid.
    """
    detail = mask_document(record.detail) or {}
    base: dict[str, Any] = {"callId": record.command_id}
    if record.message_id is not None:
        base |= {"messageId": record.message_id, "seconds": detail.get("seconds", 0.0)}
    error: dict[str, Any] = {name: detail.get(name) or "" for name in ("errorCode", "errorDescription")}
    reason = str(detail.get("reason") or detail.get("errorDescription") or "")
    match record.state:
        case CommandState.ANSWERED:
            return {**base, "status": "answered", "response": detail.get("response", {})}
        case CommandState.CALL_ERROR:
            said = f"{error['errorCode']}: {error['errorDescription'] or 'no description'}"
            raise p.Problem(p.CALL_ERROR, said, **base, **error, errorDetails=detail.get("errorDetails", {}))
        case CommandState.INVALID:
            raise p.Problem(
                p.INVALID_ANSWER,
                reason or "it breaks its schema",
                **base,
                **error,
                answer=detail.get("response"),
            )
        case CommandState.TIMEOUT | CommandState.SENT:
            raise p.Problem(p.NO_ANSWER, reason or "no answer came in time", **base)
        case CommandState.LOST | CommandState.UNKNOWN:
            raise p.Problem(p.CONNECTION_LOST, reason or "it is not known what became of it", **base)
        case CommandState.EXPIRED | CommandState.WAITING:
            raise p.Problem(p.NOT_SENT, reason or "it could not be sent in time", **base)


def answered_schema(action: Action, **more: Any) -> dict[str, Any]:
    """Return the JSON Schema of the answer to a call of this action."""
    properties = {
        "callId": {"type": "integer"},
        "messageId": {"type": "string"},
        "status": {"type": "string", "enum": ["answered"]},
        "response": message_schema(action.response),
        "seconds": {"type": "number", "description": "From the sending to the answer."},
        **more,
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def answered_example(action: Action, **more: Any) -> dict[str, Any]:
    """Return an example of the answer to a call of this action."""
    return {
        "callId": 17,
        "messageId": "5d1f4a3e-9f7b-4c4e-8a51-6f3a8f6f2f10",
        "status": "answered",
        "response": examples.RESPONSES.get(action.name, examples.ACCEPTED),
        "seconds": 0.21,
        **more,
    }


def answered_reply(action: Action, **more: Any) -> Reply:
    """Return the documented answer to a call of this action."""
    content = Content(answered_schema(action), answered_example(action, **more))
    return Reply(200, "What the charge point answered.", (content,))


def _of_action(action: Action) -> Operation[CallQuery, Any]:
    """Make the operation that asks this of a charge point."""
    decorate = operation(
        "POST",
        f"/charge-points/{{identity}}/calls/{action.name}",
        name=f"call_{action.name}",
        summary=f"{action.name}: {(action.request.__doc__ or '').partition('. ')[0]}",
        tag=f"{TAG}: {action.profile}",
        description=_CALL_DESCRIPTION,
        query=CallQuery,
        body=message_body(action.request, message_schema(action.request), examples.REQUESTS[action.name]),
        replies=[
            answered_reply(action),
            Reply(
                202, "It waits until it can be sent.", (Content(QueuedCall, examples.QUEUED),), ("Location",)
            ),
        ],
        problems=CALL_PROBLEMS,
        request_headers=("Idempotency-Key", "X-Operator"),
    )
    return decorate(_call)


_CALL_DESCRIPTION: Final = """\
The body is the request as OCPP has it; its answer comes back as the charge point gave it. (The answer of a charge point
that is marked `lenient` may break its schema.)

With `wait=queue` the call is kept, also over a restart of the server, until the charge point can be asked.

An `Idempotency-Key` makes it safe to send this again: one charge point is asked once, and the answer is the first one.
"""


async def _call(desk: Desk, asked: Asked[CallQuery, AttrsInstance]) -> Answer:
    identity, key = asked.path["identity"], idempotency_key(asked.headers)
    if asked.query.wait is None:
        record = await attempted(
            desk.calls.call(identity, asked.body, requested_by=asked.who, idempotency_key=key)
        )
        return json_answer(answered(record))
    record = await attempted(
        desk.calls.queue(
            identity,
            asked.body,
            time_to_live=timedelta(seconds=asked.query.ttl),
            requested_by=asked.who,
            idempotency_key=key,
        )
    )
    queued = QueuedCall(call_id=record.command_id, status=record.state.value, expires_at=record.expires_at)
    return json_answer(queued, 202, Location=location("calls", record.command_id))


def unknown_action(asked_for: str) -> p.Problem:
    """Make the problem of an action that a central system does not ask for."""
    known = ", ".join(action.name for action in SERVER_ACTIONS)
    return p.Problem(p.UNKNOWN_ACTION, f"{asked_for} is none of {known}")


# --- looking back ----------------------------------------------------------------------------------------------


@operation(
    "GET",
    "/calls",
    summary="List calls",
    tag=TAG,
    query=CallsQuery,
    replies=[page_reply(CallModel, "Calls, newest first.", examples.CALL)],
)
async def list_calls(desk: Desk, asked: Asked[CallsQuery, Nothing]) -> Answer:
    """What operators asked of charge points, and what became of it."""
    query = asked.query
    records = await desk.ask(
        ListCommands(
            identity=query.charge_point,
            state=None if query.state is None else CommandState(query.state),
            limit=query.limit + 1,
            newest_first=True,
            before=number_in(query.cursor),
        )
    )
    return await page_of(records, query.limit, call_model, lambda record: record.command_id)


@operation(
    "GET",
    "/calls/{id}",
    summary="Look at a call",
    tag=TAG,
    replies=[Reply(200, "The call.", (Content(CallModel, examples.CALL),))],
    problems=(p.NOT_FOUND,),
)
async def get_call(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """Who asked for it, when, and what became of it."""
    record = await desk.ask(FindCommand(asked.path["id"]))
    if record is None:
        raise not_found("call", asked.path["id"])
    return json_answer(call_model(record))


@operation(
    "GET",
    "/actions",
    summary="List the actions that may be asked of a charge point",
    tag=TAG,
    replies=[
        Reply(
            200,
            "The actions, by name.",
            (
                Content(
                    list[ActionModel],
                    [
                        {
                            "action": "ClearCache",
                            "profile": "Core",
                            "schema": message_schema(ACTIONS["ClearCache"].request),
                            "responseSchema": message_schema(ACTIONS["ClearCache"].response),
                        }
                    ],
                ),
            ),
        )
    ],
)
async def list_actions(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:  # noqa: ARG001 — as all handlers
    """With the JSON Schemas of their requests and responses."""
    return json_answer(
        [
            {
                "action": action.name,
                "profile": action.profile.value,
                "schema": message_schema(action.request),
                "responseSchema": message_schema(action.response),
            }
            for action in SERVER_ACTIONS
        ]
    )


OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (
    *(_of_action(action) for action in SERVER_ACTIONS),
    list_calls,
    get_call,
    list_actions,
)
