"""What a wire keeps of what passes on it, and what it does not."""

import trio

from ocpp_actors.testbench.wire import MAX_OPEN, Wire


def call(message_id: str, action: str = "Heartbeat") -> str:
    return f'[2,"{message_id}","{action}",{{}}]'


async def test_calls_under_one_id_are_answered_in_their_order() -> None:
    wire = Wire("CP1")
    wire.record("in", call("1", "Heartbeat"))
    wire.record("in", call("1", "Authorize"))
    wire.record("out", call("1", "Reset"))
    for _ in range(3):
        wire.record("out", '[3,"1",{}]')
    assert [each.action for each in wire.exchanges] == ["Heartbeat", "Authorize"]
    assert [each.text for each in wire.strays] == ['[3,"1",{}]']
    assert len(wire.unanswered) == 1


async def test_calls_without_an_answer_are_bounded_whatever_their_ids() -> None:
    wire = Wire("CP1")
    wire.record("out", call("1", "Reset"))
    for number in range(3 * MAX_OPEN):
        wire.record("in", call("the same" if number % 2 else str(number)))
    assert len(wire.unanswered) == MAX_OPEN + 1
    wire.record("in", '[3,"1",{}]')
    assert [each.action for each in wire.exchanges] == ["Reset"], "the other direction has its own"


async def test_calls_of_an_earlier_connection_are_not_answered() -> None:
    wire = Wire("CP1")
    wire.record("in", call("1"))
    wire.opened()
    wire.record("out", '[3,"1",{}]')
    assert (len(wire.exchanges), len(wire.strays)) == (0, 1)
    await trio.lowlevel.checkpoint()


async def test_frames_that_are_dropped_are_counted() -> None:
    wire = Wire("CP1", max_kept=3)
    for number in range(5):
        wire.record("in", call(str(number)))
    assert (len(wire.frames), wire.recorded) == (3, 5)
