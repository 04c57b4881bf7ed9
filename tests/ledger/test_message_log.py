import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
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

from ocpp_actors.ledger import message_log as message_log_module
from ocpp_actors.ledger.database import LedgerUrlError
from ocpp_actors.ledger.message_entries import MessageEntry, MessagePage, MessageQuery
from ocpp_actors.ledger.message_files import MessageFiles
from ocpp_actors.ledger.message_log import MessageLog, open_message_log
from ocpp_actors.ledger.message_tables import MessageTables
from ocpp_actors.ledger.port import LedgerUnavailable, RequestFailed

PATIENCE = 10


def entry(number: int = 0, **changes: Any) -> MessageEntry:
    plain = MessageEntry(
        at=later(number),
        identity="CP-1",
        direction="in",
        text=f'[2,"{number}","Heartbeat",{{}}]',
        message_id=str(number),
        action="Heartbeat",
        verdict=None,
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
async def opened(target: str, **options: int) -> AsyncIterator[MessageLog]:
    with trio.fail_after(PATIENCE):
        async with open_message_log(target, clock=FixedClock(), **options) as log:
            yield log


async def everything(log: MessageLog) -> list[MessageEntry]:
    return (await log.find(MessageQuery(limit=10_000))).entries


async def test_entries_come_back_as_they_were_recorded(target: str) -> None:
    entries = [
        entry(0),
        entry(1, direction="out", message_id=None, action=None, verdict="FormationViolation: no \u20ac"),
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
        log.record(entry(0, text="half \ud800 a pair", verdict="\udfff"))
        log.record(entry(1, text="nul \0", identity="CP\0", action="\0", message_id="\0"))
        half, nul = await everything(log)
        assert log.dropped == 0
    assert (half.text, half.verdict) == ("half ? a pair", "?")
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


# --- what goes wrong while it runs -------------------------------------------------------------------------------


@define(eq=False)
class FakeStore:
    """Keeps entries in a list, can be held up, and fails on demand."""

    entries: list[MessageEntry] = field(factory=list)
    pruned: list[datetime] = field(factory=list)
    gate: threading.Event = field(factory=threading.Event)
    entered: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))
    error: Exception | None = None
    recovered: int = 0

    def open(self) -> None:
        self.gate.set()

    def append(self, entries: Sequence[MessageEntry]) -> None:
        self.entered.release()
        assert self.gate.wait(PATIENCE)
        if self.error:
            raise self.error
        self.entries.extend(entries)

    def find(self, query: MessageQuery) -> MessagePage:
        if self.error:
            raise self.error
        return MessagePage(list(self.entries), None)

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
