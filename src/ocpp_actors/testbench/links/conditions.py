"""What a link does to the bytes that pass: conditions as data, and what they are called in files and commands.

Each direction has conditions of its own. Seconds are of trio's clock. Counts of bytes begin where the conditions do.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from attrs import Attribute, evolve, field, fields, frozen

from ocpp_actors.testbench.wire import Direction

Partition = Literal["refused", "unanswered"]

DIRECTIONS: Final[tuple[Direction, Direction]] = ("in", "out")
PARTITIONS: Final[tuple[Partition, Partition]] = ("refused", "unanswered")

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR

WINDOW: Final = 64 * 1024
"""Bytes under way on a link, where no other number is given."""

MAX_WINDOW: Final = 16 * 1024 * 1024
MAX_PIECE: Final = 64 * 1024
MAX_BANDWIDTH: Final = 10**9
MAX_COUNT: Final = 2**40


class BadFault(ValueError):
    """What was written is no fault; the message names the key, and says what it may be."""


def _number(low: float, high: float, unit: str) -> Callable[[Any, "Attribute[Any]", Any], None]:
    def check(_instance: Any, attribute: "Attribute[Any]", value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise BadFault(
                f"{attribute.name} is {value!r}: it may be {low:g} to {high:g}{unit and f' {unit}'}"
            )

    return check


def _count(low: int, high: int, unit: str) -> Callable[[Any, "Attribute[Any]", Any], None]:
    def check(_instance: Any, attribute: "Attribute[Any]", value: Any) -> None:
        if value is None and attribute.default is None:
            return
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadFault(f"{attribute.name} is {value!r}: it may be {low} to {high} {unit}, a whole number")

    return check


def _seconds_or_never(_instance: Any, attribute: "Attribute[Any]", value: Any) -> None:
    if value is not None:
        _number(0, DAY, "seconds")(_instance, attribute, value)


def _flag(_instance: Any, attribute: "Attribute[Any]", value: Any) -> None:
    if not isinstance(value, bool):
        raise BadFault(f"{attribute.name} is {value!r}: it may be true or false")


def _partition(_instance: Any, _attribute: "Attribute[Any]", value: Any) -> None:
    if value is not None and value not in PARTITIONS:
        raise BadFault(f"partition is {value!r}: it may be {' or '.join(PARTITIONS)}")


@frozen(kw_only=True)
class Conditions:
    """The conditions of one direction of a link.

    Raises BadFault: a value is beyond its limits.
    """

    latency: float = field(default=0.0, validator=_number(0, HOUR, "seconds"))
    """Seconds that each byte is under way."""
    jitter: float = field(default=0.0, validator=_number(0, HOUR, "seconds"))
    """At most so many seconds more, at random. Bytes are never reordered."""
    bandwidth: int | None = field(default=None, validator=_count(1, MAX_BANDWIDTH, "bytes a second"))
    """Bytes a second."""
    window: int = field(default=WINDOW, validator=_count(1, MAX_WINDOW, "bytes"))
    """Bytes that may be under way; beyond them nothing is read, so that the sender is held back."""
    fragment: int | None = field(default=None, validator=_count(1, MAX_PIECE, "bytes"))
    """What passes is cut into pieces of so many bytes, delivered a millisecond apart."""
    coalesce: float = field(default=0.0, validator=_number(0, HOUR, "seconds"))
    """Bytes are held so long after the first one and are delivered together."""
    stall: bool = field(default=False, validator=_flag)
    """Nothing passes, and the connection stays."""
    half_open_after: float | None = field(default=None, validator=_seconds_or_never)
    """After so many seconds of the connection, or of these conditions, all that is sent vanishes, the end of the
    connection too, for as long as this connection lives."""
    reset_after: int | None = field(default=None, validator=_count(0, MAX_COUNT, "bytes"))
    """The connection is reset when so many bytes have passed; 0: at once."""
    reset_in_frame: bool = field(default=False, validator=_flag)
    """The connection is reset in the middle of the next WebSocket frame."""
    corrupt: float = field(default=0.0, validator=_number(0, 1, ""))
    """The probability that a byte has one of its bits changed."""
    corrupt_at: int | None = field(default=None, validator=_count(0, MAX_COUNT, "bytes"))
    """All bits of this byte are changed, the first being 0."""
    duplicate_bytes: float = field(default=0.0, validator=_number(0, 1, ""))
    """The probability that a byte passes twice."""
    duplicate_frames: float = field(default=0.0, validator=_number(0, 1, ""))
    """The probability that a WebSocket frame with a whole message passes twice."""

    @property
    def down(self) -> bool:
        """Whether no connection is expected to live and be of use under these conditions."""
        return (
            self.stall
            or self.half_open_after is not None
            or self.reset_after is not None
            or self.reset_in_frame
            or self.corrupt > 0
            or self.corrupt_at is not None
            or self.duplicate_bytes > 0
        )


@frozen(kw_only=True)
class LinkConditions:
    """The conditions of a link: those from the charge point to the central system, those back, and for newcomers.

    ``partition``: no connection comes up, and what passes on those that exist stalls. New ones are refused, or stay
    unanswered until the partition is over.
    """

    inbound: Conditions = field(factory=Conditions)
    outbound: Conditions = field(factory=Conditions)
    partition: Partition | None = field(default=None, validator=_partition)

    def towards(self, direction: Direction) -> Conditions:
        """Return the conditions that bytes of a direction are under."""
        own = self.inbound if direction == "in" else self.outbound
        return evolve(own, stall=True) if self.partition else own

    @property
    def down(self) -> bool:
        """Whether no connection is expected to live and be of use under these conditions."""
        return self.partition is not None or self.inbound.down or self.outbound.down

    def over(self, base: "LinkConditions") -> "LinkConditions":
        """Return what holds where these conditions come on top of others: whatever these say is theirs."""
        return LinkConditions(
            inbound=_over(self.inbound, base.inbound),
            outbound=_over(self.outbound, base.outbound),
            partition=self.partition or base.partition,
        )


def both(**conditions: Any) -> LinkConditions:
    """Return the same conditions for both directions.

    Raises BadFault: a value is beyond its limits.
    """
    each = Conditions(**conditions)
    return LinkConditions(inbound=each, outbound=each)


def _over(upper: Conditions, base: Conditions) -> Conditions:
    said = {
        each.name: value
        for each in fields(Conditions)
        if (value := getattr(upper, each.name)) != each.default
    }
    return evolve(base, **said)


# --- names -----------------------------------------------------------------------------------------------------

FAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "latency": {"latency": 0.5, "jitter": 0.2},
    "narrow": {"bandwidth": 1000},
    "fragments": {"fragment": 1},
    "coalescing": {"coalesce": 1.0},
    "stall": {"stall": True},
    "half-open": {"half_open_after": 0.0},
    "reset": {"reset_after": 0},
    "reset-mid-frame": {"in": {"reset_in_frame": True}},
    "corruption": {"corrupt": 0.01},
    "duplicate-bytes": {"duplicate_bytes": 0.01},
    "duplicate-frames": {"in": {"duplicate_frames": 1.0}},
    "slow-reader": {"out": {"stall": True, "window": 1}},
    "partition": {"partition": "refused"},
    "no-answer": {"partition": "unanswered"},
}
"""Faults by name, as conditions_from() reads them."""

_KEYS: Final = tuple(each.name for each in fields(Conditions))


def conditions_from(mapping: Mapping[str, Any]) -> LinkConditions:
    """Make conditions of what a profile or a command says: the fields of Conditions, for both directions.

    ``in`` and ``out`` hold those of one direction, which go before; ``partition`` is ``refused`` or ``unanswered``;
    ``fault`` names one of FAULTS, on top of which come the others.

    Raises BadFault: a key is unknown, or a value beyond its limits.
    """
    merged = _merged(mapping)
    inbound, outbound = (
        _direction({**merged["both"], **merged[each]}, f"{each}." if merged[each] else "")
        for each in DIRECTIONS
    )
    return LinkConditions(inbound=inbound, outbound=outbound, partition=merged["partition"])


def name_of(mapping: Mapping[str, Any]) -> str:
    """Return what a report calls such conditions: the name of the fault, or what they are made of."""
    if isinstance(mapping.get("fault"), str):
        return str(mapping["fault"])
    keys = [key for key in mapping if key not in DIRECTIONS]
    keys += [f"{each}.{key}" for each in DIRECTIONS for key in mapping.get(each, ())]
    return " + ".join(keys) or "nothing"


def _merged(mapping: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {"both": {}, "in": {}, "out": {}, "partition": None}
    if "fault" in mapping:
        name = mapping["fault"]
        if name not in FAULTS:
            raise BadFault(f"fault is {name!r}: it may be {', '.join(FAULTS)}")
        merged = _merged(FAULTS[name])
    for key, value in mapping.items():
        if key in DIRECTIONS:
            if not isinstance(value, Mapping):
                raise BadFault(f"{key} is {value!r}: it may be a table of the conditions of this direction")
            merged[key] |= value
        elif key == "partition":
            merged["partition"] = value
        elif key != "fault":
            merged["both"][key] = value
            for direction in DIRECTIONS:
                merged[direction].pop(key, None)
    # A direction of its own goes before what both have, wherever it stands.
    for direction in DIRECTIONS:
        merged[direction] |= mapping.get(direction, {})
    return merged


def _direction(values: Mapping[str, Any], place: str) -> Conditions:
    for key in values:
        if key not in _KEYS:
            allowed = ", ".join((*_KEYS, "partition", "fault", *DIRECTIONS))
            raise BadFault(f"{place}{key} is no condition of a link: there are {allowed}")
    for key, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise BadFault(f"{place}{key} is {value!r}: it must be finite")
    try:
        return Conditions(**values)
    except BadFault as error:
        raise BadFault(f"{place}{error}") from None
