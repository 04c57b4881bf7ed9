"""Instances, each a process of its own, with a program of the tests' own in the place of the simulator."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
from tests.support.waiting import eventually
from tests.testbench.microocpp.alive import is_alive, processes_in
from tests.testbench.microocpp.conftest import MakeFake

from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.microocpp import instance as instance_module
from ocpp_actors.testbench.microocpp import process
from ocpp_actors.testbench.microocpp.api import Silent
from ocpp_actors.testbench.microocpp.instance import (
    RESTARTS,
    Instance,
    InstanceFailed,
    open_instance,
    place_instance,
    reserved_port,
)
from ocpp_actors.testbench.microocpp.store import Seed, SeedRefused

PATIENCE = 60.0


def seed(identity: str = "SIM001", **more: Any) -> Seed:
    return Seed(**{"identity": identity, "backend_url": "ws://127.0.0.1:9000/ocpp", **more})


@asynccontextmanager
async def opened(binary: Path, directory: Path, **how: Any) -> AsyncIterator[Instance]:
    with trio.fail_after(PATIENCE):
        async with open_instance(binary, seed(), directory, **how) as instance:
            yield instance


async def end(instance: Instance, status: int) -> None:
    """Let it end by itself."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx2.HTTPError):
            await client.post(f"{instance.api.url}/api/end", json=status)


async def crashed(binary: Path, directory: Path, status: int) -> None:
    """Run an instance that ends by itself with a status."""
    async with opened(binary, directory) as instance:
        await end(instance, status)
        await trio.sleep_forever()


async def restarted(instance: Instance, starts: int) -> None:
    """Wait until it was started so many times and is ready."""
    await eventually(lambda: instance.starts >= starts)
    await instance.ready()


async def test_it_is_ready_with_its_own_directory_store_and_port(fake: MakeFake, tmp_path: Path) -> None:
    async with opened(fake(), tmp_path / "sim") as instance:
        assert await instance.api.connectors() == (1, 2)
        connection = await instance.api.connection()
        assert (connection.backend_url, connection.identity) == ("ws://127.0.0.1:9000/ocpp", "SIM001")
        assert instance.pid is not None
        assert processes_in(tmp_path / "sim") == [instance.pid]
        assert os.getpgid(instance.pid) == instance.pid != os.getpgid(0)
        assert instance.output.read_text() == "I am up\n"
        pid = instance.pid
    assert not is_alive(pid)
    assert instance.pid is None


async def test_several_have_nothing_in_common(fake: MakeFake, tmp_path: Path) -> None:
    binary, instances = fake(), []
    gone = trio.Event()

    async def one(number: int, *, task_status: trio.TaskStatus[Instance]) -> None:
        async with open_instance(binary, seed(f"SIM{number}"), tmp_path / f"sim{number}") as instance:
            task_status.started(instance)
            await gone.wait()

    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            for number in range(3):
                instances.append(await nursery.start(one, number))  # noqa: PERF401 — one after the other
            await instances[1].api.plug_in()
            plugged = [(await each.api.evse()).ev_plugged for each in instances]
            identities = [(await each.api.connection()).identity for each in instances]
            gone.set()
    assert plugged == [False, True, False]
    assert identities == ["SIM0", "SIM1", "SIM2"]
    assert processes_in(tmp_path) == []


async def test_after_a_reset_it_is_started_again_with_what_it_kept(fake: MakeFake, tmp_path: Path) -> None:
    async with opened(fake(), tmp_path / "sim") as instance:
        first, url = instance.pid, instance.api.url
        await instance.api.plug_in()
        await end(instance, 0)
        await restarted(instance, 2)
        assert (await instance.api.evse()).ev_plugged
        assert instance.pid != first
        assert instance.api.url == url
        assert instance.output.read_text() == "I am up\nThe end is near\nI am up\n"
    assert processes_in(tmp_path) == []


async def test_a_power_cut_is_sudden_and_keeps_the_store(
    fake: MakeFake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "TERM_PATIENCE", 0.1)  # it ignores that at the end, too
    async with opened(fake("stubborn"), tmp_path / "sim") as instance:
        pid = instance.pid
        assert pid is not None
        await instance.api.plug_in()
        await instance.power_off()
        assert not is_alive(pid)
        with pytest.raises(Silent, match="nothing answers"):
            await instance.api.evse()
        with pytest.raises(InstanceFailed, match="SIM001 has no power: switch it on first"):
            await instance.ready()
        await instance.power_off()  # there is nothing to cut
        await instance.power_on()
        assert instance.pid not in (None, pid)
        assert (await instance.api.evse()).ev_plugged
        await instance.power_on()  # it has power
        assert instance.starts == 2


async def test_without_power_it_does_not_come_back(fake: MakeFake, tmp_path: Path) -> None:
    async with opened(fake(), tmp_path / "sim") as instance:
        await instance.power_off()
        await trio.testing.wait_all_tasks_blocked()
        assert processes_in(tmp_path) == []
    assert instance.starts == 1


@pytest.mark.parametrize(("status", "told"), [(3, "ended with status 3"), (139, "ended with status 139")])
async def test_a_crash_is_told_with_what_it_printed(
    fake: MakeFake, tmp_path: Path, status: int, told: str
) -> None:
    with pytest.raises(
        InstanceFailed, match=f"(?s)SIM001 {told}; all that it printed is in .*The end is near"
    ):
        await crashed(fake(), tmp_path / "sim", status)
    assert processes_in(tmp_path) == []
    assert issubclass(InstanceFailed, Failed)


async def test_one_that_failed_can_be_switched_on_again(fake: MakeFake, tmp_path: Path) -> None:
    told: list[InstanceFailed] = []
    with trio.fail_after(PATIENCE):
        async with place_instance(fake(), seed(), tmp_path / "sim", failing=told.append) as instance:
            with pytest.raises(InstanceFailed, match="SIM001 has no power: switch it on first"):
                await instance.ready()
            await instance.power_on()
            await end(instance, 3)
            await eventually(lambda: told)
            with pytest.raises(InstanceFailed, match="SIM001 has no power since it failed"):
                await instance.ready()
            await instance.power_off()  # it has none
            await instance.power_on()
            assert await instance.api.connectors() == (1, 2)
            assert instance.starts == 2
    assert len(told) == 1
    assert "SIM001 ended with status 3" in str(told[0])
    assert processes_in(tmp_path) == []


async def test_a_mistake_of_ours_is_a_failure_of_one_alone(
    fake: MakeFake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(_output: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(instance_module, "OUTPUT_INTERVAL", 0)
    monkeypatch.setattr(instance_module, "bound_output", break_down)
    told: list[InstanceFailed] = []
    with trio.fail_after(PATIENCE):
        async with place_instance(fake(), seed(), tmp_path / "sim", failing=told.append) as instance:
            with pytest.raises(InstanceFailed, match="has no power since it failed"):
                await instance.power_on()
    assert "SIM001 failed (ZeroDivisionError())" in str(told[0])
    assert processes_in(tmp_path) == []


async def test_its_port_stays_its_own_while_it_is_off(fake: MakeFake, tmp_path: Path) -> None:
    def is_kept(instance: Instance) -> None:
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", int(instance.api.url.rsplit(":", 1)[1])))

    told: list[InstanceFailed] = []
    with trio.fail_after(PATIENCE):  # with one that never listens: no connection of before holds its port
        async with place_instance(
            fake("mute"), seed(), tmp_path / "sim", ready_timeout=0.1, failing=told.append
        ) as instance:
            is_kept(instance)
            for _ in range(2):
                with pytest.raises(InstanceFailed, match="has no power since it failed"):
                    await instance.power_on()
                is_kept(instance)
    assert len(told) == 2


async def test_killed_by_somebody_else(fake: MakeFake, tmp_path: Path) -> None:
    async def kill() -> None:
        async with opened(fake(), tmp_path / "sim") as instance:
            assert instance.pid is not None
            os.kill(instance.pid, signal.SIGKILL)
            await trio.sleep_forever()

    with pytest.raises(InstanceFailed, match="SIM001 was ended by signal 9"):
        await kill()


async def test_only_the_end_of_a_long_output_is_told(fake: MakeFake, tmp_path: Path) -> None:
    with pytest.raises(InstanceFailed) as failed:
        await crashed(fake("chatty"), tmp_path / "sim", 3)
    message = str(failed.value)
    assert len(message) < process.TAIL + 500
    assert message.endswith("line 19999 of many\nThe end is near")


async def test_one_that_ends_again_and_again_is_given_up(fake: MakeFake, tmp_path: Path) -> None:
    with pytest.raises(InstanceFailed, match=r"(?s)ended by itself more than 10 times within 60 s.*I am up"):
        async with opened(fake("fleeting"), tmp_path / "sim"):
            raise AssertionError("it was said to be ready")
    assert (tmp_path / "sim" / "output.log").read_text() == "I am up\n" * (RESTARTS + 1)
    assert processes_in(tmp_path) == []


async def test_one_that_never_answers_is_given_up(fake: MakeFake, tmp_path: Path) -> None:
    with pytest.raises(
        InstanceFailed, match=r"SIM001 does not answer at http://127.0.0.1:\d+ within 0.3 s after"
    ):
        async with opened(fake("mute"), tmp_path / "sim", ready_timeout=0.3):
            raise AssertionError("it was said to be ready")
    assert processes_in(tmp_path) == []


async def test_one_that_ignores_to_be_told_is_killed(
    fake: MakeFake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "TERM_PATIENCE", 0.1)
    async with opened(fake("stubborn"), tmp_path / "sim") as instance:
        pid = instance.pid
    assert pid is not None
    assert not is_alive(pid)


async def test_what_it_started_is_gone_with_it(fake: MakeFake, tmp_path: Path) -> None:
    async with opened(fake("parent"), tmp_path / "sim"):
        child = int((tmp_path / "sim" / "mo_store" / "child").read_text())
        assert is_alive(child)
    await eventually(lambda: processes_in(tmp_path) == [])  # the kernel kills it a moment later


async def test_what_it_started_does_not_outlive_a_reset(fake: MakeFake, tmp_path: Path) -> None:
    async with opened(fake("parent"), tmp_path / "sim") as instance:
        child = int((tmp_path / "sim" / "mo_store" / "child").read_text())
        await end(instance, 0)
        await restarted(instance, 2)
        await eventually(lambda: not is_alive(child))  # the kernel kills it a moment later
        assert len(processes_in(tmp_path)) == 2


async def test_it_is_gone_when_the_block_fails(fake: MakeFake, tmp_path: Path) -> None:
    with pytest.raises(Failed, match="expected"):
        async with opened(fake(), tmp_path / "sim"):
            raise Failed("expected otherwise")
    assert processes_in(tmp_path) == []


async def test_it_is_gone_when_the_block_is_cancelled(fake: MakeFake, tmp_path: Path) -> None:
    with trio.CancelScope() as scope:
        async with opened(fake(), tmp_path / "sim"):
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert processes_in(tmp_path) == []


async def test_it_is_gone_when_its_start_is_cancelled(fake: MakeFake, tmp_path: Path) -> None:
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_open, fake("mute"), tmp_path / "sim")
            await eventually(lambda: processes_in(tmp_path))
            scope.cancel()
    assert processes_in(tmp_path) == []


async def _open(binary: Path, directory: Path) -> None:
    async with open_instance(binary, seed(), directory):
        raise AssertionError("it was said to be ready")


async def test_a_store_that_is_there_is_kept(fake: MakeFake, tmp_path: Path) -> None:
    async with opened(fake(), tmp_path / "sim") as instance:
        await instance.api.plug_in()
        config = tmp_path / "sim" / "mo_store" / "ocpp-config.jsn"
        config.write_text("its own")
    async with opened(fake(), tmp_path / "sim") as instance:
        assert (await instance.api.evse()).ev_plugged
        assert config.read_text() == "its own"


async def test_a_program_that_is_none(tmp_path: Path) -> None:
    binary = tmp_path / "mo_simulator"
    binary.write_bytes(b"\x7fELF is all that it has of a program")
    binary.chmod(0o755)
    with pytest.raises(InstanceFailed, match=r"(?s)SIM001 ended with status 12[67].*mo_simulator"):
        async with opened(binary, tmp_path / "sim"):
            raise AssertionError


async def test_a_directory_that_cannot_be_used(fake: MakeFake, tmp_path: Path) -> None:
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "output.log").mkdir()
    with pytest.raises(InstanceFailed, match=r"SIM001 cannot be started: .*output\.log"):
        async with opened(fake(), tmp_path / "sim"):
            raise AssertionError


async def test_nothing_is_started_for_another_machine(fake: MakeFake, tmp_path: Path) -> None:
    with pytest.raises(SeedRefused, match="beyond this machine"):
        async with open_instance(fake(), seed(backend_url="ws://192.0.2.1/ocpp"), tmp_path / "sim"):
            raise AssertionError


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_a_reserved_port_is_for_one_alone(host: str, family: socket.AddressFamily) -> None:
    with reserved_port(host) as port, socket.socket(family) as other, socket.socket(family) as simulator:
        with pytest.raises(OSError, match="in use"):
            other.bind((host, port))
        simulator.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        simulator.bind((host, port))
        simulator.listen()


def test_a_long_output_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_OUTPUT", 10)
    output = tmp_path / "output.log"
    output.write_text("0123456789")
    process.bound_output(output)
    assert output.read_text() == "0123456789"
    output.write_text("0123456789A")
    process.bound_output(output)
    assert output.read_text() == ""
    assert (tmp_path / "output.1.log").read_text() == "0123456789A"


@pytest.mark.parametrize("tools", [(), ("setpriv",), ("stdbuf",)])
async def test_it_runs_on_a_machine_without_the_tools(
    fake: MakeFake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tools: tuple[str, ...]
) -> None:
    real = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: real(name) if name in tools else None)
    async with opened(fake(), tmp_path / "sim") as instance:
        assert await instance.api.connectors() == (1, 2)


BENCH = """
import sys, trio
from pathlib import Path
from ocpp_actors.testbench.microocpp.instance import open_instance
from ocpp_actors.testbench.microocpp.store import Seed

async def main():
    seed = Seed(identity="SIM001", backend_url="ws://127.0.0.1:9000/ocpp")
    async with open_instance(Path(sys.argv[1]), seed, Path(sys.argv[2])) as instance:
        print(instance.pid, flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
async def test_none_is_left_behind_however_the_bench_ends(
    fake: MakeFake, tmp_path: Path, number: signal.Signals
) -> None:
    with trio.fail_after(PATIENCE):
        bench = await trio.lowlevel.open_process(
            [sys.executable, "-c", BENCH, fake(), tmp_path / "sim"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert bench.stdout is not None
        async with bench.stdout:
            pid = int(await bench.stdout.receive_some())
            assert is_alive(pid)
            bench.send_signal(number)
            await bench.wait()
        if number is signal.SIGKILL:  # the kernel kills it a moment later
            await eventually(lambda: not is_alive(pid))
        assert not is_alive(pid)
