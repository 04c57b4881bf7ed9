"""The short way for opening handshakes does what wsproto does: same requests, same answers, same errors."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.script import Script
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Event, RejectConnection, RejectData, Request
from wsproto.extensions import PerMessageDeflate

from ocpp_actors.charge_point.connection import ConnectionEnded
from ocpp_actors.server.opening import Opening, acceptance, read_request
from ocpp_actors.server.transport import HandshakeFailed, open_transport

FRAME = b"\x81\x82\x00\x00\x00\x00hi"
CLOSE = b"\x88\x82\x00\x00\x00\x00\x03\xe8"


FIRST = b"GET /ocpp/CP1 HTTP/1.1"


def head(*lines: bytes, first: bytes = FIRST) -> bytes:
    return b"\r\n".join((first, *lines, b"", b""))


VARIANTS = {
    b"Host: central.test:9000": [
        *(
            b"host:central.test",
            b"HOST: \t[::1]:9000\t",
            b"Host:",
            b"Host : x",
            b"Host: a..b",
            b"Host: a\tb c",
        ),
        *(
            b"Host: xn--bcher-kva.test",
            b"Host: XN--bcher-kva.test",
            b"Host: xn--\xfc",
            b"Host: b\xfccher.test",
            b"Host: " + b"x" * 70,
        ),
    ],
    b"Upgrade: websocket": [
        *(b"upgrade: WebSocket", b"Upgrade: websocket, h2c", b"Upgrade: h2c", b"Upgrade:"),
        b"Upgrade: websocket\x01",
    ],
    b"Connection: Upgrade": [
        *(b"Connection: keep-alive, Upgrade", b"connection:UPGRADE,", b"Connection: close, upgrade"),
        *(b"Connection: keep-alive", b"Connection: up grade", b"Connection: upgr\xc0de", b"Connection:"),
        b"Connection: \x1cupgrade",
    ],
    b"Sec-WebSocket-Version: 13": [
        *(b"sec-websocket-version:13", b"Sec-WebSocket-Version: 13, 8", b"Sec-WebSocket-Version: 8"),
        b"Sec-WebSocket-Version:",
    ],
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==": [
        *(b"SEC-WEBSOCKET-KEY: short", b"Sec-WebSocket-Key:", b"Sec-WebSocket-Key: a key"),
        b"Sec-WebSocket-Key: \xe9",
    ],
}
"""Headers that every handshake has, and what may come instead."""
REQUIRED = tuple(VARIANTS)
OCPP = b"Sec-WebSocket-Protocol: ocpp1.6"
PLAIN = head(*REQUIRED, OCPP)

CHARGERS = {
    "libwebsockets": head(
        b"Pragma: no-cache",
        b"Cache-Control: no-cache",
        b"Host: central.test",
        b"Origin: http://central.test",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; client_max_window_bits",
        b"Sec-WebSocket-Protocol: ocpp1.6",
        b"Sec-WebSocket-Version: 13",
        b"Authorization: Basic Q1AxOjAwMDEwMjAzMDQwNTA2MDc=",
    ),
    "Java": head(
        b"connection: Upgrade",
        b"upgrade: websocket",
        b"host: central.test:80",
        b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
        b"sec-websocket-version: 13",
        b"sec-websocket-protocol: ocpp1.6, ocpp1.5",
        first=b"GET /ocpp/CP%201?token=1 HTTP/1.1",
    ),
    "Arduino": head(
        b"Host: 192.0.2.1:80",
        b"Connection: keep-alive, Upgrade",
        b"Upgrade: WebSocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"Sec-WebSocket-Protocol:ocpp1.6",
        b"User-Agent:  a charge point/1.0 (of some maker) ",
        b"X-Empty:",
    ),
}


# --- one handshake -----------------------------------------------------------------------------------------------

Answer = Callable[[], Sequence[Event]]
"""Makes events anew, because extensions remember."""

ANSWERS: dict[str, Answer] = {
    "accept": lambda: [AcceptConnection()],
    "accept OCPP": lambda: [AcceptConnection(subprotocol="ocpp1.6")],
    "accept no name": lambda: [AcceptConnection(subprotocol="")],
    "accept what was not offered": lambda: [AcceptConnection(subprotocol="mqtt"), RejectConnection()],
    "accept with headers": lambda: [AcceptConnection(extra_headers=[(b"X-One", b"1"), (b"x-two", b"2")])],
    "accept with a bad header": lambda: [AcceptConnection(extra_headers=[(b"X\n", b"1")])],
    "accept with an extension": lambda: [AcceptConnection(extensions=[PerMessageDeflate()])],
    "reject": lambda: [RejectConnection(status_code=404, headers=[(b"Retry-After", b"30")])],
    "reject with a body": lambda: [
        RejectConnection(status_code=401, headers=[(b"Content-Length", b"2")], has_body=True),
        RejectData(data=b"no"),
    ],
    "data before the rejection": lambda: [RejectData(data=b"no"), AcceptConnection()],
}


def seen(protocol: Opening | WSConnection, said: Sequence[bytes], answer: Answer) -> list[object]:
    """All that comes out of it until the handshake is over, and of the connection after it."""
    out: list[object] = []
    try:
        for chunk in said:
            protocol.receive_data(chunk)
            if events := list(protocol.events()):
                out += [*events, protocol.state]
                out += [protocol.send(event) for event in answer()]
                break
    except Exception as error:  # noqa: BLE001 — whatever it is
        hint = getattr(error, "event_hint", None)
        out += [type(error), str(error), hint, protocol.send(hint) if hint else b""]
    out.append(protocol.state)
    if (connection := protocol.connection) is not None:
        connection.receive_data(FRAME + CLOSE)
        out += [*connection.events(), connection.state, protocol.state]
    else:
        out += protocol.events()
    return out


# --- what is said ------------------------------------------------------------------------------------------------

USUAL = [
    OCPP,
    b"Sec-WebSocket-Protocol:ocpp1.5 ,\tocpp1.6",
    b"Sec-WebSocket-Protocol: ,, a b,",
    b"Sec-WebSocket-Protocol:",
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-other",
    b"Sec-WebSocket-Extensions: permessage-deflate",
    b"Authorization: Basic Q1AxOjAwMDEwMjAzMDQwNTA2MDc=",
    b"User-Agent: \t a  charge\tpoint:1 ",
    b"X-A:",
    b"x!#$%&'*+-.^_`|~9: !",
    b"x-a: " + b"y" * 300,
]
ODD = [
    *(b" folded", b"\tfolded: 1", b"", b"no colon", b"Origin", b": no name", b":"),
    *(b"X Y: 1", b"X : 1", b"X(: 1"),
    *(b"X-\xdc: 1", b"X: \xfc", b"X: \x01", b"X: \x7f", b"X: a\x00b", b"X: a\rb", b"X: a\nb", b"X: a\x0bb"),
    *(b"Content-Length: 0", b"content-length: 12", b"Content-Length: x", b"Expect: 100-continue"),
    *(b"Transfer-Encoding: chunked", b"transfer-encoding: gzip"),
    *(b"Sec-WebSocket-Protocol: ocpp\xe9", b"Sec-WebSocket-Extensions: \xe9"),
    *(b"X: " + b" " * 500 + b"\x00", b"X: " + b"y" * 17_000),
    *REQUIRED,
    *(line for lines in VARIANTS.values() for line in lines),
]
ODD_FIRST = [
    *(b"GET /ocpp/CP%201?a=b HTTP/1.1", b"GET http://central.test/ocpp/CP1 HTTP/1.1", b"GET * HTTP/1.1"),
    *(b"POST / HTTP/1.1", b"get / HTTP/1.1", b"CONNECT a:1 HTTP/1.1", b"GET / HTTP/1.0", b"GET / HTTP/2.0"),
    *(b"GET / http/1.1", b"GET  / HTTP/1.1", b"GET / HTTP/1.1 ", b" GET / HTTP/1.1", b"GET /a b HTTP/1.1"),
    *(b"GET /a\tb HTTP/1.1", b"GET /\xfc HTTP/1.1", b"GET /\x7f HTTP/1.1", b"GET  HTTP/1.1", b"GET /", b""),
]
ODD_ENDS = [b"\n", b"\r", b"\r\r\n", b"\n\r\n"]


def odd_in_one_thing() -> Iterator[bytes]:
    yield from (head(*REQUIRED, OCPP, first=first) for first in ODD_FIRST)
    yield from (head(*REQUIRED, line, OCPP) for line in (*USUAL, *ODD))
    for at, variants in enumerate(VARIANTS.values()):
        yield from (head(*REQUIRED[:at], *line, *REQUIRED[at + 1 :], OCPP) for line in [(), *zip(variants)])
    yield from (PLAIN.replace(b"\r\n", end, number) for end in ODD_ENDS for number in (1, 2, -1))
    yield from (PLAIN[: -len(end)] + end for end in ODD_ENDS)
    yield from (PLAIN + more for more in (FRAME, b"\r\n", b"GET"))
    yield from (b"", PLAIN[:-1], b"\r\n" + PLAIN, head(*REQUIRED, *[b"X: " + b"y" * 100] * 200))


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Requests that are odd in several things, or in none."""
    lines = [
        draw(st.sampled_from([line, line, line, draw(st.sampled_from(variants))]))
        for line, variants in VARIANTS.items()
    ]
    lines = draw(st.permutations(lines + draw(st.lists(st.sampled_from(USUAL), max_size=4))))
    for line in draw(st.lists(st.one_of(st.sampled_from(ODD), short_lines), max_size=1)):
        lines.insert(draw(st.integers(0, len(lines))), line)
    said = head(*lines, first=draw(st.sampled_from([FIRST] * 40 + ODD_FIRST)))
    for end in draw(st.lists(st.sampled_from(ODD_ENDS), max_size=1)):
        said = said.replace(b"\r\n", end, draw(st.integers(1, 9)))
    return said + draw(st.sampled_from([b"", b"", FRAME, b"\r\n", b"GET"]))


short_lines = st.builds(lambda name, value: name + b":" + value, st.binary(max_size=3), st.binary(max_size=5))
cuts = st.lists(st.integers(1, 400), max_size=2)


def chunks(said: bytes, cut: Sequence[int]) -> list[bytes]:
    edges = sorted({0, *(each for each in cut if each < len(said)), len(said)})
    return [said[begin:end] for begin, end in pairwise(edges)]


def agree(said: Sequence[bytes], answer: Answer) -> bool:
    return seen(Opening(), said, answer) == seen(WSConnection(ConnectionType.SERVER), said, answer)


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_is_odd_in_one_thing_is_taken_as_wsproto_takes_it(answer: str) -> None:
    for said in odd_in_one_thing():
        assert agree([said], ANSWERS[answer])


@given(requests(), st.one_of(st.just([]), cuts), st.sampled_from(list(ANSWERS)))
@settings(max_examples=200, deadline=None)
@example(b"GET" + PLAIN, [3], "accept")
@example(PLAIN, [3], "accept OCPP")
def test_the_short_way_does_what_wsproto_does(said: bytes, cut: list[int], answer: str) -> None:
    assert agree(chunks(said, cut), ANSWERS[answer])


@pytest.mark.parametrize("said", CHARGERS.values(), ids=CHARGERS)
def test_what_chargers_say_is_read_the_short_way(said: bytes) -> None:
    request = read_request(said)
    assert isinstance(request, Request)
    assert acceptance(request, AcceptConnection(subprotocol="ocpp1.6"))
    assert all(agree([said], answer) for answer in ANSWERS.values())


# --- through a transport -----------------------------------------------------------------------------------------


async def served(said: Sequence[bytes], *, accept: bool, hot_path: bool) -> tuple[object, ...]:
    """What a server sees of a peer that sends these chunks, then a message and a close frame; and what it answers."""
    stream = Script([*said, FRAME + CLOSE])
    found: list[object] = []
    async with open_transport(stream, 1000, hot_path=hot_path) as transport:
        try:
            request = await transport.request()
            found += [request.path, request.headers, request.proposed_subprotocols]
            if accept:
                offered = [each for each in request.proposed_subprotocols if each == "ocpp1.6"]
                await request.accept(subprotocol=offered[0] if offered else None)
                found.append(await transport.receive())
                await transport.receive()
            else:
                await request.reject(404, extra_headers=[(b"Content-Type", b"text/plain")], body=b"nobody")
        except (HandshakeFailed, ConnectionEnded, UnicodeError) as error:
            found += [type(error), str(error)]
    return (*found, stream.written, transport.fault, transport.gone)


@given(requests(), cuts, st.booleans())
def test_a_server_sees_and_answers_the_same_either_way(said: bytes, cut: list[int], accept: bool) -> None:
    async def both() -> None:
        parts = chunks(said, cut)
        assert await served(parts, accept=accept, hot_path=True) == await served(
            parts, accept=accept, hot_path=False
        )

    trio.run(both)


@pytest.mark.parametrize("accept", [True, False])
async def test_every_split_of_a_request_is_taken_alike(accept: bool) -> None:
    said = PLAIN
    expected = await served([said], accept=accept, hot_path=False)
    assert "hi" in expected or not accept
    for cut in range(len(said)):
        for hot_path in (True, False):
            assert await served(chunks(said, [cut]), accept=accept, hot_path=hot_path) == expected
