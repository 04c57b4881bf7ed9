"""The message log in a database of its own, not synced at each commit."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
)

from ocpp_actors.ledger.database import Database
from ocpp_actors.ledger.message_entries import Direction, MessageEntry, MessagePage, MessageQuery
from ocpp_actors.ledger.port import RequestFailed
from ocpp_actors.ledger.tables import Id, Key, UtcDateTime

ROW_OVERHEAD: Final = 200
"""Bytes that a row takes beside its text, with its indexes, roughly."""

CAP_SLACK: Final = 20
"""The size is looked after each time that this part of it was written."""

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
    Column("text", Text, nullable=False),
    Column("verdict", Text),
    Column("size", Integer, nullable=False),
    sqlite_autoincrement=True,
)
Index("ix_messages_charge_point", messages.c.charge_point, messages.c.id)
Index("ix_messages_at", messages.c.at)


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
        rows = [_row(entry) for entry in entries]
        connection = self._database.connect()
        with connection.begin():
            connection.execute(insert(messages), rows)
            self._written += sum(row["size"] for row in rows)
            if self._written * CAP_SLACK > self._max_size:
                self._cap(connection)

    def find(self, query: MessageQuery) -> MessagePage:
        """Select a page. The cursor is the id of the last row."""
        statement = select(messages)
        if query.identity is not None:
            statement = statement.where(messages.c.charge_point == _text(query.identity.casefold()))
        if query.direction is not None:
            statement = statement.where(messages.c.direction == query.direction)
        if query.action is not None:
            statement = statement.where(messages.c.action == _text(query.action))
        if query.since is not None:
            statement = statement.where(messages.c.at >= query.since)
        if query.cursor is not None:
            statement = statement.where(messages.c.id > _cursor(query.cursor))
        connection = self._database.connect()
        with connection.begin():
            rows = connection.execute(statement.order_by(messages.c.id).limit(query.limit)).all()
        return MessagePage([_entry(row) for row in rows], str(rows[-1].id) if rows else query.cursor)

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


def _row(entry: MessageEntry) -> dict[str, Any]:
    text = _text(entry.text)
    return {
        "at": entry.at,
        "charge_point": _text(entry.identity.casefold()),
        "identity": _text(entry.identity),
        "direction": entry.direction,
        "message_id": entry.message_id and _text(entry.message_id),
        "action": entry.action and _text(entry.action),
        "text": text,
        "verdict": entry.verdict and _text(entry.verdict),
        "size": len(text.encode()) + ROW_OVERHEAD,
    }


def _text(text: str) -> str:
    """Replace what a database cannot hold: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _cursor(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise RequestFailed(f"the cursor {cursor!r} is none of the message log's")
    return int(cursor)


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
