"""Known idTags."""

from datetime import datetime

from attrs import frozen

from ocpp_actors.ledger.port.base import Request
from ocpp_actors.protocol.messages import AuthorizationStatus


@frozen
class IdTag:
    """A known idTag; it is compared without regard to case (OCPP 1.6 errata 3.73)."""

    id_tag: str
    status: AuthorizationStatus
    expiry_date: datetime | None = None
    parent_id_tag: str | None = None
    max_active_transactions: int | None = None
    """None: no limit (§7.2, ConcurrentTx)."""
    version: int = 1
    """Counts its changes; what it is when it is put does not matter."""


@frozen
class FindIdTag(Request["IdTag | None"]):
    """What is known of an idTag."""

    id_tag: str


@frozen
class PutIdTag(Request[IdTag]):
    """Add an idTag, or replace what was known of it; answers it with its new version.

    ``expected_version`` None: whatever its version is; 0: it must not exist yet.

    Raises VersionConflict: it has another version.
    """

    id_tag: IdTag
    expected_version: int | None = None


@frozen
class RemoveIdTag(Request[bool]):
    """Forget an idTag; answers whether it was known.

    Raises VersionConflict: it has another version.
    """

    id_tag: str
    expected_version: int | None = None


@frozen
class ListIdTags(Request["list[IdTag]"]):
    """Known idTags in casefolded order, after ``after``, at most ``limit``.

    ``search`` is looked for, without regard to case, in idTag and parentIdTag.
    """

    after: str = ""
    limit: int = 100
    search: str | None = None
