"""Recorded frames, as ``check`` and ``replay`` read them.

A line is a frame as it was on the wire (``[2,"19","Heartbeat",{}]``) or a record of the message log,
``{"at": …, "chargePoint": "CP1", "direction": "in", "frame": "[2,…]"}``: its frame is a text or an array, and ``in``
is from the charge point to the central system. A file has such lines, or is the message log in SQLite.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final, Literal

import orjson
from attrs import frozen

from ocpp_actors.protocol import timestamps

_SQLITE: Final = b"SQLite format 3\0"
_FRAMES: Final = (
    "SELECT at, identities.identity, direction, text "
    "FROM frames JOIN frame_identities AS identities ON identities.id = frames.identity ORDER BY frames.id"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class NotRecorded(Exception):
    """A file has no recorded frames; the message says why."""


@frozen
class Record:
    """One recorded frame; what is not recorded of it is None."""

    text: bytes
    charge_point: str | None = None
    direction: Literal["in", "out"] | None = None
    at: datetime | None = None


def read_record(line: bytes) -> Record:
    """Read one line.

    Raises ValueError: a record of the message log that cannot be used.
    """
    if not line.startswith(b"{"):
        return Record(line)
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"neither a frame nor a record of the message log: {error}") from None
    frame = record.get("frame")
    if not isinstance(frame, str | list):
        raise ValueError('a record of the message log has its frame, a text or an array, as "frame"')
    charge_point, direction = record.get("chargePoint"), record.get("direction")
    if not isinstance(charge_point, str | None):
        raise ValueError('"chargePoint" is not a text')
    if direction not in (None, "in", "out"):
        raise ValueError('"direction" is neither "in" nor "out"')
    text = frame.encode() if isinstance(frame, str) else orjson.dumps(frame)
    return Record(text, charge_point, direction, _moment(record.get("at")))


def _moment(at: object) -> datetime | None:
    try:
        return timestamps.read(at) if isinstance(at, str) else None
    except timestamps.UnreadableDateTime:
        return None


def recorded_lines(file: BinaryIO) -> Iterable[bytes]:
    """Return the lines of a file, or the records of a message log in SQLite as lines.

    Raises NotRecorded, at once or while they are read: it is an SQLite database, but no message log.
    """
    peek = getattr(file, "peek", None)
    if peek is None or not peek(len(_SQLITE)).startswith(_SQLITE):
        return file
    return _rows(file.name)


def _rows(name: str) -> Iterator[bytes]:
    names = ("at", "chargePoint", "direction", "frame")
    try:
        with closing(sqlite3.connect(f"{Path(name).absolute().as_uri()}?mode=ro", uri=True)) as log:
            for at, *rest in log.execute(_FRAMES):
                moment = _EPOCH + timedelta(microseconds=at)
                yield orjson.dumps(dict(zip(names, (moment, *map(str, rest)), strict=True)))
    except sqlite3.Error as error:
        raise NotRecorded(f"{name} is an SQLite database, but no message log: {error}") from None
