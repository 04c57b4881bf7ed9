"""The official JSON Schemas as an oracle, and payloads that keep or break them.

The schemas come with the package ``ocpp``. They are read and judged here without any code of the project.
"""

import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from importlib import resources
from typing import Any

import jsonschema
from hypothesis import strategies as st
from jsonschema.validators import extend, validator_for

from ocpp_actors.protocol.deviations import DEVIATIONS

GOOD_DATES = (
    "2026-01-02T03:04:05Z",
    "2026-01-02T03:04:05.678Z",
    "1970-01-01T00:00:00Z",
    "2026-01-02T03:04:05.1234567+02:00",
    "2026-01-02t03:04:05z",
    "2026-01-02T03:04:05",
    "2026-01-02 03:04:05-11:30",
    "2024-02-29T23:59:59+14:00",
)
BAD_DATES = (
    "",
    "today",
    "2026-01-02",
    "2026-13-02T03:04:05Z",
    "2025-02-29T03:04:05Z",
    "2026-01-02T25:04:05Z",
    "2026-01-02T03:04:60Z",
    "2026-01-02T03:04:05.Z",
    "20260102T030405Z",
    "2026-W01-1T03:04:05Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00",
    "2026-01-02T03:04:05+25:00",
    "1767323045",
)

WRONG_TYPES: dict[str, tuple[Any, ...]] = {
    "string": (5, 1.5, True, None, [], {}, ["a"]),
    "integer": ("1", 1.5, True, None, [], {}, -0.5),
    "number": ("1", True, None, [], {}),
    "boolean": ("true", 1, 0, None, [], {}),
    "array": ("a", 1, True, None, {}, {"a": 1}),
    "object": ("a", 1, True, None, [], [{}]),
}

Constraint = tuple[str, str, str]
"""Where (``meterValue[].timestamp``), keyword, and the missing name for ``required``."""


def official_schema(name: str) -> Any:
    """Read an official schema, its references resolved."""
    text = resources.files("ocpp").joinpath(f"v16/schemas/{name}.json").read_text("utf-8-sig")
    schema = json.loads(text)
    return _resolved(schema, schema.pop("definitions", {}))


def amended_schema(name: str) -> tuple[Any, int]:
    """Apply the listed deviations to an official schema; also return how many there were."""
    schema = copy.deepcopy(official_schema(name))
    applied = 0
    for deviation in DEVIATIONS:
        if deviation.message != name:
            continue
        target = schema
        for step in deviation.field.split("."):
            target = target["properties"][step.removesuffix("[]")]
            target = target["items"] if step.endswith("[]") else target
        match deviation.keyword:
            case "minimum":
                assert "minimum" not in target
                target["minimum"] = 1 if name == "StartTransaction" else 0
            case "enum":
                assert "Hertz" not in target["enum"]
                target["enum"].append("Hertz")
            case "format":
                assert target["format"] == "uri"
        applied += 1
    _bound_integers(schema)
    return schema, applied


def _bound_integers(schema: Any) -> None:
    if schema["type"] == "integer":
        schema.setdefault("minimum", -(2**53) + 1)
        schema["maximum"] = 2**53 - 1
    for part in [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]:
        _bound_integers(part)


def validator(schema: Any, *, dates: bool) -> Any:
    """Make a validator of the schema's own draft with exact decimals; ``dates`` makes BAD_DATES invalid."""

    def multiple_of(checker: Any, step: float, value: Any, _: Any) -> Iterator[jsonschema.ValidationError]:
        if checker.is_type(value, "number") and Decimal(repr(value)).scaleb(1) % 1 and step == 0.1:
            yield jsonschema.ValidationError("not a tenth")

    formats = jsonschema.FormatChecker(formats=())
    formats.checks("date-time")(lambda text: not (dates and text in BAD_DATES))
    exact: Any = extend(validator_for(schema), {"multipleOf": multiple_of})  # type: ignore[no-untyped-call]
    return exact(schema, format_checker=formats)


def constraints(schema: Any, where: str = "") -> set[Constraint]:
    """List everything that a payload can break.

    Not listed, since nothing can break them: ``additionalProperties`` of strings, ``additionalItems`` beside
    a single schema for all items, and the ``uri`` format, which is a remark.
    """
    found: set[Constraint] = {(where, "type", "")}
    found |= {
        (where, key, "")
        for key in ("enum", "maxLength", "minItems", "minimum", "maximum", "multipleOf")
        if key in schema
    }
    found |= {(where, "format", "")} if schema.get("format") == "date-time" else set()
    if schema["type"] == "object":
        assert schema["additionalProperties"] is False
        found |= {(where, "additionalProperties", "")}
        found |= {(where, "required", name) for name in schema.get("required", ())}
        for name, part in schema.get("properties", {}).items():
            found |= constraints(part, f"{where}.{name}")
    if schema["type"] == "array":
        found |= constraints(schema["items"], f"{where}[]")
    return found


def broken(judge: Any, payload: Any) -> set[Constraint]:
    """List what a payload breaks, as the validator reports it."""
    found: set[Constraint] = set()
    for error in judge.iter_errors(payload):
        where = "".join("[]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
        if error.validator == "required":
            found |= {
                (where, "required", name) for name in error.validator_value if name not in error.instance
            }
        else:
            found.add((where, str(error.validator), ""))
    return found


def payloads(schema: Any, *, draft6: bool) -> st.SearchStrategy[Any]:
    """Make valid payloads."""
    match schema["type"]:
        case "object":
            parts = {name: payloads(p, draft6=draft6) for name, p in schema.get("properties", {}).items()}
            required = schema.get("required", ())
            return st.fixed_dictionaries(
                {name: part for name, part in parts.items() if name in required},
                optional={name: part for name, part in parts.items() if name not in required},
            )
        case "array":
            least = schema.get("minItems", 0)
            return st.lists(payloads(schema["items"], draft6=draft6), min_size=least, max_size=least + 1)
        case "boolean":
            return st.booleans()
        case "number":
            return st.integers(-100, 10**6) | st.integers(-(10**4), 10**6).map(lambda tenths: tenths / 10)
        case "integer":
            whole = st.integers(schema.get("minimum", -(2**31)), 2**31)
            return whole | whole.map(float) if draft6 else whole
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("format") == "date-time":
        return st.sampled_from(GOOD_DATES)
    longest = schema.get("maxLength", 40)
    text = st.sampled_from(
        ("", "a", "Zürich", "电动车", "🔌🔋", 'ABC-123 {}[]"\\\n', "\u0000", "e\u0301", "no uri")
    )
    return text.map(lambda t: t[:longest]) | st.sampled_from("x€🔌").map(lambda c: c * longest)


def full_payload(schema: Any) -> Any:
    """Make the valid payload that has every property, with one element in each array."""
    match schema["type"]:
        case "object":
            return {name: full_payload(part) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [full_payload(schema["items"])]
        case "boolean":
            return True
        case "integer" | "number":
            return 1
    return GOOD_DATES[0] if schema.get("format") == "date-time" else schema.get("enum", ["a"])[0]


def mutants(payload: Any, schema: Any, *, draft6: bool) -> list[Any]:
    """Make the payloads that differ from ``payload`` at one place, and break the schema there."""
    return list(_mutants(payload, schema, draft6=draft6))


def _mutants(value: Any, schema: Any, *, draft6: bool) -> Iterator[Any]:
    yield from WRONG_TYPES[schema["type"]]
    match schema["type"]:
        case "object":
            for name in schema.get("required", ()):
                yield {key: item for key, item in value.items() if key != name}
            for name in ("unknown", "", *(key.upper() for key in value)):
                yield {name: 1, **value}
                yield {**value, name: {"deep": [[]]}}
            for name, item in value.items():
                for mutant in _mutants(item, schema["properties"][name], draft6=draft6):
                    yield {**value, name: mutant}
        case "array":
            yield from [[]] if schema.get("minItems") else ()
            for index, item in enumerate(value):
                for mutant in _mutants(item, schema["items"], draft6=draft6):
                    yield [*value[:index], mutant, *value[index + 1 :]]
        case _:
            yield from _wrong_values(schema, draft6=draft6)


def _wrong_values(schema: Any, *, draft6: bool) -> Iterator[Any]:
    match schema:
        case {"type": "integer"}:
            yield from (schema["minimum"] - 1, -(2**60)) if "minimum" in schema else ()
            yield from (schema["maximum"] + 1, 2**63, 2**64 - 1) if "maximum" in schema else ()
            yield from () if draft6 else (1.0, 2.0**64)
        case {"type": "number"}:
            yield from (0.05, 25.35, 0.30000000000000004, 1e-9, -16.01)
        case {"enum": known}:
            yield from ("", "Bogus", known[0].swapcase(), known[-1] + " ")
        case {"format": "date-time"}:
            yield from BAD_DATES
        case {"maxLength": limit}:
            yield from ("x" * (limit + 1), "🔌" * (limit + 1))


def _resolved(schema: Any, definitions: Any) -> Any:
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _resolved(definitions[schema["$ref"].rpartition("/")[2]], definitions)
        return {key: _resolved(value, definitions) for key, value in schema.items()}
    return schema
