"""The constrained types that message fields are written with (OCPP 1.6 §7.15-7.19, errata 3.58-3.62).

A constraint is a marker inside ``Annotated``, which ``schemas`` turns into a JSON Schema keyword.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

from attrs import frozen


@frozen
class MaxLength:
    """The most characters that a string may have."""

    limit: int


@frozen
class Minimum:
    """The least value of an integer."""

    limit: int


@frozen
class MultipleOf:
    """The step of a number."""

    step: float


@frozen
class MinItems:
    """The fewest elements of a list."""

    limit: int


@frozen
class MinItemsWithin:
    """The fewest elements of the list ``field`` of every element of this list."""

    field: str
    limit: int


@frozen
class Format:
    """What a string holds. ``date-time`` is asserted, ``uri`` is a remark."""

    name: Literal["date-time", "uri"]


Constraint = MaxLength | Minimum | MultipleOf | MinItems | MinItemsWithin | Format

CiString20 = Annotated[str, MaxLength(20)]
CiString25 = Annotated[str, MaxLength(25)]
CiString50 = Annotated[str, MaxLength(50)]
CiString255 = Annotated[str, MaxLength(255)]
CiString500 = Annotated[str, MaxLength(500)]

IdToken = CiString20
"""An idTag: compared without regard to case (OCPP 1.6 §7.28, errata 3.73)."""

String40 = Annotated[str, MaxLength(40)]
String50 = Annotated[str, MaxLength(50)]
String128 = Annotated[str, MaxLength(128)]
String255 = Annotated[str, MaxLength(255)]
String512 = Annotated[str, MaxLength(512)]
String800 = Annotated[str, MaxLength(800)]
String5500 = Annotated[str, MaxLength(5500)]
String10000 = Annotated[str, MaxLength(10000)]

Uri = Annotated[str, Format("uri")]

DateTime = Annotated[datetime, Format("date-time")]
"""An aware datetime; one that comes without a zone is read as UTC."""

ConnectorId = Annotated[int, Minimum(0)]
"""A connector of a request: 0 is the charge point as a whole (OCPP 1.6 §3.8)."""

TransactionConnectorId = Annotated[int, Minimum(1)]
"""A connector that a transaction runs on: never 0 (OCPP 1.6 §6.45)."""

TENTH: Final = 0.1
Tenth = Annotated[float, MultipleOf(TENTH)]
"""A number with at most one decimal: a limit in amperes or watts (OCPP 1.6 §7.13, §7.14)."""
