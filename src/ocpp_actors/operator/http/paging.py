"""Pages: cursors that clients do not look into, and the answers that carry them."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import orjson
import trio

from ocpp_actors.operator.http.operations import Answer, Content, Reply
from ocpp_actors.operator.http.problems import Problem, bad_parameter
from ocpp_actors.operator.http.wire import write

T = TypeVar("T")

AT_ONCE: Final = 50
"""Items that are written before others get their turn."""

LARGEST_NUMBER: Final = 2**63 - 1


def cursor_of(position: str | int) -> str:
    """Return a cursor that continues after this position."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).rstrip(b"=").decode()


def number_in(cursor: str | None) -> int | None:
    """Return the number in a cursor.

    Raises Problem: it is not from here.
    """
    position = _position(cursor)
    if position is None or (type(position) is int and 0 <= position <= LARGEST_NUMBER):
        return position
    raise _bad_cursor()


def text_in(cursor: str | None) -> str:
    """Return the text in a cursor, empty where there is none.

    Raises Problem: it is not from here.
    """
    position = _position(cursor)
    if position is None or isinstance(position, str):
        return position or ""
    raise _bad_cursor()


def _position(cursor: str | None) -> object:
    if cursor is None:
        return None
    try:
        position = orjson.loads(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        )
    except (ValueError, binascii.Error):
        raise _bad_cursor() from None
    if position is None:
        raise _bad_cursor()
    return position


def _bad_cursor() -> Problem:
    return bad_parameter("/cursor", "it is not one that this list gave")


def page_reply(kind: Any, description: str, example: Any) -> Reply:
    """Return the documented answer of a list of ``kind``."""
    return Reply(200, description, (Content(Page(kind), {"items": [example], "nextCursor": None}),))


class Page:
    """Stands for a page of ``kind`` in the documentation."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind


async def page_of(
    records: Sequence[T], limit: int, show: Callable[[T], Any], position: Callable[[T], str | int]
) -> Answer:
    """Answer a page out of one record more than fits into it, if there are so many."""
    more = len(records) > limit
    records = records[:limit]
    return await page_with(records, show, cursor_of(position(records[-1])) if more else None)


async def page_with(records: Sequence[T], show: Callable[[T], Any], next_cursor: str | None) -> Answer:
    """Answer a page of these records. Others get their turn meanwhile."""
    items = []
    for number, record in enumerate(records, 1):
        items.append(write(show(record)))
        if number % AT_ONCE == 0:
            await trio.lowlevel.checkpoint()
    return json_answer({"items": items, "nextCursor": next_cursor})


def json_answer(document: Any, status: int = 200, **headers: str) -> Answer:
    """Answer with a document: what is written by ``wire.write``, or is JSON already."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(orjson.dumps(write(document), default=str), status, headers=named)
