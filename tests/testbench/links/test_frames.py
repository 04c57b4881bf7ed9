"""Where frames begin and end, however the bytes come."""

from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol

from ocpp_actors.testbench.links.frames import FrameWalker

HEAD = b"GET /ocpp/CP1 HTTP/1.1\r\nHost: a\r\n\r\n"

SIZES = st.sampled_from([0, 1, 5, 125, 126, 300, 65535, 65536])


def framed(payloads: list[bytes], *, client: bool) -> list[bytes]:
    protocol = FrameProtocol(client, [])
    return [bytes(protocol.send_data(payload)) for payload in payloads]


@given(st.lists(SIZES, max_size=4), st.booleans(), st.data())
def test_frames_are_found_in_whatever_pieces_they_come(
    sizes: list[int], client: bool, data: st.DataObject
) -> None:
    frames = framed([b"x" * size for size in sizes], client=client)
    stream = HEAD + b"".join(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    walker, found, out = FrameWalker(), list[int](), b""
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        for part in walker.walk(stream[start:end]):
            assert part.data
            if part.frame is None:
                assert len(out) + len(part.data) <= len(HEAD)
            elif part.frame.complete and part.offset + len(part.data) == part.frame.size:
                found.append(part.frame.size)
            out += part.data
    assert out == stream
    assert found == [len(frame) for frame in frames]


def test_which_frames_are_a_message_by_themselves() -> None:
    protocol = FrameProtocol(client=True, extensions=[])
    frames = [
        protocol.send_data("whole"),
        protocol.send_data("be", fin=False),
        protocol.send_data("gun"),
        protocol.ping(b"p"),
        protocol.send_data(b"binary"),
    ]
    walker = FrameWalker()
    parts = list(walker.walk(HEAD + b"".join(map(bytes, frames))))
    whole = [part.frame.whole_message for part in parts if part.frame is not None and part.offset == 0]
    assert whole == [True, False, False, False, True]
