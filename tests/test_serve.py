"""The server as a process: how it starts, refuses to start, and ends."""

import json
import resource
import signal
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from ocpp_actors import app, garbage
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.certificates.authority import Authority
from ocpp_actors.ledger.bridge import open_ledger
from ocpp_actors.ledger.port import ListChargePoints
from ocpp_actors.settings import Settings
from tests.support.client import open_charger
from tests.support.process import END_TIMEOUT, environment, open_server


async def refusal_to_start(directory: Path, **settings: object) -> str:
    """Start the server in vain and return its one line."""
    with trio.fail_after(END_TIMEOUT):
        process = await trio.run_process(
            [sys.executable, "-m", "ocpp_actors", "serve"],
            env=environment(directory, settings),
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    assert process.returncode == 2, process.stderr.decode()
    lines = [line for line in process.stderr.decode().splitlines() if not line.startswith("{")]
    assert len(lines) == 1, lines
    assert "Traceback" not in lines[0]
    return lines[0]


async def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = await refusal_to_start(tmp_path, port=port)
    assert line.startswith(f"ocpp-actors: cannot listen on 127.0.0.1:{port} (HOST, PORT)")


async def test_a_taken_port_of_the_api_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = await refusal_to_start(tmp_path, api_port=port)
    assert line.startswith(f"ocpp-actors: cannot listen on 127.0.0.1:{port} (API_HOST, API_PORT)")


async def test_a_webhook_that_cannot_be_used_is_said_in_one_line(tmp_path: Path) -> None:
    line = await refusal_to_start(
        tmp_path, webhook_url="http://localhost/", webhook_secret="whsec_" + "!" * 16
    )
    assert "secret of the webhook" in line


async def test_without_a_port_there_is_no_api(tmp_path: Path) -> None:
    async with open_server(tmp_path, api_port="") as server, open_charger(server.url, "CP1") as charger:
        await charger.boot()
        assert server.api == ""


async def test_a_listener_on_every_interface_is_told_by_a_name_that_it_answers_to(tmp_path: Path) -> None:
    async with (
        open_server(tmp_path, api_host="0.0.0.0", api_token="0123456789abcdef") as server,
        httpx2.AsyncClient(trust_env=False) as client,
    ):
        assert server.api.startswith("http://localhost:")
        assert (await client.get(server.api)).status_code == 200


async def test_a_secret_that_everybody_can_read_is_warned_about(tmp_path: Path) -> None:
    token, database = tmp_path / "token", tmp_path / "database"
    token.write_text("0123456789abcdef\n")
    database.write_text(f"sqlite:///{tmp_path / 'ledger.db'}")
    token.chmod(0o644)
    database.chmod(0o640)
    command = ("-m", "ocpp_actors", "serve", "--database-file", database)
    async with open_server(tmp_path, command, api_token_file=token) as server:
        assert await server.end() == 0
        lines = [json.loads(line) for line in server.stderr.read_text().splitlines()]
    assert [line["file"] for line in lines if "can read the secret" in line["event"]] == [str(token)]


async def test_a_database_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "ledger.db"
    line = await refusal_to_start(tmp_path, database=f"sqlite:///{missing}")
    assert str(missing) in line


async def test_a_second_server_on_a_ledger_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "ledger.db")
    async with open_server(tmp_path) as server:
        for name in ("ledger.db", "link.db"):
            database = f"sqlite:///{tmp_path / name}"
            line = await refusal_to_start(tmp_path, database=database, message_log="off")
            assert line.startswith(
                f"ocpp-actors: {tmp_path / 'ledger.db'}: another server uses this ledger: end"
            )
        async with open_ledger(f"sqlite:///{server.database}") as ledger:
            assert await ledger.ask(ListChargePoints()) == []
        await server.kill()
    async with open_server(tmp_path) as server:
        assert await server.end() == 0


async def test_a_ledger_that_cannot_be_locked_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "ledger.db-lock").mkdir()
    line = await refusal_to_start(tmp_path)
    assert str(tmp_path / "ledger.db") in line
    assert "locks it cannot be opened: Is a directory" in line


async def test_a_database_url_that_means_nothing_is_said_in_one_line(tmp_path: Path) -> None:
    line = await refusal_to_start(tmp_path, database="oracle://db")
    assert "OCPP_ACTORS_DATABASE" in line


async def test_a_message_log_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "messages.db"
    assert str(missing) in await refusal_to_start(tmp_path, message_log=missing)


async def test_a_wrong_setting_is_said_in_one_line(tmp_path: Path) -> None:
    assert "OCPP_ACTORS_HEARTBEAT_INTERVAL" in await refusal_to_start(tmp_path, heartbeat_interval="soon")


async def test_a_certificate_authority_that_cannot_be_used_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "authority.pem").write_text("nothing")
    line = await refusal_to_start(tmp_path, certificate_authority=f"builtin:{tmp_path}")
    assert line.startswith(
        f"ocpp-actors: CERTIFICATE_AUTHORITY: {tmp_path / 'authority.pem'}: there is no cert"
    )


async def test_an_empty_port_leaves_nothing_to_listen_on(tmp_path: Path) -> None:
    assert "PORT and TLS_PORT are empty" in await refusal_to_start(tmp_path, port="")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_closes_connections_with_1001_and_ends_with_0(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with open_server(tmp_path) as server:
        async with open_charger(server.url, "CP1") as charger:
            await charger.boot()
            server.process.send_signal(number)
            assert (await charger.closed())[0] == 1001
        with trio.fail_after(END_TIMEOUT):
            assert await server.process.wait() == 0


async def test_a_second_signal_ends_the_server_at_once(tmp_path: Path) -> None:
    async with open_server(tmp_path, shutdown_timeout=END_TIMEOUT) as server:
        stream = await trio.open_tcp_stream("127.0.0.1", server.port)
        async with stream:
            await stream.send_all(
                b"GET /ocpp/CP1 HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
            )
            assert (await stream.receive_some(4096)).startswith(b"HTTP/1.1 101")
            server.process.send_signal(signal.SIGTERM)
            assert (await stream.receive_some(4096))[0] == 0x88, (
                "a close frame, which this peer does not answer"
            )
            assert await server.end(signal.SIGTERM) == 1


async def test_every_log_line_of_a_charger_carries_identity_action_and_message_id(tmp_path: Path) -> None:
    async with open_server(tmp_path) as server:
        async with open_charger(server.url, "CP1") as charger:
            await charger.call("Nonsense", {}, "id-1")
        assert await server.end() == 0
        lines = [json.loads(line) for line in server.stderr.read_text().splitlines()]
    of_charger = [line for line in lines if "remote" in line]
    assert {line["identity"] for line in of_charger} == {"CP1"}
    refused = next(line for line in of_charger if line["event"] == "CALL refused")
    assert (refused["action"], refused["message_id"]) == ("Nonsense", "id-1")


async def test_connections_and_a_restart_keep_what_was_recorded(tmp_path: Path) -> None:
    start = {"connectorId": 1, "idTag": "TAG", "meterStart": 1, "timestamp": "2026-03-01T12:00:00Z"}
    async with open_server(tmp_path) as server:
        async with open_charger(server.url, "CP1") as charger:
            await charger.boot()
            first = await charger.result("StartTransaction", start)
        await server.kill()
    async with open_server(tmp_path) as server, open_charger(server.url, "cp1") as charger:
        assert await charger.result("StartTransaction", start) == first


async def test_garbage_is_looked_for_by_how_many_are_connected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    booted, counts = trio.Event(), list[int]()

    async def collect(connected: Callable[[], int]) -> None:
        counts.append(connected())
        await booted.wait()
        counts.append(connected())

    async def attend(running: app.Running, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        async with open_charger(running.urls[0], "CP1") as charger:
            await charger.boot()
            booted.set()
            await trio.testing.wait_all_tasks_blocked()
        running.server.shut_down()

    monkeypatch.setattr(garbage, "collect_garbage", collect)
    settings = Settings(
        port=0, api_port=None, database=f"sqlite:///{tmp_path / 'ledger.db'}", message_log="off"
    )
    with trio.fail_after(END_TIMEOUT):
        assert await app.serve(settings, default_router(), attend=attend) == 0
    assert counts == [0, 1]


def test_a_root_that_cannot_be_given_is_said(tmp_path: Path) -> None:
    root = tmp_path / "root.pem"
    pem = Authority.new(datetime.now(UTC)).root_pem

    def given() -> str | None:
        return app._root(Settings(tls_root=str(root)))

    assert app._root(Settings()) is None
    with pytest.raises(app.CannotStart, match=r"TLS_ROOT: .*root\.pem cannot be read: No such file"):
        given()
    for text, reason in (
        ("nothing", "no certificate in PEM"),
        ("é", "no certificate"),
        (pem * 20, "give one"),
    ):
        root.write_text(text)
        with pytest.raises(app.CannotStart, match=reason):
            given()
    root.write_text(f"a comment\n{pem}")
    assert given() == pem


def test_the_limit_on_open_files_is_raised_and_a_larger_one_is_warned_about() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, soft), hard))
        with capture_logs() as lines:
            app._raise_open_files(hard)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
        assert lines == []
        with capture_logs() as lines:
            app._raise_open_files(hard + 1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    (line,) = lines
    assert (line["max_connections"], line["open_files"]) == (hard + 1, hard)
