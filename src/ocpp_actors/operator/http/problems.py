"""What goes wrong, as problem details (RFC 9457): every kind, its status, and what it tells beside the detail."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from attrs import field, frozen

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:ocpp-actors:problem:"

RETRY_AFTER: Final = "5"
"""Seconds after which a request that met a full mailbox or a failing ledger may be tried again."""

_TEXT: Final = {"type": "string"}
_ID: Final = {"type": "integer"}
_SECONDS: Final = {"type": "number", "description": "Seconds from the sending to the end."}
_CALL: Final = {"callId": _ID, "messageId": _TEXT, "seconds": _SECONDS}
_ERROR: Final = {"errorCode": _TEXT, "errorDescription": _TEXT}


@frozen(eq=False)
class Kind:
    """A kind of problem. ``members`` are the JSON Schemas of what its documents may have beside the usual."""

    slug: str
    status: int
    title: str
    members: Mapping[str, Any] = field(factory=dict)
    headers: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """The URI that names it."""
        return TYPE_PREFIX + self.slug


_ERRORS: Final = {
    "errors": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "path": {
                    "type": "string",
                    "description": "A JSON pointer (RFC 6901), or the name of a parameter.",
                },
                "message": _TEXT,
                "rule": {
                    "type": "string",
                    "description": "The JSON Schema keyword that is broken, or `rule`.",
                },
            },
            "required": ["path", "message", "rule"],
        },
    }
}

INVALID_PARAMETER: Final = Kind("invalid-parameter", 400, "A parameter or header cannot be used", _ERRORS)
MALFORMED_JSON: Final = Kind("malformed-json", 400, "The body is no JSON")
UNAUTHORIZED: Final = Kind("unauthorized", 401, "A token is needed", headers=("WWW-Authenticate",))
FORBIDDEN_ORIGIN: Final = Kind("forbidden-origin", 403, "Not from that page")
TESTING_OFF: Final = Kind("testing-off", 403, "The server does not run for tests")
NOT_FOUND: Final = Kind("not-found", 404, "There is no such thing")
UNKNOWN_CHARGE_POINT: Final = Kind("unknown-charge-point", 404, "There is no such charge point")
UNKNOWN_ACTION: Final = Kind("unknown-action", 404, "There is no such action")
METHOD_NOT_ALLOWED: Final = Kind("method-not-allowed", 405, "Not with this method", headers=("Allow",))
TIMEOUT: Final = Kind("request-timeout", 408, "The body did not come in time")
NOT_CONNECTED: Final = Kind("not-connected", 409, "The charge point is not connected")
NOT_ALLOWED: Final = Kind("not-allowed", 409, "That is not allowed now", {"callId": _ID, "messageId": _TEXT})
KEY_REUSED: Final = Kind("idempotency-key-reused", 409, "The idempotency key belongs to another call")
UNKNOWN_LIST: Final = Kind("unknown-list", 409, "What the charge point's list holds is not known")
UPGRADE_IN_PROGRESS: Final = Kind("upgrade-in-progress", 409, "The charge point is being upgraded")
UPGRADE_FAILED: Final = Kind(
    "upgrade-failed",
    409,
    "The charge point is not upgraded",
    {
        "step": {"type": "string", "description": "The step that failed."},
        "steps": {
            "type": "array",
            "description": "The steps before it.",
            "items": {
                "type": "object",
                "properties": {"step": _TEXT, "detail": _TEXT},
                "required": ["step", "detail"],
            },
        },
    },
)
VERSION_CONFLICT: Final = Kind(
    "version-conflict",
    412,
    "It was changed meanwhile",
    {
        "version": {
            "type": ["integer", "null"],
            "description": "The present version; null: it does not exist.",
        }
    },
)
TOO_LARGE: Final = Kind("too-large", 413, "The body is too large")
UNSUPPORTED_MEDIA_TYPE: Final = Kind("unsupported-media-type", 415, "The body has to be JSON")
UNKNOWN_HOST: Final = Kind("unknown-host", 421, "This server does not have that name")
INVALID_REQUEST: Final = Kind("invalid-request", 422, "The request is not valid", _ERRORS)
MAILBOX_FULL: Final = Kind(
    "mailbox-full", 429, "Too many calls wait for the charge point", headers=("Retry-After",)
)
TOO_MANY_ATTEMPTS: Final = Kind("too-many-attempts", 429, "Too many wrong tokens", headers=("Retry-After",))
INTERNAL_ERROR: Final = Kind("internal-error", 500, "The server made a mistake")
CALL_ERROR: Final = Kind(
    "call-error", 502, "The charge point answered with an error", {**_CALL, **_ERROR, "errorDetails": {}}
)
INVALID_ANSWER: Final = Kind(
    "invalid-answer", 502, "The charge point's answer breaks its schema", {**_CALL, **_ERROR, "answer": {}}
)
CONNECTION_LOST: Final = Kind("connection-lost", 502, "The connection ended before the answer came", _CALL)
LEDGER_UNAVAILABLE: Final = Kind(
    "ledger-unavailable", 503, "The ledger cannot be read or written now", headers=("Retry-After",)
)
TOO_MANY_CLIENTS: Final = Kind(
    "too-many-clients", 503, "As many clients follow the events as may", headers=("Retry-After",)
)
TOO_MANY_KEYS: Final = Kind(
    "too-many-keys", 503, "As many keys wait to be hashed as may", headers=("Retry-After",)
)
NO_ANSWER: Final = Kind("no-answer", 504, "The charge point did not answer in time", _CALL)
HTTP_VERSION: Final = Kind("http-version-not-supported", 505, "HTTP/1.1 is spoken here")
NOT_SENT: Final = Kind("not-sent", 504, "The call could not be sent in time", _CALL)


class Problem(Exception):
    """A request cannot be answered as it should; the client is told why."""

    def __init__(
        self, kind: Kind, detail: str, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members

    def document(self) -> dict[str, Any]:
        """Return the problem details."""
        kind = self.kind
        return {
            "type": kind.type,
            "title": kind.title,
            "status": kind.status,
            "detail": self.detail,
            **self.members,
        }

    def body(self) -> bytes:
        """Return the problem details as JSON. What a stranger sent may hold half a surrogate pair."""
        return orjson.dumps(self.document(), default=str)


def try_later(kind: Kind, detail: str, seconds: str = RETRY_AFTER) -> Problem:
    """Make a problem that passes: with Retry-After."""
    return Problem(kind, detail, {"Retry-After": seconds})


@frozen
class Fault:
    """One thing that is wrong: a JSON pointer or the name of a parameter, which rule, and a sentence."""

    path: str
    message: str
    rule: str

    def document(self) -> dict[str, str]:
        """Return it as it stands in the problem details."""
        return {"path": self.path, "message": self.message, "rule": self.rule}


def faulty(kind: Kind, faults: Iterable[Fault]) -> Problem:
    """Make a problem of what is wrong with a body (INVALID_REQUEST) or parameters (INVALID_PARAMETER)."""
    found = list(faults)
    detail = found[0].message if found else kind.title
    if len(found) > 1:
        detail += f" (and {len(found) - 1} more)"
    return Problem(kind, detail, errors=[fault.document() for fault in found])


def broken_rule(path: str, rule: str) -> Problem:
    """Make a problem of a request that breaks a rule which its schema cannot tell."""
    return faulty(INVALID_REQUEST, [Fault(path, f"{path.removeprefix('/')}: {rule}", "rule")])


def bad_parameter(name: str, message: str, rule: str = "rule") -> Problem:
    """Make a problem of one parameter or header."""
    return faulty(INVALID_PARAMETER, [Fault(name, f"{name}: {message}", rule)])
