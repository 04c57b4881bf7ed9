"""From attrs classes to JSON and back: names in camelCase, schemas, strict reading, writing.

Classes are written like OCPP's messages (protocol.types): constraints stand in ``Annotated``, ``X | None`` may be left
out of a request and is ``null`` in an answer.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Generic, Literal, TypeVar, get_args, get_origin

import attrs
from attrs import AttrsInstance, frozen
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from ocpp_actors.operator.http.problems import Fault
from ocpp_actors.protocol import timestamps, validation
from ocpp_actors.protocol.explanation import Explainer
from ocpp_actors.protocol.schemas import DRAFT_06, is_optional, schema, wire_name, without_none
from ocpp_actors.protocol.types import Format, MaxLength, Minimum

T = TypeVar("T")

LEAST_INTEGER: Final = -(2**53) + 1
GREATEST_INTEGER: Final = 2**53 - 1

_JSON_TYPES: Final[dict[Any, str]] = {str: "string", float: "number", bool: "boolean"}


@frozen
class Maximum:
    """The greatest value of an integer."""

    limit: int


@frozen(eq=False)
class Like:
    """JSON that is kept as it is, with the JSON Schema that it follows."""

    schema: Mapping[str, Any]


@frozen
class Told:
    """What a field means, for the documentation."""

    text: str


class Faulty(Exception):
    """What was read breaks its schema or a rule; ``faults`` has at least one."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults[0].message)
        self.faults = faults


# --- schemas ---------------------------------------------------------------------------------------------------


def message_schema(cls: type[AttrsInstance]) -> dict[str, Any]:
    """Return the JSON Schema of an OCPP message, without naming its draft: in 2020-12 it means the same,
    but that ``1.0`` is an integer there.
    """
    result = schema(cls)
    del result["$schema"]
    return result


def request_schema(cls: type[Any]) -> dict[str, Any]:
    """Return the JSON Schema of what is read into ``cls``. A field that has a default may be left out."""
    return _Schemas(None).of_class(cls)


class _Schemas:
    """Derives schemas: of requests all in one; of answers by reference to ``components``."""

    def __init__(self, components: dict[str, Any] | None) -> None:
        self._components = components

    def of_class(self, cls: type[AttrsInstance]) -> dict[str, Any]:
        answers = self._components is not None
        fields = attrs.fields(cls)
        result: dict[str, Any] = {
            "title": cls.__name__,
            "description": inspect.cleandoc(cls.__doc__ or ""),
            "type": "object",
            "properties": {wire_name(each.name): self.of_field(each) for each in fields},
            "additionalProperties": False,
        }
        required = [wire_name(each.name) for each in fields if answers or each.default is attrs.NOTHING]
        if required:
            result["required"] = required
        return result

    def of_field(self, each: "attrs.Attribute[Any]") -> dict[str, Any]:
        result = self.of(each.type)
        default = each.default
        if (
            self._components is None
            and default not in (None, attrs.NOTHING)
            and not isinstance(default, attrs.Factory)  # type: ignore[arg-type]  # it is a class, not a function
        ):
            result["default"] = WIRE.unstructure(default)
        return result

    def of(self, kind: Any) -> dict[str, Any]:
        if is_optional(kind):
            inner = self.of(without_none(kind))
            return inner if self._components is None else _nullable(inner)
        origin = get_origin(kind)
        if origin is Annotated:
            base, *marks = get_args(kind)
            return self._marked(self.of(base), marks)
        if origin is list:
            (element,) = get_args(kind)
            return {"type": "array", "items": self.of(element)}
        if origin is dict:
            _, value = get_args(kind)
            return {"type": "object", "additionalProperties": self.of(value)}
        if origin is Literal:
            return {"type": "string", "enum": list(get_args(kind))}
        if kind is Any:
            return {}
        if attrs.has(kind):
            return self._of_nested(kind)
        return _of_scalar(kind)

    def _of_nested(self, cls: type[AttrsInstance]) -> dict[str, Any]:
        if self._components is None:
            return self.of_class(cls)
        if cls.__name__ not in self._components:
            self._components[cls.__name__] = {}
            self._components[cls.__name__] = self.of_class(cls)
        return {"$ref": f"#/components/schemas/{cls.__name__}"}

    @staticmethod
    def _marked(result: dict[str, Any], marks: list[Any]) -> dict[str, Any]:
        for mark in marks:
            match mark:
                case MaxLength(limit):
                    result["maxLength"] = limit
                case Minimum(limit):
                    result["minimum"] = limit
                case Maximum(limit):
                    result["maximum"] = limit
                case Format(name):
                    result["format"] = name
                case Like(like):
                    result = dict(like)
                case Told(text):
                    result = {**result, "description": text}
        return result


def _of_scalar(kind: Any) -> dict[str, Any]:
    if kind is datetime:
        return {"type": "string", "format": "date-time"}
    if kind is int:
        return {"type": "integer", "minimum": LEAST_INTEGER, "maximum": GREATEST_INTEGER}
    if issubclass(kind, StrEnum):
        return {"type": "string", "enum": [member.value for member in kind]}
    return {"type": _JSON_TYPES[kind]}


def _nullable(inner: dict[str, Any]) -> dict[str, Any]:
    if isinstance(inner.get("type"), str):
        result = {**inner, "type": [inner["type"], "null"]}
        if "enum" in inner:
            result["enum"] = [*inner["enum"], None]
        return result
    return {"anyOf": [inner, {"type": "null"}]} if inner else inner


def answer_schema(kind: Any, components: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of an answer; classes are added to ``components`` and referred to."""
    return _Schemas(components).of(kind)


# --- reading and writing ---------------------------------------------------------------------------------------


def instant(moment: datetime) -> str:
    """Write a moment in UTC, always with milliseconds."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _converter() -> Converter:
    converter = Converter(detailed_validation=False)

    def names(cls: type[AttrsInstance]) -> dict[str, Any]:
        return {each.name: override(rename=wire_name(each.name)) for each in attrs.fields(cls)}

    def structure(cls: type[AttrsInstance]) -> Callable[[Any, Any], Any]:
        return make_dict_structure_fn(cls, converter, **names(cls))

    def unstructure(cls: type[AttrsInstance]) -> Callable[[Any], Any]:
        return make_dict_unstructure_fn(cls, converter, **names(cls))

    converter.register_structure_hook_factory(attrs.has, structure)
    converter.register_unstructure_hook_factory(attrs.has, unstructure)
    converter.register_structure_hook(datetime, lambda text, _: timestamps.read(text))
    converter.register_unstructure_hook(datetime, instant)
    return converter


WIRE: Final = _converter()


def write(answer: Any) -> Any:
    """Turn an answer into what JSON knows: None is null."""
    return WIRE.unstructure(answer)


@frozen
class Reader(Generic[T]):
    """Reads JSON documents into ``cls``."""

    cls: type[T]
    schema: Mapping[str, Any]
    _explainer: Explainer

    def read(self, document: Any) -> T:
        """Return what the document says.

        Raises Faulty: it breaks the schema; every fault is listed, up to a hundred.
        """
        faults = self._explainer.explain(document)
        if faults:
            raise Faulty([Fault(pointer(fault.path), fault.description, fault.rule) for fault in faults])
        return WIRE.structure(document, self.cls)


def reader(cls: type[T]) -> Reader[T]:
    """Return a reader of an attrs class."""
    json_schema = request_schema(cls)
    return Reader(cls, json_schema, Explainer({"$schema": DRAFT_06, **json_schema}))


M = TypeVar("M", bound=AttrsInstance)


def read_message(cls: type[M], document: Any, within: str = "", shown_as: str = "") -> M:
    """Return an OCPP message; faults below the pointer ``within`` are told as below ``shown_as``.

    Raises Faulty: it breaks its schema.
    """
    _make_whole(document)
    try:
        return validation.decode(cls, document)
    except validation.Invalid as invalid:
        raise Faulty(
            [
                Fault(moved(pointer(fault.path), within, shown_as), fault.description, fault.rule)
                for fault in invalid.faults
            ]
        ) from None


def _make_whole(document: Any) -> None:
    """Make integers of whole numbers, in place: ``1.0`` is one in OpenAPI's 2020-12, and none in OCPP's draft-04."""
    rest = [document]
    while rest:
        node = rest.pop()
        if not isinstance(node, dict | list):
            continue
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            if isinstance(value, float) and value.is_integer() and abs(value) <= GREATEST_INTEGER:
                node[key] = int(value)
            else:
                rest.append(value)


def moved(path: str, within: str, shown_as: str) -> str:
    """Return a JSON pointer as it is in the document that was sent."""
    return shown_as + path[len(within) :] if within and path.startswith(within) else path


def pointer(path: str) -> str:
    """Return a path such as ``meterValue[0].unit`` as a JSON pointer (RFC 6901)."""
    steps = re.findall(r"\[(\d+)\]|([^.\[]+)", path)
    return "".join("/" + (index or name.replace("~", "~0").replace("/", "~1")) for index, name in steps)
