"""A charger that sends too much is read more slowly, and loses nothing."""

from typing import Any

import pytest
import trio
import trio.testing
from tests.support.central import open_central

from ocpp_actors.charge_point.protocol_task import SIZE_OF_ONE
from ocpp_actors.observer import CallHandled, Disconnected, FrameReceived


def client_frame(first: int, payload: bytes) -> bytes:
    """A masked frame of less than 126 bytes with a mask of zeros (RFC 6455 §5.2)."""
    return bytes((first, 0x80 | len(payload))) + bytes(4) + payload


async def flood(seconds_expected: float, messages: int, **settings: Any) -> None:
    async with (
        open_central(**settings) as central,
        central.charger() as charger,
    ):
        await charger.boot()
        began = trio.current_time()
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def send() -> None:
                for number in range(messages):
                    await charger.send([2, f"h{number}", "Heartbeat", {}])

            for number in range(messages):
                assert (await charger.receive())[:2] == [3, f"h{number}"]
        assert trio.current_time() - began == pytest.approx(seconds_expected)


async def test_a_burst_is_read_at_once(autojump_clock: Any) -> None:
    # The boot was the first of the burst.
    await flood(0, 49, max_message_rate=10.0, max_message_burst=50)


async def test_what_exceeds_the_burst_is_read_at_the_rate(autojump_clock: Any) -> None:
    await flood(10, 150, max_message_rate=10.0, max_message_burst=50)


async def test_a_rate_of_zero_is_no_limit(autojump_clock: Any) -> None:
    await flood(0, 500, max_message_rate=0.0, max_message_burst=1)


async def test_no_other_charger_is_read_more_slowly(autojump_clock: Any) -> None:
    async with (
        open_central(max_message_rate=1.0, max_message_burst=1) as central,
        central.charger() as loud,
        central.charger("CP2") as other,
    ):
        for number in range(20):
            await loud.send([2, f"b{number}", "DataTransfer", {"vendorId": "V"}])
        await trio.sleep(5)
        before = trio.current_time()
        await other.boot()
        assert trio.current_time() == before


async def test_a_long_message_counts_as_several(autojump_clock: Any) -> None:
    async with (
        open_central(max_message_rate=1.0, max_message_burst=20) as central,
        central.charger() as charger,
    ):
        await charger.boot()
        for number in range(3):
            await charger.call(
                "DataTransfer", {"vendorId": "V", "data": "x" * 9 * SIZE_OF_ONE}, f"long{number}"
            )
        # The boot and two of ten each are the burst and one more; the third waits for that one.
        assert trio.current_time() == pytest.approx(1)


@pytest.mark.parametrize(
    "frame",
    [client_frame(0x89, b""), client_frame(0x8A, b""), client_frame(0x00, b"")],
    ids=["pings", "pongs", "empty fragments"],
)
async def test_what_is_no_message_is_read_at_the_rate_too(autojump_clock: Any, frame: bytes) -> None:
    async with (
        open_central(max_message_rate=10.0, max_message_burst=50) as central,
        central.charger() as charger,
    ):
        await charger.boot()
        began = trio.current_time()
        await charger.stream.send_all(client_frame(0x01, b"") + frame * 149 + client_frame(0x80, b""))
        await charger.result("Heartbeat", {})
        assert trio.current_time() - began == pytest.approx(10, abs=0.2)


async def test_messages_before_a_close_are_handled(autojump_clock: Any) -> None:
    calls = b"".join(
        client_frame(0x81, b'[2,"d%d","DataTransfer",{"vendorId":"V"}]' % number) for number in range(3)
    )
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        await charger.stream.send_all(calls + client_frame(0x88, b"\x03\xe8"))
        await trio.testing.wait_all_tasks_blocked()
        assert central.told(Disconnected)
        assert [event.message_id for event in central.told(CallHandled)][-2:] == ["d0", "d1"]
        assert [event.text for event in central.told(FrameReceived)][-1].startswith('[2,"d2"')
