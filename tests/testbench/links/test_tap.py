"""What is read along on a link becomes the wire of its charge point."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from tests.support.central import BOOT
from tests.support.linked import open_linked
from trio.testing import MockClock
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Ping, Request, TextMessage
from wsproto.extensions import PerMessageDeflate

from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.testbench.client import Closed, Refused
from ocpp_actors.testbench.links.conditions import conditions_from
from ocpp_actors.testbench.links.tap import SUPERSEDED, Tap, Taps
from ocpp_actors.testbench.wire import Wire


def kinds(wire: Wire) -> list[tuple[str, int | None, str]]:
    return [(change.kind, change.code, change.reason) for change in wire.changes]


async def test_exchanges_both_ways_and_the_close_are_recorded(autojump_clock: MockClock) -> None:
    async with open_linked() as linked:
        async with linked.client("CP1") as client:
            await client.call("BootNotification", BOOT)
            await client.call("Heartbeat", {})
            await client.ping()
            await client.close(1000, "bye")
        wire = linked.wires["CP1"]
        assert [each.text for each in wire.frames] == [each.text for each in client.wire.frames]
        assert [each.action for each in wire.answered()] == ["BootNotification", "Heartbeat"]
        assert kinds(wire) == [("opened", None, ""), ("closed", 1000, "bye")]


async def test_response_times_are_those_of_the_central_system(autojump_clock: MockClock) -> None:
    async with open_linked() as linked, linked.client("CP1") as client:
        with linked.network.fault("latency", conditions_from({"latency": 2.0})):
            assert (await client.call("Heartbeat", {})).seconds == pytest.approx(4.0)
        assert linked.wires["CP1"].answered("Heartbeat")[0].seconds == pytest.approx(0)


async def test_a_refusal_is_recorded_with_its_status(autojump_clock: MockClock) -> None:
    async with open_linked(admission="known") as linked:
        with pytest.raises(Refused):
            async with linked.client("CP1"):
                pass
        ((kind, code, reason),) = kinds(linked.wires["CP1"])
        assert (kind, code, reason) == ("refused", 404, "unknown charge point")


async def test_a_connection_that_breaks_is_closed_with_1006(autojump_clock: MockClock) -> None:
    async with open_linked() as linked:
        async with linked.client("CP1") as client:
            await client.call("Heartbeat", {})
            await client.drop()
        await trio.testing.wait_all_tasks_blocked()
        assert kinds(linked.wires["CP1"]) == [("opened", None, ""), ("closed", 1006, "")]


async def test_a_newer_connection_supersedes_the_older(autojump_clock: MockClock) -> None:
    async with open_linked() as linked, linked.client("CP1"):
        linked.network.half_open("CP1")
        async with linked.client("CP1") as newer:
            await newer.call("Heartbeat", {})
            wire = linked.wires["CP1"]
            assert kinds(wire) == [
                ("opened", None, ""),
                ("closed", 1006, SUPERSEDED),
                ("opened", None, ""),
            ]
            await trio.sleep(10)
            assert wire.connected


async def test_corruption_ends_the_listening_never_the_link(autojump_clock: MockClock) -> None:
    """The central system sees what the tap sees, and closes; the link carries its close frame."""
    async with open_linked() as linked, linked.client("CP1") as client:
        await client.call("BootNotification", BOOT)
        corrupted = conditions_from({"in": {"corrupt_at": 0}})
        with linked.network.fault("corruption", corrupted), pytest.raises(Closed) as closed:
            await client.call("Heartbeat", {})
        assert closed.value.code == 1002
        assert [each.action for each in linked.wires["CP1"].answered()] == ["BootNotification"]
        await trio.sleep(5)
        assert kinds(linked.wires["CP1"])[-1][:2] == ("closed", 1006)


# --- streams without a network ---------------------------------------------------------------------------------


class Talk:
    """Both ends of a WebSocket conversation, as the bytes that they send."""

    def __init__(self, *, compressed: bool = False) -> None:
        extensions = [PerMessageDeflate()] if compressed else []
        self.client = WSConnection(ConnectionType.CLIENT)
        self.server = WSConnection(ConnectionType.SERVER)
        self.said: list[tuple[str, bytes]] = []
        self._say("in", Request(host="a", target="/ocpp/CP1", extensions=extensions))
        list(self.server.events())
        self._say("out", AcceptConnection(extensions=[PerMessageDeflate()] if compressed else []))
        list(self.client.events())

    def _say(self, direction: str, event: object) -> None:
        sender, receiver = (self.client, self.server) if direction == "in" else (self.server, self.client)
        data = sender.send(event)  # type: ignore[arg-type]
        self.said.append((direction, data))
        receiver.receive_data(data)

    def say(self, direction: str, text: str, *, finished: bool = True) -> None:
        self._say(direction, TextMessage(text, message_finished=finished))

    def ping(self, direction: str) -> None:
        self._say(direction, Ping())

    def close(self, code: int, reason: str) -> None:
        self._say("out", CloseConnection(code, reason))


def heard(talk: Talk, chunk: int = 10_000) -> tuple[Wire, Tap]:
    """Let a tap hear the talk, in pieces."""
    wire = Wire("CP1")

    async def listen() -> Tap:
        tap = Taps({"CP1": wire}.get).open("CP1")
        assert tap is not None
        for direction, data in talk.said:
            for start in range(0, len(data), chunk):
                tap.feed(direction, data[start : start + chunk])  # type: ignore[arg-type]
        tap.end()
        tap.end()
        return tap

    return wire, trio.run(listen)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 100, 100_000])
def test_messages_are_found_in_whatever_pieces_they_come(compressed: bool, chunk: int) -> None:
    talk = Talk(compressed=compressed)
    talk.say("in", '[2,"1","Heart', finished=False)
    talk.ping("out")
    if not compressed:  # wsproto loses track of a compressed message with a control frame in it
        talk.ping("in")
    talk.say("in", 'beat",{}]')
    talk.say("out", '[3,"1",{"currentTime":"é"}]')
    talk.say("out", "x" * 1000)
    talk.say("in", "no frame")
    talk.close(1011, "oh")
    wire, tap = heard(talk, chunk)
    assert tap.stopped is None
    assert [(each.direction, each.text) for each in wire.frames] == [
        ("in", '[2,"1","Heartbeat",{}]'),
        ("out", '[3,"1",{"currentTime":"é"}]'),
        ("out", "x" * 1000),
        ("in", "no frame"),
    ]
    assert wire.frames[-1].frame is None
    assert wire.answered("Heartbeat", by=Role.CHARGE_POINT)
    assert kinds(wire) == [("opened", None, ""), ("closed", 1011, "oh")]


@given(
    st.lists(st.tuples(st.sampled_from(["in", "out"]), st.binary(max_size=200)), max_size=10), st.booleans()
)
def test_no_bytes_make_it_raise(chunks: list[tuple[str, bytes]], shaken: bool) -> None:
    talk = Talk()
    if not shaken:
        talk.said.clear()
    talk.said += chunks
    heard(talk)


def test_an_extension_that_is_not_known_ends_the_listening() -> None:
    talk = Talk()
    direction, answer = talk.said[1]
    head = answer.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: x-zip\r\n\r\n")
    talk.said[1] = direction, head
    wire, tap = heard(talk)
    assert tap.stopped == "an extension that is not known: x-zip"
    assert kinds(wire) == []


def test_a_handshake_without_end_is_not_kept() -> None:
    talk = Talk()
    talk.said[:] = [("in", b"GET / HTTP/1.1\r\n" + b"x" * 70_000)]
    _, tap = heard(talk)
    assert tap.stopped == "the handshake is too long"


def test_a_charge_point_without_a_wire_has_no_tap() -> None:
    assert Taps(lambda _identity: None).open("CP1") is None
