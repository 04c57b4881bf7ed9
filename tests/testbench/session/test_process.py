"""`ocpp-actors testbench run` as a process: what it leaves behind, whatever happens to it."""

import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import orjson
import pytest
import trio

pytestmark = pytest.mark.heavy

PATIENCE = 120.0
"""Seconds for a whole run: far more than it needs, on any machine."""

TINY = """
title = "Tiny"
[[chargers]]
kind = "simulated"
reconnect_interval = 1
[scenarios]
run = ["boot", "TC_019_1"]
"""

LONG = """
title = "Long"
duration = 60
[[chargers]]
kind = "simulated"
count = 3
activity = "charging"
charges_for = [1, 2]
pauses_for = [0, 1]
[[restarts]]
at = 2
down = 1
[faults.random]
every = 3
for = [1, 2]
faults = ["stall", "reset"]
"""


class Running:
    """A run of the test bench, and what it said so far."""

    def __init__(self, process: trio.Process, directory: Path) -> None:
        self.process = process
        self.directory = directory
        self.said = ""
        self.printed = ""

    async def until(self, text: str) -> None:
        with trio.fail_after(PATIENCE):
            while text not in self.said:
                assert self.process.poll() is None, self.said
                await trio.sleep(0.02)

    async def until_it_has_a_directory(self) -> None:
        with trio.fail_after(PATIENCE):
            while not any((self.directory / "reports").glob("*/work/testbench.log")):
                assert self.process.poll() is None, self.said
                await trio.sleep(0.02)

    async def ended(self) -> int:
        with trio.fail_after(PATIENCE):
            return await self.process.wait()

    @property
    def left(self) -> list[str]:
        """Names of what is left below the directory of reports."""
        return sorted(path.name for path in (self.directory / "reports").glob("*/*"))


@asynccontextmanager
async def open_run(directory: Path, profile: str, *arguments: str) -> AsyncIterator[Running]:
    """Run a profile; the block gets it as it runs."""
    (directory / "profile.toml").write_text(profile, "utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OCPP_ACTORS_")}
    command = [
        sys.executable,
        "-m",
        "ocpp_actors",
        "testbench",
        "run",
        "./profile.toml",
        "--directory",
        "reports",
    ]
    async with trio.open_nursery() as nursery:
        process = await trio.lowlevel.open_process(
            [*command, *arguments], cwd=directory, env=environment, stdout=-1, stderr=-1, stdin=-3
        )
        running = Running(process, directory)

        async def read(stream: trio.abc.ReceiveStream | None, name: str) -> None:
            assert stream is not None
            async for chunk in stream:
                setattr(running, name, getattr(running, name) + bytes(chunk).decode())

        nursery.start_soon(read, process.stderr, "said")
        nursery.start_soon(read, process.stdout, "printed")
        try:
            yield running
            await running.ended()
        finally:
            with trio.CancelScope(shield=True):
                process.kill()
                await process.wait()


def processes_of(directory: Path) -> list[str]:
    """Command lines of the processes whose environment or working directory leads into a directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes()
            where = str((entry / "cwd").readlink())
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if int(entry.name) != os.getpid() and (
            str(directory).encode() in environment or where.startswith(str(directory))
        ):
            found.append(command)
    return found


def server_of(directory: Path) -> int:
    """The process id of the server that keeps its ledger below a directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if f"OCPP_ACTORS_DATABASE=sqlite:///{directory}".encode() in environment:
            found.append(int(entry.name))
    (only,) = found
    return only


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def test_two_sessions_at_once_pass_and_leave_only_their_reports(tmp_path: Path) -> None:
    async with open_run(tmp_path, TINY) as one, open_run(tmp_path, TINY, "--json") as other:
        assert await one.ended() == 0, one.printed + one.said
        assert await other.ended() == 0, other.printed + other.said
    assert processes_of(tmp_path) == []
    sessions = list((tmp_path / "reports").iterdir())
    assert len(sessions) == 2
    for session in sessions:
        assert sorted(path.name for path in session.iterdir()) == [
            "frames",
            "junit.xml",
            "report.html",
            "report.json",
        ]
        assert ET.parse(session / "junit.xml").getroot().find("testsuite") is not None
        identities = {path.name.partition("-")[0] for path in (session / "frames").iterdir()}
        assert identities == {session.name.rpartition("-")[2]}
        assert (session / "frames" / f"{identities.pop()}-C1.jsonl").stat().st_size > 0
    assert "passed" in one.printed
    assert "2 scenarios passed, 0 failed" in one.printed
    told = orjson.loads(other.printed)
    assert (told["verdict"], told["counts"]["passed"]) == ("passed", 2)
    assert names_in(tmp_path) == ["profile.toml", "reports"]


async def test_a_failure_ends_with_1_and_keeps_all(tmp_path: Path) -> None:
    failing = TINY + "[limits]\nresponse_time_max = 0\n"
    async with open_run(tmp_path, failing) as running:
        assert await running.ended() == 1
    assert processes_of(tmp_path) == []
    assert running.left == ["frames", "junit.xml", "report.html", "report.json", "work"]
    (session,) = (tmp_path / "reports").iterdir()
    work = sorted(path.name for path in (session / "work").iterdir())
    assert work == ["ledger.db", "ledger.db-lock", "messages.db", "server.log", "testbench.log"]
    assert f"kept      everything, in reports/{session.name}" in running.printed
    assert "missed    response time, maximum" in running.printed


@pytest.mark.parametrize("moment", ["starting", "bringing up 3 chargers", "the server is killed"])
async def test_ctrl_c_ends_it_in_order_and_leaves_the_report(tmp_path: Path, moment: str) -> None:
    async with open_run(tmp_path, LONG) as running:
        if moment == "starting":
            await running.until_it_has_a_directory()
        else:
            await running.until(moment)
        running.process.send_signal(signal.SIGINT)
        assert await running.ended() == 1, running.said
    assert processes_of(tmp_path) == []
    assert set(running.left) - {"frames"} == {"junit.xml", "report.html", "report.json"}
    assert re.search(r"^interrupted \d+ scenarios passed", running.printed, re.MULTILINE)
    assert "Traceback" not in running.said


async def test_a_second_ctrl_c_ends_it_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    async with open_run(tmp_path, LONG) as running:
        await running.until("bringing up 3 chargers")
        running.process.send_signal(signal.SIGINT)
        running.process.send_signal(signal.SIGTERM)
        with trio.fail_after(PATIENCE):
            assert await running.ended() == 1
    assert processes_of(tmp_path) == []
    assert names_in(tmp_path) == ["profile.toml"]
    assert "cut short" in running.said
    assert "Traceback" not in running.said


async def test_a_killed_session_takes_its_server_along(tmp_path: Path) -> None:
    async with open_run(tmp_path, LONG) as running:
        await running.until("bringing up 3 chargers")
        assert len(processes_of(tmp_path)) == 2
        running.process.kill()
        assert await running.ended() == -signal.SIGKILL
        with trio.fail_after(PATIENCE):
            while True:
                if not processes_of(tmp_path):
                    break
                await trio.sleep(0.05)


async def test_a_server_that_does_not_come_back_leaves_a_report(tmp_path: Path) -> None:
    async with open_run(tmp_path, LONG.replace("[[restarts]]\nat = 2\ndown = 1\n", "")) as running:
        await running.until("bringing up 3 chargers")
        (session,) = (tmp_path / "reports").iterdir()
        (session / "work" / "ledger.db").rename(session / "work" / "away.db")
        (session / "work" / "ledger.db").mkdir()
        os.kill(server_of(tmp_path), signal.SIGKILL)
        assert await running.ended() == 1
    assert processes_of(tmp_path) == []
    assert {"report.html", "report.json", "junit.xml", "work"} <= set(running.left)
    (trouble,) = orjson.loads((session / "report.json").read_bytes())["troubles"]
    assert trouble.startswith("the server ended with status -9 and did not start: ")
    assert trouble.endswith("server.log")
    assert "Traceback" not in running.said
