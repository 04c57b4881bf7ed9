"""The examples of the documentation do what they say."""

import base64
import runpy
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import trio

from ocpp_actors.clock import TrioClock
from tests.support.central import START, open_central
from tests.support.process import open_server

EXAMPLES = Path(__file__).parent.parent / "examples"


async def test_prepared_charger_and_tag_are_known(tmp_path: Path) -> None:
    prepared = await trio.run_process(
        [sys.executable, EXAMPLES / "prepare_ledger.py", f"sqlite:///{tmp_path / 'ledger.db'}"],
        capture_stdout=True,
    )
    key = prepared.stdout.decode().split()[-1]
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


async def test_own_central_system_starts_and_ends(tmp_path: Path) -> None:
    async with open_server(tmp_path, command=[EXAMPLES / "own_central_system.py"]) as server:
        assert await server.end() == 0
