"""The server under test as a process: restarted on the same ports, watched, and gone in the end."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from attrs import evolve
from tests.testbench.session.test_process import processes_of, server_of

from ocpp_actors.certificates.authority import Authority
from ocpp_actors.clock import SystemClock
from ocpp_actors.testbench import under_test as module
from ocpp_actors.testbench.bench import BOOT, Bench
from ocpp_actors.testbench.client import Unreachable, open_client
from ocpp_actors.testbench.groups import ungrouped
from ocpp_actors.testbench.profiles.reading import read
from ocpp_actors.testbench.profiles.tables import Table
from ocpp_actors.testbench.runner import Verdict, run_scenario
from ocpp_actors.testbench.scenario import catalogue
from ocpp_actors.testbench.target import target_of
from ocpp_actors.testbench.tls import ClientTls
from ocpp_actors.testbench.under_test import (
    ServerTrouble,
    UnderTest,
    addresses_in,
    foreign_server,
    own_server,
    reach,
)

PATIENCE = 120.0


async def boots(under_test: UnderTest, identity: str) -> bool:
    with trio.fail_after(PATIENCE):
        async with open_client(under_test.target, identity) as client:
            boot = await client.call("BootNotification", BOOT)
    return bool(boot.result["status"] == "Accepted")


async def test_it_comes_back_on_the_same_port_whoever_ends_it_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "OCPP_ACTORS_HEARTBEAT_INTERVAL", "7"
    )  # a setting of the environment is not the session's
    monkeypatch.setattr(module, "RESTARTS", 1)
    changes: list[bool] = []
    back = trio.Event()

    def changed(up: bool) -> None:
        changes.append(up)
        if changes.count(True) == 2:
            back.set()

    async with own_server(tmp_path, {"log_level": "warning"}) as under_test:
        under_test.on_change.append(changed)
        url = under_test.target.url
        assert under_test.restart is not None
        assert under_test.operator is not None
        assert await boots(under_test, "CP1")
        assert await under_test.operator.get("/overview")
        await under_test.restart("kill", 0)
        assert changes == [False, True]
        assert await boots(under_test, "CP1")
        assert [each["identity"] for each in await under_test.operator.items("/charge-points")] == ["CP1"]
        assert under_test.unexpected_ends() == 0

        os.kill(server_of(tmp_path), signal.SIGKILL)
        with trio.fail_after(PATIENCE):
            await back.wait()
        assert changes == [False, True, False, True]
        assert await boots(under_test, "CP1")
        assert (under_test.unexpected_ends(), under_test.target.url) == (1, url)

        os.kill(server_of(tmp_path), signal.SIGKILL)
        with trio.fail_after(PATIENCE), pytest.raises(ServerTrouble, match="-9, more than 1 times within 60"):
            await under_test.gone()
        assert under_test.unexpected_ends() == 2
    assert processes_of(tmp_path) == []
    with pytest.raises(Unreachable):
        await boots(under_test, "CP1")


async def test_it_comes_back_when_who_restarts_it_is_cancelled(tmp_path: Path) -> None:
    back = trio.Event()
    async with own_server(tmp_path, {"log_level": "warning", "api_port": None}) as under_test:
        assert under_test.restart is not None
        with trio.CancelScope() as impatient:

            def changed(up: bool) -> None:
                if up:
                    back.set()
                else:
                    impatient.cancel()

            under_test.on_change.append(changed)
            await under_test.restart("kill", 0)
        assert impatient.cancelled_caught
        with trio.fail_after(PATIENCE):
            await back.wait()
        assert await boots(under_test, "CP1")
    assert processes_of(tmp_path) == []


async def test_a_restart_that_cannot_be_is_told_to_who_asked_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with own_server(tmp_path, {"log_level": "warning", "api_port": None}) as under_test:
        assert under_test.restart is not None
        monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
        with trio.fail_after(PATIENCE), pytest.raises(ServerTrouble, match=r"and cannot be started: .*none"):
            await under_test.restart("kill", 0)
        with pytest.raises(ServerTrouble, match="cannot be started"):
            await under_test.gone()


def files_open() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_one_without_an_api_that_does_not_come_back_is_told_of_and_leaves_nothing_open(
    tmp_path: Path,
) -> None:
    before = files_open()
    with ungrouped():
        async with own_server(tmp_path, {"log_level": "warning", "api_port": None}) as under_test:
            assert (under_test.operator, under_test.metrics) == (None, None)
            changes: list[bool] = []
            under_test.on_change.append(changes.append)
            (tmp_path / "ledger.db").unlink()
            (tmp_path / "ledger.db").mkdir()
            os.kill(server_of(tmp_path), signal.SIGKILL)
            with trio.fail_after(PATIENCE), pytest.raises(ServerTrouble) as told:
                await under_test.gone()
            assert changes == [False]
            # Nobody connected, so that nothing but the session can hold the port.
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", int(under_test.target.host.rpartition(":")[2])))
    assert re.fullmatch(
        r"the server ended with status -9 and did not start: .*ledger\.db.*; its log is .*/server\.log",
        str(told.value),
    )
    assert processes_of(tmp_path) == []
    assert files_open() == before


def test_what_it_says_names_all_its_addresses() -> None:
    said = (
        "Charge points connect to   wss://127.0.0.1:9443/ocpp/IDENTITY   (subprotocol ocpp1.6)\n"
        "Charge points connect to   ws://[::1]:9000/ocpp/IDENTITY   (subprotocol ocpp1.6)\n"
        "API and dashboard are at   http://127.0.0.1:8080/ \n"
        "Data is kept in            sqlite:///x.db\n"
        "Messages are logged in     messages.db\n"
    )
    found = addresses_in(said)
    assert found is not None
    assert found.charge_points == ("wss://127.0.0.1:9443/ocpp", "ws://[::1]:9000/ocpp")
    assert (found.url, found.api) == ("ws://[::1]:9000/ocpp", ("http://127.0.0.1:8080",))
    assert addresses_in(said[:-1]) is None
    secure = addresses_in(said[:86] + said[-40:])
    assert secure is not None
    assert (secure.url, secure.api) == ("wss://127.0.0.1:9443/ocpp", ())


async def test_it_does_not_outlive_who_holds_its_standard_input(tmp_path: Path) -> None:
    process = await trio.lowlevel.open_process(
        [
            sys.executable,
            "-P",
            "-m",
            "ocpp_actors.testbench.leash",
            "http.server",
            "0",
            "--bind",
            "127.0.0.1",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    assert process.stdin is not None
    try:
        await process.stdin.aclose()
        with trio.fail_after(PATIENCE):
            assert await process.wait() == -signal.SIGKILL
    finally:
        process.kill()


async def test_one_that_cannot_start_says_why_and_where_its_log_is(tmp_path: Path) -> None:
    settings = {"database": f"sqlite:///{tmp_path}/none/ledger.db"}
    with (
        pytest.raises(ServerTrouble, match=r"the server did not start: .*does not exist.*server\.log"),
        ungrouped(),
    ):
        async with own_server(tmp_path, settings):
            pass
    assert processes_of(tmp_path) == []


async def test_what_lies_in_the_users_directory_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("click", "trio"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name}.py of the user')\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    async with own_server(tmp_path, {"log_level": "warning", "api_port": None}):
        assert len(processes_of(tmp_path)) == 1


async def test_a_foreign_one_is_used_as_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a token\n", "utf-8")
    told = {
        "url": "ws://127.0.0.1:1/ocpp",
        "api_url": "http://127.0.0.1:1",
        "api_token_file": str(tmp_path / "token"),
        "id_tags": {"Blocked": "BAD"},
    }
    chosen = read(Table({"central_system": told}, "x"), "x").central_system
    async with foreign_server(chosen) as under_test:
        assert under_test.target.url == target_of("ws://127.0.0.1:1/ocpp").url
        assert under_test.id_tags == {"Blocked": "BAD"}
        assert under_test.restart is None
        assert under_test.operator is not None
        assert under_test.metrics is not None
        assert await under_test.metrics() is None, "nobody listens there"


async def test_it_speaks_tls_on_the_same_port_after_a_restart(tmp_path: Path) -> None:
    async with own_server(tmp_path, {"log_level": "warning"}, secure=True) as under_test:
        assert under_test.secured is not None
        assert under_test.restart is not None
        assert under_test.target.url.startswith("ws:")
        for _ in range(2):
            with trio.fail_after(PATIENCE):
                for name in (None, "CP1"):
                    async with open_client(under_test.secured.target(name), "CP1") as client:
                        boot = await client.call("BootNotification", BOOT)
                        assert boot.result["status"] == "Accepted"
            await under_test.restart("kill", 0)
        foreign = Authority.new(SystemClock().now())
        stranger = evolve(under_test.secured, files=evolve(under_test.secured.files, authority=foreign))
        shown = stranger.certificate("CP1")
        for target, told in (
            (under_test.secured.target_with(shown), "left during the handshake"),
            (stranger.target("CP1"), "is not trusted: self-signed"),
        ):
            with trio.fail_after(PATIENCE), pytest.raises(Unreachable, match=told):
                async with open_client(target, "CP1"):
                    pass


async def test_a_foreign_one_over_tls_is_shown_a_certificate(tmp_path: Path) -> None:
    async with own_server(tmp_path, {"log_level": "warning"}, secure=True) as own:
        assert own.secured is not None
        assert own.operator is not None
        (tmp_path / "CP1.pem").write_text(own.secured.certificate("CP1"))
        told = {
            "url": own.secured.address.url,
            "tls_ca": str(own.secured.files.directory / "root.pem"),
            "client_certificate": str(tmp_path / "CP1.pem"),
        }
        chosen = read(Table({"central_system": told}, "x"), "x").central_system
        await reach(chosen)
        async with foreign_server(chosen) as under_test:
            with trio.fail_after(PATIENCE):
                async with open_client(under_test.target, "CP1") as client:
                    await client.call("BootNotification", BOOT)
                    assert (await own.operator.charge_point("CP1"))["securityProfile"] == 3
        with pytest.raises(ServerTrouble, match=r"cannot be reached: .*certificate verify failed"):
            await reach(evolve(chosen, tls=ClientTls()))


async def test_a_server_that_asks_for_no_client_certificate_fails_the_case(tmp_path: Path) -> None:
    async with own_server(tmp_path, {"tls_client_ca": ""}, secure=True) as under_test:
        bench = Bench(
            target=under_test.target,
            clock=under_test.clock,
            chance=random.Random(1),
            label="B",
            operator_or_none=under_test.operator,
            secured_or_none=under_test.secured,
        )
        outcome = await run_scenario(catalogue()["tls-with-a-valid-client-certificate"], bench)
    assert outcome.verdict is Verdict.FAILED
    assert "401" in outcome.reason
