"""The message log as JSON lines in a directory: a file a day, and another where it grows large."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import orjson

from ocpp_actors.ledger.message_entries import MessageEntry, MessagePage, MessageQuery
from ocpp_actors.ledger.port import LedgerUnavailable, RequestFailed

PARTS: Final = 10
"""A file is at most this part of the whole log, so that the oldest part can be deleted."""

_NAME: Final = re.compile(r"messages-(\d{4}-\d\d-\d\d)-(\d{4,18})\.jsonl")
_CURSOR: Final = re.compile(rf"({_NAME.pattern}):(\d{{1,18}})")


class MessageFiles:
    """Entries as lines. The oldest files are deleted when all together are larger than ``max_size`` bytes."""

    def __init__(self, directory: Path, max_size: int) -> None:
        self._directory = directory
        self._max_size = max_size

    def open(self) -> None:
        """Make the directory, and see that it can be written."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            probe = self._directory / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise LedgerUnavailable(f"{self._directory}: {error.strerror}") from error

    def append(self, entries: Sequence[MessageEntry]) -> None:
        """Append entries to the files of their days (UTC)."""
        for day, of_day in groupby(entries, key=lambda entry: entry.at.astimezone(UTC).date()):
            path = self._path(day)
            with path.open("a+b") as file:
                lines = b"".join(orjson.dumps(_line(entry)) + b"\n" for entry in of_day)
                file.write(lines if _ends_a_line(path) else b"\n" + lines)
        self._cap()

    def find(self, query: MessageQuery) -> MessagePage:
        """Read a page. The cursor is a file and the offset in it."""
        begin, offset = _cursor(query.cursor)
        entries: list[MessageEntry] = []
        cursor = query.cursor
        for path in self._files():
            order = _order(path.name)
            if order < begin or (query.since and _day(path) < query.since.astimezone(UTC).date()):
                continue
            for line, end in _lines(path, offset if order == begin else 0):
                cursor = f"{path.name}:{end}"
                entry = _entry(line)
                if entry is not None and _matches(query, entry):
                    entries.append(entry)
                    if len(entries) == query.limit:
                        return MessagePage(entries, cursor)
        return MessagePage(entries, cursor)

    def prune(self, before: datetime) -> None:
        """Delete the files of days that were over by then."""
        for path in self._files():
            if _day(path) < before.astimezone(UTC).date():
                path.unlink()

    def recover(self) -> None:
        """Nothing is held open."""

    def close(self) -> None:
        """Nothing is held open."""

    def _files(self) -> list[Path]:
        files = (path for path in self._directory.iterdir() if _NAME.fullmatch(path.name))
        return sorted(files, key=lambda path: _order(path.name))

    def _path(self, day: date) -> Path:
        parts = [path for path in self._files() if _day(path) == day]
        if not parts:
            return self._directory / f"messages-{day}-0001.jsonl"
        if parts[-1].stat().st_size * PARTS < self._max_size:
            return parts[-1]
        _, number = _order(parts[-1].name)
        return self._directory / f"messages-{day}-{number + 1:04}.jsonl"

    def _cap(self) -> None:
        files = self._files()
        size = sum(path.stat().st_size for path in files)
        for path in files[:-1]:
            if size <= self._max_size:
                break
            size -= path.stat().st_size
            path.unlink()


def _ends_a_line(path: Path) -> bool:
    """Whether nothing is left of a line that a crash or a full disk cut off."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 1))
        return file.read() in (b"", b"\n")


def _lines(path: Path, offset: int) -> Iterator[tuple[bytes, int]]:
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            offset += len(line)
            if line.endswith(b"\n"):
                yield line, offset


def _order(name: str) -> tuple[str, int]:
    """Return the day and the number of a file."""
    match = _NAME.fullmatch(name)
    assert match is not None, name
    return match[1], int(match[2])


def _day(path: Path) -> date:
    return date.fromisoformat(path.name[9:19])


def _cursor(cursor: str | None) -> tuple[tuple[str, int], int]:
    if cursor is None:
        return ("", 0), 0
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise RequestFailed(f"the cursor {cursor!r} is none of the message log's")
    return _order(match[1]), int(match[4])


def _matches(query: MessageQuery, entry: MessageEntry) -> bool:
    return (
        (query.identity is None or query.identity.casefold() == entry.identity.casefold())
        and query.direction in (None, entry.direction)
        and query.action in (None, entry.action)
        and (query.since is None or entry.at >= query.since)
    )


def _line(entry: MessageEntry) -> dict[str, Any]:
    line = {
        "at": entry.at.astimezone(UTC).isoformat(),
        "chargePoint": entry.identity,
        "direction": entry.direction,
        "messageId": entry.message_id,
        "action": entry.action,
        "frame": entry.text,
        "verdict": entry.verdict,
    }
    return {
        name: value.encode("utf-8", "replace").decode() for name, value in line.items() if value is not None
    }


def _entry(line: bytes) -> MessageEntry | None:
    try:
        found = orjson.loads(line)
        return MessageEntry(
            at=datetime.fromisoformat(found["at"]),
            identity=found["chargePoint"],
            direction=found["direction"],
            text=found["frame"],
            message_id=found.get("messageId"),
            action=found.get("action"),
            verdict=found.get("verdict"),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
