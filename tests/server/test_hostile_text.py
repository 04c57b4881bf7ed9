"""What strangers send cannot forge a line of the log or drive the terminal that shows it."""

import io
import re

import pytest
import trio
from tests.support.central import open_central
from tests.support.raw import CLOSE, RawPeer, frame, raw_charger, raw_peer, upgrade

from ocpp_actors import logs

EVIL = "x\n2026-03-01T12:00:00Z [info] connected\r\x1b[2J\x1b]0;title\x07\x00\x9b31m\u2028\u202e"
LINE = re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.]+Z? \[[a-z]+ *\] |  \| ")


@pytest.fixture
def console() -> io.StringIO:
    stream = io.StringIO()
    logs.configure("console", "debug", stream)
    return stream


async def call(peer: RawPeer, message_id: str, action: str, payload: object) -> None:
    await peer.call(message_id, action, payload)
    await peer.text()


async def test_no_text_of_a_stranger_gets_out_of_its_line(
    autojump_clock: trio.abc.Clock, console: io.StringIO
) -> None:
    async with open_central() as central:
        async with raw_charger(central, "CP%20%5B31m") as peer:
            await call(
                peer,
                "1",
                "BootNotification",
                {"chargePointVendor": EVIL[:20], "chargePointModel": EVIL[20:40]},
            )
            await call(peer, "2", "Authorize", {"idTag": EVIL[:20]})
            await call(peer, EVIL[:36], "Authorize", {"idTag": "TAG", EVIL: EVIL})
            await call(peer, "4", EVIL, {})
            status = {"connectorId": 1, "status": EVIL, "errorCode": "NoError", "info": EVIL}
            await call(peer, "5", "StatusNotification", status)
            await peer.send(frame(1, EVIL.encode()))
            await peer.send(frame(CLOSE, (1000).to_bytes(2) + EVIL[:60].encode()))
            await peer.everything()
        for headers in ([("User-Agent", EVIL[25:31])], [("Authorization", "Basic \x1b[31m")], []):
            async with raw_peer(central) as peer:
                await peer.send(upgrade("/ocpp/a%0Ab%1B%5B31m?\x1b[31m", *headers, subprotocol="\x1b[31m"))
                await peer.everything()
        async with raw_peer(central) as peer:
            await peer.send(upgrade("/ocpp/CP2", subprotocol="evil\x80name"))
            await peer.everything()
    text = console.getvalue()
    assert "connected" in text
    assert text.count("x\\n2026") > 3, "what they sent is not in the log at all"
    assert [line for line in text.split("\n")[:-1] if not LINE.match(line) or not line.isprintable()] == []
