"""What is wrong with a payload: which rule, where, which error code (OCPP-J 1.6 §4.2.3, table 7).

The fast verdict only says no. Here jsonschema says why.
"""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import islice
from typing import Any, Final, cast

from attrs import frozen
from jsonschema import Draft4Validator, Draft6Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

from ocpp_actors.protocol import timestamps
from ocpp_actors.protocol.errors import ErrorCode
from ocpp_actors.protocol.schemas import DRAFT_04

MAX_FAULTS: Final = 100
"""Faults that are looked for in one payload: enough for a log, and a bound on the time it takes."""

MAX_DESCRIPTION: Final = 255
"""Characters of a description."""

_MAX_DEPTH: Final = 8
"""No message is nested as deeply; what lies deeper is wrong at a higher place already."""

_MAX_SHOWN: Final = 40
"""Characters of a foreign value or name in a description or path."""

_PRECEDENCE: Final = (
    ErrorCode.FORMATION_VIOLATION,
    ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION,
    ErrorCode.TYPE_CONSTRAINT_VIOLATION,
    ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
)
"""Structure before what is missing, before types, before values."""

_CODES: Final = {
    "additionalProperties": ErrorCode.FORMATION_VIOLATION,
    "required": ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION,
    "minItems": ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION,
    "type": ErrorCode.TYPE_CONSTRAINT_VIOLATION,
    "enum": ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    "maxLength": ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    "minimum": ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    "maximum": ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    "multipleOf": ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    "date-time": ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
}

Path = tuple[str | int, ...]


@frozen
class Fault:
    """One thing that is wrong with a payload.

    ``path`` is like ``meterValue[0].sampledValue[2].unit``, empty for the payload itself. ``rule`` is the
    JSON Schema keyword that is broken, or ``date-time``. ``description`` is a sentence for the sender.
    """

    code: ErrorCode
    path: str
    rule: str
    description: str


class Explainer:
    """Finds the faults of payloads by one JSON Schema, with the rules of the schema's own draft."""

    def __init__(self, schema: dict[str, Any]) -> None:
        validator = _Draft4 if schema["$schema"] == DRAFT_04 else _Draft6
        self._validator = validator(schema, format_checker=_FORMATS)

    def explain(self, payload: object) -> tuple[Fault, ...]:
        """List the faults by precedence of their codes, then in document order; at most MAX_FAULTS."""
        payload = _pruned(payload, _MAX_DEPTH)
        found = (broken for error in self._validator.iter_errors(payload) for broken in _broken_rules(error))
        faults = [(_fault(*broken), broken[0]) for broken in islice(found, MAX_FAULTS)]
        faults.sort(key=lambda entry: (_PRECEDENCE.index(entry[0].code), _position(payload, entry[1])))
        return tuple(fault for fault, _ in faults)


def _broken_rules(error: ValidationError) -> Iterator[tuple[Path, str, object, object]]:
    """Yield path, rule, what the rule asks for, and the offending value."""
    path: Path = tuple(error.absolute_path)
    value: Any = error.instance
    rule = cast("str", error.validator)
    limit: Any = error.validator_value
    match rule:
        case "additionalProperties":
            known = cast("dict[str, Any]", error.schema)["properties"]
            yield from (
                ((*path, name), "additionalProperties", None, None) for name in value if name not in known
            )
        case "required":
            # jsonschema reports each missing property by itself, but names it in its message only.
            name = error.message.removesuffix(" is a required property")[1:-1]
            yield (*path, name), rule, None, None
        case "enum" if not isinstance(value, str):
            pass  # the type is wrong already
        case "format":
            yield path, limit, None, value
        case _:
            yield path, rule, limit, value


def _fault(path: Path, rule: str, limit: Any, value: Any) -> Fault:
    where = _written(path)
    if rule == "type" and not path:
        return Fault(
            ErrorCode.FORMATION_VIOLATION, where, rule, f"The payload must be an object, not {_kind(value)}."
        )
    description = f"{where} {_complaint(rule, limit, value)}"
    if len(description) > MAX_DESCRIPTION:
        description = description[: MAX_DESCRIPTION - 1] + "…"
    return Fault(_CODES[rule], where, rule, description)


def _complaint(rule: str, limit: Any, value: Any) -> str:
    match rule:
        case "additionalProperties":
            return "is not a property of this message."
        case "required":
            return "is missing."
        case "minItems":
            return f"has {len(value)} elements, at least {limit} must be there."
        case "type":
            return f"must be {_article(limit)}, not {_kind(value)}."
        case "enum":
            return f"is {_shown(value)}, which is none of {', '.join(limit)}."
        case "maxLength":
            return f"has {len(value)} characters, at most {limit} are allowed."
        case "minimum":
            return f"is {value}, the least allowed is {limit}."
        case "maximum":
            return f"is {value}, the most allowed is {limit}."
        case "multipleOf":
            return f"is {value}, which is not a multiple of {limit}."
        case _:
            return f"is {_shown(value)}, which is not a date-time that can be read."


def _article(json_type: str) -> str:
    return f"{'an' if json_type[0] in 'aio' else 'a'} {json_type}"


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case int() | float():
            return "a number"
        case list():
            return "an array"
        case _:
            return "an object"


def _shown(value: str) -> str:
    return repr(value if len(value) <= _MAX_SHOWN else value[: _MAX_SHOWN - 1] + "…")


def _written(path: Path) -> str:
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if len(step) <= _MAX_SHOWN else step[: _MAX_SHOWN - 1] + "…"
            text += f".{name}" if text else name
    return text


def _position(payload: Any, path: Path) -> Sequence[int]:
    """Tell where in the document a path lies; a missing property lies behind those that are there."""
    position = []
    for step in path:
        if isinstance(step, int):
            position.append(step)
            payload = payload[step]
        else:
            position.append(list(payload).index(step) if step in payload else len(payload))
            payload = payload.get(step)
    return position


def _pruned(value: object, depth: int) -> object:
    """Cut off what is nested too deeply to be printed: jsonschema prints each value it complains about."""
    match value:
        case dict():
            return {name: _pruned(item, depth - 1) for name, item in value.items()} if depth else {}
        case list():
            return [_pruned(item, depth - 1) for item in value] if depth else []
        case _:
            return value


def _multiple_of(validator: Any, step: float, value: object, _schema: Any) -> Iterable[ValidationError]:
    """Decide by the decimal text of a number: binary rounding must not refuse a tenth."""
    if validator.is_type(value, "number") and Fraction(str(value)) % Fraction(str(step)):
        yield ValidationError(f"{value} is not a multiple of {step}")


def _is_readable(value: object) -> bool:
    if isinstance(value, str):
        timestamps.read(value)
    return True


_FORMATS: Final = FormatChecker(formats=())
_FORMATS.checks("date-time", raises=timestamps.UnreadableDateTime)(_is_readable)

_extend: Any = extend
_Draft4: Final[type[Draft4Validator]] = _extend(Draft4Validator, {"multipleOf": _multiple_of})
_Draft6: Final[type[Draft6Validator]] = _extend(Draft6Validator, {"multipleOf": _multiple_of})
