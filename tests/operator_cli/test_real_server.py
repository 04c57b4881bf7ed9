"""The commands against the server that they are made for, each in a process of its own, with a simulated charger."""

import base64
import csv
import getpass
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import define

from tests.operator_cli.conftest import Ended
from tests.support.central import Charger
from tests.support.client import open_charger
from tests.support.process import END_TIMEOUT, ServerProcess, environment, open_server

pytestmark = pytest.mark.heavy

NEW_KEY = bytes(range(1, 21))
TOKEN = "0123456789abcdef"
ACCEPTED = {"status": "Accepted"}


@define
class Shell:
    """Where commands are typed: beside a server whose address and token the environment has."""

    server: ServerProcess
    directory: Path

    def environment(self, **settings: object) -> dict[str, str]:
        return environment(self.directory, {"api_url": self.server.api, "api_token": TOKEN, **settings})

    async def __call__(self, *arguments: str, stdin: bytes = b"", **settings: object) -> Ended:
        with trio.fail_after(END_TIMEOUT):
            ended = await trio.run_process(
                [sys.executable, "-m", "ocpp_actors", *arguments],
                stdin=stdin,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                env=self.environment(**settings),
            )
        return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    async def json(self, *arguments: str) -> list[Any]:
        ended = await self(*arguments, "--json")
        assert ended.status == 0, ended
        return [json.loads(line) for line in ended.lines]

    async def until(self, wanted: Callable[[list[Any]], bool], *arguments: str) -> list[Any]:
        """Run a command until its answer is what is wanted: what it shows is written down a moment later."""
        with trio.fail_after(END_TIMEOUT):
            while True:
                items = await self.json(*arguments)
                if wanted(items):
                    return items

    async def asks(self, charger: Charger, *arguments: str, answer: Any) -> tuple[list[Any], Ended]:
        """Run a command that makes the server ask a charger; the CALL that came, and how the command ended."""
        ended: list[Ended] = []

        async def run() -> None:
            ended.append(await self(*arguments))

        with trio.fail_after(END_TIMEOUT):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run)
                asked = await charger.receive()
                await charger.send(
                    [4, asked[1], *answer] if isinstance(answer, list) else [3, asked[1], answer]
                )
        return asked[2:], ended[0]


@asynccontextmanager
async def open_shell(
    directory: Path, admission: str = "open", authorization: str = "open"
) -> AsyncIterator[Shell]:
    async with open_server(
        directory, api_token=TOKEN, admission=admission, authorization=authorization
    ) as server:
        yield Shell(server, directory)


async def test_charge_points_are_let_in_listed_changed_and_removed(tmp_path: Path) -> None:
    async with open_shell(tmp_path, admission="known") as shell:
        added = (await shell.json("charge-points", "add", "CP1", "--lenient"))[0]
        assert (added["identity"], added["online"], added["settings"]["lenient"]) == ("CP1", False, True)
        assert (await shell("charge-points", "add", "cp1")).err.startswith(
            "ocpp-actors: there is a charge point cp1"
        )
        key = (await shell("charge-points", "set-key", "CP1")).out.strip()
        assert len(bytes.fromhex(key)) == 20
        assert await handshake(shell.server, "CP1") == 401
        assert await handshake(shell.server, "CP1", bytes.fromhex(key)) == 101
        given = await shell(
            "charge-points", "set-key", "CP1", "--hex", "--key-file", "-", stdin=NEW_KEY.hex().encode()
        )
        assert (given.status, given.out) == (0, ""), given
        short = await shell("charge-points", "set-key", "CP1", "--key-file", "-", stdin=b"f00d\n")
        assert (short.status, short.out) == (2, "")
        assert await handshake(shell.server, "CP1", bytes.fromhex(key)) == 401
        assert await handshake(shell.server, "CP1", NEW_KEY) == 101
        assert (await shell("charge-points", "set-key", "CP1", "--remove")).status == 0
        async with open_charger(shell.server.url, "CP1") as charger:
            await charger.boot()
            await charger.result(
                "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
            )
            (online,) = await shell.json("charge-points", "--online", "--search", "cp")
            assert online["connectors"][0]["status"] == "Available"
            assert await shell.json("charge-points", "--offline") == []
            (changed,) = await shell.json("charge-points", "set", "CP1", "--strict", "--no-pings")
            assert changed["settings"] == {
                "lenient": False,
                "pings": False,
                "abortOnShutdown": False,
                "securityProfile": 0,
            }
            _, row = (await shell("charge-points")).lines
            assert row.split("\t")[:3] == ["CP1", "yes", "Accepted"]
            assert "settings.pings" in (await shell("charge-points", "show", "CP1")).out
            assert (await shell("charge-points", "remove", "CP1")).status == 0
            assert await charger.closed() == (1008, "removed")
        shown = await shell("charge-points", "show", "CP1")
        assert (shown.status, shown.out) == (1, "")
        assert "CP1" in shown.err
        assert await handshake(shell.server, "CP1") == 404


async def test_all_that_have_no_key_get_one(tmp_path: Path) -> None:
    async with open_shell(tmp_path) as shell:
        for identity in ("CP1", "CP2", "CP3"):
            await shell("charge-points", "add", identity)
        await shell(
            "charge-points", "set-key", "CP2", "--hex", "--key-file", "-", stdin=NEW_KEY.hex().encode()
        )
        made = await shell("charge-points", "make-keys", "--missing")
        keys = dict(line.split(",") for line in made.lines)
        assert (made.status, list(keys)) == (0, ["identity", "CP1", "CP3"])
        for identity in ("CP1", "CP3"):
            assert await handshake(shell.server, identity, bytes.fromhex(keys[identity])) == 101
        assert await handshake(shell.server, "CP1", bytes.fromhex(keys["CP3"])) == 401
        assert await handshake(shell.server, "CP2", NEW_KEY) == 101
        assert (await shell("charge-points", "make-keys", "--missing")).lines == ["identity,key"]


async def test_a_rotated_key_lets_in_and_is_written_nowhere(tmp_path: Path) -> None:
    async with open_shell(tmp_path) as shell:
        async with open_charger(shell.server.url, "CP1") as charger:
            await charger.boot()
            rotate = ("charge-points", "rotate-key", "CP1")
            (_, asked), ended = await shell.asks(charger, *rotate, answer=ACCEPTED)
            key = asked["value"].encode()
            assert (ended.status, ended.out) == (
                0,
                "CP1 answered Accepted: it uses the new key, and the old one no longer works\n",
            )
        assert await handshake(shell.server, "CP1") == 401
        assert await handshake(shell.server, "CP1", key) == 101
        (call,) = await shell.json("calls")
        assert call["request"] == {"key": "AuthorizationKey", "value": "***"}
        await shell.until(lambda frames: any("***" in each["frame"] for each in frames), "messages")
        assert await shell.server.end() == 0
    written = contents(tmp_path)
    assert written.keys() >= {"ledger.db", "messages.db", "stderr.log"}
    assert [name for name, content in written.items() if key in content] == []


def contents(directory: Path) -> dict[str, bytes]:
    """What the files in a directory hold, by their names."""
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


async def handshake(server: ServerProcess, identity: str, key: bytes | None = None) -> int:
    """The status that a connection is answered with."""
    credentials = base64.b64encode(f"{identity}:".encode() + (key or b"")).decode()
    authorization = f"Authorization: Basic {credentials}\r\n" if key else ""
    async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
        await stream.send_all(
            f"GET /ocpp/{identity} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: ocpp1.6\r\n{authorization}\r\n".encode()
        )
        return int((await stream.receive_some())[9:12])


async def test_charge_points_are_asked(tmp_path: Path) -> None:
    async with open_shell(tmp_path) as shell:
        async with open_charger(shell.server.url, "CP1") as charger:
            await charger.boot()
            asked, ended = await shell.asks(charger, "call", "CP1", "Reset", "type=Soft", answer=ACCEPTED)
            assert (asked, ended.status, json.loads(ended.out)) == (["Reset", {"type": "Soft"}], 0, ACCEPTED)
            rejection = ["NotSupported", "no such thing", {}]
            _, ended = await shell.asks(charger, "call", "CP1", "ClearCache", answer=rejection)
            assert (ended.status, ended.out) == (1, "")
            assert "NotSupported: no such thing" in ended.err
            _, ended = await shell.asks(charger, "call", "CP1", "ClearCache", answer={"status": 7})
            assert ended.status == 1
            wrong = await shell("call", "CP1", "Reset", "type=Gentle")
            assert (wrong.status, wrong.out) == (2, "")
            assert wrong.err == "ocpp-actors: type is 'Gentle', which is none of Hard, Soft.\n"
        offline = await shell("call", "CP1", "Reset", "type=Hard")
        assert offline.status == 1
        assert "--queue" in offline.err
        queued = await shell("call", "CP1", "Reset", "type=Hard", "--queue", "--ttl", "600", "--json")
        call = json.loads(queued.out)
        assert (queued.status, call["status"]) == (0, "waiting")
        async with open_charger(shell.server.url, "CP1") as charger:
            await charger.boot()
            asked = await charger.receive()
            assert asked[2:] == ["Reset", {"type": "Hard"}]
            await charger.send([3, asked[1], ACCEPTED])
            await charger.result("Heartbeat", {})
            shown = await shell.until(
                lambda items: items[0]["status"] == "answered", "calls", "show", str(call["callId"])
            )
        assert shown[0]["requestedBy"] == getpass.getuser()
        listed = await shell.json("calls", "--charge-point", "CP1", "--state", "callError")
        assert [(each["action"], each["errorCode"]) for each in listed] == [("ClearCache", "NotSupported")]
        nobody = await shell("call", "CP9", "Reset", "type=Soft")
        assert (nobody.status, nobody.out) == (1, "")


async def test_transactions_and_id_tags(tmp_path: Path) -> None:
    async with open_shell(tmp_path, authorization="known") as shell:
        assert (await shell("id-tags", "add", "TAG1", "--max-active-transactions", "2")).status == 0
        assert (await shell("id-tags", "add", "tag1")).status == 1
        (changed,) = await shell.json(
            "id-tags", "set", "TAG1", "--parent", "FLEET", "--expires", "2099-01-01T00:00:00Z"
        )
        assert (changed["parentIdTag"], changed["maxActiveTransactions"]) == ("FLEET", 2)
        exported = (await shell("id-tags", "export")).out
        assert (await shell("id-tags", "remove", "TAG1")).status == 0
        assert await shell.json("id-tags") == []
        assert (await shell("id-tags", "import", "-", stdin=exported.encode())).status == 0
        (imported,) = await shell.json("id-tags", "--search", "tag")
        assert {**imported, "version": 0} == {**changed, "version": 0}
        async with open_charger(shell.server.url, "CP1") as charger:
            await charger.boot()
            start = {
                "connectorId": 1,
                "idTag": "TAG1",
                "meterStart": 100,
                "timestamp": "2026-03-01T12:00:00Z",
            }
            number = (await charger.result("StartTransaction", start))["transactionId"]
            sampled = [{"value": "350", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}]
            value = [{"timestamp": "2026-03-01T12:05:00Z", "sampledValue": sampled}]
            await charger.result(
                "MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": value}
            )
            (active,) = await shell.json("transactions", "--active", "--id-tag", "tag1")
            assert (active["id"], active["energyWh"]) == (number, 250)
            (metered,) = await shell.json("transactions", "meter-values", str(number))
            assert metered["energyWh"] == 350
            stop = {"transactionId": number, "meterStop": 400, "timestamp": "2026-03-01T13:00:00Z"}
            await charger.result("StopTransaction", stop)
        assert await shell.json("transactions", "--active") == []
        (shown,) = await shell.json("transactions", "show", str(number))
        assert shown["energyWh"] == 300
        (row,) = csv.DictReader((await shell("transactions", "--csv")).lines)
        assert (row["id"], row["chargePoint"]) == (str(number), "CP1")
        (row,) = csv.DictReader((await shell("transactions", "meter-values", str(number), "--csv")).lines)
        assert float(row["energyWh"]) == 350


async def test_reservations_and_charging_profiles(tmp_path: Path) -> None:
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.1}],
        },
    }
    async with open_shell(tmp_path) as shell, open_charger(shell.server.url, "CP1") as charger:
        await charger.boot()
        add = [
            "reservations",
            "add",
            "CP1",
            "--connector",
            "1",
            "--id-tag",
            "T",
            "--expires",
            "2099-01-01T00:00:00Z",
        ]
        asked, ended = await shell.asks(charger, *add, answer=ACCEPTED)
        assert (asked[0], ended.status) == ("ReserveNow", 0), ended
        (reservation,) = await shell.json("reservations", "--active")
        assert reservation["status"] == "Accepted"
        cancel = ["reservations", "cancel", str(reservation["id"])]
        asked, ended = await shell.asks(charger, *cancel, answer=ACCEPTED)
        assert (asked, ended.status) == (["CancelReservation", {"reservationId": reservation["id"]}], 0), (
            ended
        )
        assert await shell.json("reservations", "--active") == []
        _, ended = await shell.asks(charger, *add, answer={"status": "Occupied"})
        assert ended.status == 1
        kept = await shell("charging-profiles", "set", "night", "-", stdin=json.dumps(profile).encode())
        assert kept.status == 0, kept
        assert json.loads((await shell("charging-profiles", "show", "night")).out) == profile
        send = ["charging-profiles", "send", "CP1", "night", "--connector", "0"]
        asked, ended = await shell.asks(charger, *send, answer=ACCEPTED)
        assert asked == ["SetChargingProfile", {"connectorId": 0, "csChargingProfiles": profile}]
        assert json.loads(ended.out) == ACCEPTED
        assert (await shell("charging-profiles", "remove", "night")).status == 0
        assert await shell.json("charging-profiles") == []


async def test_messages_are_read_and_followed_until_ctrl_c(tmp_path: Path) -> None:
    async with open_shell(tmp_path) as shell, trio.open_nursery() as nursery:
        follow = ["messages", "--follow", "--action", "Heartbeat", "--direction", "out"]
        process = await nursery.start(
            partial(
                trio.run_process,
                [sys.executable, "-m", "ocpp_actors", *follow],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                check=False,
                env=shell.environment(),
            )
        )
        async with open_charger(shell.server.url, "CP1") as charger:
            await charger.boot()
            seen = b""
            with trio.fail_after(END_TIMEOUT):
                while b"\n" not in seen:  # nothing tells when it has begun to follow
                    await charger.result("Heartbeat", {})
                    with trio.move_on_after(0.2):
                        seen += await process.stdout.receive_some()
            line = seen.decode().splitlines()[0]
            assert line.split("  ")[1] == "CP1"
            assert '{"currentTime":' in line
            process.send_signal(signal.SIGINT)
            with trio.fail_after(END_TIMEOUT):
                assert await process.wait() == 0
            told = b""
            async for chunk in process.stderr:
                told += chunk
            assert told == b""
            recorded = await shell.until(bool, "messages", "--action", "BootNotification")
        assert (recorded[0]["direction"], recorded[0]["action"]) == ("in", "BootNotification")


async def test_a_wrong_token_is_told(tmp_path: Path) -> None:
    async with open_shell(tmp_path) as shell:
        wrong = await shell("charge-points", api_token="another-wrong-token")
        assert (wrong.status, wrong.out) == (2, "")
        assert "OCPP_ACTORS_API_TOKEN" in wrong.err


async def test_a_server_that_was_killed_is_told(tmp_path: Path) -> None:
    async with open_shell(tmp_path) as shell:
        await shell.server.kill()
        ended = await shell("charge-points")
        assert (ended.status, ended.out) == (1, "")
        assert ended.err.startswith("ocpp-actors: no server answers at http://127.0.0.1:")
