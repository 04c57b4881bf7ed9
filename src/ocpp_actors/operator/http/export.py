"""Exports: all that matches, as CSV or as lines of JSON, made while it is sent."""

import csv
import io
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, Final, TypeVar

import orjson
from attrs import AttrsInstance, fields

from ocpp_actors.operator.http.wire import write
from ocpp_actors.protocol.schemas import wire_name

T = TypeVar("T")

CSV: Final = "text/csv"
NDJSON: Final = "application/x-ndjson"

AT_ONCE: Final = 500
"""Records that are fetched at once."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def preferred(accept: str, offered: Sequence[str]) -> str:
    """Return which of the media types is wanted most (RFC 9110 §12.5.1); the first where it does not matter."""
    weights = {}
    for number, part in enumerate(accept.split(",")):
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((_weight(each[2:]) for each in parameters if each.startswith("q=")), 1.0)
        if media_type in offered and weight > 0:
            weights[media_type] = (weight, -number)
    return max(weights, key=weights.__getitem__) if weights else offered[0]


def _weight(text: str) -> float:
    return float(text) if re.fullmatch(r"[01](\.[0-9]{0,3})?", text) else 0.0


async def csv_of(
    cls: type[AttrsInstance], pages: AsyncGenerator[Sequence[T], None], show: Callable[[T], AttrsInstance]
) -> AsyncIterator[bytes]:
    """Yield a table: a line with the names of the columns, then one for each record.

    A text that a spreadsheet would take for a formula begins with an apostrophe: many of them come from strangers.
    """
    names = [wire_name(each.name) for each in fields(cls)]
    yield _lines([names])
    async with aclosing(pages):
        async for page in pages:
            rows = [[_cell(value) for value in write(show(record)).values()] for record in page]
            yield _lines(rows)  # noqa: ASYNC119, whoever reads this closes it


def _lines(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    return "" if value is None else value


async def pages_of(
    first: Sequence[T], fetch: Callable[[T], Awaitable[Sequence[T]]]
) -> AsyncGenerator[Sequence[T], None]:
    """Yield pages of AT_ONCE records: the first, then what ``fetch`` gives for the last record seen."""
    page = first
    while page:
        yield page
        if len(page) < AT_ONCE:
            return
        page = await fetch(page[-1])
