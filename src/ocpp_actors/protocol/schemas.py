"""JSON Schemas, derived from the message classes.

The schemas of OCPP 1.6 are draft-04 and those of the security extension draft-06, like the official ones. The
drafts differ in what a number is: ``1.0`` is an integer in draft-06 and none in draft-04.
"""

import inspect
from datetime import datetime
from enum import StrEnum
from functools import cache
from types import NoneType
from typing import Annotated, Any, Final, get_args, get_origin

import attrs
from attrs import AttrsInstance

from ocpp_actors.protocol.catalogue import ACTION_OF, FeatureProfile
from ocpp_actors.protocol.types import (
    Constraint,
    Format,
    MaxLength,
    Minimum,
    MinItems,
    MinItemsWithin,
    MultipleOf,
)

DRAFT_04: Final = "http://json-schema.org/draft-04/schema#"
DRAFT_06: Final = "http://json-schema.org/draft-06/schema#"

LEAST_INTEGER: Final = -(2**53) + 1
GREATEST_INTEGER: Final = 2**53 - 1
"""What an integer can be, so that every JSON reader and every store takes it; see the deviations."""

_JSON_TYPES: Final[dict[Any, str]] = {
    str: "string",
    datetime: "string",
    float: "number",
    bool: "boolean",
}


def schema(cls: type[AttrsInstance]) -> dict[str, Any]:
    """Derive the JSON Schema of a message. Each call returns a new dict.

    Raises KeyError where ``cls`` is not the request or response of an action.
    """
    draft = DRAFT_06 if ACTION_OF[cls].profile is FeatureProfile.SECURITY else DRAFT_04
    return {"$schema": draft, "title": cls.__name__, **_class_schema(cls)}


@cache
def wire_name(field_name: str) -> str:
    """Spell a field as it is on the wire: ``id_tag_info`` becomes ``idTagInfo``."""
    first, *rest = field_name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def is_optional(field_type: Any) -> bool:
    """Tell whether a field may be left out: its type is ``X | None``."""
    return NoneType in get_args(field_type)


def without_none(field_type: Any) -> Any:
    """Take ``X`` from ``X | None``, and any other type as it is."""
    if is_optional(field_type):
        (field_type,) = (option for option in get_args(field_type) if option is not NoneType)
    return field_type


def _class_schema(cls: type[AttrsInstance]) -> dict[str, Any]:
    fields = attrs.fields(cls)
    result: dict[str, Any] = {
        "description": inspect.cleandoc(cls.__doc__ or ""),
        "type": "object",
        "properties": {wire_name(field.name): _type_schema(without_none(field.type)) for field in fields},
        "additionalProperties": False,
    }
    required = [wire_name(field.name) for field in fields if not is_optional(field.type)]
    if required:  # draft-04 forbids an empty list
        result["required"] = required
    return result


def _type_schema(field_type: Any) -> dict[str, Any]:
    if get_origin(field_type) is Annotated:
        base, *constraints = get_args(field_type)
        result = _type_schema(base)
        for constraint in constraints:
            _constrain(result, constraint)
        return result
    if get_origin(field_type) is list:
        (element,) = get_args(field_type)
        return {"type": "array", "items": _type_schema(element)}
    if attrs.has(field_type):
        return _class_schema(field_type)
    if issubclass(field_type, StrEnum):
        description = inspect.cleandoc(field_type.__doc__ or "")
        return {"description": description, "type": "string", "enum": [member.value for member in field_type]}
    if field_type is int:
        return {"type": "integer", "minimum": LEAST_INTEGER, "maximum": GREATEST_INTEGER}
    return {"type": _JSON_TYPES[field_type]}


def _constrain(target: dict[str, Any], constraint: Constraint) -> None:
    match constraint:
        case MaxLength(limit):
            target["maxLength"] = limit
        case Minimum(limit):
            target["minimum"] = limit
        case MultipleOf(step):
            target["multipleOf"] = step
        case MinItems(limit):
            target["minItems"] = limit
        case MinItemsWithin(name, limit):
            target["items"]["properties"][wire_name(name)]["minItems"] = limit
        case Format(name):  # pragma: no branch - the last of the union
            target["format"] = name
