"""The fleet in numbers, the login, health and metrics, and the documentation itself."""

from typing import Any, Final

import orjson

from ocpp_actors import __version__
from ocpp_actors.ledger.port import CountAll
from ocpp_actors.operator.http import examples, session
from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.guard import operator_name
from ocpp_actors.operator.http.models import Overview, SessionModel, SessionPost
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

TAG: Final = "Server"

_HEALTH: Final = {"type": "object", "description": "What was looked at, and how it is."}


@operation(
    "GET",
    "/overview",
    summary="The fleet in numbers",
    tag=TAG,
    replies=[Reply(200, "The numbers of now.", (Content(Overview, examples.OVERVIEW),))],
)
async def overview(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:  # noqa: ARG001 — as all handlers
    """How many charge points, connectors and transactions there are, and the power of now."""
    totals = await desk.ask(CountAll())
    return json_answer(
        Overview(
            charge_points=totals.charge_points,
            online=len(desk.fleet),
            charging_now=sum(
                number
                for identity, number in totals.active_transactions.items()
                if desk.fleet.is_online(identity)
            ),
            power_w=desk.live.total_power(),
            faulted=totals.faulted,
            connectors=totals.connectors,
            charge_point_urls=list(desk.charge_point_urls),
            testing=desk.testing,
            version=__version__,
            started_at=desk.started_at,
        )
    )


@operation(
    "POST",
    "/session",
    summary="Log in",
    tag=TAG,
    body=body_of(SessionPost, login={"token": "the-token-of-the-api", "name": "alice"}),
    replies=[Reply(204, "Logged in, for 12 hours.", headers=("Set-Cookie",))],
    problems=(p.UNAUTHORIZED, p.TOO_MANY_ATTEMPTS),
    public=True,
)
async def log_in(desk: Desk, asked: Asked[Nothing, SessionPost]) -> Answer:
    """Exchanges the token for a cookie that scripts cannot read."""
    caller = asked.caller
    name = operator_name(asked.body.name) if asked.body.name else "dashboard"
    if desk.api_token is None:
        return Answer(status=204)
    if not desk.guard.is_token(asked.body.token, caller.remote):
        raise p.Problem(p.UNAUTHORIZED, "wrong token", {"WWW-Authenticate": "Bearer"})
    cookie = session.issue(desk.api_token, name, desk.clock.now())
    return Answer(status=204, headers={"Set-Cookie": session.set_cookie(cookie, secure=caller.secure)})


@operation(
    "GET",
    "/session",
    summary="Who is logged in",
    tag=TAG,
    replies=[Reply(200, "Whether a login is needed.", (Content(SessionModel, examples.SESSION),))],
    public=True,
)
async def get_session(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """Never refused, so that a page can tell whether it has to ask for the token."""
    caller = asked.caller
    logged_in = caller.via != "nobody"
    return json_answer(
        SessionModel(
            login_required=desk.guard.login_required,
            logged_in=logged_in,
            name=caller.name if logged_in else None,
            testing=desk.testing,
        )
    )


@operation(
    "DELETE",
    "/session",
    summary="Log out",
    tag=TAG,
    replies=[Reply(204, "Logged out.", headers=("Set-Cookie",))],
)
async def log_out(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:  # noqa: ARG001 — as all handlers
    """Takes the cookie back."""
    return Answer(status=204, headers={"Set-Cookie": session.delete_cookie(secure=asked.caller.secure)})


# --- at the root -----------------------------------------------------------------------------------------------


def _health(healthy: bool, document: dict[str, Any]) -> Answer:
    return Answer(orjson.dumps(document, default=str), 200 if healthy else 503)


@operation(
    "GET",
    "/health/live",
    summary="Whether the server runs",
    tag=TAG,
    replies=[
        Reply(200, "It does.", (Content(_HEALTH, {"status": "ok"}),)),
        Reply(503, "It hangs.", (Content(_HEALTH, {"status": "failing"}),)),
    ],
    public=True,
)
async def health_live(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:  # noqa: ARG001 — as all handlers
    """For who restarts it."""
    return _health(*desk.health.live())


@operation(
    "GET",
    "/health/ready",
    summary="Whether the server can serve charge points",
    tag=TAG,
    replies=[
        Reply(200, "It can.", (Content(_HEALTH, {"status": "ok"}),)),
        Reply(503, "It cannot now.", (Content(_HEALTH, {"status": "failing"}),)),
    ],
    public=True,
)
async def health_ready(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:  # noqa: ARG001 — as all handlers
    """For who sends charge points to it."""
    return _health(*await desk.health.ready())


@operation(
    "GET",
    "/metrics",
    summary="Metrics for Prometheus",
    tag=TAG,
    replies=[Reply(200, "The metrics.", (Content({"type": "string"}, media_type="text/plain"),))],
)
async def metrics(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """In the text format of Prometheus, or as OpenMetrics where that is asked for."""
    body, media_type = desk.metrics.render(asked.headers.get("accept", ""))
    return Answer(body, media_type=media_type)


OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (overview,)
SESSION_OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (log_in, get_session, log_out)
ROOT_OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (health_live, health_ready, metrics)
