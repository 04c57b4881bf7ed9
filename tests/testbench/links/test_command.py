"""The command ``testbench proxy``: as a user runs it, and what it says to mistakes."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from attrs import define
from tests.support.central import BOOT, open_central
from tests.support.listening import listen_on_a_port

from ocpp_actors import cli
from ocpp_actors.testbench.client import Unreachable, open_client
from ocpp_actors.testbench.target import target_of

UPSTREAM = ("--upstream", "ws://127.0.0.1:9/ocpp")
PATIENCE = 60.0


@define
class Running:
    process: trio.Process
    lines: list[str]

    async def said(self, text: str) -> str:
        """Wait for a line with this text."""
        while True:
            for line in self.lines:
                if text in line:
                    return line
            assert await self._more(), f"{text!r} is not in {self.lines}"

    async def _more(self) -> bool:
        assert self.process.stdout is not None
        with trio.fail_after(PATIENCE):
            data = await self.process.stdout.receive_some()
        self.lines[-1:] = (self.lines[-1] + data.decode()).split("\n")
        return bool(data)

    async def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        while await self._more():
            pass
        return await self.process.wait()


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[Running]:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "ocpp_actors", "testbench", "proxy", *arguments],
        stdout=-1,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        yield Running(process, [""])
    finally:
        with trio.CancelScope(shield=True):
            if process.poll() is None:
                process.kill()
            await process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_carries_shows_and_ends_with_0(number: signal.Signals, tmp_path: Path) -> None:
    schedule = tmp_path / "faults.toml"
    schedule.write_text('[[steps]]\nat = 0\nfor = 3600\nfault = "fragments"\nstations = ["CP9"]\n')
    async with open_central(shutdown_timeout=1) as central:
        upstream = f"ws://127.0.0.1:{await listen_on_a_port(central)}/ocpp"
        async with running(
            "--upstream", upstream, "--fault", "latency=0.01", "--schedule", str(schedule), "--frames"
        ) as proxy:
            url = (await proxy.said("Charge points connect to")).split()[-1].removesuffix("/IDENTITY")
            await proxy.said("CP9  fault begins: fragments")
            await proxy.said("*  fault begins: always")
            async with open_client(target_of(url), "CP1") as client:
                await client.call("BootNotification", BOOT)
                await proxy.said('CP1  in  [2,"m1","BootNotification"')
                await proxy.said('CP1  out [3,"m1",{')
            await proxy.said("CP1  WebSocket closed 1000")
            await proxy.said("CP1  closed")
            assert await proxy.end(number) == 0


async def test_it_ends_when_nobody_reads_its_output() -> None:
    async with running(*UPSTREAM) as proxy:
        url = (await proxy.said("Charge points connect to")).split()[-1].removesuffix("/IDENTITY")
        await proxy.said("The central system is at")
        assert proxy.process.stdout is not None
        await proxy.process.stdout.aclose()
        with trio.fail_after(PATIENCE):
            with pytest.raises(Unreachable):
                async with open_client(target_of(url), "CP1"):
                    pass
            assert await proxy.process.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing option '--upstream'"),
        (("--upstream", "http://127.0.0.1/"), "'http://127.0.0.1/' is no URL of a central system"),
        (("--upstream", "ws://[::1"), "'ws://[::1' is no URL of a central system: Invalid IPv6 URL"),
        (("--upstream", "ws://192.0.2.1/"), "say --upstream-beyond-loopback"),
        ((*UPSTREAM, "--listen", "0.0.0.0:0"), "say --listen-beyond-loopback"),
        ((*UPSTREAM, "--listen", "9001"), "--listen is '9001': write it as HOST:PORT"),
        ((*UPSTREAM, "--listen", "127.0.0.1:70000"), "--listen is '127.0.0.1:70000'"),
        ((*UPSTREAM, "--fault", "latncy=1"), "--fault latncy=1: latncy is no condition of a link"),
        ((*UPSTREAM, "--fault", "stal"), "--fault stal: fault is 'stal': it may be latency"),
        ((*UPSTREAM, "--fault", "in.latency=x"), "--fault in.latency=x: in.latency is 'x'"),
        ((*UPSTREAM, "--fault", "latency="), "--fault latency=: latency is ''"),
        ((*UPSTREAM, "--schedule", "no-such-file"), "the schedule no-such-file cannot be read: No such file"),
        ((*UPSTREAM, "--max-connections", "0"), "--max-connections"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["testbench", "proxy", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = 3", "faults.toml: steps is 3: it may be an array of tables"),
        ("x", "faults.toml is no TOML"),
        ("[[steps]]\nat = 1\nfor = 1\nfault = 'x'", "faults.toml: steps[0]: fault is 'x'"),
    ],
)
def test_a_mistake_in_a_schedule_names_the_file(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "faults.toml"
    file.write_text(text)
    assert cli.main(["testbench", "proxy", *UPSTREAM, "--schedule", str(file)]) == 2
    assert message in capsys.readouterr().err
