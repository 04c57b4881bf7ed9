"""How it connects."""

from typing import Any

import pytest
import structlog.testing
import trio
from tests.support.simulated import Street
from tests.testbench.simulated.quirk_cases.cases import Cases, in_place

from ocpp_actors.central_system import credentials
from ocpp_actors.observer import Connected, Disconnected
from ocpp_actors.server import admission, server, transport

case = Cases()
KEY = b"0123456789abcdef"


def identity_naively(target: str, prefix: str) -> str:
    identity = target.removeprefix(f"{prefix}/")
    if "/" in identity:
        raise admission.Refused(404, "the identity is the last part of the path")
    return identity


@case("double-slash", in_place(admission, "identity_of", identity_naively))
async def double_slash(street: Street) -> None:
    await street.boot()
    assert street.head.startswith(b"GET /ocpp//CP1 HTTP")
    assert [event.identity for event in street.told(Connected)] == ["CP1"]


@case("trailing-slash", in_place(admission, "identity_of", identity_naively))
async def trailing_slash(street: Street) -> None:
    await street.boot()
    assert street.head.startswith(b"GET /ocpp/CP1/ HTTP")
    assert [event.identity for event in street.told(Connected)] == ["CP1"]


@case("percent-encoded", in_place(admission, "unquote_to_bytes", str.encode))
async def percent_encoded(street: Street) -> None:
    await street.boot()
    assert street.head.startswith(b"GET /ocpp/%43%50%31 HTTP")
    assert [event.identity for event in street.told(Connected)] == ["CP1"]


class Exact(str):
    """Compared with regard to case."""

    __slots__ = ()

    def casefold(self) -> str:
        return str(self)


def exactly(patch: pytest.MonkeyPatch) -> None:
    found = admission.identity_of
    patch.setattr(admission, "identity_of", lambda target, prefix: Exact(found(target, prefix)))


@case("other-case", exactly)
async def other_case(street: Street) -> None:
    await street.boot()
    await street.station.link_down()
    await street.station.link_up()
    await street.station.wire.change("opened", since=street.station.wire.mark())
    await trio.sleep(60)
    assert [tap.sent[:18] for tap in street.taps] == [b"GET /ocpp/CP1 HTTP", b"GET /ocpp/cp1 HTTP"]
    assert [item["identity"] for item in await street.central.operator.items("/charge-points")] == ["CP1"]


def without_leniency(patch: pytest.MonkeyPatch) -> None:
    async def step(handshake: admission.Handshake) -> None:
        if admission.SUBPROTOCOL in handshake.subprotocols:
            handshake.subprotocol = admission.SUBPROTOCOL

    patch.setattr(server, "subprotocol_step", step)


@case("no-subprotocol", without_leniency, lenient=True)
async def no_subprotocol(street: Street) -> None:
    await street.boot()
    assert b"sec-websocket-protocol" not in street.head.lower()


def only_the_first(patch: pytest.MonkeyPatch) -> None:
    async def step(handshake: admission.Handshake) -> None:
        if handshake.subprotocols[0] == admission.SUBPROTOCOL:
            handshake.subprotocol = admission.SUBPROTOCOL

    patch.setattr(server, "subprotocol_step", step)


@case("several-subprotocols", only_the_first)
async def several_subprotocols(street: Street) -> None:
    await street.boot()
    assert b"ocpp2.0.1, ocpp1.6, ocpp1.5" in street.head
    await street.station.link_down()
    await street.station.link_up()
    await street.station.wire.change("opened", since=street.station.wire.mark())
    assert b"ocpp1.6, ocpp1.5, ocpp2.0.1" in street.head
    await trio.sleep(60)
    assert len(street.taps) == 2


class Never(Exception):
    pass


@case("garbage-instead-of-http", in_place(server, "HandshakeFailed", Never))
async def garbage_instead_of_http(street: Street) -> None:
    with structlog.testing.capture_logs() as lines:
        await street.boot()
    assert bytes(street.taps[0].sent).startswith(b"\x16\x03\x01")
    assert [line["event"] for line in lines if line["log_level"] == "error"] == []
    assert "no charge point" in [line["event"] for line in lines]


async def only_as_itself(_self: admission.Credentials, handshake: admission.Handshake) -> None:
    shown = admission.basic_credentials(handshake.header(b"authorization"))
    if shown is None or shown.user.decode() != handshake.identity:
        raise admission.Refused(401, "wrong user name")


WITH_KEY: dict[str, Any] = {"key": KEY, "how": {"configuration": {"AuthorizationKey": KEY.decode()}}}


@case("other-user", in_place(admission.Credentials, "step", only_as_itself), **WITH_KEY)
async def other_user(street: Street) -> None:
    await street.boot()
    assert b"Basic Y2hhcmdlcjow" in street.head


@case(
    "hex-key",
    in_place(credentials, "_meant", lambda key: key),
    **WITH_KEY,
)
async def hex_key(street: Street) -> None:
    await street.boot()
    assert b"Basic Q1AxOjMwMzEzMj" in street.head


async def without_a_word(self: transport.Transport, *_: object) -> None:
    self._end(1006)


@case("compressed-frame", in_place(transport.Transport, "_close_for", without_a_word))
async def compressed_frame(street: Street) -> None:
    await street.station.power_on()
    closed = await street.station.wire.change("closed")
    assert b"\xc1" in street.taps[0].sent
    assert closed.code == 1002
    await street.station.wire.change("opened", since=closed.number)
    await trio.sleep(60)
    assert "compressed" in street.told(Disconnected)[0].reason
    assert len(street.taps) == 2
