"""What events look like outside the server: their types, and their data as JSON."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from sys import getsizeof
from types import MappingProxyType
from typing import Any, Final

import orjson

from ocpp_actors import observer as o
from ocpp_actors.ledger.masking import mask

MESSAGE: Final = "message"

TYPE_OF: Final[Mapping[type[o.Event], str]] = MappingProxyType(
    {
        o.Connected: "connection",
        o.Disconnected: "connection",
        o.ConnectorStatusChanged: "status",
        o.TransactionStarted: "transaction",
        o.TransactionStopped: "transaction",
        o.MeterValuesRecorded: "meterValues",
        o.FrameReceived: MESSAGE,
        o.FrameSent: MESSAGE,
        o.CommandEnded: "call",
        o.ProgressReported: "progress",
        o.ReservationChanged: "reservation",
        o.SecurityEventRaised: "securityEvent",
        o.Flagged: "flag",
        o.Restarted: "restart",
    }
)
"""The type under which an event is told; what is not in here stays inside."""

TYPES: Final = tuple(dict.fromkeys(TYPE_OF.values()))
"""All types."""

DEFAULT_TYPES: Final = frozenset(TYPES) - {MESSAGE}
"""The types of whoever does not say which."""

DEFAULT_EVENTS: Final = tuple(class_ for class_, type_ in TYPE_OF.items() if type_ in DEFAULT_TYPES)
"""The classes of the events of these types."""

FRAMES: Final = tuple(class_ for class_, type_ in TYPE_OF.items() if type_ is MESSAGE)
"""The classes of the others."""

_LEAST_SIZE: Final = 500
"""Bytes that an event takes, about, without its texts."""

_LONG_TEXT_OF: Final[Mapping[type[o.Event], Callable[[Any], str]]] = {
    o.FrameReceived: attrgetter("text"),
    o.FrameSent: attrgetter("text"),
    o.Flagged: attrgetter("detail"),
    o.SecurityEventRaised: attrgetter("detail"),
    o.Disconnected: attrgetter("reason"),
}


def size_of(event: o.Event) -> int:
    """Return how many bytes of memory an event takes, about."""
    long_text_of = _LONG_TEXT_OF.get(type(event))
    return _LEAST_SIZE if long_text_of is None else _LEAST_SIZE + getsizeof(long_text_of(event))


def document(event: o.Event) -> dict[str, Any]:
    """Return the data of an event: ``chargePoint``, ``at`` and what its type has beside them; secrets are masked.

    ``chargePoint`` is None where it is not known whose a security event is.

    Raises KeyError: the event has no type.
    """
    return {"chargePoint": event.identity or None, "at": timestamp(event.at), **_DETAILS[type(event)](event)}


def timestamp(moment: datetime) -> str:
    """Write a moment in UTC with milliseconds."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def to_json(data: Mapping[str, Any]) -> bytes:
    """Write a document in one line of JSON. Half a surrogate pair, which UTF-8 cannot carry, is escaped."""
    try:
        return orjson.dumps(data)
    except orjson.JSONEncodeError:
        return json.dumps(data, separators=(",", ":")).encode()


def _connected(event: o.Connected) -> dict[str, Any]:
    return {
        "online": True,
        "remote": event.remote,
        "generation": event.generation,
        "code": None,
        "reason": None,
    }


def _disconnected(event: o.Disconnected) -> dict[str, Any]:
    return {
        "online": False,
        "remote": None,
        "generation": event.generation,
        "code": event.code,
        "reason": event.reason,
    }


_DETAILS: Final[Mapping[type[o.Event], Callable[[Any], dict[str, Any]]]] = {
    o.Connected: _connected,
    o.Disconnected: _disconnected,
    o.ConnectorStatusChanged: lambda event: {
        "connectorId": event.connector_id,
        "status": event.status,
        "errorCode": event.error_code,
    },
    o.TransactionStarted: lambda event: {
        "transactionId": event.transaction_id,
        "state": "started",
        "connectorId": event.connector_id,
        "idTag": event.id_tag,
    },
    o.TransactionStopped: lambda event: {
        "transactionId": event.transaction_id,
        "state": "stopped",
        "reason": event.reason,
    },
    o.MeterValuesRecorded: lambda event: {
        "connectorId": event.connector_id,
        "transactionId": event.transaction_id,
        "energyWh": event.energy_wh,
        "powerW": event.power_w,
    },
    o.FrameReceived: lambda event: {"direction": "in", "frame": mask(event.text)},
    o.FrameSent: lambda event: {"direction": "out", "frame": mask(event.text)},
    o.CommandEnded: lambda event: {
        "callId": event.command_id,
        "action": event.action,
        "status": event.outcome,
        "errorCode": event.error_code,
        "seconds": round(event.seconds, 3),
    },
    o.ProgressReported: lambda event: {
        "kind": event.kind,
        "status": event.status,
        "requestId": event.request_id,
    },
    o.ReservationChanged: lambda event: {
        "reservationId": event.reservation_id,
        "connectorId": event.connector_id,
        "status": event.state,
    },
    o.SecurityEventRaised: lambda event: {
        "type": event.type,
        "detail": event.detail,
        "origin": event.origin,
    },
    o.Flagged: lambda event: {"quirk": event.quirk, "detail": event.detail},
    o.Restarted: lambda event: {"cause": event.cause},
}
