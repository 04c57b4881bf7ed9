"""What the entries of a local authorization list are after an update of it (OCPP 1.6 §5.10, §5.15)."""

from typing import Any

from ocpp_actors.ledger.port import RecordLocalList

Entries = dict[str, dict[str, Any]]


def updated_entries(known: Entries | None, update: RecordLocalList) -> Entries | None:
    """Apply an update to what was known; None: the entries are not known."""
    if known is None and not update.full:
        return None
    entries = {} if update.full or known is None else dict(known)
    for entry in update.entries:
        id_tag = entry["idTag"].casefold()
        if entry.get("idTagInfo") is None:
            entries.pop(id_tag, None)
        else:
            entries[id_tag] = entry
    return entries


def entries_of_version(version: int) -> Entries | None:
    """What is known of the entries of a list of which only the version is known: 0 is an empty one."""
    return {} if version == 0 else None
