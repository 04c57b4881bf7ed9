"""The three frames of OCPP-J and their text (OCPP-J 1.6 §4.2)."""

import re
from reprlib import repr as shortened
from typing import Any, Final

import orjson
from attrs import define

from ocpp_actors.protocol.errors import ErrorCode

CALL: Final = 2
CALL_RESULT: Final = 3
CALL_ERROR: Final = 4

MAX_MESSAGE_ID: Final = 36
"""Characters in a message id, "to allow for GUIDs" (§4.1.4, table 3)."""

MAX_DEPTH: Final = 100
"""Arrays and objects within each other in a frame. No message of OCPP 1.6 has ten; what is nested a thousand deep
breaks whoever walks through it."""

MAX_CONTAINERS: Final = 50_000
"""Arrays and objects in a frame. The longest StopTransaction that fits into a mebibyte has fewer; half a million of
them, which fit too, hold up the interpreter for a second."""

_WRAPPING: Final = 1024 - MAX_DEPTH
"""Arrays around a text, so that the depth that orjson takes, 1024, leaves MAX_DEPTH for the text."""

_MALFORMED_CALL_ID: Final = re.compile(r'\A\s*\[\s*2\s*,\s*("(?:[^"\\]|\\.)*")')


@define
class Call:
    """A request: ``[2, messageId, action, payload]`` (§4.2.1). A ``null`` payload is read as ``{}``."""

    message_id: str
    action: str
    payload: Any


@define
class CallResult:
    """An answer: ``[3, messageId, payload]`` (§4.2.2). A ``null`` payload is read as ``{}``."""

    message_id: str
    payload: Any


@define
class CallError:
    """An error answer: ``[4, messageId, errorCode, errorDescription, errorDetails]`` (§4.2.3).

    ``code`` is kept as received: peers send names outside the table.
    """

    message_id: str
    code: str
    description: str = ""
    details: Any = None


Frame = Call | CallResult | CallError


class FrameFault(Exception):
    """A text that is not a frame.

    ``code`` and ``message_id`` tell how to answer it: with a CALLERROR of that code under that id, or, where
    ``message_id`` is None, not at all (there is nothing to answer, or it is itself an answer).
    """

    def __init__(self, description: str, code: ErrorCode, message_id: str | None = None) -> None:
        super().__init__(description)
        self.description = description
        self.code = code
        self.message_id = message_id


def parse(text: str | bytes) -> Frame:
    """Read one frame.

    Raises FrameFault:
        FormationViolation, where the text is not JSON, nested more than MAX_DEPTH deep, or has more than MAX_CONTAINERS
        arrays and objects. The message id is recovered if the text begins like a CALL.
        ProtocolError, where it is JSON but not one of the three frames: not an array, a CALL with too few or too many
        elements, a message id that is no string, empty or over 36 characters, an action that is no string. A message
        type other than 2, 3 and 4 is to be ignored (§4.1.3), so it carries no message id; nor does a bad answer.
    """
    try:
        containers = _containers(text)
        frame = orjson.loads(text) if containers <= MAX_DEPTH else _load(text, containers)
    except orjson.JSONDecodeError as error:
        raise FrameFault(
            f"not valid JSON: {error}", ErrorCode.FORMATION_VIOLATION, _recover_message_id(text)
        ) from None
    if type(frame) is list and len(frame) == 4 and frame[0] == CALL:
        _, message_id, action, payload = frame
        if type(message_id) is str and 0 < len(message_id) <= MAX_MESSAGE_ID and type(action) is str:
            return Call(message_id, action, {} if payload is None else payload)
    return _parse_other(frame)


def _parse_other(frame: Any) -> Frame:
    """Read what is no proper CALL."""
    if not isinstance(frame, list) or not frame:
        raise FrameFault("a frame is a JSON array that is not empty", ErrorCode.PROTOCOL_ERROR)
    message_type = frame[0]
    if isinstance(message_type, bool):
        message_type = None
    if message_type == CALL:
        raise _fault_of_call(frame)
    if message_type == CALL_RESULT:
        return _parse_call_result(frame)
    if message_type == CALL_ERROR:
        return _parse_call_error(frame)
    raise FrameFault(f"message type {shortened(frame[0])} is none of 2, 3 and 4", ErrorCode.PROTOCOL_ERROR)


def encode_call(message_id: str, action: str, payload: Any) -> str:
    """Write a CALL."""
    return orjson.dumps([CALL, message_id, action, payload]).decode()


def encode_call_result(message_id: str, payload: Any) -> str:
    """Write a CALLRESULT."""
    return orjson.dumps([CALL_RESULT, message_id, payload]).decode()


def encode_call_error(
    message_id: str, code: str, description: str = "", details: dict[str, object] | None = None
) -> str:
    """Write a CALLERROR; without details "you MUST fill in an empty object" (§4.2.3, table 6)."""
    return orjson.dumps([CALL_ERROR, message_id, code, description, details or {}]).decode()


def _fault_of_call(frame: list[Any]) -> FrameFault:
    message_id = frame[1] if len(frame) > 1 and isinstance(frame[1], str) else None
    if message_id is None:
        return FrameFault("the message id of a CALL is a string", ErrorCode.PROTOCOL_ERROR)
    if not 0 < len(message_id) <= MAX_MESSAGE_ID:
        return FrameFault(
            f"a message id has 1 to {MAX_MESSAGE_ID} characters, this one has {len(message_id)}",
            ErrorCode.PROTOCOL_ERROR,
            message_id,
        )
    if len(frame) != 4:
        return FrameFault(
            f"a CALL has 4 elements, this one has {len(frame)}", ErrorCode.PROTOCOL_ERROR, message_id
        )
    return FrameFault("the action of a CALL is a string", ErrorCode.PROTOCOL_ERROR, message_id)


def _parse_call_result(frame: list[Any]) -> CallResult:
    if len(frame) != 3 or not isinstance(frame[1], str):
        raise FrameFault("a CALLRESULT is [3, messageId, payload]", ErrorCode.PROTOCOL_ERROR)
    return CallResult(frame[1], {} if frame[2] is None else frame[2])


def _parse_call_error(frame: list[Any]) -> CallError:
    """Accept three and four elements too: chargers leave out the description and the details."""
    if not 3 <= len(frame) <= 5 or not isinstance(frame[1], str) or not isinstance(frame[2], str):
        raise FrameFault(
            "a CALLERROR is [4, messageId, errorCode, errorDescription, errorDetails]",
            ErrorCode.PROTOCOL_ERROR,
        )
    description = frame[3] if len(frame) > 3 and isinstance(frame[3], str) else ""
    return CallError(frame[1], frame[2], description, frame[4] if len(frame) > 4 else {})


def _load(text: str | bytes, containers: int) -> Any:
    """Read JSON that may be nested deeper than MAX_DEPTH.

    orjson looks at the depth at no cost, but its limit is higher: the rest is used up by arrays around the text.

    Raises FrameFault: it has too many arrays and objects, or is nested too deep.
    Raises JSONDecodeError: it is not JSON.
    """
    if containers > MAX_CONTAINERS:
        raise FrameFault(
            f"more than {MAX_CONTAINERS} arrays and objects",
            ErrorCode.FORMATION_VIOLATION,
            _recover_message_id(text),
        )
    try:
        return _unwrapped(orjson.loads(_wrapped(text)))
    except (orjson.JSONDecodeError, ValueError):
        orjson.loads(text)  # if it is not JSON, this says so as the text is
        raise FrameFault(
            f"nested more than {MAX_DEPTH} deep", ErrorCode.FORMATION_VIOLATION, _recover_message_id(text)
        ) from None


def _containers(text: str | bytes) -> int:
    """Count arrays and objects; brackets within strings count too."""
    if isinstance(text, bytes):
        return text.count(b"[") + text.count(b"{")
    return text.count("[") + text.count("{")


def _wrapped(text: str | bytes) -> str | bytes:
    if isinstance(text, bytes):
        return b"[" * _WRAPPING + text + b"]" * _WRAPPING
    return "[" * _WRAPPING + text + "]" * _WRAPPING


def _unwrapped(document: Any) -> Any:
    """Raises ValueError: brackets of the text closed what was put around it."""
    for _ in range(_WRAPPING):
        (document,) = document
    return document


def _recover_message_id(text: str | bytes) -> str | None:
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")  # an id that is not UTF-8 is none
    match = _MALFORMED_CALL_ID.match(text)
    if match is None:
        return None
    try:
        message_id: str = orjson.loads(match.group(1))
    except orjson.JSONDecodeError:
        return None
    return message_id if 0 < len(message_id) <= MAX_MESSAGE_ID else None
