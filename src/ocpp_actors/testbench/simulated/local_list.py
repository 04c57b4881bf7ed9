"""The local authorization list (OCPP 1.6 §3.5.2, §5.15), without I/O."""

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from ocpp_actors.protocol.messages import IdTagInfo, SendLocalList, UpdateStatus, UpdateType

MAX_ENTRIES: Final = 500
"""LocalAuthListMaxLength."""

MAX_SENT: Final = 250
"""SendLocalListMaxLength."""


@frozen
class LocalList:
    """What the central system told of idTags; those are compared without regard to case (§7.28, errata 3.73)."""

    version: int = 0
    """0: there is none, or it is empty (§5.10)."""
    entries: Mapping[str, IdTagInfo] = field(factory=dict)

    def find(self, id_tag: str) -> IdTagInfo | None:
        """Return what is known of an idTag."""
        return self.entries.get(id_tag.lower())

    def updated(self, request: SendLocalList) -> "tuple[UpdateStatus, LocalList]":
        """Return the answer to SendLocalList, and the list after it.

        Failed: the version is not above 0, an idTag comes twice, a full list has one without an idTagInfo, or there are
        too many. VersionMismatch: a differential update has no newer version than the list (§7.47).
        """
        sent = request.local_authorization_list or []
        by_tag = {each.id_tag.lower(): each.id_tag_info for each in sent}
        if request.list_version <= 0 or len(sent) > MAX_SENT or len(by_tag) < len(sent):
            return UpdateStatus.FAILED, self
        if request.update_type is UpdateType.FULL:
            entries: dict[str, IdTagInfo] = {}
            if None in by_tag.values():
                return UpdateStatus.FAILED, self
        else:
            if request.list_version <= self.version:
                return UpdateStatus.VERSION_MISMATCH, self
            entries = dict(self.entries)
        for id_tag, info in by_tag.items():
            if info is None:
                entries.pop(id_tag, None)
            else:
                entries[id_tag] = info
        if len(entries) > MAX_ENTRIES:
            return UpdateStatus.FAILED, self
        return UpdateStatus.ACCEPTED, LocalList(request.list_version if entries else 0, entries)
