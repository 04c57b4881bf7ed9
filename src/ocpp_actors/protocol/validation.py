"""From payloads to messages: strict by default, lenient for charge points that are marked so.

A compiled verdict decides (jsonschema-rs); one structuring pass builds the message and reads its date-times;
only when the answer is no, ``explanation`` finds out why.
"""

from collections.abc import Callable
from functools import cache, cached_property
from typing import Any, Final, TypeVar

import jsonschema_rs
from attrs import AttrsInstance
from cattrs import Converter

from ocpp_actors.protocol import codec, leniency
from ocpp_actors.protocol.errors import ErrorCode
from ocpp_actors.protocol.explanation import Explainer, Fault
from ocpp_actors.protocol.schemas import DRAFT_04, schema
from ocpp_actors.protocol.timestamps import UnreadableDateTime

__all__ = ["Fault", "Invalid", "decode", "decode_leniently", "decoder"]

UNEXPLAINED: Final = Fault(
    ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "", "", "The payload breaks the schema of this message."
)
"""What is said should the verdict ever be no and the explanation find nothing: two libraries judge."""

M = TypeVar("M", bound=AttrsInstance)


class Invalid(Exception):
    """A payload that is not the message it should be.

    Why is found out only when ``faults`` is looked at: for a payload of a megabyte that takes about a second.
    """

    def __init__(self, explain: Callable[[], tuple[Fault, ...]]) -> None:
        super().__init__()
        self._explain = explain

    def __str__(self) -> str:
        return self.first.description

    @cached_property
    def faults(self) -> tuple[Fault, ...]:
        """What is wrong, in the order of precedence; at least one fault."""
        return self._explain() or (UNEXPLAINED,)

    @property
    def first(self) -> Fault:
        """The fault that decides the error code."""
        return self.faults[0]


def decode(cls: type[M], payload: object) -> M:
    """Judge a payload by the schema of ``cls`` and build the message.

    Raises Invalid:
        FormationViolation, where the payload is not an object or has an unknown property;
        OccurenceConstraintViolation, where a required property is missing or an array too short;
        TypeConstraintViolation, where a value has the wrong JSON type; null is one;
        PropertyConstraintViolation, where an enum value, a length, a number or a date-time is not allowed.
    """
    message: M = _strict(cls).decode(payload)
    return message


def decoder(cls: type[M]) -> Callable[[object], M]:
    """Return what does as ``decode`` does, for this class."""
    return _strict(cls).decode


def decode_leniently(cls: type[M], payload: object) -> tuple[M, tuple[Fault, ...]]:
    """Build the message from a payload that may break the schema, and list what was put up with.

    An object where an array belongs becomes an array of it; see ``leniency.repaired`` for what else is put
    right. Besides, unknown enum values are kept as plain strings, strings may be too long and arrays empty.

    Raises Invalid, as ``decode`` does, for what has no clear meaning: a missing property, a date-time that
    cannot be read, a number out of range, a value of a type that does not convert, a payload that is not
    an object.
    """
    strict = _strict(cls)
    try:
        return strict.decode(payload), ()
    except Invalid as refusal:
        faults = refusal.faults
    json_schema = schema(cls)
    while (arranged := leniency.arranged(payload, json_schema)) != payload:
        payload = arranged
        # What lies inside an object that should have been an array shows only now.
        faults = (*faults, *strict.explain(payload))
    message: M = _lenient(cls).decode(leniency.repaired(payload, json_schema))
    return message, tuple(dict.fromkeys(faults))


class _Judge:
    """The verdict, the explanation and the structuring of one class under one schema."""

    def __init__(self, cls: type[AttrsInstance], json_schema: dict[str, Any], converter: Converter) -> None:
        draft = (
            jsonschema_rs.Draft4Validator
            if json_schema["$schema"] == DRAFT_04
            else jsonschema_rs.Draft6Validator
        )
        self._cls = cls
        self._accepts = draft(json_schema, validate_formats=False).is_valid
        self._structure = converter.get_structure_hook(cls)
        self.explain = Explainer(json_schema).explain

    def decode(self, payload: object) -> Any:
        if self._accepts(payload):
            try:
                return self._structure(payload, self._cls)
            except UnreadableDateTime:
                pass  # the explanation says which
        raise Invalid(lambda: self.explain(payload))


@cache
def _strict(cls: type[AttrsInstance]) -> _Judge:
    return _Judge(cls, schema(cls), codec.STRICT)


@cache
def _lenient(cls: type[AttrsInstance]) -> _Judge:
    return _Judge(cls, leniency.relaxed(schema(cls)), codec.LENIENT)
