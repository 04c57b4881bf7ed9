"""What stands before the routes: it lets in or turns away, reads bodies, bounds sending and adds headers.

No exception gets past it, whatever a client sends and whatever bug it triggers.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import structlog
import trio
from attrs import define, field
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.operations import Answer, send_answer

log = structlog.get_logger(__name__)

MAX_BODY: Final = 1 << 20
"""Bytes of a request's body."""

BODY_TIME: Final = 20.0
"""Seconds for a request's body to come."""

SEND_TIME: Final = 10.0
"""Seconds for a client to take what is sent to it at once."""

LINGER: Final = 2.0
"""Seconds for which the rest of a body is read although its request is answered: closing at once may destroy the
answer before it is read."""

SECURITY_HEADERS: Final = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
NO_STORE: Final = (b"cache-control", b"no-store")

HEALTH: Final = "/health/"
"""Where any Host will do: who looks after the server may ask by its address."""


class ClientStalled(Exception):
    """The client does not take what is sent to it."""


@define(eq=False)
class Inbox:
    """The body of one request. It is read even if nobody wants it: the connection would stand still otherwise."""

    _receive: Receive
    _chunks: list[bytes] = field(factory=list, init=False)
    _size: int = field(default=0, init=False)
    complete: trio.Event = field(factory=trio.Event, init=False)
    _too_large: trio.Event = field(factory=trio.Event, init=False)
    _gone: trio.Event = field(factory=trio.Event, init=False)
    _given: bool = field(default=False, init=False)

    async def run(self) -> None:
        """Read until the client has gone."""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._gone.set()
                self.complete.set()
                return
            chunk = message.get("body", b"")
            self._size += len(chunk)  # type: ignore[arg-type]  # bytes
            if self._size > MAX_BODY:
                self._chunks.clear()
                self._too_large.set()
            else:
                self._chunks.append(chunk)  # type: ignore[arg-type]  # bytes
            if not message.get("more_body", False):
                self.complete.set()

    async def receive(self) -> Any:
        """Return the whole body as one message of ASGI; after it, wait until the client has gone.

        Raises Problem: it is too large, or does not come in time.
        """
        if self._given:
            await self._gone.wait()
            return {"type": "http.disconnect"}
        with trio.move_on_after(BODY_TIME) as patience:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_after, self._too_large, nursery.cancel_scope)
                await self.complete.wait()
                nursery.cancel_scope.cancel()
        if self._too_large.is_set():
            raise p.Problem(p.TOO_LARGE, f"a body has at most {MAX_BODY} bytes")
        if patience.cancelled_caught:
            raise p.Problem(p.TIMEOUT, f"a body comes within {BODY_TIME:g} s", {"Connection": "close"})
        self._given = True
        if self._gone.is_set():
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"".join(self._chunks), "more_body": False}


async def _cancel_after(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


@define(eq=False)
class Outbox:
    """The answer to one request: every part of it is to be taken in time."""

    _send: Send
    _inbox: Inbox
    started: bool = field(default=False, init=False)
    stalled: bool = field(default=False, init=False)

    async def send(self, message: Message) -> None:
        """Send a message of ASGI.

        Raises ClientStalled: the client does not take it.
        """
        if message["type"] == "http.response.start":
            self.started = True
            present = {name.lower() for name, _ in message["headers"]}
            more = [header for header in (*SECURITY_HEADERS, NO_STORE) if header[0] not in present]
            message = {**message, "headers": [*message["headers"], *more]}
        elif not message.get("more_body", False) and not self._inbox.complete.is_set():
            await self._pass_on({**message, "more_body": True})  # type: ignore[arg-type]  # a body
            with trio.move_on_after(LINGER):
                await self._inbox.complete.wait()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._pass_on(message)

    async def _pass_on(self, message: Message) -> None:
        with trio.move_on_after(SEND_TIME) as patience:
            await self._send(message)
        if patience.cancelled_caught:
            self.stalled = True
            raise ClientStalled


class Front:
    """The application as it is served. Its routes find the desk in the state of the request.

    ``problem_of`` tells what problem an exception is; what is not known to it is an error of ours.
    """

    def __init__(self, routes: ASGIApp, desk: Desk, problem_of: Callable[[Exception], p.Problem]) -> None:
        self._routes = routes
        self._desk = desk
        self._guard = desk.guard
        self._problem_of = problem_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        kind: str = scope["type"]  # "lifespan" too, which Litestar types apart
        if kind == "http":
            inbox = Inbox(receive)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(inbox.run)
                await self._answer(dict(scope), inbox, Outbox(send, inbox))
                nursery.cancel_scope.cancel()
        elif kind == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
        else:
            await self._routes(scope, receive, send)

    async def _answer(self, scope: Any, inbox: Inbox, outbox: Outbox) -> None:
        headers = _headers(scope)
        remote, secure = self._guard.origin_of(scope, headers)
        with structlog.contextvars.bound_contextvars(remote=remote, method=scope["method"]):
            try:
                try:
                    self._admit(scope, headers, remote, secure)
                    await self._routes(scope, inbox.receive, outbox.send)
                except Exception as error:
                    if outbox.started:
                        raise
                    await send_problem(self._problem_of(error), scope, outbox.send)
            except Exception:
                if outbox.stalled:
                    log.warning("an API client did not take its answer in time")
                else:
                    log.exception("an answer of the API broke off")

    def _admit(self, scope: Any, headers: dict[str, str], remote: str, secure: bool) -> None:
        if not scope["http_version"].startswith("1"):
            raise p.Problem(p.HTTP_VERSION, "ask again with HTTP/1.1")
        # Paths are matched as they came, percent-encoded: a name may have a slash in it.
        raw = re.sub(r"\A[a-zA-Z]+://[^/]*", "", scope["raw_path"].decode("ascii", "replace"))
        scope["path"] = raw or "/"
        scope["root_path"] = ""
        if not raw.startswith(HEALTH):
            self._guard.check_host(headers)
        caller = self._guard.caller(headers, remote, secure)
        self._guard.check_origin(scope["method"], headers, caller, secure)
        scope["state"] = {
            **scope.get("state", {}),
            "desk": self._desk,
            "caller": caller,
            "remote": remote,
            "secure": secure,
        }


async def send_problem(problem: p.Problem, scope: Scope, send: Send) -> None:
    """Answer with a problem."""
    await send_answer(Answer(problem.body(), problem.kind.status, p.MEDIA_TYPE, problem.headers), scope, send)


def _headers(scope: Any) -> dict[str, str]:
    """Return the headers by lower-case name; of several of one name all, as RFC 9110 §5.3 joins them."""
    joined: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        separator = "; " if name == "cookie" else ", "
        joined[name] = f"{joined[name]}{separator}{value}" if name in joined else value
    return joined
