"""How fast the ledger keeps meter values durably, without a server around it.

So many tasks each record MeterValues of eight samples, one after the other: an answer is awaited before the next is
asked, and it comes when the row is on the disk. Beside it stands what one fsync takes, and how many notes of
charge points are written in a second. In a temporary directory of the real disk; stops by itself.

    python bench/ledger.py
    python bench/ledger.py --tasks 100 --seconds 10 --directory /var/tmp --core 0
    python bench/ledger.py --database memory
"""

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import trio
from messages import SAMPLES, timestamp

from ocpp_actors.ledger.actor import Batch
from ocpp_actors.ledger.bridge import open_ledger
from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    Ledger,
    Note,
    Notes,
    NoteSeen,
    RecordMeterValues,
    RecordStart,
)

FSYNCS = 100
NOTES_AT_ONCE = 200
"""As the ledger writes them, see ``batch_limit``."""
NOT_A_DISK = {"tmpfs", "ramfs"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tasks", type=int, nargs="+", default=[1, 10, 100], metavar="NUMBER")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--directory", type=Path, default=Path.cwd(), help="on the disk to measure")
    parser.add_argument("--core", type=int, help="the processor to stay on")
    parser.add_argument("--database", choices=["sqlite", "memory"], default="sqlite")
    given = parser.parse_args()
    kind = file_system(given.directory)
    if kind in NOT_A_DISK:
        sys.exit(f"{given.directory} is in memory ({kind}): name a directory of a disk with --directory")
    if given.core is not None:
        os.sched_setaffinity(0, {given.core})
    with tempfile.TemporaryDirectory(dir=given.directory, prefix="ledger-") as directory:
        if given.database == "sqlite":
            print(f"one fsync takes {fsync_seconds(Path(directory)) * 1000:.2f} ms ({kind})")
        print(f"{'tasks':>6} {'rows/s':>8} {'CPU':>5} {'CPU a row':>10} {'asking':>8} {'rows a commit':>14}")
        for number in given.tasks:
            url = "memory:" if given.database == "memory" else f"sqlite:///{directory}/{number}.db"
            trio.run(measure_rows, url, number, given.seconds)
        if given.database == "sqlite":
            trio.run(measure_notes, f"sqlite:///{directory}/notes.db", given.seconds)


def file_system(directory: Path) -> str:
    """Return the kind of file system that a directory is on, as the kernel names it."""
    path = directory.resolve()
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    holding = [(mount[1], mount[2]) for mount in mounts if path.is_relative_to(mount[1])]
    return max(holding, key=lambda mount: len(mount[0]), default=("/", "unknown"))[1]


def fsync_seconds(directory: Path) -> float:
    """Return the median time of a write of one page that is synced."""
    taken = []
    with (directory / "fsync").open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            file.write(bytes(4096))
            begun = time.perf_counter()
            os.fsync(file)
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def meter_values(identity: str, transaction_id: int | None, number: int, now: datetime) -> RecordMeterValues:
    """Return what a charge point records in the second of this number."""
    values: list[dict[str, Any]] = [{"timestamp": timestamp(number).decode(), "sampledValue": SAMPLES}]
    content_hash = blake2b(f"{identity} {number}".encode(), digest_size=16).digest()
    return RecordMeterValues(identity, 1, transaction_id, values, content_hash, 1.0, 7360.0, now, now)


async def measure_rows(url: str, tasks: int, seconds: float) -> None:
    """Let tasks record meter values and print what came of it."""
    batches: list[Batch] = []
    rows = 0
    now = datetime.now(UTC)
    until = 0.0

    async def record(ledger: Ledger, identity: str, transaction_id: int) -> None:
        nonlocal rows
        for number in itertools.count():
            if time.perf_counter() >= until:
                break
            await ledger.ask(meter_values(identity, transaction_id, number, now))
            rows += 1

    async with open_ledger(url, on_batch=batches.append) as ledger:
        started = [
            (f"CP-{task}", await ledger.ask(RecordStart(f"CP-{task}", 1, "TAG", 0, now, None, now)))
            for task in range(tasks)
        ]
        batches.clear()
        begun, thread_begun, process_begun = time.perf_counter(), time.thread_time(), time.process_time()
        until = begun + seconds
        async with trio.open_nursery() as nursery:
            for identity, transaction in started:
                nursery.start_soon(record, ledger, identity, transaction.transaction_id)
        taken = time.perf_counter() - begun
        thread, process = time.thread_time() - thread_begun, time.process_time() - process_begun
    commits = f"{rows / len(batches):14.1f}" if batches else f"{'':>14}"
    print(
        f"{tasks:6} {rows / taken:8.0f} {process / taken:5.0%} {process / rows * 1e6:7.1f} µs "
        f"{thread / rows * 1e6:5.1f} µs {commits}"
    )


async def measure_notes(url: str, seconds: float) -> None:
    """Write the signs of life of 10 000 charge points over and over, as they are written behind."""
    now = datetime.now(UTC)
    notes: list[Note] = [NoteSeen(f"CP-{number}", now) for number in range(10_000)]
    chunks = [tuple(notes[begin : begin + NOTES_AT_ONCE]) for begin in range(0, len(notes), NOTES_AT_ONCE)]
    async with open_ledger(url, queue_limit=len(notes)) as ledger:
        async with trio.open_nursery() as nursery:
            for note in notes:
                nursery.start_soon(ledger.ask, AdmitChargePoint(note.identity, now))
        begun, process_begun = time.perf_counter(), time.process_time()
        written = 0
        for chunk in itertools.cycle(chunks):
            await ledger.ask(Notes(chunk))
            written += len(chunk)
            if time.perf_counter() > begun + seconds:
                break
        taken, process = time.perf_counter() - begun, time.process_time() - process_begun
    print(f" notes {written / taken:8.0f} {process / taken:5.0%} {process / written * 1e6:7.1f} µs")


if __name__ == "__main__":
    main()
