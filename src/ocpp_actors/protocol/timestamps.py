"""Date-times as OCPP writes them, and as charge points do (OCPP 1.6 §3.14, §3.15; RFC 3339)."""

import re
from datetime import UTC, datetime
from typing import Final

import orjson

_READABLE: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?"
)


class UnreadableDateTime(ValueError):
    """A text that is no date-time, or one that ``datetime`` cannot hold."""


def read(text: str) -> datetime:
    """Read a date-time; the result is in UTC.

    Beyond RFC 3339 the zone may be missing, which means UTC, or short (``+02``, ``+0200``), and a space may
    stand for the T. Decimals beyond microseconds are cut off.

    Raises UnreadableDateTime: anything else, leap seconds, and moments outside the years 1 to 9999.
    """
    if _READABLE.fullmatch(text) is None:
        raise UnreadableDateTime(text)
    try:
        moment = datetime.fromisoformat(text.upper())
        if moment.tzinfo is UTC:
            return moment
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnreadableDateTime(text) from None


def write(moment: datetime) -> str:
    """Write a date-time in UTC with ``Z`` and, where it has them, milliseconds; what is finer is cut off.

    Raises ValueError where ``moment`` has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; give it one, such as tzinfo=UTC")
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    text = orjson.dumps(
        utc
    )  # "2026-01-01T00:00:00.123456+00:00", in quotes; isoformat() takes three times as long
    return f"{text[1 : 24 if utc.microsecond >= 1000 else 20].decode()}Z"
