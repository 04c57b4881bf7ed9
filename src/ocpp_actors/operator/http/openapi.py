"""The OpenAPI 3.1 document, made from the operations: the schemas that requests are judged by are the ones it shows."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import NOTHING, fields

from ocpp_actors import __version__
from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.operations import Content, Nothing, Operation, Reply
from ocpp_actors.operator.http.paging import Page
from ocpp_actors.operator.http.wire import answer_schema
from ocpp_actors.protocol.schemas import wire_name

ALWAYS: Final = (p.INVALID_PARAMETER, p.UNKNOWN_HOST)
"""Problems that every operation may answer."""
WITH_LEDGER: Final = (p.LEDGER_UNAVAILABLE,)
WITH_LOGIN: Final = (p.UNAUTHORIZED, p.TOO_MANY_ATTEMPTS)
WITH_CHANGE: Final = (p.FORBIDDEN_ORIGIN,)
WITH_BODY: Final = (
    p.MALFORMED_JSON,
    p.TIMEOUT,
    p.TOO_LARGE,
    p.UNSUPPORTED_MEDIA_TYPE,
    p.INVALID_REQUEST,
)

_HEADER_PARAMETERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "If-Match": (
        "The ETag of what is to be changed; another one is answered with 412.",
        {"type": "string", "pattern": '^"[1-9][0-9]{0,14}"$'},
    ),
    "If-None-Match": ("`*`: only if it does not exist yet.", {"type": "string", "enum": ["*"]}),
    "Idempotency-Key": (
        "Makes it safe to send this again.",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    ),
    "X-Operator": (
        "Whose change it is said to be.",
        {"type": "string", "minLength": 1, "maxLength": 50, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    ),
    "Last-Event-ID": (
        "The id of the last event that was seen.",
        {"type": "string", "maxLength": 100, "pattern": "^[!-~]*$"},
    ),
}

_RESPONSE_HEADERS: Final[dict[str, str]] = {
    "Allow": "The methods that there are.",
    "ETag": "The version, for If-Match.",
    "Location": "Where it is.",
    "Retry-After": "Seconds to wait.",
    "Set-Cookie": "The cookie of the login.",
    "WWW-Authenticate": "What is needed.",
}

_DESCRIPTION: Final = """\
Operates charge points that speak OCPP 1.6: what they are, what they do, and everything that a central system may ask of
them.

Names are in camelCase, moments in UTC. What is not known is `null` in an answer; in a request it is left out. What a
request has too much, or wrong, is refused, and every fault is told.

Lists come in pages: `nextCursor` of one is `cursor` of the next, `null` at the end. Errors are problem details (RFC
9457); their `type` tells what happened.
"""


def document(operations: Iterable[Operation[Any, Any]], base: str, *, login_required: bool) -> dict[str, Any]:
    """Return the document of these operations, whose paths are below ``base``."""
    components: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(base + operation.path, {})[operation.method.lower()] = _operation(
            operation, components
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ocpp-actors",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "API_TOKEN."},
                "login": {"type": "apiKey", "in": "cookie", "name": "ocpp_actors_session"},
            },
        },
        "security": [{"token": []}, {"login": []}] if login_required else [],
    }


def _operation(operation: Operation[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.description,
        "tags": [operation.tag],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation), *_headers(operation)],
        "responses": _responses(operation, components),
    }
    if operation.body is not None:
        examples = {name: {"value": value} for name, value in operation.body.examples.items()}
        content = {"schema": operation.body.schema, "examples": examples}
        result["requestBody"] = {
            "required": bool(operation.body.schema.get("required")),
            "content": {"application/json": content},
        }
    if operation.public:
        result["security"] = []
    return result


def _path_parameters(operation: Operation[Any, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "in": "path",
            "required": True,
            "description": each.description,
            "schema": dict(each.schema),
        }
        for each in operation.path_parameters
    ]


def _query_parameters(operation: Operation[Any, Any]) -> list[dict[str, Any]]:
    if operation.query.cls is Nothing:
        return []
    properties = operation.query.schema["properties"]
    parameters = []
    for each in fields(operation.query.cls):
        schema = dict(properties[wire_name(each.name)])
        parameter: dict[str, Any] = {
            "name": wire_name(each.name),
            "in": "query",
            "required": each.default is NOTHING,
            "allowEmptyValue": each.default is not NOTHING,
            "schema": schema,
        }
        if "description" in schema:
            parameter["description"] = schema.pop("description")
        parameters.append(parameter)
    return parameters


def _headers(operation: Operation[Any, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": _HEADER_PARAMETERS[name][0],
            "schema": _HEADER_PARAMETERS[name][1],
        }
        for name in operation.request_headers
    ]


def _responses(operation: Operation[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    responses = {str(reply.status): _reply(reply, components) for reply in operation.replies}
    by_status: dict[int, list[p.Kind]] = {}
    for kind in kinds(operation):
        by_status.setdefault(kind.status, []).append(kind)
    for status, found in sorted(by_status.items()):
        problem = _problems(found, components)
        present = responses.get(str(status))
        if present is None:
            responses[str(status)] = problem
        else:  # health has answers of its own with 503
            present["content"] |= problem["content"]
    return responses


def kinds(operation: Operation[Any, Any]) -> list[p.Kind]:
    """Return the problems that an operation may answer, each once."""
    found = [*ALWAYS, *operation.problems, *WITH_LEDGER]
    if not operation.public:
        found += WITH_LOGIN
    if operation.method != "GET":
        found += WITH_CHANGE
    if operation.body is not None:
        found += WITH_BODY
    return list(dict.fromkeys(found))


def _reply(reply: Reply, components: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {"description": reply.description}
    if reply.contents:
        result["content"] = {each.media_type: _content(each, components) for each in reply.contents}
    if reply.headers:
        result["headers"] = _response_headers(reply.headers)
    return result


def _response_headers(names: Iterable[str]) -> dict[str, Any]:
    return {
        name: {
            "description": _RESPONSE_HEADERS[name],
            "schema": {"type": "string"},
            "required": name != "Set-Cookie",
        }
        for name in names
    }


def _content(content: Content, components: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {"schema": _schema(content.kind, components)}
    if content.example is not None:
        result["examples"] = {"example": {"value": content.example}}
    return result


def _schema(kind: Any, components: dict[str, Any]) -> dict[str, Any]:
    if isinstance(kind, Mapping):
        return dict(kind)
    if isinstance(kind, Page):
        properties = {
            "items": {"type": "array", "items": _schema(kind.kind, components)},
            "nextCursor": {"type": ["string", "null"]},
        }
        return {
            "type": "object",
            "properties": properties,
            "required": ["items", "nextCursor"],
            "additionalProperties": False,
        }
    return answer_schema(kind, components)


def _problems(found: list[p.Kind], components: dict[str, Any]) -> dict[str, Any]:
    references = []
    for kind in found:
        name = "Problem" + "".join(word.capitalize() for word in re.split("-", kind.slug))
        components[name] = _problem_schema(kind)
        references.append({"$ref": f"#/components/schemas/{name}"})
    schema = references[0] if len(references) == 1 else {"oneOf": references}
    examples = {
        kind.slug: {
            "value": {
                "type": kind.type,
                "title": kind.title,
                "status": kind.status,
                "detail": "More about it.",
            }
        }
        for kind in found
    }
    result: dict[str, Any] = {
        "description": "; or ".join(f"{kind.title} (`{kind.slug}`)" for kind in found),
        "content": {p.MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }
    headers = set.intersection(*(set(kind.headers) for kind in found))
    if headers:
        result["headers"] = _response_headers(sorted(headers))
    return result


def _problem_schema(kind: p.Kind) -> dict[str, Any]:
    return {
        "title": kind.title,
        "type": "object",
        "properties": {
            "type": {"const": kind.type},
            "title": {"type": "string"},
            "status": {"const": kind.status},
            "detail": {"type": "string"},
            **kind.members,
        },
        "required": ["type", "title", "status", "detail"],
        "additionalProperties": False,
    }
