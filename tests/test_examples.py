"""The examples of the documentation do what they say."""

import base64
import re
import runpy
import subprocess
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio

from ocpp_actors.clock import TrioClock
from ocpp_actors.ledger.bridge import open_ledger
from ocpp_actors.ledger.port import ListChargePoints
from tests.support.central import START, Charger, open_central
from tests.support.client import open_charger
from tests.support.process import END_TIMEOUT, START_TIMEOUT, environment, open_server

pytestmark = pytest.mark.heavy

EXAMPLES = Path(__file__).parent.parent / "examples"


async def test_prepared_charger_and_tag_are_known(tmp_path: Path) -> None:
    prepared = await trio.run_process(
        [sys.executable, EXAMPLES / "prepare_ledger.py", f"sqlite:///{tmp_path / 'ledger.db'}"],
        capture_stdout=True,
    )
    key = prepared.stdout.decode().split()[-1]
    async with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        [known] = await ledger.ask(ListChargePoints())
        assert (known.identity, known.first_seen_at, known.last_seen_at) == ("CP1", None, None)
    async with open_server(tmp_path, admission="known", authorization="known") as server:
        stream = await trio.open_tcp_stream("127.0.0.1", server.port)
        async with stream:
            credentials = base64.b64encode(b"CP1:" + bytes.fromhex(key)).decode()
            await stream.send_all(upgrade("CP1", f"Authorization: Basic {credentials}\r\n"))
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")
        for identity, status in (("CP1", b"401"), ("CP2", b"404")):
            async with await trio.open_tcp_stream("127.0.0.1", server.port) as stranger:
                await stranger.send_all(upgrade(identity))
                assert (await stranger.receive_some())[9:12] == status


def upgrade(identity: str, headers: str = "") -> bytes:
    return (
        f"GET /ocpp/{identity} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: ocpp1.6\r\n{headers}\r\n"
    ).encode()


async def test_own_central_system_uses_its_handlers_and_its_step(autojump_clock: Any) -> None:
    own = runpy.run_path(str(EXAMPLES / "own_central_system.py"))
    async with open_central(router=own["router"], change_steps=own["with_ours"]) as central:
        assert (await central.refused(identity="CP1")).status_code == 404
        async with central.charger("OUR-1") as charger:
            await charger.boot()
            asked = await charger.receive()
            assert asked[2:] == ["GetConfiguration", {}]
            await charger.send([3, asked[1], {}])
            answer = await charger.result("DataTransfer", {"vendorId": "com.example", "messageId": "price"})
            assert answer == {"status": "Accepted", "data": "0.39 EUR/kWh"}
            day = {"idTag": "DAY-1"}
            assert await charger.result("Authorize", day) == {"idTagInfo": {"status": "Accepted"}}
            central.system.clock = TrioClock(START - timedelta(hours=9))
            assert await charger.result("Authorize", day) == {"idTagInfo": {"status": "Blocked"}}


async def test_own_central_system_shares_the_power_of_the_site(autojump_clock: Any) -> None:
    own = runpy.run_path(str(EXAMPLES / "own_central_system.py"))

    async def limited(charger: Charger) -> float:
        asked = await charger.receive()
        await charger.send([3, asked[1], {"status": "Accepted"}])
        profile = asked[3]["csChargingProfiles"]
        assert (asked[2], asked[3]["connectorId"]) == ("SetChargingProfile", 0)
        assert profile["chargingProfilePurpose"] == "ChargePointMaxProfile"
        limit: float = profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]
        return limit

    async with open_central() as central, trio.open_nursery() as nursery:
        nursery.start_soon(own["share_power"], central.fleet)
        async with central.charger("CP1") as first:
            await first.boot()
            assert await limited(first) == 63.0
            async with central.charger("CP2") as second, central.charger("CP3") as third:
                await second.boot()
                await third.boot()
                assert await limited(first) == await limited(second) == await limited(third) == 21.0
            assert await limited(first) == 63.0
        nursery.cancel_scope.cancel()


async def test_charge_point_takes_the_resets_that_waited_for_it(tmp_path: Path) -> None:
    async with (
        open_server(tmp_path) as server,
        httpx2.AsyncClient(base_url=f"{server.api}/api/v1/", timeout=START_TIMEOUT) as api,
    ):
        await api.put("charge-points/CP1", json={})
        for _ in range(2):
            await api.post("charge-points/CP1/calls/Reset?wait=queue", json={"type": "Soft"})
        ran = await trio.run_process(
            [sys.executable, EXAMPLES / "charge_point.py", f"{server.url}/CP1"],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, b"")
        said = ran.stdout.decode().splitlines()
        assert said.count("asked for a reset: Soft") == 2
        assert said[-1].startswith("stopped; the central system's time is ")
        calls = (await api.get("calls")).json()["items"]
        assert [each["status"] for each in calls] == ["answered", "answered"]


async def test_own_central_system_starts_and_ends(tmp_path: Path) -> None:
    async with open_server(tmp_path, command=[EXAMPLES / "own_central_system.py"]) as server:
        assert await server.end() == 0


async def test_a_wrong_setting_of_an_example_is_told_in_one_line(tmp_path: Path) -> None:
    for example in ("own_central_system.py", "from_synchronous_program.py"):
        ended = await trio.run_process(
            [sys.executable, EXAMPLES / example],
            env=environment(tmp_path, {"log_level": "loud"}),
            capture_stderr=True,
            check=False,
        )
        assert ended.returncode in {1, 2}
        assert b"OCPP_ACTORS_LOG_LEVEL: 'loud' is not allowed" in ended.stderr
        assert ended.stderr.count(b"\n") == 1


async def test_a_synchronous_program_commands_charge_points_through_an_actor(tmp_path: Path) -> None:
    example = EXAMPLES / "from_synchronous_program.py"
    async with trio.open_nursery() as nursery:
        process = await nursery.start(
            partial(
                trio.run_process,
                [sys.executable, example],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                check=False,
                env=environment(tmp_path, {"api_port": ""}),
            )
        )
        lines = Lines(process.stdout)
        url = re.search(r"ws://\S+(?=/IDENTITY)", await lines.next())
        assert url
        async with open_charger(url[0], "CP1") as charger:
            await charger.boot()

            async def restarted(command: bytes) -> str:
                await process.stdin.send_all(command)
                asked = await charger.receive()
                assert asked[2:] == ["Reset", {"type": "Soft"}]
                await charger.send([3, asked[1], {"status": "Accepted"}])
                return await lines.next()

            await process.stdin.send_all(b"list\n")
            assert await lines.next() == "CP1"
            assert await restarted(b"restart CP1\n") == "CP1 Accepted"
            assert await restarted(b"restart\n") == "CP1 Accepted"
            await process.stdin.send_all(b"restart CP2\nnonsense\n")
            assert await lines.next() == "CP2 is not connected"
            assert await lines.next() == "list, restart or restart IDENTITY"
            await process.stdin.aclose()
            with trio.fail_after(END_TIMEOUT):
                assert await process.wait() == 0


class Lines:
    """The lines of a stream, one after the other."""

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self._stream = stream
        self._text = b""

    async def next(self) -> str:
        with trio.fail_after(START_TIMEOUT):
            while b"\n" not in self._text:
                chunk = await self._stream.receive_some()
                assert chunk, "it ended"
                self._text += chunk
        line, _, self._text = self._text.partition(b"\n")
        return line.decode()
