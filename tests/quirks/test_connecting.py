"""Quirks 1 to 8: how chargers connect."""

import base64
import random

import pytest
import structlog.testing
import trio
from tests.support.central import Central, open_central
from tests.support.known import central_with, introduce
from tests.support.raw import TEXT, frame, raw_charger, raw_peer, upgrade

from ocpp_actors.ledger.port import ListChargePoints
from ocpp_actors.observer import Connected

KEY = b"16:bytes:\xff:colons"


def identities(central: Central) -> list[str]:
    return [event.identity for event in central.told(Connected)]


@pytest.mark.parametrize(
    "path", ["/ocpp/CP1/", "/ocpp/CP1//", "//ocpp//CP1", "/ocpp//CP1/", "/ocpp/CP1?a=/b"]
)
async def test_quirk_01_slashes_too_many_in_the_url_are_stripped(
    autojump_clock: trio.abc.Clock, lenient: bool, path: str
) -> None:
    async with central_with(lenient) as central, central.charger(path=path) as charger:
        await charger.boot()
        assert identities(central) == ["CP1"]


@pytest.mark.parametrize(
    ("encoded", "identity"), [("CP%201", "CP 1"), ("%43P1", "CP1"), ("CP%C3%A9", "CPé"), ("CP%2541", "CP%41")]
)
async def test_quirk_02_an_identity_is_percent_decoded_once(
    autojump_clock: trio.abc.Clock, lenient: bool, encoded: str, identity: str
) -> None:
    async with open_central() as central:
        await introduce(central.ledger, identity, lenient=lenient)
        async with central.charger(path=f"/ocpp/{encoded}") as charger:
            await charger.boot()
            assert identities(central) == [identity]


@pytest.mark.parametrize("encoded", ["CP%2F1", "CP%00", "%0ACP", "CP%7F", "CP%C2%85", "CP%FF"])
async def test_quirk_02_an_identity_with_a_slash_or_a_control_character_is_refused(
    autojump_clock: trio.abc.Clock, lenient: bool, encoded: str
) -> None:
    async with central_with(lenient) as central:
        refusal = await central.refused(path=f"/ocpp/{encoded}")
        assert refusal.status_code == 400
        assert identities(central) == []


async def test_quirk_03_two_spellings_are_one_charger_in_the_letters_first_sent(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with open_central() as central:
        await introduce(central.ledger, "cP1", lenient=lenient)
        async with central.charger("CP1") as first, central.charger("cp1") as second:
            assert await first.closed() == (1008, "replaced")
            await second.boot()
            assert identities(central) == ["cP1", "cP1"]
            assert len(central.fleet) == 1
            assert [record.identity for record in await central.ledger.ask(ListChargePoints())] == ["cP1"]


async def test_quirk_04_no_subprotocol_offered(autojump_clock: trio.abc.Clock, lenient: bool) -> None:
    """Strict: the specification's close (OCPP-J 1.6 §3.2). Lenient: OCPP 1.6 is spoken all the same."""
    async with central_with(lenient) as central, central.charger(subprotocols=()) as charger:
        headers = dict(charger.connection.handshake_headers)
        assert b"sec-websocket-protocol" not in headers
        if lenient:
            await charger.boot()
        else:
            assert await charger.closed() == (1002, "no common subprotocol")
        assert identities(central) == (["CP1"] if lenient else [])


async def test_quirk_04_only_strange_subprotocols_offered(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    """A charger that says that it speaks something else is not spoken to in OCPP 1.6."""
    async with central_with(lenient) as central, central.charger(subprotocols=("ocpp2.0.1",)) as charger:
        assert charger.connection.subprotocol is None
        assert await charger.closed() == (1002, "no common subprotocol")
        assert identities(central) == []


async def test_quirk_05_several_subprotocols_changing_between_connections(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient) as central:
        for offered in [("ocpp2.0.1", "ocpp1.6"), ("ocpp1.6", "ocpp1.5"), ("soap", "ocpp1.6", "ocpp2.0")]:
            async with central.charger(subprotocols=offered) as charger:
                assert charger.connection.subprotocol == "ocpp1.6"
                await charger.boot()


TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(200))

GARBAGE = {
    "TLS hello": TLS_HELLO,
    "random bytes": random.Random(6).randbytes(500),
    "endless line": b"A" * 100_000,
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP POST": b"POST /ocpp/CP1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
    "a WebSocket frame": frame(TEXT, b"[]"),
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
async def test_quirk_06_garbage_instead_of_http_is_refused_and_disturbs_nobody(
    autojump_clock: trio.abc.Clock, lenient: bool, garbage: bytes
) -> None:
    async with central_with(lenient) as central, central.charger() as neighbour:
        await neighbour.boot()
        async with raw_peer(central) as peer:
            await peer.send(garbage)
            answer = await peer.everything()
            assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))
        await neighbour.result("Heartbeat", {})
        assert identities(central) == ["CP1"]


async def test_quirk_06_a_peer_that_leaves_in_the_middle_is_no_error(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    request = upgrade("/nowhere/CP1")
    async with central_with(lenient) as central:
        with structlog.testing.capture_logs() as lines:
            for sent in (b"", b"G", request[:-2], request, TLS_HELLO):
                async with raw_peer(central) as peer:
                    await peer.send(sent)
                await trio.sleep(60)
        assert lines
        assert not [line for line in lines if line["log_level"] in ("error", "critical")]


async def test_quirk_06_port_scanners_do_not_fill_the_log(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient) as central:
        with structlog.testing.capture_logs() as lines:
            for _ in range(500):
                async with raw_peer(central) as peer:
                    await peer.send(b"\0\n\n")
                    await peer.everything()
            assert 1 <= len(lines) <= 50
            await trio.sleep(60)
            async with raw_peer(central) as peer:
                await peer.send(b"\0\n\n")
                await peer.everything()
        assert lines[-1]["lines_left_out"] == 501 - len(lines)


def basic(credentials: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"Authorization", b"Basic " + base64.b64encode(credentials))]


@pytest.mark.parametrize(
    "credentials",
    [
        b"CP1:" + KEY,
        b"cp1:" + KEY,
        b"somebody else:" + KEY,
        b":" + KEY,
        b"CP1:" + KEY.hex().encode(),
        b"CP1:" + KEY.hex().upper().encode(),
    ],
    ids=["raw", "other case", "other user", "no user", "hexadecimal", "HEXADECIMAL"],
)
async def test_quirk_07_the_key_lets_in_raw_or_hexadecimal_whatever_the_user_name(
    autojump_clock: trio.abc.Clock, lenient: bool, credentials: bytes
) -> None:
    async with open_central() as central:
        await introduce(central.ledger, key=KEY, lenient=lenient)
        async with central.charger(headers=basic(credentials)) as charger:
            await charger.boot()


@pytest.mark.parametrize(
    "headers",
    [
        [],
        basic(b"CP1:" + KEY[:-1]),
        basic(b"CP1:" + KEY + b"\0"),
        basic(b"CP1:"),
        basic(KEY.replace(b":", b"")),
        basic(KEY),
        [(b"Authorization", b"Basic not base64!")],
        [(b"Authorization", b"Bearer " + base64.b64encode(b"CP1:" + KEY))],
    ],
    ids=["none", "short", "long", "empty", "no colon", "no user name", "no base64", "other scheme"],
)
async def test_quirk_07_anything_else_does_not_let_in(
    autojump_clock: trio.abc.Clock, lenient: bool, headers: list[tuple[bytes, bytes]]
) -> None:
    async with open_central() as central:
        await introduce(central.ledger, key=KEY, lenient=lenient)
        refusal = await central.refused(headers=headers)
        assert refusal.status_code == 401
        assert (b"www-authenticate", b'Basic realm="OCPP"') in (refusal.headers or ())
        assert identities(central) == []


async def test_quirk_08_a_compressed_frame_closes_with_1002_and_the_log_names_the_cause(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient) as central, raw_peer(central) as peer:
        await peer.send(upgrade("/ocpp/CP1", ("Sec-WebSocket-Extensions", "permessage-deflate")))
        answer = await peer.answer()
        assert answer.status == 101
        assert "sec-websocket-extensions" not in answer.headers
        with structlog.testing.capture_logs() as lines:
            await peer.send(frame(TEXT, b"\xaa\x56\x4a\x04", reserved=0b100))
            assert await peer.close_code() == 1002
            assert await peer.everything() == b""
            await trio.sleep(5)
        assert [line["reason"] for line in lines if line["event"] == "disconnected"] == [
            "Reserved bit set unexpectedly (a compressed frame? no extension was agreed on)"
        ]
        assert not [line for line in lines if line["log_level"] == "error"]


async def test_quirk_08_a_compressed_frame_ends_only_its_own_connection(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with (
        central_with(lenient) as central,
        central.charger("CP2") as neighbour,
        raw_charger(central) as peer,
    ):
        await peer.send(frame(TEXT, b"\0", reserved=0b100))
        assert await peer.close_code() == 1002
        await neighbour.boot()
        async with central.charger() as again:
            await again.boot()
