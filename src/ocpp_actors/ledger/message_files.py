"""The message log as JSON lines in a directory: a file a day, and another where it grows large."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from os import SEEK_END
from pathlib import Path
from typing import Any, Final

import orjson

from ocpp_actors.ledger.message_entries import MessageEntry, MessagePage, MessageQuery, Recorded, folded
from ocpp_actors.ledger.port import LedgerUnavailable, RequestFailed

PARTS: Final = 10
"""A file is at most this part of the whole log, so that the oldest part can be deleted."""

EXAMINED: Final = 8 << 20
"""After as many bytes of lines, whether they match or not, a part of a page ends."""
BLOCK: Final = 1 << 16
"""Bytes that are read at a time on the way back."""

_NAME: Final = re.compile(r"messages-(\d{4}-\d\d-\d\d)-(\d{4,18})\.jsonl")
_CURSOR: Final = re.compile(
    rf"(?P<newest_first>-?)(?P<name>{_NAME.pattern}):(?P<offset>\d{{1,18}})", re.ASCII
)
_BEGIN: Final = b'{"at":"'

Order = tuple[str, int]
"""The day and the number of a file."""


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

    def append(self, entries: Sequence[Recorded]) -> None:
        """Append entries to the files of their days (UTC)."""
        for day, of_day in groupby(entries, key=lambda entry: entry.at.astimezone(UTC).date()):
            path = self._path(day)
            with path.open("a+b") as file:
                lines = b"".join(orjson.dumps(_line(entry)) + b"\n" for entry in of_day)
                file.write(lines if _ends_a_line(path) else b"\n" + lines)
        self._cap()

    def find(self, query: MessageQuery) -> MessagePage:
        """Read a page. The cursor is a file and the offset in it, with a minus for newest first."""
        begin = _read_cursor(query)
        may_match = _quick_test(query)
        entries: list[MessageEntry] = []
        cursor = query.cursor
        examined = 0
        for path in self._files(query, begin):
            offset = begin[1] if begin is not None and begin[0] == _order(path.name) else None
            for line, position in (_lines_backwards if query.newest_first else _lines)(path, offset):
                cursor = f"{'-' if query.newest_first else ''}{path.name}:{position}"
                entry = _entry(line) if may_match(line) else None
                if entry is not None and _matches(query, entry):
                    entries.append(entry)
                    if len(entries) == query.limit:
                        return MessagePage(entries, cursor)
                examined += len(line)
                if examined > EXAMINED:
                    return MessagePage(entries, cursor, more=True)
        return MessagePage(entries, cursor)

    def prune(self, before: datetime) -> None:
        """Delete the files of days that were over by then."""
        for path in self._all():
            if _day(path) < before.astimezone(UTC).date():
                path.unlink()

    def recover(self) -> None:
        """Nothing is held open."""

    def close(self) -> None:
        """Nothing is held open."""

    def _all(self) -> list[Path]:
        files = (path for path in self._directory.iterdir() if _NAME.fullmatch(path.name))
        return sorted(files, key=lambda path: _order(path.name))

    def _files(self, query: MessageQuery, begin: tuple[Order, int] | None) -> Iterator[Path]:
        """Yield the files in which something may match, in the order of the query."""
        files = self._all()
        for path in reversed(files) if query.newest_first else files:
            order = _order(path.name)
            passed = begin is not None and (order > begin[0] if query.newest_first else order < begin[0])
            too_old = query.since is not None and _day(path) < query.since.astimezone(UTC).date()
            if not passed and not too_old:
                yield path

    def _path(self, day: date) -> Path:
        parts = [path for path in self._all() if _day(path) == day]
        if not parts:
            return self._directory / f"messages-{day}-0001.jsonl"
        if parts[-1].stat().st_size * PARTS < self._max_size:
            return parts[-1]
        _, number = _order(parts[-1].name)
        return self._directory / f"messages-{day}-{number + 1:04}.jsonl"

    def _cap(self) -> None:
        files = self._all()
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


def _lines(path: Path, offset: int | None) -> Iterator[tuple[bytes, int]]:
    """Yield the lines from an offset on, or all, each with the offset of its end."""
    position = offset or 0
    with path.open("rb") as file:
        file.seek(position)
        for line in file:
            position += len(line)
            if line.endswith(b"\n"):
                yield line, position


def _lines_backwards(path: Path, offset: int | None) -> Iterator[tuple[bytes, int]]:
    """Yield the lines before an offset, or all, the last one first, each with the offset of its begin."""
    with path.open("rb") as file:
        size = file.seek(0, SEEK_END)
        position = size if offset is None else min(offset, size)
        rest = b""
        while position:
            end = position
            position = max(0, end - BLOCK)
            file.seek(position)
            read = file.read(end - position) + rest
            read = read[: read.rfind(b"\n") + 1]  # without what was cut off at the end of the file
            whole = read.find(b"\n") + 1 if position else 0
            rest, begin = read[:whole], position + len(read)
            for line in reversed(read[whole:].split(b"\n")[:-1]):
                begin -= len(line) + 1
                yield line, begin


def _order(name: str) -> Order:
    """Return the day and the number of a file."""
    match = _NAME.fullmatch(name)
    assert match is not None, name
    return match[1], int(match[2])


def _day(path: Path) -> date:
    return date.fromisoformat(path.name[9:19])


def _read_cursor(query: MessageQuery) -> tuple[Order, int] | None:
    """Return the file and the offset in it at which the page begins."""
    if query.cursor is None:
        return None
    match = _CURSOR.fullmatch(query.cursor)
    if match is None or bool(match["newest_first"]) != query.newest_first:
        raise RequestFailed(
            f"the cursor {query.cursor!r} is none of the message log's, or of the other order"
        )
    return _order(match["name"]), int(match["offset"])


def _quick_test(query: MessageQuery) -> Callable[[bytes], bool]:
    """Return a test that is quicker than to read a line; it fails only where the line cannot match.

    It relies on how lines are written: JSON without spaces, the time first.
    """
    since = b"" if query.since is None else _BEGIN + query.since.astimezone(UTC).isoformat()[:19].encode()
    identity = _quoted("chargePoint", query.identity) if query.identity and query.identity.isascii() else b""
    parts = [] if query.action is None else [_quoted("action", query.action)]
    if query.search is not None:
        parts.append(orjson.dumps(folded(query.search))[1:-1].lower())

    def may_match(line: bytes) -> bool:
        if line[: len(since)] < since and line.startswith(_BEGIN):
            return False
        lower = line.lower()
        return all(part in lower for part in parts) and (identity in lower or not line.isascii())

    return may_match


def _quoted(name: str, value: str) -> bytes:
    return orjson.dumps({name: _text(value)})[1:-1].lower()


def _matches(query: MessageQuery, entry: MessageEntry) -> bool:
    return (
        (query.identity is None or _text(query.identity).casefold() == entry.identity.casefold())
        and query.direction in (None, entry.direction)
        and (query.action is None or _text(query.action) == entry.action)
        and (query.since is None or entry.at >= query.since)
        and (query.search is None or folded(query.search) in folded(entry.text))
    )


def _line(entry: Recorded) -> dict[str, Any]:
    line = {
        "at": entry.at.astimezone(UTC).isoformat(),
        "chargePoint": entry.identity,
        "direction": entry.direction,
        "messageId": entry.message_id,
        "action": entry.action,
        "frame": entry.text,
    }
    return {name: _text(value) for name, value in line.items() if value is not None}


def _text(text: str) -> str:
    """Replace what JSON cannot hold: halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode()


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
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
