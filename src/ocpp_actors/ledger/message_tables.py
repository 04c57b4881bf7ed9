"""The message log in a database of its own, not synced at each commit."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain, islice
from typing import Any, Final, cast

from attrs import define, field
from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    inspect,
    select,
)

from ocpp_actors.ledger.database import Database
from ocpp_actors.ledger.message_entries import (
    Direction,
    MessageEntry,
    MessagePage,
    MessageQuery,
    Recorded,
    folded,
)
from ocpp_actors.ledger.port import RequestFailed
from ocpp_actors.ledger.tables import Id, Key

ROW_OVERHEAD: Final = 100
"""Bytes that a row takes beside its text, roughly."""

PORTIONS: Final = (500, 100, 20, 4, 1)
"""Rows that one statement inserts. Each number of them is a statement of its own, which takes memory."""

MAX_NAMES: Final = 100_000
"""Charge points whose names are kept at hand."""

CAP_SLACK: Final = 20
"""The size is looked after each time that this part of it was written."""

EXAMINED: Final = 20_000
"""As many rows are looked at for one part of a page, whether they match or not."""

BLOCK: Final = 4096
"""Rows of which is kept together whose they are and which actions they have. An index with an entry for each row takes
three times as long to write as the rows."""

_CURSOR: Final = re.compile(r"(?P<newest_first>-?)(?P<id>[0-9]{1,18})")

metadata = MetaData()
identities = Table(
    "frame_identities",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("identity", Key, nullable=False, unique=True),
    Column("casefolded", Key, nullable=False, index=True),
    sqlite_autoincrement=True,
)
"""The identities of charge points as they were spelled, so that each frame has but their numbers."""

frames = Table(
    "frames",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("latest", BigInteger, nullable=False),
    Column("charge_point", Id, nullable=False),
    Column("identity", Id, nullable=False),
    Column("direction", Text, nullable=False),
    Column("message_id", Text),
    Column("action", Text),
    Column("text", Key, nullable=False),
    Column("size", Integer, nullable=False),
    sqlite_autoincrement=True,
)
"""The frames. Times are microseconds since 1970.

``latest`` is the latest ``at`` of this row and all before it: it never falls, even if a clock is set back, so that a
time is searched for without an index of it. ``charge_point`` is the number of the first identity that is spelled like
``identity`` but for the case of its letters.
"""


def _blocks_of(what: str, column: Column[Any]) -> Table:
    """Make the table of the blocks in which there are frames of each value; block n has the ids from n * BLOCK on."""
    block = Column("block", Id, primary_key=True, autoincrement=False)
    return Table(f"frame_blocks_of_{what}", metadata, block, column, sqlite_with_rowid=False)


blocks_of_charge_points = _blocks_of(
    "charge_points", Column("charge_point", Id, primary_key=True, autoincrement=False)
)
blocks_of_actions = _blocks_of("actions", Column("action", Key, primary_key=True))

MAX_ACTION: Final = 100
"""Characters of an action that are kept beside its frame: one that OCPP does not know may be as long as a frame."""

_COLUMNS: Final = tuple(column.name for column in frames.columns if column.name != "id")
_CHARGE_POINT, _ACTION = _COLUMNS.index("charge_point"), _COLUMNS.index("action")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


_Row = tuple[Any, ...]
"""The values of the columns of a frame."""


@define
class _Noted:
    """What was noted of a block."""

    block: int
    charge_points: set[int] = field(factory=set)
    actions: set[str] = field(factory=set)


class MessageTables:
    """Entries as rows. The oldest are deleted when all together are larger than about ``max_size`` bytes."""

    def __init__(self, url: URL, max_size: int) -> None:
        self._database = Database(url, synced=False)
        self._max_size = max_size
        self._written = 0
        self._latest: int | None = None
        """That of the last row; None: it is to be looked for."""
        self._numbers: dict[str, tuple[int, int]] = {}
        """The numbers of charge point and identity, by identities."""
        self._noted = _Noted(-1)

    def open(self) -> None:
        """Make the tables. They have no migrations: what they hold lasts a few days."""
        self._database.open(self._prepare)

    def _prepare(self, connection: Connection) -> None:
        _drop_former(connection)
        metadata.create_all(connection)
        self._cap(connection)

    def append(self, entries: Sequence[Recorded]) -> None:
        """Insert entries, in one commit."""
        connection = self._database.connect()
        with connection.begin():
            if self._latest is None:
                self._latest = connection.execute(_latest).scalar() or 0
            rest = iter(entries)
            for size in _portions(len(entries)):
                self._insert([self._row(entry, connection) for entry in islice(rest, size)], connection)
            if self._written * CAP_SLACK > self._max_size:
                self._cap(connection)

    def _insert(self, rows: Sequence[_Row], connection: Connection) -> None:
        paramstyle = connection.dialect.paramstyle
        connection.exec_driver_sql(_insertion(len(rows), paramstyle), tuple(chain.from_iterable(rows)))
        last = connection.execute(_newest).scalar_one()
        first = last - len(rows) + 1
        for block in range(first // BLOCK, last // BLOCK + 1):
            if block != self._noted.block:
                self._noted = _Noted(block)
            of_block = rows[max(0, block * BLOCK - first) : (block + 1) * BLOCK - first]
            for table, known, values in (
                (
                    blocks_of_charge_points,
                    self._noted.charge_points,
                    {row[_CHARGE_POINT] for row in of_block},
                ),
                (blocks_of_actions, self._noted.actions, {row[_ACTION] for row in of_block} - {None}),
            ):
                if new := values - known:
                    connection.exec_driver_sql(
                        _note(table.name, paramstyle), [(block, value) for value in new]
                    )
                    known.update(new)

    def _row(self, entry: Recorded, connection: Connection) -> _Row:
        at = _stored(entry.at)
        assert self._latest is not None
        latest = self._latest = max(at, self._latest)
        numbers = self._numbers.get(entry.identity) or self._find_numbers(entry.identity, connection)
        text = _text(entry.text)
        size = (len(text) if text.isascii() else len(text.encode())) + ROW_OVERHEAD
        self._written += size
        message_id, action = entry.message_id, entry.action
        return (
            at,
            latest,
            *numbers,
            entry.direction,
            message_id and _text(message_id),
            action and _text(action[:MAX_ACTION]),
            text,
            size,
        )

    def _find_numbers(self, identity: str, connection: Connection) -> tuple[int, int]:
        """Return the numbers of charge point and identity; they are given if it has none."""
        spelled, casefolded = _text(identity), _text(identity.casefold())
        known = select(identities).where(identities.c.casefolded == casefolded).order_by(identities.c.id)
        rows = connection.execute(known).all()
        number = next((row.id for row in rows if row.identity == spelled), None)
        if number is None:
            new = insert(identities).values(identity=spelled, casefolded=casefolded)
            number = connection.execute(new.returning(identities.c.id)).scalar_one()
        if len(self._numbers) >= MAX_NAMES:
            self._numbers.clear()
        numbers = self._numbers[identity] = (rows[0].id if rows else number), number
        return numbers

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
            connection.execute(delete(frames).where(frames.c.at < _stored(before)))
            self._forget_blocks(connection)
            connection.execute(delete(identities).where(_unused))
        self._numbers.clear()

    def recover(self) -> None:
        """Connect anew the next time, and rely on nothing that was not committed."""
        self._database.disconnect()
        self._numbers.clear()
        self._latest = None
        self._noted = _Noted(-1)

    def close(self) -> None:
        """Close the connection."""
        self._database.disconnect()

    def _cap(self, connection: Connection) -> None:
        """Delete the oldest rows, so that the newest ones fit."""
        totals = select(
            frames.c.id, func.sum(frames.c.size).over(order_by=frames.c.id.desc()).label("total")
        ).subquery()
        oldest = select(func.max(totals.c.id)).where(totals.c.total > self._max_size).scalar_subquery()
        connection.execute(delete(frames).where(frames.c.id <= oldest))
        self._forget_blocks(connection)
        self._written = 0

    def _forget_blocks(self, connection: Connection) -> None:
        """Forget what is kept of blocks of which no row is left; the present one may be among them."""
        first = connection.execute(_oldest).scalar()
        for table in (blocks_of_charge_points, blocks_of_actions):
            connection.execute(
                delete(table) if first is None else delete(table).where(table.c.block < first // BLOCK)
            )
        self._noted = _Noted(-1)


def _drop_former(connection: Connection) -> None:
    """Drop the table of former versions, and with it what they recorded."""
    former = inspect(connection)
    if former.has_table("messages"):
        columns = {column["name"] for column in former.get_columns("messages")}
        if columns >= {"charge_point", "identity", "direction", "message_id", "verdict"}:
            connection.exec_driver_sql("DROP TABLE messages")


def _portions(number: int) -> Iterator[int]:
    """Divide a number of rows into as few portions as can be."""
    for size in PORTIONS:
        for _ in range(number // size):
            yield size
        number %= size


@cache
def _note(table: str, paramstyle: str) -> str:
    """Return the statement that notes what is in a block, if it is not noted yet."""
    mark = "?" if paramstyle == "qmark" else "%s"
    return f"INSERT INTO {table} VALUES ({mark}, {mark}) ON CONFLICT DO NOTHING"  # noqa: S608 — all of it is ours


@cache
def _insertion(rows: int, paramstyle: str) -> str:
    """Return the statement that inserts so many rows."""
    row = ", ".join(["?" if paramstyle == "qmark" else "%s"] * len(_COLUMNS))
    values = ", ".join([f"({row})"] * rows)
    return f"INSERT INTO frames ({', '.join(_COLUMNS)}) VALUES {values}"  # noqa: S608 — all of it is ours


def _stored(moment: datetime) -> int:
    """Return a moment as it is stored."""
    return round(moment.timestamp() * 1_000_000)


def _text(text: str) -> str:
    """Replace what a database cannot hold: NUL, and halves of surrogate pairs."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _find(query: MessageQuery, last: int | None, connection: Connection) -> MessagePage:
    """Select what matches of the rows after ``last`` of which EXAMINED are looked at."""
    if last is None and query.since is not None and not query.newest_first:
        last = _before(_stored(query.since), connection)
        if last is None:
            return MessagePage([], None)
    if query.identity is not None or query.action is not None:
        return _find_in_blocks(query, last, connection)
    ids = select(frames.c.id).where(*_after(query, last)).order_by(_in_order(query)).limit(EXAMINED)
    ends = ids.subquery()
    farthest = func.min(ends.c.id) if query.newest_first else func.max(ends.c.id)
    examined, end = connection.execute(select(func.count(), farthest).select_from(ends)).one()
    if not examined:
        return MessagePage([], _cursor(query, last))
    until = frames.c.id >= end if query.newest_first else frames.c.id <= end
    rows = _select(query, query.limit, [*_after(query, last), until, *_matching(query)], connection)
    if len(rows) == query.limit:
        return _page(query, rows, rows[-1].id)
    return _page(query, rows, end, more=examined == EXAMINED and _goes_on(query, end, connection))


def _find_in_blocks(query: MessageQuery, last: int | None, connection: Connection) -> MessagePage:
    """Select what matches in the next blocks that have frames of the charge point, or with the action."""
    at_once = max(1, EXAMINED // BLOCK)
    conditions = [*_matching(query)]
    if query.identity is not None:
        casefolded = _text(query.identity.casefold())
        number = connection.execute(_number, {"casefolded": casefolded}).scalar()
        conditions.append(frames.c.charge_point == number)
        blocks = select(blocks_of_charge_points.c.block).where(
            blocks_of_charge_points.c.charge_point == number
        )
    else:
        action = blocks_of_actions.c.action == _text((query.action or "")[:MAX_ACTION])
        blocks = select(blocks_of_actions.c.block).where(action)
    block = blocks.selected_columns[0]
    if last is not None:
        blocks = blocks.where(
            block <= (last - 1) // BLOCK if query.newest_first else block >= (last + 1) // BLOCK
        )
    blocks = blocks.order_by(block.desc() if query.newest_first else block).limit(at_once)
    rows: list[Row[Any]] = []
    found = connection.execute(blocks).scalars().all()
    for each in found:
        of_block = frames.c.id.between(each * BLOCK, (each + 1) * BLOCK - 1)
        rows += _select(
            query, query.limit - len(rows), [of_block, *_after(query, last), *conditions], connection
        )
        if len(rows) == query.limit:
            return _page(query, rows, rows[-1].id)
    if not found:
        return MessagePage([], _cursor(query, last))
    end = found[-1] * BLOCK if query.newest_first else (found[-1] + 1) * BLOCK - 1
    if not query.newest_first and end >= (newest := connection.execute(_newest).scalar_one()):
        return _page(query, rows, newest)  # of this block not all may be there yet
    return _page(query, rows, end, more=len(found) == at_once and _goes_on(query, end, connection))


def _select(
    query: MessageQuery, limit: int, conditions: Sequence[ColumnElement[bool]], connection: Connection
) -> Sequence[Row[Any]]:
    return connection.execute(_spelled.where(*conditions).order_by(_in_order(query)).limit(limit)).all()


def _page(query: MessageQuery, rows: Sequence[Row[Any]], last: int, *, more: bool = False) -> MessagePage:
    return MessagePage([_entry(row) for row in rows], _cursor(query, last), more)


def _before(since: int, connection: Connection) -> int | None:
    """Return an id after which the first row is that ends what was recorded before; None: nothing was since."""
    latest = connection.execute(_latest).scalar()
    if latest is None or latest < since:
        return None
    low = connection.execute(_oldest).scalar_one() - 1
    high = connection.execute(_newest).scalar_one() - 1
    while low < high:  # up to low all is older, what follows on high is not
        middle = (low + high) // 2
        row = connection.execute(_first_after, {"id": middle}).one()
        low, high = (low, middle) if row.latest >= since else (row.id, high)
    return int(low)


def _goes_on(query: MessageQuery, last: int, connection: Connection) -> bool:
    """Whether anything after ``last`` can match: going back, nothing does that is older than ``since``."""
    if query.since is None or not query.newest_first:
        return True
    latest = connection.execute(_latest.where(frames.c.id < last)).scalar()
    return latest is not None and latest >= _stored(query.since)


def _after(query: MessageQuery, last: int | None) -> Iterator[ColumnElement[bool]]:
    """Yield the condition that a row was not looked at yet."""
    if last is not None:
        yield frames.c.id < last if query.newest_first else frames.c.id > last


def _matching(query: MessageQuery) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions for which rows have to be looked at, but for that on the charge point."""
    if query.action is not None:
        yield frames.c.action == _text(query.action[:MAX_ACTION])
    if query.direction is not None:
        yield frames.c.direction == query.direction
    if query.since is not None:
        yield frames.c.at >= _stored(query.since)
    if query.search is not None:
        yield func.lower(frames.c.text).contains(folded(_text(query.search)), autoescape=True)


def _in_order(query: MessageQuery) -> ColumnElement[int]:
    return frames.c.id.desc() if query.newest_first else frames.c.id.asc()


_number = select(func.min(identities.c.id)).where(identities.c.casefolded == bindparam("casefolded"))
_spelled = select(frames, identities.c.identity.label("spelled")).join(
    identities, identities.c.id == frames.c.identity
)
_oldest = select(func.min(frames.c.id))
_newest = select(func.max(frames.c.id))
_latest = select(frames.c.latest).order_by(frames.c.id.desc()).limit(1)
_first_after = (
    select(frames.c.id, frames.c.latest).where(frames.c.id > bindparam("id")).order_by(frames.c.id).limit(1)
)
_used = identities.alias()
_unused = identities.c.casefolded.not_in(
    select(_used.c.casefolded).join(
        blocks_of_charge_points, blocks_of_charge_points.c.charge_point == _used.c.id
    )
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
        at=_EPOCH + timedelta(microseconds=row.at),
        identity=row.spelled,
        direction=cast("Direction", row.direction),
        text=row.text,
        message_id=row.message_id,
        action=row.action,
    )
