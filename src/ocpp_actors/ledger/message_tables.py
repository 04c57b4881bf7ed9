"""The message log in a database of its own, not synced at each commit."""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Final, cast

from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    bindparam,
    delete,
    func,
    select,
)

from ocpp_actors.ledger.database import Database
from ocpp_actors.ledger.message_entries import Direction, MessageEntry, MessagePage, MessageQuery, folded
from ocpp_actors.ledger.port import RequestFailed
from ocpp_actors.ledger.tables import Id, Key, UtcDateTime

ROW_OVERHEAD: Final = 200
"""Bytes that a row takes beside its text, with its indexes, roughly."""

ROWS: Final = 50
"""Rows that one statement inserts."""

MAX_NAMES: Final = 10_000
"""Charge points whose names are kept at hand."""

CAP_SLACK: Final = 20
"""The size is looked after each time that this part of it was written."""

EXAMINED: Final = 20_000
"""As many rows are looked at for one part of a page, whether they match or not."""

_CURSOR: Final = re.compile(r"(?P<newest_first>-?)(?P<id>[0-9]{1,18})")

metadata = MetaData()
messages = Table(
    "messages",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("charge_point", Key, nullable=False),
    Column("identity", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("message_id", Text),
    Column("action", Text),
    Column("text", Key, nullable=False),
    Column("verdict", Text),
    Column("size", Integer, nullable=False),
    sqlite_autoincrement=True,
)
Index("ix_messages_charge_point", messages.c.charge_point, messages.c.id)
Index("ix_messages_action", messages.c.action, messages.c.id)
Index("ix_messages_at", messages.c.at, messages.c.id)
_COLUMNS: Final = tuple(column.name for column in messages.columns if column.name != "id")

_StoredTime = Callable[[datetime], Any]
"""Makes of a moment what the driver of the database takes."""


class MessageTables:
    """Entries as rows. The oldest are deleted when all together are larger than about ``max_size`` bytes."""

    def __init__(self, url: URL, max_size: int) -> None:
        self._database = Database(url, synced=False)
        self._max_size = max_size
        self._written = 0

    def open(self) -> None:
        """Make the table. It has no migrations: what it holds lasts a few days."""
        self._database.open(self._prepare)

    def _prepare(self, connection: Connection) -> None:
        metadata.create_all(connection)
        self._cap(connection)

    def append(self, entries: Sequence[MessageEntry]) -> None:
        """Insert entries, in one commit."""
        connection = self._database.connect()
        stored_time = cast("_StoredTime", messages.c.at.type.bind_processor(connection.dialect))
        with connection.begin():
            for first in range(0, len(entries), ROWS):
                rows = [_row(entry, stored_time) for entry in entries[first : first + ROWS]]
                values = tuple(itertools.chain.from_iterable(rows))
                connection.exec_driver_sql(_insert(len(rows), connection.dialect.paramstyle), values)
                self._written += sum(row[-1] for row in rows)
            if self._written * CAP_SLACK > self._max_size:
                self._cap(connection)

    def find(self, query: MessageQuery) -> MessagePage:
        """Select a page. The cursor is the id of the last row that was looked at, with a minus for newest first."""
        last = _read_cursor(query)
        connection = self._database.connect()
        with connection.begin():
            return _find(query, last, connection)

    def prune(self, before: datetime) -> None:
        """Delete rows older than a moment."""
        connection = self._database.connect()
        with connection.begin():
            connection.execute(delete(messages).where(messages.c.at < before))

    def recover(self) -> None:
        """Connect anew the next time."""
        self._database.disconnect()

    def close(self) -> None:
        """Close the connection."""
        self._database.disconnect()

    def _cap(self, connection: Connection) -> None:
        """Delete the oldest rows, so that the newest ones fit."""
        totals = select(
            messages.c.id, func.sum(messages.c.size).over(order_by=messages.c.id.desc()).label("total")
        ).subquery()
        oldest = select(func.max(totals.c.id)).where(totals.c.total > self._max_size).scalar_subquery()
        connection.execute(delete(messages).where(messages.c.id <= oldest))
        self._written = 0


@cache
def _insert(rows: int, paramstyle: str) -> str:
    """Return the statement that inserts so many rows."""
    row = ", ".join(["?" if paramstyle == "qmark" else "%s"] * len(_COLUMNS))
    values = ", ".join([f"({row})"] * rows)
    return f"INSERT INTO messages ({', '.join(_COLUMNS)}) VALUES {values}"  # noqa: S608 — all of it is ours


def _row(entry: MessageEntry, stored_time: _StoredTime) -> tuple[Any, ...]:
    """Return the values of the columns, the size last."""
    text = _text(entry.text)
    return (
        stored_time(entry.at),
        *_names(entry.identity),
        entry.direction,
        entry.message_id and _text(entry.message_id),
        entry.action and _text(entry.action),
        text,
        entry.verdict and _text(entry.verdict),
        (len(text) if text.isascii() else len(text.encode())) + ROW_OVERHEAD,
    )


@lru_cache(MAX_NAMES)
def _names(identity: str) -> tuple[str, str]:
    """Return the key of a charge point, and its identity."""
    return _text(identity.casefold()), _text(identity)


def _text(text: str) -> str:
    """Replace what a database cannot hold: NUL, and halves of surrogate pairs."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _find(query: MessageQuery, last: int | None, connection: Connection) -> MessagePage:
    """Select what matches of the rows after ``last`` of which EXAMINED are looked at."""
    if last is None and query.since is not None and not query.newest_first:
        last = connection.execute(_before_since, {"since": query.since}).scalar_one()
        if last is None:
            return MessagePage([], None)
    ids = select(messages.c.id).where(*_indexed(query, last)).order_by(_in_order(query)).limit(EXAMINED)
    ends = ids.subquery()
    farthest = func.min(ends.c.id) if query.newest_first else func.max(ends.c.id)
    examined, end = connection.execute(select(func.count(), farthest).select_from(ends)).one()
    if not examined:
        return MessagePage([], _cursor(query, last))
    matching = select(messages).where(*_indexed(query, last), *_examined(query, end))
    rows = connection.execute(matching.order_by(_in_order(query)).limit(query.limit)).all()
    entries = [_entry(row) for row in rows]
    if len(rows) == query.limit:
        return MessagePage(entries, _cursor(query, rows[-1].id))
    return MessagePage(
        entries, _cursor(query, end), examined == EXAMINED and _goes_on(query, end, connection)
    )


def _goes_on(query: MessageQuery, last: int, connection: Connection) -> bool:
    """Whether anything after ``last`` can match: going back, nothing does that is older than ``since``."""
    if query.since is None or not query.newest_first:
        return True
    return connection.execute(_since_before, {"since": query.since, "last": last}).first() is not None


def _indexed(query: MessageQuery, last: int | None) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions that one index serves, so that no other row is looked at."""
    if query.identity is not None:
        yield messages.c.charge_point == _text(query.identity.casefold())
    elif query.action is not None:
        yield messages.c.action == _text(query.action)
    if last is not None:
        yield messages.c.id < last if query.newest_first else messages.c.id > last


def _examined(query: MessageQuery, end: int) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions for which rows have to be looked at, up to one."""
    yield messages.c.id >= end if query.newest_first else messages.c.id <= end
    if query.identity is not None and query.action is not None:
        yield _unindexed_action == _text(query.action)
    if query.direction is not None:
        yield messages.c.direction == query.direction
    if query.since is not None:
        yield messages.c.at >= query.since
    if query.search is not None:
        yield func.lower(messages.c.text).contains(folded(_text(query.search)), autoescape=True)


def _in_order(query: MessageQuery) -> ColumnElement[int]:
    return messages.c.id.desc() if query.newest_first else messages.c.id.asc()


_unindexed_action = func.coalesce(messages.c.action, "")
"""So that the index of charge points is used, not that of actions: which of them is not told to the planner."""
_unindexed_id = messages.c.id + 0
"""So that the index of times is used, not that of ids: a clock may be set back."""
_before_since = select(func.min(_unindexed_id) - 1).where(messages.c.at >= bindparam("since"))
_since_before = (
    select(messages.c.id)
    .where(messages.c.at >= bindparam("since"), _unindexed_id < bindparam("last"))
    .order_by(messages.c.at)
    .limit(1)
)


def _read_cursor(query: MessageQuery) -> int | None:
    """Return the id of the last row that was looked at."""
    if query.cursor is None:
        return None
    match = _CURSOR.fullmatch(query.cursor)
    if match is None or bool(match["newest_first"]) != query.newest_first:
        raise RequestFailed(
            f"the cursor {query.cursor!r} is none of the message log's, or of the other order"
        )
    return int(match["id"])


def _cursor(query: MessageQuery, last: int | None) -> str | None:
    sign = "-" if query.newest_first else ""
    return None if last is None else f"{sign}{last}"


def _entry(row: Row[Any]) -> MessageEntry:
    return MessageEntry(
        at=row.at,
        identity=row.identity,
        direction=cast("Direction", row.direction),
        text=row.text,
        message_id=row.message_id,
        action=row.action,
        verdict=row.verdict,
    )
