"""What is kept of a request that an operator made."""

from datetime import datetime
from typing import Any, Final

import attrs
import orjson

from ocpp_actors.ledger.masking import mask_document
from ocpp_actors.ledger.port import IdTag, KeyHash, Request, RequestFailed, SetKey
from ocpp_actors.protocol import timestamps
from ocpp_actors.protocol.schemas import wire_name

_SUBJECTS: Final = ("identity", "id_tag", "name", "reservation_id", "command_id")


def subject(request: Request[Any]) -> str:
    """Return whom or what a request is about: a charge point, or an idTag, a name or a number."""
    for name in _SUBJECTS:
        value = getattr(request, name, None)
        if value is not None:
            return value.id_tag if isinstance(value, IdTag) else str(value)
    return ""


def detail(request: Request[Any]) -> dict[str, Any]:
    """Return the fields of a request as JSON, named as the API names them, secrets masked.

    Of a key is told only whether it was set or removed.

    Raises RequestFailed: there is something in it that is no JSON.
    """
    fields = _told(request)
    if isinstance(request, SetKey):
        fields["key"] = "removed" if request.key is None else "set"
        del fields["nextKeys"]
    try:
        document: dict[str, Any] = orjson.loads(orjson.dumps(fields))
    except orjson.JSONEncodeError as error:
        raise RequestFailed(f"the content is no JSON: {error}") from None
    return mask_document(document)


def _told(value: Any) -> Any:
    match value:
        case KeyHash():
            return "set"
        case datetime():
            return timestamps.write(value)
        case list() | tuple():
            return [_told(each) for each in value]
        case _ if attrs.has(type(value)):
            fields = attrs.fields(type(value))
            return {wire_name(each.name): _told(getattr(value, each.name)) for each in fields}
        case _:
            return value
