"""What operators changed: every write is kept with who and when."""

from datetime import datetime
from typing import Any, Generic, TypeVar

from attrs import frozen

from ocpp_actors.ledger.port.base import Request

R = TypeVar("R", covariant=True)


@frozen
class ByOperator(Request[R], Generic[R]):
    """Another request, carried out and kept as an operator's, in one commit; answers what that one answers.

    Kept are its name and its fields, secrets masked; hashes of keys are left out. One that fails is not kept.
    """

    request: Request[R]
    operator: str
    at: datetime


@frozen
class RecordMisbehaviour(Request[None]):
    """Answers to a charge point are broken on purpose by these rules. Only who wanted it is kept (see ByOperator)."""

    identity: str
    rules: tuple[dict[str, Any], ...]


@frozen
class OperatorWrite:
    """A change by an operator. ``what`` is the name of the request, ``subject`` whom or what it is about."""

    write_id: int
    at: datetime
    operator: str
    what: str
    subject: str
    detail: dict[str, Any]


@frozen
class ListOperatorWrites(Request["list[OperatorWrite]"]):
    """What operators changed, newest first; ``before`` is the number of the last one seen."""

    limit: int = 100
    before: int | None = None
