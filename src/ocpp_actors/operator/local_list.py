"""What is to be sent so that a charge point's local authorization list is that of the ledger (OCPP 1.6 §3.5, §5.15)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ocpp_actors.ledger.port import ConfigurationKey, IdTag, LocalList
from ocpp_actors.protocol.codec import encode
from ocpp_actors.protocol.messages import AuthorizationData, IdTagInfo, SendLocalList, UpdateType

MAX_LENGTH_KEY: Final = "sendlocallistmaxlength"
"""The configuration key that limits the entries of one SendLocalList.req, casefolded (§9.2.3)."""


class UnknownList(Exception):
    """It is not known what the list holds, so that nothing can be said about the difference."""


def requests(
    update_type: UpdateType, id_tags: Iterable[IdTag], present: LocalList | None, longest: int | None
) -> list[SendLocalList]:
    """Return the requests that bring the list up to date, in order; there is at least one.

    Versions follow the known one: never 0, which is an empty list, nor -1 (errata 3.52). Where one request must not
    have more than ``longest`` entries, differential ones follow the first.

    Raises UnknownList: a differential update is asked for, and the entries of the list are not known.
    """
    wanted = [_entry(tag) for tag in id_tags]
    if update_type is UpdateType.FULL:
        entries = wanted
    elif present is None or present.entries is None:
        raise UnknownList("what the list holds is not known: send it in full first")
    else:
        entries = difference(wanted, present.entries)
    version = max(0, present.version if present is not None else 0)
    return [
        SendLocalList(
            list_version=version + number,
            update_type=update_type if number == 1 else UpdateType.DIFFERENTIAL,
            local_authorization_list=chunk,
        )
        for number, chunk in enumerate(_chunks(entries, longest), 1)
    ]


def difference(
    wanted: Sequence[AuthorizationData], present: Mapping[str, Mapping[str, Any]]
) -> list[AuthorizationData]:
    """Return the entries that turn the present list into the wanted one; one without idTagInfo removes its idTag."""
    keys = {entry.id_tag.casefold() for entry in wanted}
    changed = [entry for entry in wanted if encode(entry) != present.get(entry.id_tag.casefold())]
    removed = [AuthorizationData(id_tag=entry["idTag"]) for key, entry in present.items() if key not in keys]
    return [*removed, *changed]


def longest_request(configuration: Iterable[ConfigurationKey]) -> int | None:
    """Return how many entries one request may have, None where the charge point told no limit."""
    for each in configuration:
        if (
            each.key.casefold() == MAX_LENGTH_KEY
            and each.value is not None
            and each.value.strip().isdecimal()
        ):
            return int(each.value) or None
    return None


def _entry(tag: IdTag) -> AuthorizationData:
    info = IdTagInfo(status=tag.status, expiry_date=tag.expiry_date, parent_id_tag=tag.parent_id_tag)
    return AuthorizationData(id_tag=tag.id_tag, id_tag_info=info)


def _chunks(entries: list[AuthorizationData], longest: int | None) -> list[list[AuthorizationData]]:
    size = longest or max(1, len(entries))
    return [entries[begin : begin + size] for begin in range(0, max(1, len(entries)), size)]
