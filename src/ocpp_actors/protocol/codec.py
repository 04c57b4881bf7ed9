"""Messages to JSON-ready dicts and back, with cattrs.

Field names are camelCase on the wire, optional fields that are None are left out. Structuring trusts its
input: only what ``validation`` has judged may come here.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, cast

import attrs
from attrs import AttrsInstance
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

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
    return cast(dict[str, Any], STRICT.unstructure(message))


def _converter(enumeration_hook: Callable[[type[StrEnum]], _Hook]) -> Converter:
    converter = Converter(detailed_validation=False)

    def structure_class(cls: type[AttrsInstance]) -> _Hook:
        return cast(_Hook, make_dict_structure_fn(cls, converter, **_wire_names(cls)))

    def unstructure_class(cls: type[AttrsInstance]) -> Callable[[Any], Any]:
        return make_dict_unstructure_fn(cls, converter, _cattrs_omit_if_default=True, **_wire_names(cls))

    converter.register_structure_hook_factory(attrs.has, structure_class)
    converter.register_unstructure_hook_factory(attrs.has, unstructure_class)
    for enumeration in _ENUMERATIONS:
        converter.register_structure_hook(enumeration, enumeration_hook(enumeration))
        converter.register_unstructure_hook(enumeration, str)
    converter.register_structure_hook(datetime, lambda text, _: timestamps.read(text))
    converter.register_unstructure_hook(datetime, timestamps.write)
    # Primitives are what they should be already; only draft-06 lets 1.0 stand for an integer.
    for primitive in (str, bool, float):
        converter.register_structure_hook(primitive, lambda value, _: value)
    converter.register_structure_hook(int, lambda value, _: int(value))
    # No value may be null, so an optional type is structured like the type itself.
    converter.register_structure_hook_factory(
        is_optional, lambda t: converter.get_structure_hook(without_none(t))
    )
    return converter


def _wire_names(cls: type[AttrsInstance]) -> dict[str, Any]:
    return {a.name: override(rename=wire_name(a.name)) for a in attrs.fields(cls)}


def _known_values_only(cls: type[StrEnum]) -> _Hook:
    members = {member.value: member for member in cls}
    return lambda value, _: members[value]


def _unknown_values_raw(cls: type[StrEnum]) -> _Hook:
    members = {member.value: member for member in cls}
    return lambda value, _: members.get(value, value)


STRICT: Final = _converter(_known_values_only)
LENIENT: Final = _converter(_unknown_values_raw)
"""Keeps an enum value that it does not know as the plain string."""
