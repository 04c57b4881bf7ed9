"""A link between two streams, in virtual time: each condition, and all together."""

from random import Random

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.linked import Arrivals, open_ends
from trio.testing import MockClock, wait_all_tasks_blocked

from ocpp_actors.testbench.links.conditions import Conditions, LinkConditions, both
from ocpp_actors.testbench.links.link import Link
from ocpp_actors.testbench.wire import Direction


async def test_bytes_pass_at_once_both_ways_without_conditions(autojump_clock: MockClock) -> None:
    async with open_ends() as ends:
        await ends.charger.send_all(b"in")
        await ends.server.send_all(b"out")
        await wait_all_tasks_blocked()
        assert (ends.to_server.data, ends.to_charger.data) == (b"in", b"out")
        assert ends.heard.data == {"in": b"in", "out": b"out"}
        assert trio.current_time() == pytest.approx(0, abs=1e-6)


async def test_each_direction_has_its_own_latency(autojump_clock: MockClock) -> None:
    conditions = LinkConditions(inbound=Conditions(latency=1.0), outbound=Conditions(latency=3.0))
    async with open_ends(conditions) as ends:
        began = trio.current_time()
        await ends.charger.send_all(b"a")
        await ends.server.send_all(b"b")
        await trio.sleep(10)
        assert [at - began for at in ends.to_server.times] == pytest.approx([1.0])
        assert [at - began for at in ends.to_charger.times] == pytest.approx([3.0])


async def test_latency_does_not_limit_how_much_is_under_way(autojump_clock: MockClock) -> None:
    async with open_ends(both(latency=1.0)) as ends:
        began = trio.current_time()
        for _ in range(10):
            await ends.charger.send_all(b"x")
            await trio.sleep(0.25)
        await trio.sleep(1)
        assert [at - began for at in ends.to_server.times] == pytest.approx([1 + n / 4 for n in range(10)])


async def test_bandwidth(autojump_clock: MockClock) -> None:
    async with open_ends(both(bandwidth=1000)) as ends:
        began = trio.current_time()
        await ends.charger.send_all(bytes(5000))
        await trio.sleep(2.5)
        assert len(ends.to_server.data) == pytest.approx(2500, abs=100)
        await trio.sleep(10)
        assert ends.to_server.times[-1] - began == pytest.approx(5.0)


async def test_fragments_arrive_one_by_one(autojump_clock: MockClock) -> None:
    async with open_ends(both(fragment=3)) as ends:
        await ends.charger.send_all(b"abcdefgh")
        await trio.sleep(1)
        assert [data for _, data in ends.to_server.pieces] == [b"abc", b"def", b"gh"]


async def test_coalesced_bytes_arrive_together(autojump_clock: MockClock) -> None:
    async with open_ends(both(coalesce=2.0)) as ends:
        began = trio.current_time()
        for text in (b"a", b"b", b"c"):
            await ends.charger.send_all(text)
            await trio.sleep(0.5)
        await trio.sleep(10)
        assert [data for _, data in ends.to_server.pieces] == [b"abc"]
        assert ends.to_server.times == pytest.approx([began + 2.0])


async def test_a_stall_holds_everything_until_it_is_over(autojump_clock: MockClock) -> None:
    async with open_ends() as ends:
        ends.link.change(both(stall=True))
        await ends.charger.send_all(b"late")
        await ends.charger.aclose()
        await trio.sleep(100)
        assert ends.to_server.pieces == []
        assert ends.to_server.ended_at is None
        ends.link.change(LinkConditions())
        await wait_all_tasks_blocked()
        assert ends.to_server.data == b"late"
        assert ends.to_server.ended_at is not None


async def test_a_stall_stops_between_pieces(autojump_clock: MockClock) -> None:
    async with open_ends(both(fragment=1)) as ends:
        await ends.charger.send_all(b"abcdef")
        await trio.sleep(0.0025)
        ends.link.change(both(fragment=1, stall=True))
        await trio.sleep(10)
        assert ends.to_server.data == b"abc"
        ends.link.change(both(fragment=1))
        await trio.sleep(1)
        assert ends.to_server.data == b"abcdef"


@pytest.mark.parametrize("conditions", [both(stall=True, window=100), both(latency=60.0, window=100)])
async def test_the_sender_is_held_back_when_the_window_is_full(
    conditions: LinkConditions, autojump_clock: MockClock
) -> None:
    async with open_ends(conditions, bounded=True) as ends:
        sent = 0
        with trio.move_on_after(30):
            for _ in range(1000):
                await ends.charger.send_all(bytes(10))
                sent += 10
        assert sent == 100


async def test_a_receiver_that_does_not_read_holds_the_sender_back(autojump_clock: MockClock) -> None:
    """Memory is bounded without any fault, too: the window, and what is being delivered."""
    async with open_ends(both(window=1000), bounded=True, reading=False) as ends:
        sent = 0
        with trio.move_on_after(30):
            for _ in range(1000):
                await ends.charger.send_all(bytes(100))
                sent += 100
        assert 1000 <= sent <= 2000


async def test_half_open_bytes_and_the_end_vanish(autojump_clock: MockClock) -> None:
    async with open_ends() as ends:
        await ends.charger.send_all(b"heard")
        await wait_all_tasks_blocked()
        ends.link.change(both(half_open_after=0.0))
        ends.link.change(LinkConditions())
        await ends.charger.send_all(b"lost")
        await ends.server.send_all(b"lost")
        await ends.charger.aclose()
        await trio.sleep(3600)
        assert ends.to_server.data == b"heard"
        assert ends.to_server.ended_at is None
        assert ends.to_charger.data == b""
        assert not ends.over.is_set()
        assert ends.heard.ends == 1
        await ends.server.aclose()
        with trio.fail_after(1):
            await ends.over.wait()


async def test_half_open_loses_what_is_under_way(autojump_clock: MockClock) -> None:
    async with open_ends(both(latency=1.0)) as ends:
        await ends.charger.send_all(b"under way")
        await wait_all_tasks_blocked()
        ends.link.change(both(half_open_after=0.0))
        await trio.sleep(5)
        assert ends.to_server.data == b""


async def test_half_open_one_way_after_a_time(autojump_clock: MockClock) -> None:
    async with open_ends(LinkConditions(inbound=Conditions(half_open_after=10.0))) as ends:
        for _ in range(20):
            await ends.charger.send_all(b"i")
            await ends.server.send_all(b"o")
            await trio.sleep(0.999)
        assert len(ends.to_server.data) == 11
        assert len(ends.to_charger.data) == 20


async def test_the_time_until_half_open_is_not_begun_anew_by_other_changes(autojump_clock: MockClock) -> None:
    async with open_ends(both(half_open_after=10.0)) as ends:
        await trio.sleep(8)
        ends.link.change(both(half_open_after=10.0, latency=0.1))
        await trio.sleep(3)
        await ends.charger.send_all(b"lost")
        await trio.sleep(3)
        assert ends.to_server.data == b""


async def test_a_reset_ends_both_sides_after_so_many_bytes(autojump_clock: MockClock) -> None:
    async with open_ends(LinkConditions(inbound=Conditions(reset_after=4))) as ends:
        await ends.charger.send_all(b"abcdef")
        with trio.fail_after(1):
            await ends.over.wait()
        await wait_all_tasks_blocked()
        assert ends.to_server.data == b"abcd"
        assert ends.to_server.ended_at is not None
        assert ends.to_charger.ended_at is not None
        assert ends.link.was_reset
        assert ends.heard.data["in"] == b"abcd"


async def test_a_reset_before_the_next_byte(autojump_clock: MockClock) -> None:
    """The smallest frame, byte by byte: its middle has passed before its size was known."""
    async with open_ends(LinkConditions(outbound=Conditions(reset_in_frame=True))) as ends:
        for data in (b"HTTP/1.1 101 \r\n\r\n", b"\x89", b"\x00"):
            await ends.server.send_all(data)
            await wait_all_tasks_blocked()
        with trio.fail_after(1):
            await ends.over.wait()
        assert ends.to_charger.data == b"HTTP/1.1 101 \r\n\r\n\x89"


async def test_a_reset_at_once(autojump_clock: MockClock) -> None:
    async with open_ends() as ends:
        await wait_all_tasks_blocked()
        ends.link.change(LinkConditions(outbound=Conditions(reset_after=0)))
        with trio.fail_after(1):
            await ends.over.wait()


async def test_the_end_of_the_stream_passes_after_all_bytes(autojump_clock: MockClock) -> None:
    async with open_ends(both(latency=1.0)) as ends:
        began = trio.current_time()
        await ends.charger.send_all(b"last")
        await ends.charger.send_eof()
        await trio.sleep(2)
        assert ends.to_server.data == b"last"
        assert ends.to_server.ended_at == pytest.approx(began + 1.0)
        await ends.server.send_all(b"still heard")
        await ends.server.aclose()
        await trio.sleep(2)
        assert ends.to_charger.data == b"still heard"
        assert ends.over.is_set()
        assert not ends.link.was_reset


async def test_a_receiver_that_left_is_told_to_the_sender(autojump_clock: MockClock) -> None:
    async with open_ends(both(latency=1.0)) as ends:
        await ends.server.aclose()
        began = trio.current_time()
        await ends.charger.send_all(b"into the void")
        with trio.fail_after(10):
            await ends.over.wait()
        assert ends.to_charger.ended_at == pytest.approx(began + 1.0)


async def test_a_link_that_is_cancelled_closes_both_ends(autojump_clock: MockClock) -> None:
    charger, near = trio.testing.memory_stream_pair()
    far, server = trio.testing.memory_stream_pair()
    with trio.move_on_after(5):
        await Link(near, far, Random(1)).run()
    assert await charger.receive_some() == b""
    assert await server.receive_some() == b""


# --- whatever the conditions without loss ----------------------------------------------------------------------

HARMLESS = st.builds(
    Conditions,
    latency=st.sampled_from([0.0, 0.3]),
    jitter=st.sampled_from([0.0, 2.0]),
    bandwidth=st.sampled_from([None, 3, 500]),
    window=st.sampled_from([1, 7, 64 * 1024]),
    fragment=st.sampled_from([None, 1, 5]),
    coalesce=st.sampled_from([0.0, 1.5]),
    stall=st.booleans(),
)
PLAN = st.lists(
    st.tuples(
        st.builds(LinkConditions, inbound=HARMLESS, outbound=HARMLESS),
        st.binary(max_size=40),
        st.binary(max_size=40),
        st.sampled_from([0.0, 0.0005, 0.7]),
    ),
    max_size=8,
)


@given(PLAN, st.integers(0, 2**32), st.booleans())
@settings(deadline=None, max_examples=50)
def test_the_same_bytes_come_out_in_order(
    plan: list[tuple[LinkConditions, bytes, bytes, float]], seed: int, bounded: bool
) -> None:
    """Under changing conditions without loss, in both directions, with and without room in the streams."""

    async def send(stream: trio.abc.SendStream, chunks: list[bytes]) -> None:
        for chunk in chunks:
            await stream.send_all(chunk)

    async def run() -> tuple[Arrivals, Arrivals, dict[Direction, bytes]]:
        async with open_ends(seed=seed, bounded=bounded) as ends, trio.open_nursery() as nursery:
            nursery.start_soon(send, ends.charger, [inbound for _, inbound, _, _ in plan])
            nursery.start_soon(send, ends.server, [outbound for _, _, outbound, _ in plan])
            for conditions, _, _, pause in plan:
                ends.link.change(conditions)
                await trio.sleep(pause)
            ends.link.change(LinkConditions())
            await trio.sleep(1000)
        return ends.to_server, ends.to_charger, dict(ends.heard.data)

    to_server, to_charger, heard = trio.run(run, clock=MockClock(autojump_threshold=0))
    assert to_server.data == heard["in"] == b"".join(inbound for _, inbound, _, _ in plan)
    assert to_charger.data == heard["out"] == b"".join(outbound for _, _, outbound, _ in plan)


@given(
    st.builds(
        Conditions,
        latency=st.sampled_from([0.0, 0.5]),
        fragment=st.sampled_from([None, 2]),
        reset_after=st.sampled_from([None, 10]),
        corrupt=st.sampled_from([0.0, 0.5]),
        duplicate_bytes=st.sampled_from([0.0, 0.5]),
        half_open_after=st.sampled_from([None, 0.2]),
    ),
    st.binary(min_size=1, max_size=60),
    st.integers(0, 1000),
)
@settings(deadline=None, max_examples=30)
def test_the_same_seed_does_the_same_damage(conditions: Conditions, data: bytes, seed: int) -> None:
    async def run() -> list[tuple[float, bytes]]:
        async with open_ends(LinkConditions(inbound=conditions), seed=seed) as ends:
            await ends.charger.send_all(data)
            await trio.sleep(10)
        return ends.to_server.pieces

    first, second = (trio.run(run, clock=MockClock(autojump_threshold=0)) for _ in range(2))
    assert first == second
