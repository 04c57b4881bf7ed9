"""Each frame is told with its message id and its action, an answer with that of its CALL."""

from typing import Any

import trio
from tests.support.central import Central, open_central

from ocpp_actors.charge_point.misbehaviour import Kind, Rule
from ocpp_actors.observer import FrameReceived, FrameSent
from ocpp_actors.protocol import messages as m
from ocpp_actors.protocol.frames import MAX_MESSAGE_ID

SOFT = m.Reset(type=m.ResetType.SOFT)

Told = tuple[str, str | None, str | None]


def told(central: Central, begin: int = 0) -> list[Told]:
    """Direction, message id and action of the frames, without those of the boot and of what came before."""
    frames: list[Any] = [each for each in central.events if isinstance(each, FrameReceived | FrameSent)]
    return [
        (each.direction, each.message_id, each.action) for each in frames if each.action != "BootNotification"
    ][begin:]


async def test_calls_and_their_answers(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        await charger.call("Heartbeat", {}, "a")
        await charger.call("Nonsense", {}, "b")
        command = central.fleet.submit("CP1", SOFT)
        _, message_id, *_ = await charger.receive()
        await charger.send([3, message_id, {"status": "Accepted"}])
        await command.wait()
        assert told(central) == [
            ("in", "a", "Heartbeat"),
            ("out", "a", "Heartbeat"),
            ("in", "b", "Nonsense"),
            ("out", "b", "Nonsense"),
            ("out", message_id, "Reset"),
            ("in", message_id, "Reset"),
        ]


async def test_what_is_repeated_late_or_foreign(autojump_clock: Any) -> None:
    async with open_central(call_timeout=5.0) as central, central.charger() as charger:
        await charger.boot()
        for _ in range(2):
            await charger.call("Authorize", {"idTag": "A"}, "a")
        command = central.fleet.submit("CP1", SOFT)
        _, message_id, *_ = await charger.receive()
        await command.wait()
        await charger.send([3, message_id, {"status": "Accepted"}])
        await charger.send([3, "foreign", {}])
        await trio.testing.wait_all_tasks_blocked()
        assert told(central) == [
            ("in", "a", "Authorize"),
            ("out", "a", "Authorize"),
            ("in", "a", "Authorize"),
            ("out", "a", "Authorize"),
            ("out", message_id, "Reset"),
            ("in", message_id, "Reset"),
            ("in", "foreign", None),
        ]


async def test_what_is_no_proper_frame(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        await charger.send([2, "a", "Heartbeat"])
        assert (await charger.receive())[:3] == [4, "a", "ProtocolError"]
        await charger.send("no frame")
        await charger.send([2, "i" * 1000, "Heartbeat", {}])
        await trio.testing.wait_all_tasks_blocked()
        long = "i" * MAX_MESSAGE_ID
        assert told(central)[:3] == [("in", "a", None), ("out", "a", None), ("in", None, None)]
        assert told(central, 3) == [("in", long, None), ("out", long, None)]


async def test_an_answer_that_is_spoilt_on_purpose(autojump_clock: Any) -> None:
    async with open_central(testing=True) as central, central.charger() as charger:
        await charger.boot()
        entry = central.fleet.find("CP1")
        assert entry is not None
        assert entry.misbehaviour is not None
        entry.misbehaviour.decide((Rule(kind=Kind.DUPLICATE),))
        await charger.call("Heartbeat", {}, "a")
        await charger.receive()
        assert told(central) == [("in", "a", "Heartbeat"), *[("out", "a", "Heartbeat")] * 2]
