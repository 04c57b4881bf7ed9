"""One operation of the API: what it takes, what it answers, and how a request is brought to its handler.

Everything that is read from a request is judged by the schemas that the OpenAPI document shows, and by no others.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import parse_qsl, unquote_to_bytes

import orjson
import trio
from attrs import AttrsInstance, field, frozen
from litestar import Request
from litestar.types import Receive, Scope, Send

from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.guard import Caller
from ocpp_actors.operator.http.wire import Faulty, Reader, read_message, reader, request_schema

Q = TypeVar("Q")
B = TypeVar("B")
M = TypeVar("M", bound=AttrsInstance)

JSON: Final = "application/json"

MAX_BLOCKING: Final = 32 * 1024
"""Bytes of a body that are judged at once; a larger one is judged in a thread: it may take a second."""

MAX_PARAMETERS: Final = 50

Method = Literal["GET", "PUT", "PATCH", "POST", "DELETE"]


@frozen
class Nothing:
    """No parameters, or no body."""


# --- what is read ----------------------------------------------------------------------------------------------


@frozen
class PathParameter:
    """A part of a path. ``kind`` tells what it is read as."""

    name: str
    schema: Mapping[str, Any]
    description: str

    def read(self, text: str) -> Any:
        """Return its value; ``text`` is percent-encoded.

        Raises Problem: it cannot be one.
        """
        try:
            value = unquote_to_bytes(text).decode()
        except UnicodeDecodeError:
            raise p.bad_parameter(self.name, "it is no UTF-8", "type") from None
        if self.schema["type"] == "integer":
            if not (value.isascii() and value.isdigit() and 0 < len(value) <= 15 and int(value) > 0):
                raise p.bad_parameter(self.name, "it is a number from 1", "type")
            return int(value)
        if len(value) > self.schema["maxLength"]:
            raise p.bad_parameter(
                self.name, f"it has at most {self.schema['maxLength']} characters", "maxLength"
            )
        if not value.isprintable():
            raise p.bad_parameter(self.name, "it has a character that cannot be printed")
        return value


def _text(name: str, limit: int, description: str) -> PathParameter:
    return PathParameter(name, {"type": "string", "minLength": 1, "maxLength": limit}, description)


def _number(name: str, description: str) -> PathParameter:
    return PathParameter(name, {"type": "integer", "minimum": 1, "maximum": 10**15 - 1}, description)


PATH_PARAMETERS: Final = {
    each.name: each
    for each in (
        _text("identity", 255, "The charge point; case does not matter."),
        _text("idTag", 20, "The idTag; case does not matter."),
        _text("name", 100, "The name of the charging profile."),
        _number("id", "The number of what is asked for."),
    )
}


@frozen(eq=False)
class Body(Generic[B]):
    """What the body of a request has to be. No body at all is the same as ``{}``."""

    schema: Mapping[str, Any]
    read: Callable[[Any], B]
    """Raises Faulty."""
    examples: Mapping[str, Any]


def body_of(cls: type[B], **examples: Any) -> Body[B]:
    """Return the body that is read into a class of the API."""
    return Body(request_schema(cls), reader(cls).read, examples)


def message_body(cls: type[M], schema: Mapping[str, Any], example: Any) -> Body[M]:
    """Return the body that is an OCPP request."""
    return Body(schema, lambda document: read_message(cls, document), {"example": example})


# --- what is answered ------------------------------------------------------------------------------------------


@frozen
class Answer:
    """An answer: its body, already written, or none."""

    body: bytes = b""
    status: int = 200
    media_type: str = JSON
    headers: Mapping[str, str] = field(factory=dict)


@frozen
class Streamed:
    """An answer that is made while it is sent. It ends when the client leaves, or the server ends."""

    chunks: AsyncIterator[bytes]
    media_type: str
    headers: Mapping[str, str] = field(factory=dict)


@frozen
class Content:
    """A documented body: its media type, what it is, and examples by name.

    ``kind`` is what ``wire.answer_schema`` takes, or a JSON Schema as a dict.
    """

    kind: Any
    example: Any = None
    media_type: str = JSON


@frozen
class Reply:
    """A documented answer."""

    status: int
    description: str
    contents: tuple[Content, ...] = ()
    headers: tuple[str, ...] = ()


# --- operations ------------------------------------------------------------------------------------------------


@frozen
class Asked(Generic[Q, B]):
    """One request to an operation."""

    path: Mapping[str, Any]
    query: Q
    body: B
    headers: Mapping[str, str]
    """By lower-case name."""
    caller: Caller

    @property
    def who(self) -> str:
        """Who is said to have made a change."""
        return self.caller.name


Handler = Callable[[Desk, Asked[Q, B]], Awaitable[Answer | Streamed]]


@frozen(eq=False, kw_only=True)
class Operation(Generic[Q, B]):
    """One operation. ``problems`` are those that it may answer beside those that all may."""

    method: Method
    path: str
    name: str
    summary: str
    tag: str
    description: str
    handle: Handler[Q, B]
    query: Reader[Q]
    body: Body[B] | None
    replies: tuple[Reply, ...]
    problems: tuple[p.Kind, ...]
    request_headers: tuple[str, ...]
    public: bool

    @property
    def path_parameters(self) -> list[PathParameter]:
        """The parameters in its path."""
        return [PATH_PARAMETERS[part[1:-1]] for part in self.path.split("/") if part.startswith("{")]

    async def answer(self, desk: Desk, request: "Request[Any, Any, Any]") -> Answer | Streamed:
        """Answer one request.

        Raises Problem: what is wrong with it.
        """
        who: Caller | p.Problem = request.scope["state"]["caller"]
        if isinstance(who, p.Problem):
            if not self.public:
                raise who
            state = request.scope["state"]
            who = Caller("", "nobody", state["remote"], state["secure"])
        try:
            path = {each.name: each.read(request.path_params[each.name]) for each in self.path_parameters}
            query = read_query(self.query, request.scope["query_string"])
        except Faulty as fault:
            raise p.faulty(p.INVALID_PARAMETER, fault.faults) from None
        body: Any = Nothing() if self.body is None else await _read_body(self.body, request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        return await self.handle(desk, Asked(path, query, body, headers, who))


def operation(
    method: Method,
    path: str,
    *,
    summary: str,
    tag: str,
    replies: Sequence[Reply],
    query: type[Q] = Nothing,  # type: ignore[assignment]  # the default of a type variable
    body: Body[B] | None = None,
    problems: Sequence[p.Kind] = (),
    request_headers: Sequence[str] = (),
    public: bool = False,
    name: str | None = None,
    description: str | None = None,
) -> Callable[[Handler[Q, B]], Operation[Q, B]]:
    """Make an operation of its handler, whose docstring describes it."""

    def decorate(handle: Handler[Q, B]) -> Operation[Q, B]:
        return Operation(
            method=method,
            path=path,
            name=name or handle.__name__,
            summary=summary,
            tag=tag,
            description=description or (handle.__doc__ or "").strip(),
            handle=handle,
            query=reader(query),
            body=body,
            replies=tuple(replies),
            problems=tuple(problems),
            request_headers=tuple(request_headers),
            public=public,
        )

    return decorate


def read_query(query: Reader[Q], query_string: bytes) -> Q:
    """Read the parameters of a query. An empty one is the same as none.

    Raises Faulty: one is unknown, comes twice, or cannot be used.
    """
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError:
        raise Faulty(
            [p.Fault("", "the query cannot be read: percent-encoded UTF-8 is expected", "type")]
        ) from None
    document: dict[str, Any] = {}
    for name, text in pairs:
        if name in document:
            raise Faulty([p.Fault(f"/{name}", f"{name} is given twice.", "maxItems")])
        if text:
            document[name] = _typed(text, query.schema["properties"].get(name, {}).get("type"))
    return query.read(document)


def _typed(text: str, json_type: str | None) -> Any:
    """Return what a text in a query stands for, or the text where it stands for nothing of that type."""
    if json_type == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if json_type == "integer" and len(text) <= 16 and text.removeprefix("-").isdigit() and text.isascii():
        return int(text)
    return text


async def _read_body(body: Body[B], request: "Request[Any, Any, Any]") -> B:
    raw = await request.body()
    if raw:
        media_type, _, parameters = request.headers.get("content-type", "").partition(";")
        charset = parameters.strip().lower()
        if media_type.strip().lower() != JSON or charset not in ("", "charset=utf-8", 'charset="utf-8"'):
            raise p.Problem(p.UNSUPPORTED_MEDIA_TYPE, f"send it as Content-Type: {JSON}, in UTF-8")
    if len(raw) > MAX_BLOCKING:
        return await trio.to_thread.run_sync(_judge, body, raw)
    return _judge(body, raw)


def _judge(body: Body[B], raw: bytes) -> B:
    try:
        return body.read(orjson.loads(raw) if raw else {})
    except orjson.JSONDecodeError as error:
        raise p.Problem(p.MALFORMED_JSON, f"the body is no JSON: {error}") from None
    except Faulty as fault:
        raise p.faulty(p.INVALID_REQUEST, fault.faults) from None


# --- sending ---------------------------------------------------------------------------------------------------


async def send_answer(answer: Answer, scope: Scope, send: Send) -> None:
    """Send an answer; to HEAD without its body."""
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
    if answer.status not in (204, 304):
        headers.append((b"content-type", answer.media_type.encode()))
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    head = scope["method"] == "HEAD"  # type: ignore[typeddict-item]  # it is of HTTP
    await send({"type": "http.response.body", "body": b"" if head else answer.body, "more_body": False})


async def send_stream(
    streamed: Streamed, ending: trio.Event, scope: Scope, receive: Receive, send: Send
) -> None:
    """Send chunks as they come, until there are no more, the client leaves or the server ends."""
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in streamed.headers.items()]
    headers.append((b"content-type", streamed.media_type.encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["method"] != "HEAD":  # type: ignore[typeddict-item]  # it is of HTTP
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_when_ending, ending, nursery.cancel_scope)
            nursery.start_soon(_cancel_when_left, receive, nursery.cancel_scope)
            async with aclosing(streamed.chunks) as chunks:  # type: ignore[type-var]  # it is a generator
                async for chunk in chunks:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            nursery.cancel_scope.cancel()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _cancel_when_ending(ending: trio.Event, scope: trio.CancelScope) -> None:
    await ending.wait()
    scope.cancel()


async def _cancel_when_left(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
