"""Each shipped profile from end to end: read, run and reported, scaled down by the environment as a user can do it.

Two run whole and one loses its server, as processes; the others run in virtual time.
"""

import os
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
import trio
from tests.support.simulated import Tap
from trio.testing import MockClock

from ocpp_actors.clock import SystemClock
from ocpp_actors.testbench.chargers.opening import opener
from ocpp_actors.testbench.choosing import chosen
from ocpp_actors.testbench.measuring.measures import Measures
from ocpp_actors.testbench.profiles.reading import VARIABLES, load, shipped
from ocpp_actors.testbench.progress import Progress
from ocpp_actors.testbench.report.document import document
from ocpp_actors.testbench.report.frame_log import FrameLog
from ocpp_actors.testbench.report.writing import write_report
from ocpp_actors.testbench.scenario import catalogue
from ocpp_actors.testbench.secured import TlsFiles
from ocpp_actors.testbench.session import Session
from ocpp_actors.testbench.target import Target
from ocpp_actors.testbench.under_test import UnderTest
from ocpp_actors.testing.in_process import open_in_process

PATIENCE = 300.0
"""Seconds for a whole run: far more than it needs, on any machine."""

ON_ANY_MACHINE = {"LIMITS__RESPONSE_TIME_P99": "", "LIMITS__CONNECTION_STABILITY": ""}
"""Limits that hang on how fast the machine is are measured only."""

AS_PROCESSES = {
    "basic": {},
    "security": {},
    "reconnect-storm": {
        "DURATION": "6",
        "CHARGERS__1__COUNT": "20",
        "CHARGERS__1__CHARGES_FOR": "1,3",
        "CHARGERS__1__PAUSES_FOR": "0,1",
        "CHARGERS__1__RECONNECT_INTERVAL": "1",
        "RESTARTS__1__AT": "2",
        "RESTARTS__1__DOWN": "1",
    },
}

WHOLE = {"basic", "certification", "security"}
"""Those of which no scenario is skipped."""

IN_VIRTUAL_TIME = {
    "broken-server": {"SCENARIOS__RUN": "answer-never-comes,connection-is-cut-on-it", "DURATION": "20"},
    "certification": {},
    "everything": {"SCENARIOS__RUN": "boot,availability,unlocking"},
    "firmware": {"SCENARIOS__SKIP": "restarts", "CHARGERS__1__COUNT": "1"},
    "flaky-network": {"CHARGERS__1__COUNT": "5"},
    "load": {"CHARGERS__1__COUNT": "10", "SCENARIOS__RUN": "bad-neighbours-disturb-nobody", "DURATION": "30"},
    "offline": {"CHARGERS__1__COUNT": "1", "CHARGERS__2__COUNT": "3", "SCENARIOS__SKIP": "TC_04*"},
    "smart-charging": {
        "CHARGERS__1__COUNT": "1",
        "CHARGERS__2__COUNT": "3",
        "SCENARIOS__SKIP": "remote-control",
    },
    "validation": {"SCENARIOS__RUN": "boot,heartbeats,validation"},
}


class Distant(Tap):
    """A stream on which it takes a moment until something arrives, so that there are response times to report."""

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await super().receive_some(max_bytes)
        await trio.sleep(0.001)
        return data


def distant(target: Target) -> Target:
    async def dial() -> trio.abc.Stream:
        return Distant(await target.dial())

    return Target(target.url, dial)


def overrides(small: dict[str, str]) -> dict[str, str]:
    return {f"{VARIABLES}{name}": value for name, value in small.items()}


def test_none_is_left_out() -> None:
    assert {*AS_PROCESSES, *IN_VIRTUAL_TIME} == {each.name for each in shipped()}


def left(directory: Path) -> set[str]:
    return {path.name for path in (directory / "testbench-reports").glob("*/*")}


def expect_passed(told: dict[str, Any], name: str) -> None:
    assert told["troubles"] == []
    assert told["counts"]["failed"] == told["counts"]["broken"] == 0, told["scenarios"][:3]
    assert [each for each in told["limits"] if each["held"] is False] == []
    assert (told["profile"]["name"], told["verdict"]) == (name, "passed")
    assert name not in WHOLE or told["counts"]["skipped"] == 0


@pytest.mark.heavy
@pytest.mark.parametrize("name", AS_PROCESSES)
async def test_as_a_process(name: str, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OCPP_ACTORS_")}
    environment |= overrides({**ON_ANY_MACHINE, **AS_PROCESSES[name]})
    command = [sys.executable, "-m", "ocpp_actors", "testbench", "run", name, "--json"]
    with trio.fail_after(PATIENCE):
        done = await trio.run_process(
            command, cwd=tmp_path, env=environment, capture_stdout=True, capture_stderr=True, check=False
        )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    told = orjson.loads(done.stdout)
    expect_passed(told, name)
    assert [(each["chargers"], each["back"]) for each in told["returned"]] == [(20, 20)] * (
        name == "reconnect-storm"
    )
    assert left(tmp_path) - {"frames"} == {"junit.xml", "report.html", "report.json"}


@pytest.mark.parametrize("name", IN_VIRTUAL_TIME)
async def test_in_virtual_time(name: str, tmp_path: Path, autojump_clock: MockClock) -> None:
    profile = load(name, overrides(IN_VIRTUAL_TIME[name]))
    tls = TlsFiles.made(tmp_path / "tls", SystemClock())
    async with open_in_process(testing=True, tls=tls, **profile.server) as central:
        frames = FrameLog(tmp_path, central.clock.now)
        session = Session(
            profile=profile,
            scenarios=chosen(profile.scenarios, catalogue()),
            under_test=UnderTest(
                distant(central.target),
                central.clock,
                central.operator,
                testing=True,
                secured=central.secured,
            ),
            label="lab",
            open_chargers=opener(profile, None, {}),
            measures=Measures(trio.current_time()),
            progress=Progress(),
            directory=tmp_path,
            on_wire=frames.follow,
        )
        told = document(await session.run(), "this process", command="ocpp-actors testbench run")
    frames.flush()
    expect_passed(told, name)
    assert all(frames.path_of(each["identity"]).stat().st_size for each in told["chargers"])
    assert told["counts"]["passed"] > 0 or not profile.scenarios.run
    assert told["transactions"]["confirmed"] > 0 or not profile.duration
    assert write_report(tmp_path, told).stat().st_size > 0
