"""The texts in which a search looks. Text and search are casefolded, as identities and idTags are."""

from typing import Any, Final

from ocpp_actors.ledger.texts import NUL

_BOOT: Final = (
    "chargePointVendor",
    "chargePointModel",
    "chargePointSerialNumber",
    "chargeBoxSerialNumber",
    "firmwareVersion",
)


def charge_point_text(identity: str, boot: dict[str, Any] | None) -> str:
    """Return what is searched of a charge point: its identity, and what its BootNotification.req told it is."""
    told = ((boot or {}).get(name) for name in _BOOT)
    return _text(identity, *told)


def id_tag_text(id_tag: str, parent_id_tag: str | None) -> str:
    """Return what is searched of an idTag."""
    return _text(id_tag, parent_id_tag)


def _text(*parts: Any) -> str:
    return "\n".join(part.replace("\0", NUL).casefold() for part in parts if isinstance(part, str))
