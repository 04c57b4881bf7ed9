"""The API as an ASGI application: its routes on Litestar, and what stands before them."""

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import orjson
import structlog
from litestar import Litestar, Request, Response
from litestar.exceptions import (
    ClientException,
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
)
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from ocpp_actors.central_system.keys import TooManyKeys
from ocpp_actors.ledger.port import LedgerUnavailable, RequestFailed, VersionConflict
from ocpp_actors.operator.events import TooManyClients
from ocpp_actors.operator.http import openapi
from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.front import MAX_BODY, Front
from ocpp_actors.operator.http.operations import (
    Answer,
    Asked,
    Content,
    Nothing,
    Operation,
    Reply,
    Streamed,
    operation,
    send_answer,
    send_stream,
)
from ocpp_actors.operator.http.routes import (
    calls,
    certificates,
    charge_points,
    history,
    id_tags,
    keys,
    lists,
    misbehaviour,
    overview,
    profiles,
    reservations,
    transactions,
    upgrade,
)
from ocpp_actors.operator.http.routes.common import BASE
from ocpp_actors.operator.http.static import StaticFile, files_in

log = structlog.get_logger(__name__)

MODULES: Final = (
    overview,
    charge_points,
    keys,
    certificates,
    upgrade,
    lists,
    profiles,
    reservations,
    calls,
    transactions,
    id_tags,
    history,
    misbehaviour,
)


def create_application(desk: Desk) -> Front:
    """Return the application; ``desk`` has what it works with.

    It needs no lifespan: whatever it uses is opened and closed by who made the desk.
    """
    _written_document(login_required=desk.guard.login_required)  # now, not while charge points are served
    return Front(_routes(desk.dashboard), desk, problem_of)


@lru_cache(maxsize=1)
def _routes(dashboard: Path) -> Litestar:
    """Return the routes, which belong to no desk: to make them takes a good part of a second."""
    handlers = [_handler(each, BASE) for each in OPERATIONS]
    handlers += [_handler(each, "") for each in overview.ROOT_OPERATIONS]
    handlers.append(_unknown_actions())
    files = dict(files_in(dashboard))
    if files:
        handlers.append(_files_handler(files))
    return Litestar(
        route_handlers=[_options_handler(handlers), *handlers],
        openapi_config=None,
        logging_config=None,
        exception_handlers={Exception: _problem_response},
        request_max_body_size=MAX_BODY,
    )


def api_document(*, login_required: bool = True) -> dict[str, Any]:
    """Return the OpenAPI document of an API, as a server with or without a token shows it."""
    return openapi.document(OPERATIONS, BASE, login_required=login_required)


@cache
def _written_document(*, login_required: bool) -> bytes:
    return orjson.dumps(api_document(login_required=login_required))


@operation(
    "GET",
    "/schema",
    summary="This document",
    tag=overview.TAG,
    replies=[Reply(200, "OpenAPI 3.1.", (Content({"type": "object"}),))],
)
async def schema(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:  # noqa: ARG001 — as all handlers
    """As JSON."""
    return Answer(_written_document(login_required=desk.guard.login_required))


OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (
    *overview.SESSION_OPERATIONS,
    *(each for module in MODULES for each in module.OPERATIONS),
    schema,
)
"""Those below the base, in the order of the document."""


def _handler(each: Operation[Any, Any], base: str) -> HTTPRouteHandler:
    async def handle(request: Request[Any, Any, Any]) -> ASGIApp:
        desk: Desk = request.scope["state"]["desk"]
        answer = await each.answer(desk, request)
        if isinstance(answer, Streamed):
            return _streaming(answer, desk)
        return _answering(answer)

    path = base + each.path.replace("}", ":str}")
    methods: Any = ["GET", "HEAD"] if each.method == "GET" else [each.method]
    return _litestar(path, methods, handle)


def _unknown_actions() -> HTTPRouteHandler:
    async def handle(request: Request[Any, Any, Any]) -> ASGIApp:
        caller = request.scope["state"]["caller"]
        raise caller if isinstance(caller, p.Problem) else calls.unknown_action(request.path_params["action"])

    return _litestar(f"{BASE}/charge-points/{{identity:str}}/calls/{{action:str}}", ["POST"], handle)


def _files_handler(files: Mapping[str, StaticFile]) -> HTTPRouteHandler:
    async def handle(request: Request[Any, Any, Any]) -> ASGIApp:
        return _answering(files[request.scope["path"]].answer(request.headers))

    return _litestar(list(files), ["GET", "HEAD"], handle)


def _options_handler(handlers: Iterable[HTTPRouteHandler]) -> HTTPRouteHandler:
    """Return the handler of OPTIONS: Litestar's own would name only the methods of the first handler of a path."""
    methods: dict[str, set[str]] = {}
    for handler in handlers:
        for path in handler.paths:
            methods.setdefault(path, {"OPTIONS"}).update(handler.http_methods)
    allowed = {path.replace(":str}", "}"): ", ".join(sorted(each)) for path, each in methods.items()}

    async def handle(request: Request[Any, Any, Any]) -> ASGIApp:
        return _answering(Answer(status=204, headers={"Allow": allowed[request.scope["path_template"]]}))

    return _litestar(list(methods), ["OPTIONS"], handle)


def _litestar(path: str | list[str], methods: Any, handle: Any) -> HTTPRouteHandler:
    return HTTPRouteHandler(path, http_method=methods, status_code=200, include_in_schema=False)(handle)


def _answering(answer: Answer) -> ASGIApp:
    async def respond(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 — as ASGI has it
        await send_answer(answer, scope, send)

    return respond


def _streaming(answer: Streamed, desk: Desk) -> ASGIApp:
    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        await send_stream(answer, desk.ending, scope, receive, send)

    return respond


def _problem_response(request: "Request[Any, Any, Any]", error: Exception) -> Response[bytes]:
    problem = problem_of(error)
    head = request.scope["method"] == "HEAD"
    return Response(
        b"" if head else problem.body(),
        status_code=problem.kind.status,
        media_type=p.MEDIA_TYPE,
        headers=problem.headers,
    )


def problem_of(error: Exception) -> p.Problem:
    """Return the problem that an exception is. What is not foreseen is logged, and an error of ours."""
    match error:
        case p.Problem():
            return error
        case LedgerUnavailable():
            return p.try_later(p.LEDGER_UNAVAILABLE, str(error))
        case TooManyKeys():
            return p.try_later(p.TOO_MANY_KEYS, str(error))
        case TooManyClients():
            return p.try_later(p.TOO_MANY_CLIENTS, str(error))
        case VersionConflict():
            return p.Problem(p.VERSION_CONFLICT, str(error), version=error.version or None)
        case RequestFailed():
            return p.broken_rule("", str(error))
        case NotFoundException():
            return p.Problem(p.NOT_FOUND, "there is nothing at this path")
        case MethodNotAllowedException():
            return p.Problem(
                p.METHOD_NOT_ALLOWED, "there is nothing to be done with this method", _allow(error)
            )
        case HTTPException(status_code=413):
            return p.Problem(p.TOO_LARGE, f"a body has at most {MAX_BODY} bytes")
        case ClientException():
            return p.bad_parameter("", error.detail)
        case _:
            log.error("an operation of the API failed", exc_info=error)
            return p.Problem(p.INTERNAL_ERROR, "the server made a mistake; its log has more")


def _allow(error: HTTPException) -> dict[str, str]:
    allowed: Iterable[str] = (error.headers or {}).get("allow", "").split(", ")
    return {"Allow": ", ".join(sorted(allowed))}
