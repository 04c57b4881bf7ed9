"""The files of frames: what `check` and `replay` read."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
import trio
from tests.testbench.measuring.exchanges import say
from trio.testing import MockClock

from ocpp_actors.check import check
from ocpp_actors.testbench.report.frame_log import FrameLog
from ocpp_actors.testbench.wire import Wire


def now() -> datetime:
    return datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)


async def test_what_passes_is_what_check_reads(tmp_path: Path, autojump_clock: MockClock) -> None:
    log, wire = FrameLog(tmp_path, now), Wire("CP1")
    log.follow(wire)
    wire.opened()
    say(wire, "Authorize", {"idTag": "T"}, {"idTagInfo": {"status": "Accepted"}})
    say(wire, "Reset", {"type": "Soft"}, {"status": "No"}, by="out")
    log.flush()
    lines = log.path_of("CP1").read_bytes().splitlines()
    assert orjson.loads(lines[0]) == {
        "at": "2026-03-01T12:00:00.123Z",
        "chargePoint": "CP1",
        "direction": "in",
        "frame": '[2,"1","Authorize",{"idTag":"T"}]',
    }
    assert [each.verdict for each in check(lines)] == ["valid", "valid", "valid", "invalid"]


async def test_what_waits_is_written_in_a_thread(tmp_path: Path) -> None:
    log, wire = FrameLog(tmp_path, now), Wire("CP1")
    log.follow(wire)
    await log.write()
    say(wire, "Heartbeat", {}, {})
    await log.write()
    assert len(log.path_of("CP1").read_bytes().splitlines()) == 2


async def test_what_is_left_at_the_end_is_written(tmp_path: Path, autojump_clock: MockClock) -> None:
    log, wire = FrameLog(tmp_path, now), Wire("CP1")
    log.follow(wire)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log.run)
        say(wire, "Heartbeat", {}, {})
        nursery.cancel_scope.cancel()
    assert len(log.path_of("CP1").read_bytes().splitlines()) == 2


@pytest.mark.parametrize("identity", ["../../etc/passwd", "a/b", "..", ".", "ÄÖ\x00", "x" * 300, "CON\udc80"])
async def test_an_identity_cannot_lead_elsewhere(
    tmp_path: Path, identity: str, autojump_clock: MockClock
) -> None:
    log, wire = FrameLog(tmp_path, now), Wire(identity)
    log.follow(wire)
    wire.record("in", "x\udc80")
    log.flush()
    (file,) = list(tmp_path.rglob("*"))  # noqa: ASYNC240 — nothing else runs
    assert file.parent == tmp_path
    assert file.suffix == ".jsonl"


async def test_the_files_are_bounded_and_what_is_left_out_is_counted(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    log, wire = FrameLog(tmp_path, now, max_bytes=400), Wire("CP1")
    log.follow(wire)
    for _ in range(10):
        wire.record("in", '[2,"1","Heartbeat",{}]')
    log.flush()
    assert log.path_of("CP1").stat().st_size <= 400
    assert log.left_out == 10 - len(log.path_of("CP1").read_bytes().splitlines())
