"""Messages to JSON-ready dicts and back, with cattrs.

Field names are camelCase on the wire, optional fields that are None are left out. Structuring trusts its
input: only what ``validation`` has judged may come here.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final, cast, get_args, get_origin

import attrs
from attrs import AttrsInstance
from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn, override

from ocpp_actors.protocol import timestamps
from ocpp_actors.protocol.messages import enumerations
from ocpp_actors.protocol.schemas import is_optional, wire_name, without_none

_Hook = Callable[[Any, Any], Any]

_ENUMERATIONS: Final = tuple(
    cls
    for cls in vars(enumerations).values()
    if isinstance(cls, type) and issubclass(cls, StrEnum) and cls is not StrEnum
)


def encode(message: AttrsInstance) -> dict[str, Any]:
    """Turn a message into a dict that is ready for JSON.

    Date-times are written in UTC, to the millisecond. Limits such as string lengths are not checked.

    Raises ValueError where a datetime has no time zone.
    """
    return encoder(type(message))(message)


@cache
def encoder(cls: type[AttrsInstance]) -> Callable[[Any], dict[str, Any]]:
    """Return what does as ``encode`` does, for messages of this class."""
    return STRICT.get_unstructure_hook(cls)


class _KnownOrRaw(dict[str, StrEnum]):
    """The members of an enumeration by their values; a value that it does not know stays the plain string."""

    def __missing__(self, value: str) -> Any:
        return value


def _converter(members: type[dict[str, StrEnum]]) -> Converter:
    converter = Converter(detailed_validation=False)

    def structure_class(cls: type[AttrsInstance]) -> _Hook:
        return _structure_function(cls, converter, members)

    def unstructure_class(cls: type[AttrsInstance]) -> Callable[[Any], Any]:
        names: dict[str, Any] = {a.name: override(rename=wire_name(a.name)) for a in attrs.fields(cls)}
        return make_dict_unstructure_fn(cls, converter, _cattrs_omit_if_default=True, **names)

    converter.register_structure_hook_factory(attrs.has, structure_class)
    converter.register_unstructure_hook_factory(attrs.has, unstructure_class)
    for enumeration in _ENUMERATIONS:
        converter.register_unstructure_hook(enumeration, str)
    converter.register_unstructure_hook(datetime, timestamps.write)
    return converter


def _structure_function(
    cls: type[AttrsInstance], converter: Converter, members: type[dict[str, StrEnum]]
) -> _Hook:
    """Write the function that builds a message of this class, a line for each field.

    Meter values are many: with the constructor and a hook for each field they take three times as long. The classes are
    frozen, so a message is filled as one of a class that is not, and of the same shape.
    """
    unfrozen = type(
        cls.__name__,
        (cls,),
        {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__},
    )
    names: dict[str, Any] = {
        "new": object.__new__,
        "unfrozen": unfrozen,
        "cls": cls,
        "timestamps": timestamps,
    }

    def converted(kind: Any, value: str) -> str:
        """Return the expression that makes of a value of JSON what a field holds."""
        if get_origin(kind) is Annotated:
            return converted(get_args(kind)[0], value)
        if get_origin(kind) is list:
            return f"[{converted(get_args(kind)[0], 'each')} for each in {value}]"
        if attrs.has(kind):
            names[f"make_{kind.__name__}"] = converter.get_structure_hook(kind)
            return f"make_{kind.__name__}({value}, None)"
        if issubclass(kind, StrEnum):
            names[kind.__name__] = members({member.value: member for member in kind})
            return f"{kind.__name__}[{value}]"
        if kind is datetime:
            return f"timestamps.read({value})"
        # Primitives are what they should be already; only draft-06 lets 1.0 stand for an integer.
        return f"int({value})" if kind is int else value

    lines = ["message = new(unfrozen)"]
    for field in attrs.fields(cls):
        name = repr(wire_name(field.name))
        value = converted(without_none(field.type), f"payload[{name}]")
        if is_optional(field.type):
            value = f"{value} if {name} in payload else None"
        lines.append(f"message.{field.name} = {value}")
    body = "\n    ".join([*lines, "message.__class__ = cls", "return message"])
    source = compile(f"def structure(payload, _):\n    {body}", f"<structure {cls.__name__}>", "exec")
    exec(source, names)  # noqa: S102 — all of it is from the classes above
    return cast(_Hook, names["structure"])


STRICT: Final = _converter(dict)
LENIENT: Final = _converter(_KnownOrRaw)
