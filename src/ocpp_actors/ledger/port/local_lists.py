"""Local authorization lists, as the charge points have them (OCPP 1.6 §5.10, §5.15)."""

from datetime import datetime
from typing import Any

from attrs import frozen

from ocpp_actors.ledger.port.base import Request


@frozen
class LocalList:
    """The local authorization list of a charge point.

    ``entries`` are the AuthorizationData as sent, by casefolded idTag; None where only the version is known, so that no
    differential update can be made. Version 0 is an empty list, -1 means that it is not supported (§5.10).
    """

    identity: str
    version: int
    entries: dict[str, dict[str, Any]] | None
    changed_at: datetime


@frozen
class RecordLocalList(Request[None]):
    """A charge point accepted a list of this version (§5.15).

    ``entries`` are the AuthorizationData as sent. A ``full`` update replaces what was known; a differential one changes
    it: an entry without idTagInfo removes the idTag, and where the entries were not known they stay so. Of an unknown
    charge point nothing is kept.
    """

    identity: str
    version: int
    full: bool
    entries: tuple[dict[str, Any], ...]
    at: datetime


@frozen
class RecordLocalListVersion(Request[None]):
    """A charge point told the version of its list.

    Where it is another than was known, its entries are unknown; but 0 says that there are none. Of an unknown charge
    point nothing is kept.
    """

    identity: str
    version: int
    at: datetime


@frozen
class FindLocalList(Request["LocalList | None"]):
    """The list of a charge point; None where nothing is known of one."""

    identity: str
