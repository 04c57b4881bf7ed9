"""Who may charge: what is decided locally, and what has to be asked (OCPP 1.6 §3.5, §4.1), without I/O."""

from datetime import datetime
from enum import Enum, auto
from typing import Final

from attrs import define, evolve, field, frozen

from ocpp_actors.protocol.messages import AuthorizationStatus, IdTagInfo
from ocpp_actors.testbench.simulated.local_list import LocalList

MAX_CACHED: Final = 500

_ACCEPTED: Final = AuthorizationStatus.ACCEPTED


@define
class Cache:
    """The authorization cache: the latest that was heard of each idTag (§3.5.1)."""

    max_entries: int = MAX_CACHED
    _entries: dict[str, IdTagInfo] = field(init=False, factory=dict)

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, id_tag: str, now: datetime) -> IdTagInfo | None:
        """Return what was heard; what is over its expiryDate is Expired from then on."""
        info = self._entries.get(id_tag.lower())
        return None if info is None else aged(info, now)

    def store(self, id_tag: str, info: IdTagInfo) -> None:
        """Keep what was heard. A full cache gives up one that is not valid, then the oldest."""
        self._entries.pop(id_tag.lower(), None)
        if len(self._entries) >= self.max_entries:
            invalid = (tag for tag, each in self._entries.items() if each.status is not _ACCEPTED)
            del self._entries[next(invalid, next(iter(self._entries)))]
        self._entries[id_tag.lower()] = info

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()


def aged(info: IdTagInfo, now: datetime) -> IdTagInfo:
    """Return it as it is now: an accepted idTag is Expired after its expiryDate."""
    if info.status is _ACCEPTED and info.expiry_date is not None and info.expiry_date <= now:
        return evolve(info, status=AuthorizationStatus.EXPIRED)
    return info


class Verdict(Enum):
    """What becomes of an idTag that is presented."""

    ACCEPT = auto()
    REFUSE = auto()
    ASK = auto()
    """The central system decides: Authorize."""


@frozen
class Policy:
    """The configuration keys that decide."""

    list_enabled: bool
    cache_enabled: bool
    pre_authorize: bool
    authorize_offline: bool
    unknown_offline: bool


def decide(
    id_tag: str, local_list: LocalList, cache: Cache, policy: Policy, now: datetime, *, online: bool
) -> tuple[Verdict, IdTagInfo | None]:
    """Return the verdict, and what it rests on. The list goes before the cache (§3.5.3)."""
    info = local_list.find(id_tag) if policy.list_enabled else None
    if info is not None:
        info = aged(info, now)
    elif policy.cache_enabled:
        info = cache.find(id_tag, now)
    accepted = info is not None and info.status is _ACCEPTED
    if online:
        return (Verdict.ACCEPT if accepted and policy.pre_authorize else Verdict.ASK), info
    if info is None:
        return (Verdict.ACCEPT if policy.unknown_offline else Verdict.REFUSE), None
    return (Verdict.ACCEPT if accepted and policy.authorize_offline else Verdict.REFUSE), info


def same_group(one: IdTagInfo | None, other: IdTagInfo | None) -> bool:
    """Tell whether two idTags have the same parent (§3.10)."""
    return (
        one is not None
        and other is not None
        and one.parent_id_tag is not None
        and other.parent_id_tag is not None
        and one.parent_id_tag.lower() == other.parent_id_tag.lower()
    )
