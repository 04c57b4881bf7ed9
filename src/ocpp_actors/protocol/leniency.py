"""Making sense of payloads from charge points that do not keep to the schemas.

Nothing is cut or invented: what is repaired keeps its meaning, what has none is left for the verdict.
"""

import json
import re
from typing import Any, Final

_PUT_UP_WITH: Final = frozenset({"enum", "maxLength", "minItems"})

_NUMBER: Final = re.compile(r"\s*(-?[0-9]{1,15})(\.[0-9]{1,15})?\s*")

_MAX_EXACT: Final = 2**53
"""Beyond it a float does not stand for one integer."""


def relaxed(schema: Any) -> Any:
    """Copy a schema without the limits that may be broken: enum values, string lengths, empty arrays."""
    if isinstance(schema, dict):
        return {
            keyword: {name: relaxed(sub) for name, sub in value.items()}
            if keyword == "properties"
            else relaxed(value)
            for keyword, value in schema.items()
            if keyword not in _PUT_UP_WITH
        }
    return schema


def arranged(value: Any, schema: dict[str, Any]) -> Any:
    """Copy a payload with the outermost objects that stand where an array belongs as arrays of them."""
    match schema["type"], value:
        case "object", dict():
            known = schema["properties"]
            return {
                name: arranged(item, known[name]) if name in known else item for name, item in value.items()
            }
        case "array", dict():
            return [value]
        case "array", list():
            return [arranged(item, schema["items"]) for item in value]
        case _:
            return value


def repaired(value: Any, schema: dict[str, Any]) -> Any:
    """Copy an arranged payload with everything else put right that has one clear meaning.

    - a number or boolean where a string belongs becomes its JSON text;
    - a numeric string where a number belongs becomes the number, and ``1.0`` becomes the integer 1;
    - an unknown property is dropped, and so is an optional one that is null.
    """
    match schema["type"], value:
        case "object", dict():
            known, required = schema["properties"], schema.get("required", ())
            return {
                name: repaired(item, known[name])
                for name, item in value.items()
                if name in known and (item is not None or name in required)
            }
        case "array", list():
            return [repaired(item, schema["items"]) for item in value]
        case "string", bool() | int() | float():
            return json.dumps(value)
        case "number" | "integer", str():
            return _number(value)
        case "integer", float() if value.is_integer() and abs(value) <= _MAX_EXACT:
            return int(value)
        case _:
            return value


def _number(text: str) -> int | float | str:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    whole, fraction = match.groups()
    return float(text) if fraction and fraction.strip(".0") else int(whole)
