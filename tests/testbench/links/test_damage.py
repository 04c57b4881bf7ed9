"""What is done to the bytes themselves."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.testbench.links.test_frames import HEAD, framed
from wsproto.frame_protocol import FrameProtocol

from ocpp_actors.testbench.links.conditions import Conditions
from ocpp_actors.testbench.links.damage import Damage, Delivery


def damage(**conditions: object) -> Damage:
    made = Damage(random.Random(1))
    made.begin(Conditions(**conditions))  # type: ignore[arg-type]
    return made


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_nothing_is_done_without_conditions(chunks: list[bytes]) -> None:
    nothing = damage()
    assert b"".join(nothing.apply(chunk).data for chunk in chunks) == b"".join(chunks)


def test_bits_are_changed_with_a_probability() -> None:
    zeros = bytes(10_000)
    out = damage(corrupt=0.1).apply(zeros).data
    assert len(out) == len(zeros)
    wrong = [byte for byte in out if byte]
    assert 800 < len(wrong) < 1200
    assert {byte.bit_count() for byte in wrong} == {1}
    assert len(set(wrong)) == 8


def test_one_byte_is_changed_at_its_place() -> None:
    one = damage(corrupt_at=5)
    assert one.apply(b"abc").data + one.apply(b"defg").data == b"abcde" + bytes([ord("f") ^ 0xFF]) + b"g"


def test_bytes_pass_twice_with_a_probability() -> None:
    assert damage(duplicate_bytes=1).apply(b"abc").data == b"aabbcc"
    assert 10_800 < len(damage(duplicate_bytes=0.1).apply(bytes(10_000)).data) < 11_200


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_frames_pass_twice_once_they_are_whole(chunk: int) -> None:
    frames = framed([b"one", b"two" * 50], client=True)
    twice = damage(duplicate_frames=1)
    stream = HEAD + b"".join(frames)
    out = [twice.apply(stream[at : at + chunk]).data for at in range(0, len(stream), chunk)]
    assert b"".join(out) == HEAD + b"".join(frame * 2 for frame in frames)


def test_only_whole_messages_pass_twice() -> None:
    protocol = FrameProtocol(client=True, extensions=[])
    stream = (
        protocol.ping(b"") + protocol.send_data("a", fin=False) + protocol.send_data("b") + protocol.close()
    )
    twice = damage(duplicate_frames=1)
    twice.apply(HEAD)
    assert twice.apply(bytes(stream)).data == stream


def test_a_frame_too_long_to_keep_passes_once() -> None:
    (frame,) = framed([bytes(70_000)], client=True)
    twice = damage(duplicate_frames=1)
    twice.apply(HEAD)
    assert twice.apply(frame).data == frame


def test_a_reset_comes_after_so_many_bytes() -> None:
    cut = damage(reset_after=5)
    assert cut.apply(b"abc") == Delivery(b"abc")
    assert cut.apply(b"defg") == Delivery(b"de", reset=True)
    assert damage(reset_after=3).apply(b"abc") == Delivery(b"abc", reset=True)


def test_bytes_are_counted_from_where_the_conditions_begin() -> None:
    cut = damage()
    cut.apply(b"abcdef")
    cut.begin(Conditions(reset_after=2))
    cut.begin(Conditions(reset_after=2, latency=1.0))
    assert cut.apply(b"g") == Delivery(b"g")
    cut.begin(Conditions(reset_after=2, latency=2.0))
    assert cut.apply(b"hi") == Delivery(b"h", reset=True)


@given(st.sampled_from([0, 1, 2, 20, 125, 126, 70_000]), st.booleans(), st.integers(1, 50))
def test_a_reset_in_the_middle_of_the_next_frame(size: int, client: bool, chunk: int) -> None:
    before, frame = framed([b"before", b"x" * size], client=client)
    cut = damage()
    # The conditions begin in the middle of a frame, which is spared.
    out = cut.apply(HEAD + before[:4]).data
    cut.begin(Conditions(reset_in_frame=True))
    rest = before[4:] + frame
    for at in range(0, len(rest), chunk if size < 1000 else 4096):
        delivery = cut.apply(rest[at : at + (chunk if size < 1000 else 4096)])
        out += delivery.data
        if delivery.reset:
            break
    else:
        pytest.fail("there was no reset")
    assert out.startswith(HEAD + before)
    assert 0 < len(out) - len(HEAD + before) < len(frame)
