import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from attrs import define, evolve, field
from sqlalchemy import URL
from structlog.testing import capture_logs
from tests.ledger.facts import NOON, FixedClock, later
from tests.ledger.postgresql import Server

from ocpp_actors.ledger import message_files, message_tables
from ocpp_actors.ledger import message_log as message_log_module
from ocpp_actors.ledger.database import LedgerUrlError
from ocpp_actors.ledger.message_entries import MessageEntry, MessagePage, MessageQuery
from ocpp_actors.ledger.message_files import MessageFiles
from ocpp_actors.ledger.message_log import GATHER, MessageLog, open_message_log
from ocpp_actors.ledger.message_tables import MessageTables
from ocpp_actors.ledger.port import LedgerUnavailable, RequestFailed

PATIENCE = 60


def entry(number: int = 0, **changes: Any) -> MessageEntry:
    plain = MessageEntry(
        at=later(number),
        identity="CP-1",
        direction="in",
        text=f'[2,"{number}","Heartbeat",{{}}]',
        message_id=str(number),
        action="Heartbeat",
    )
    return evolve(plain, **changes)


@pytest.fixture(params=["file", "directory", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return str(tmp_path / "messages.db")
    if request.param == "directory":
        return f"{tmp_path}/messages/"
    server: Server = request.getfixturevalue("postgresql")
    return server.create_database()


@asynccontextmanager
async def opened(target: str, **options: Any) -> AsyncIterator[MessageLog]:
    with trio.fail_after(PATIENCE):
        async with open_message_log(target, clock=FixedClock(), **options) as log:
            yield log


async def everything(log: MessageLog) -> list[MessageEntry]:
    return (await log.find(MessageQuery(limit=10_000))).entries


async def test_entries_come_back_as_they_were_recorded(target: str) -> None:
    entries = [
        entry(0),
        entry(1, direction="out", message_id=None, action=None, text="no \u20ac"),
        entry(2, text='[2,"x', identity="CP-ä"),
    ]
    async with opened(target) as log:
        for one in entries:
            log.record(one)
        assert await everything(log) == entries
        assert log.dropped == 0
    async with opened(target) as log:
        assert await everything(log) == entries


async def test_what_no_store_can_hold_is_replaced(target: str) -> None:
    async with opened(target) as log:
        log.record(entry(0, text="half \ud800 a pair", action="\udfff"))
        log.record(entry(1, text="nul \0", identity="CP\0", action="\0", message_id="\0"))
        half, nul = await everything(log)
        assert log.dropped == 0
    assert (half.text, half.action) == ("half ? a pair", "?")
    assert nul.text in ("nul \0", "nul \N{REPLACEMENT CHARACTER}")


async def test_secrets_are_masked_before_they_are_recorded(target: str, tmp_path: Path) -> None:
    frame = '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"0123456789abcdef"}]'
    async with opened(target) as log:
        log.record(entry(text=frame, direction="out"))
        (kept,) = await everything(log)
    assert kept.text == frame.replace("0123456789abcdef", "***")
    for path in tmp_path.rglob("*"):  # noqa: ASYNC240
        assert path.is_dir() or b"0123456789abcdef" not in path.read_bytes()


async def test_entries_are_found_by_what_they_are(target: str) -> None:
    async with opened(target) as log:
        for number in range(8):
            log.record(
                entry(
                    number,
                    identity="CP-1" if number < 4 else "cp-2",
                    direction="in" if number % 2 else "out",
                    action="Heartbeat" if number % 4 < 2 else "Authorize",
                )
            )

        async def found(query: MessageQuery) -> list[str | None]:
            return [one.message_id for one in (await log.find(query)).entries]

        assert await found(MessageQuery(identity="CP-2")) == ["4", "5", "6", "7"]
        assert await found(MessageQuery(direction="out")) == ["0", "2", "4", "6"]
        assert await found(MessageQuery(action="Authorize", direction="in")) == ["3", "7"]
        assert await found(MessageQuery(since=later(6))) == ["6", "7"]
        assert await found(MessageQuery(limit=2)) == ["0", "1"]
        assert await found(MessageQuery(identity="CP-3")) == []
        log.record(entry(8, identity="\N{KELVIN SIGN}-1"))
        assert await found(MessageQuery(identity="k-1")) == ["8"]


async def test_a_cursor_continues_where_the_page_ended_and_follows_what_comes(target: str) -> None:
    day = 24 * 3600
    async with opened(target) as log:
        for number in range(5):
            log.record(entry(number * day // 2))
        pages = []
        cursor = None
        for _ in range(4):
            page = await log.find(MessageQuery(limit=2, cursor=cursor))
            pages.append(len(page.entries))
            cursor = page.cursor
        assert pages == [2, 2, 1, 0]
        log.record(entry(5 * day))
        page = await log.find(MessageQuery(cursor=cursor))
        assert page.entries == [entry(5 * day)]


async def test_an_empty_log_has_an_empty_page(target: str) -> None:
    async with opened(target) as log:
        assert await log.find(MessageQuery()) == MessagePage([], None)


@pytest.mark.parametrize(
    "cursor", ["", "x", "-1", "9" * 30, "../../etc/passwd:0", "messages-2024-05-01-0001.jsonl"]
)
async def test_a_cursor_of_something_else_is_refused(target: str, cursor: str) -> None:
    async with opened(target) as log:
        log.record(entry())
        with pytest.raises(RequestFailed, match="is none of the message log's"):
            await log.find(MessageQuery(cursor=cursor))
        assert len(await everything(log)) == 1


async def everything_in_pages(log: MessageLog, query: MessageQuery) -> list[str | None]:
    found: list[str | None] = []
    while (page := await log.find(query)).entries:
        found += [one.message_id for one in page.entries]
        query = evolve(query, cursor=page.cursor)
    return found


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_the_newest_come_first_where_it_is_asked_for(target: str, limit: int) -> None:
    day = 24 * 3600
    async with opened(target) as log:
        for number in range(7):
            log.record(entry(number, at=later(number * day // 2), identity=f"CP-{number % 2}"))
        query = MessageQuery(newest_first=True, limit=limit)
        assert await everything_in_pages(log, query) == list("6543210")
        assert await everything_in_pages(log, evolve(query, identity="cp-1")) == list("531")
        assert await everything_in_pages(log, evolve(query, since=later(2 * day))) == list("654")
        assert await everything_in_pages(log, evolve(query, since=later(9 * day))) == []


async def test_going_back_nothing_is_repeated_or_left_out_while_entries_come(target: str) -> None:
    async with opened(target) as log:
        for number in range(4):
            log.record(entry(number))
        query = MessageQuery(newest_first=True, limit=2)
        first = await log.find(query)
        log.record(entry(4))
        second = await log.find(evolve(query, cursor=first.cursor))
        assert first.entries + second.entries == [entry(number) for number in (3, 2, 1, 0)]
        assert await log.find(evolve(query, cursor=second.cursor)) == MessagePage([], second.cursor)


@pytest.mark.parametrize("newest_first", [False, True])
async def test_a_cursor_of_the_other_order_is_refused(target: str, newest_first: bool) -> None:
    async with opened(target) as log:
        log.record(entry())
        page = await log.find(MessageQuery(newest_first=newest_first))
        with pytest.raises(RequestFailed, match="or of the other order"):
            await log.find(MessageQuery(newest_first=not newest_first, cursor=page.cursor))


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("Available", "0"),
        ("aVAILABLE", "0"),
        ("%", "1"),
        ("_", "1"),
        ("/", "1"),
        ("100%_", "1"),
        ("\\", "2"),
        ("c:\\\\NEW", "2"),
        ('"info":"', "012"),
        ("\n", "3"),
        ("straße Ä", "3"),
        ("STRAßE Ä", "3"),
        ("STRASSE", ""),
        ("ä", ""),
        ("", "0123"),
        ("\ud800", ""),
    ],
)
async def test_a_text_is_searched_without_regard_to_the_case_of_ascii(
    target: str, search: str, found: str
) -> None:
    texts = [
        '[2,"0","StatusNotification",{"info":"available"}]',
        '[2,"1","DataTransfer",{"info":"100%_/"}]',
        '[2,"2","DataTransfer",{"info":"C:\\\\new"}]',
        "[2,\nStraße Ä",
    ]
    async with opened(target) as log:
        for number, text in enumerate(texts):
            log.record(entry(number, text=text))
        assert await everything_in_pages(log, MessageQuery(search=search)) == list(found)
        query = MessageQuery(search=search, newest_first=True, limit=1)
        assert await everything_in_pages(log, query) == list(reversed(found))


@pytest.mark.parametrize("examined", [1, 2, 5])
@pytest.mark.parametrize("block", [1, 3, 4096])
async def test_a_page_is_full_however_many_entries_have_to_be_looked_at(
    target: str, examined: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_tables, "EXAMINED", examined)
    monkeypatch.setattr(message_tables, "BLOCK", block)
    monkeypatch.setattr(message_files, "EXAMINED", examined * 100)
    entries = [
        entry(
            number,
            identity=f"CP-{number % 3}",
            action="Authorize" if number % 5 else "Heartbeat",
            direction="in" if number % 7 else "out",
            text=f"{number % 4} of 4",
        )
        for number in range(60)
    ]
    queries = [
        MessageQuery(limit=4),
        MessageQuery(limit=60),
        MessageQuery(identity="CP-1", action="Heartbeat", limit=2),
        MessageQuery(direction="out", limit=2),
        MessageQuery(action="Heartbeat", search="3 OF", limit=2),
        MessageQuery(identity="CP-2", since=later(50), limit=2),
        MessageQuery(identity="CP-9", since=later(5), search="nothing"),
        MessageQuery(since=later(60)),
    ]
    async with opened(target) as log:
        for one in entries:
            log.record(one)
        for query in queries:
            matching = [one.message_id for one in entries if matches(query, one)]
            assert (await log.find(query)).entries == [one for one in entries if matches(query, one)][
                : query.limit
            ]
            assert await everything_in_pages(log, query) == matching
            assert await everything_in_pages(log, evolve(query, newest_first=True)) == matching[::-1]


def matches(query: MessageQuery, one: MessageEntry) -> bool:
    return (
        query.identity in (None, one.identity)
        and query.direction in (None, one.direction)
        and query.action in (None, one.action)
        and (query.since is None or one.at >= query.since)
        and (query.search is None or query.search.lower() in one.text)
    )


@pytest.mark.parametrize("examined", [1, 3, 100])
async def test_what_was_recorded_before_the_clock_was_set_back_is_found(
    target: str, examined: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_tables, "EXAMINED", examined)
    async with opened(target) as log:
        for number, seconds in enumerate([0, 1, 50, 51, 2, 3, 52, 4]):
            log.record(entry(number, at=later(seconds)))
        query = MessageQuery(since=later(50))
        assert await everything_in_pages(log, query) == list("236")
        assert await everything_in_pages(log, evolve(query, newest_first=True)) == list("632")


async def test_entries_older_than_the_days_are_forgotten_at_the_start(target: str) -> None:
    old = [entry(-day * 24 * 3600) for day in (9, 8, 6, 0)]
    async with opened(target, days=30) as log:
        for one in old:
            log.record(one)
    async with opened(target, days=7) as log:
        assert await everything(log) == old[2:]


async def test_the_oldest_entries_are_forgotten_when_the_log_is_too_large(target: str) -> None:
    async with opened(target, max_size=20_000, batch_limit=1) as log:
        for number in range(100):
            log.record(entry(number, text="x" * 1000))
        kept = await everything(log)
        assert log.dropped == 0
    assert 10 <= len(kept) <= 20
    assert kept == [entry(number, text="x" * 1000) for number in range(100 - len(kept), 100)]


async def test_a_smaller_limit_holds_from_the_start(tmp_path: Path) -> None:
    path = str(tmp_path / "messages.db")
    async with opened(path) as log:
        for number in range(100):
            log.record(entry(number, text="x" * 1000))
    async with opened(path, max_size=20_000) as log:
        assert 10 <= len(await everything(log)) <= 20


async def test_off_records_nothing() -> None:
    async with opened("off") as log:
        log.record(entry())
        assert await log.find(MessageQuery(cursor="c")) == MessagePage([], "c")
        assert log.dropped == 0


async def test_a_log_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for target, reason in [
        (f"{tmp_path}/missing/messages.db", f"the directory {tmp_path}/missing does not exist"),
        (f"{tmp_path}/file/", "File exists"),
        (f"postgresql://user@/name?host={tmp_path}", "the database cannot be reached"),
    ]:
        with pytest.raises(LedgerUnavailable, match=reason):
            async with opened(target):
                pytest.fail("it was opened")
    with pytest.raises(LedgerUrlError, match="mysql is not supported"):
        async with opened("mysql://host/name"):
            pytest.fail("it was opened")


async def test_a_directory_that_exists_needs_no_slash(tmp_path: Path) -> None:
    async with opened(str(tmp_path)) as log:
        log.record(entry())
    assert [path.name for path in tmp_path.iterdir()] == ["messages-2024-05-01-0001.jsonl"]  # noqa: ASYNC240


async def test_each_entry_keeps_the_spelling_of_its_identity(target: str) -> None:
    entries = [entry(number, identity=name) for number, name in enumerate(["Cp-1", "CP-1", "cp-1", "Cp-1"])]
    async with opened(target) as log:
        for one in entries:
            log.record(one)
    async with opened(target) as log:
        log.record(entry(4, identity="CP-1"))
        found = await log.find(MessageQuery(identity="cP-1"))
        assert found.entries == [*entries, entry(4, identity="CP-1")]


async def test_who_wrote_nothing_that_is_kept_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_tables, "BLOCK", 1)
    path = tmp_path / "messages.db"
    async with opened(str(path), days=30) as log:
        log.record(entry(-9 * 24 * 3600, identity="OLD"))
        log.record(entry(0, identity="NEW"))
        log.record(entry(1, identity="new"))
    async with opened(str(path), days=7) as log:
        assert [one.identity for one in await everything(log)] == ["NEW", "new"]
        log.record(entry(2, identity="old"))
        assert len((await log.find(MessageQuery(identity="OLD"))).entries) == 1
    with closing(sqlite3.connect(path)) as database:
        names = database.execute("SELECT identity FROM frame_identities ORDER BY id").fetchall()
    assert names == [("NEW",), ("new",), ("old",)]


async def test_what_is_kept_of_blocks_goes_with_their_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_tables, "BLOCK", 5)
    path = tmp_path / "messages.db"
    async with opened(str(path), max_size=20_000, batch_limit=1) as log:
        for number in range(100):
            log.record(entry(number, text="x" * 1000))
        kept = await everything(log)
        assert (await log.find(MessageQuery(identity="CP-1"))).entries == kept
    with closing(sqlite3.connect(path)) as database:
        for what in ("charge_points", "actions"):
            (number,) = database.execute(f"SELECT count(*) FROM frame_blocks_of_{what}").fetchone()
            assert number <= len(kept) // 5 + 2


async def test_after_a_failed_commit_it_relies_on_nothing_that_was_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Identity, block and time are noted again; the first commit that fails does so after all was inserted."""
    insert = MessageTables._insert

    def insert_and_fail(*how: Any) -> None:
        insert(*how)
        raise OSError("no")

    async with opened(str(tmp_path / "messages.db")) as log:
        log.record(entry(0, identity="FIRST", action="Authorize"))
        assert len(await everything(log)) == 1
        monkeypatch.setattr(MessageTables, "_insert", insert_and_fail)
        log.record(entry(1000))
        assert len(await everything(log)) == 1
        monkeypatch.setattr(MessageTables, "_insert", insert)
        log.record(entry(1))
        assert log.dropped == 1
        for query in (
            MessageQuery(identity="CP-1"),
            MessageQuery(action="Heartbeat"),
            MessageQuery(since=later(1)),
        ):
            assert (await log.find(query)).entries == [entry(1)]
        assert (await log.find(MessageQuery(since=later(500)))).entries == []
    with closing(sqlite3.connect(tmp_path / "messages.db")) as database:
        assert database.execute("SELECT max(latest) FROM frames").fetchone() == (
            round(later(1).timestamp() * 1e6),
        )


@pytest.mark.parametrize("query", [MessageQuery(identity="CP-1"), MessageQuery(action="Heartbeat")])
async def test_what_comes_after_all_was_forgotten_is_found(tmp_path: Path, query: MessageQuery) -> None:
    tables = MessageTables(URL.create("sqlite+pysqlite", database=str(tmp_path / "messages.db")), 1 << 30)
    tables.open()
    tables.append([entry(0)])
    tables.prune(later(10))
    assert tables.find(MessageQuery()).entries == []
    tables.append([entry(20)])
    assert tables.find(query).entries == [entry(20)]
    tables.close()


async def test_what_comes_after_all_was_too_large_is_found(tmp_path: Path) -> None:
    tables = MessageTables(URL.create("sqlite+pysqlite", database=str(tmp_path / "messages.db")), 1000)
    tables.open()
    tables.append([entry(0, text="x" * 2000)])
    assert tables.find(MessageQuery()).entries == []
    tables.append([entry(1)])
    tables.prune(later(0))
    for query in (MessageQuery(), MessageQuery(identity="CP-1"), MessageQuery(action="Heartbeat")):
        assert tables.find(query).entries == [entry(1)]
    tables.close()


async def test_of_an_action_no_more_is_kept_than_is_sensible(target: str) -> None:
    long = "A" * 10_000
    async with opened(target) as log:
        log.record(entry(0, action=long))
        (found,) = (await log.find(MessageQuery(action=long))).entries
    assert found.action in (long, long[: message_tables.MAX_ACTION])


async def test_the_table_of_former_versions_is_dropped_but_no_other(tmp_path: Path) -> None:
    former = "CREATE TABLE messages (charge_point, identity, direction, message_id, verdict)"
    for statement, left in ((former, 0), ("CREATE TABLE messages (text)", 1)):
        path = tmp_path / f"{left}.db"
        with closing(sqlite3.connect(path)) as database:
            database.execute(statement)
        async with opened(str(path)) as log:
            log.record(entry(0))
            assert await everything(log) == [entry(0)]
        with closing(sqlite3.connect(path)) as database:
            tables = "SELECT count(*) FROM sqlite_master WHERE name = 'messages'"
            assert database.execute(tables).fetchone() == (left,)


# --- what goes wrong while it runs -------------------------------------------------------------------------------


@define(eq=False)
class FakeStore:
    """Keeps entries in a list, can be held up, and fails on demand."""

    entries: list[MessageEntry] = field(factory=list)
    appended: list[int] = field(factory=list)
    pruned: list[datetime] = field(factory=list)
    gate: threading.Event = field(factory=threading.Event)
    entered: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))
    error: Exception | None = None
    recovered: int = 0
    answer: Callable[[MessageQuery], MessagePage] | None = None

    def open(self) -> None:
        self.gate.set()

    def append(self, entries: Sequence[MessageEntry]) -> None:
        self.entered.release()
        assert self.gate.wait(PATIENCE)
        if self.error:
            raise self.error
        self.entries.extend(entries)
        self.appended.append(len(entries))

    def find(self, query: MessageQuery) -> MessagePage:
        if self.error:
            raise self.error
        return self.answer(query) if self.answer else MessagePage(list(self.entries), None)

    def prune(self, before: datetime) -> None:
        self.pruned.append(before)

    def recover(self) -> None:
        self.recovered += 1

    def close(self) -> None:
        pass


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    store = FakeStore()
    monkeypatch.setattr(message_log_module, "_store", lambda target, max_size: store)
    return store


async def test_a_full_queue_drops_without_blocking(store: FakeStore) -> None:
    async with opened("fake", queue_limit=10) as log:
        await everything(log)
        store.gate.clear()
        log.record(entry(0))
        assert await trio.to_thread.run_sync(partial(store.entered.acquire, timeout=PATIENCE))
        for number in range(1, 25):
            log.record(entry(number))
        assert log.dropped == 15
        store.gate.set()
        assert len(await everything(log)) == 10
    assert [one.message_id for one in store.entries] == [str(number) for number in range(10)]


async def test_only_so_many_entries_are_written_in_one_commit(store: FakeStore) -> None:
    async with opened("fake", batch_limit=20) as log:
        for number in range(50):
            log.record(entry(number))
        assert await everything(log) == [entry(number) for number in range(50)]
    assert store.appended == [20, 20, 10]


async def test_what_was_gathered_is_written_after_a_while_unasked(
    store: FakeStore, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = float("inf")
    opening: Any = open_message_log("fake", clock=FixedClock())
    async with opening as log:
        log.record(entry(0))
        await trio.testing.wait_all_tasks_blocked()
        autojump_clock.jump(GATHER / 2)
        log.record(entry(1))
        await trio.testing.wait_all_tasks_blocked()
        assert len(log._gathered) == 2
        autojump_clock.jump(GATHER / 2)
        await trio.testing.wait_all_tasks_blocked()
        assert await trio.to_thread.run_sync(partial(store.entered.acquire, timeout=PATIENCE))
        log.record(entry(2))
    assert [one.message_id for one in store.entries] == ["0", "1", "2"]


async def test_entries_that_wait_take_only_so_much_memory(store: FakeStore) -> None:
    async with opened("fake", waiting_limit=10 * len(entry(10).text)) as log:
        await everything(log)
        store.gate.clear()
        log.record(entry(10))
        assert await trio.to_thread.run_sync(partial(store.entered.acquire, timeout=PATIENCE))
        for number in range(11, 25):
            log.record(entry(number))
        assert log.dropped == 5
        store.gate.set()
        assert len(await everything(log)) == 10
        log.record(entry(30))
        assert len(await everything(log)) == 11
        assert log.dropped == 5


async def test_entries_that_cannot_be_written_are_counted_and_spoken_of_once(store: FakeStore) -> None:
    async with opened("fake") as log:
        assert await everything(log) == []
        with capture_logs() as logs:
            for number in range(3):
                store.error = OSError(28, "No space left on device")
                log.record(entry(number))
                with pytest.raises(LedgerUnavailable, match="the message log: No space left on device"):
                    await log.find(MessageQuery())
        assert [line["event"] for line in logs] == ["the message log fails"]
        assert log.dropped == 3
        assert store.recovered == 6
        store.error = None
        log.record(entry(9))
        assert await everything(log) == [entry(9)]
        assert log.dropped == 3


async def test_old_entries_are_looked_for_daily(
    store: FakeStore, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = float("inf")
    async with open_message_log("fake", clock=FixedClock(), days=7) as log:
        for days in range(3):
            await everything(log)
            await trio.testing.wait_all_tasks_blocked()
            assert store.pruned == [NOON - timedelta(days=7)] * (days + 1)
            autojump_clock.jump(24 * 3600)
            await trio.testing.wait_all_tasks_blocked()


async def test_a_locked_database_loses_entries_and_recovers(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    async with opened(str(path)) as log:
        log.record(entry(0))
        assert len(await everything(log)) == 1
        with closing(sqlite3.connect(path, isolation_level=None)) as other, capture_logs():
            other.execute("BEGIN EXCLUSIVE")
            log.record(entry(1))
            with pytest.raises(LedgerUnavailable, match="the message log: the database is locked"):
                await log.find(MessageQuery())
            other.execute("ROLLBACK")
        log.record(entry(2))
        assert await everything(log) == [entry(0), entry(2)]
        assert log.dropped == 1


async def test_entries_are_written_while_much_is_looked_at(store: FakeStore) -> None:
    parts = iter(
        [MessagePage([], "1", more=True), MessagePage([entry(1)], "2", more=True), MessagePage([], "3")]
    )
    queries: list[MessageQuery] = []
    written: list[int] = []

    async with opened("fake") as log:

        def find(query: MessageQuery) -> MessagePage:
            queries.append(query)
            written.append(len(store.entries))
            trio.from_thread.run_sync(log.record, entry(len(queries)), trio_token=token)
            return next(parts)

        token = trio.lowlevel.current_trio_token()
        store.answer = find
        assert await log.find(MessageQuery(limit=5)) == MessagePage([entry(1)], "3")
        assert written == [0, 1, 2]
    assert [(query.cursor, query.limit) for query in queries] == [(None, 5), ("1", 5), ("2", 4)]


@pytest.mark.parametrize("block", [1, 7, 64, 1 << 16])
def test_files_are_read_backwards_in_blocks(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_files, "BLOCK", block)
    files = MessageFiles(tmp_path, 1 << 20)
    files.open()
    entries = [entry(number, text="x" * (number * 37 % 300)) for number in range(20)]
    files.append(entries)
    (path,) = tmp_path.iterdir()
    with path.open("ab") as file:
        file.write(b'\n\r\n[]\n{"at":"' + b"0" * 1000)
    query = MessageQuery(newest_first=True)
    assert files.find(query).entries == entries[::-1]
    first = files.find(evolve(query, limit=8))
    rest = files.find(evolve(query, cursor=first.cursor))
    assert first.entries + rest.entries == entries[::-1]
    assert files.find(evolve(query, cursor="-messages-2024-05-01-0001.jsonl:999999")).entries == entries[::-1]


def test_of_a_large_table_only_so_many_rows_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted are the steps of the machine of SQLite: a row takes ten or more."""
    monkeypatch.setattr(message_tables, "EXAMINED", 50)
    monkeypatch.setattr(message_tables, "BLOCK", 200)
    tables = MessageTables(URL.create("sqlite+pysqlite", database=str(tmp_path / "messages.db")), 1 << 30)
    tables.open()
    rows = 20_000
    tables.append(
        [
            entry(
                number,
                identity="rare" if number % 5000 == 9 else f"CP-{number % 3}",
                action="Rare" if number % 5000 == 9 else "Heartbeat",
            )
            for number in range(rows)
        ]
    )
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 100
        return 0

    connection = tables._database.connect().connection.dbapi_connection
    assert connection is not None
    connection.set_progress_handler(count, 100)
    for newest_first in (False, True):
        for query, more in [
            (MessageQuery(limit=20), False),
            (MessageQuery(identity="RARE"), True),
            (MessageQuery(action="Rare"), True),
            (MessageQuery(identity="CP-1", action="Rare"), True),
            (MessageQuery(identity="rare", action="Heartbeat"), True),
            (MessageQuery(search="nothing of the kind"), True),
            (MessageQuery(direction="out", action="Heartbeat"), True),
            (MessageQuery(since=later(rows - 10)), False),
            (MessageQuery(since=later(rows)), False),
        ]:
            steps = 0
            page = tables.find(evolve(query, newest_first=newest_first))
            assert steps < 5000, query
            assert page.more is more, query
    tables.close()


def test_a_line_that_was_cut_off_does_not_spoil_the_next(tmp_path: Path) -> None:
    files = MessageFiles(tmp_path, 1 << 20)
    files.open()
    files.append([entry(0)])
    (path,) = tmp_path.iterdir()
    with path.open("ab") as file:
        file.write(b'{"at":"2024-05-01T12:00')
    assert files.find(MessageQuery()).entries == [entry(0)]
    files.append([entry(1)])
    with path.open("ab") as file:
        file.write(b'{"at":"no time"}\n[]\n')
    files.append([entry(2)])
    assert files.find(MessageQuery()).entries == [entry(0), entry(1), entry(2)]


def test_other_files_in_the_directory_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    files = MessageFiles(tmp_path, 10)
    files.open()
    files.append([entry(0)])
    files.append([entry(1)])
    files.prune(later(10**7))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_day_goes_on_in_another_file_where_it_grows_large(tmp_path: Path) -> None:
    files = MessageFiles(tmp_path, 2000)
    files.open()
    for number in range(20):
        files.append([entry(number)])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names[-1] == "messages-2024-05-01-0010.jsonl" or len(names) > 5
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2000
    kept = files.find(MessageQuery()).entries
    assert kept == [entry(number) for number in range(20 - len(kept), 20)]


def test_a_day_may_have_more_than_9999_files(tmp_path: Path) -> None:
    files = MessageFiles(tmp_path, 2000)
    files.open()
    files.append([entry(0)])
    (tmp_path / "messages-2024-05-01-0001.jsonl").rename(tmp_path / "messages-2024-05-01-9998.jsonl")
    for number in range(1, 5):
        files.append([entry(number, text="x" * 200)])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "messages-2024-05-01-10000.jsonl",
        "messages-2024-05-01-10001.jsonl",
        "messages-2024-05-01-9998.jsonl",
        "messages-2024-05-01-9999.jsonl",
    ]
    page = MessagePage([], None)
    found = []
    while (page := files.find(MessageQuery(limit=1, cursor=page.cursor))).entries:
        found += [one.message_id for one in page.entries]
    assert found == ["0", "1", "2", "3", "4"]
    files.prune(later(2 * 24 * 3600))
    assert list(tmp_path.iterdir()) == []


def test_the_message_log_is_not_synced_at_each_commit(tmp_path: Path) -> None:
    tables = MessageTables(URL.create("sqlite+pysqlite", database=str(tmp_path / "messages.db")), 1000)
    tables.open()
    connection = tables._database.connect()
    assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 1
    tables.close()
