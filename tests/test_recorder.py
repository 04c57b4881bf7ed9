"""The recorder: frames with message id and action, and no more kept in memory than is needed."""

from typing import Any

import pytest

from ocpp_actors import recorder
from ocpp_actors.ledger.message_entries import MessageEntry
from ocpp_actors.observer import Connected, Disconnected, FrameReceived, FrameSent, Observer
from ocpp_actors.recorder import MAX_OPEN_CALLS, FrameReader, record_frames
from tests.support.central import START


class Recorded:
    """The entries that a log reads of what an observer is told, each event for itself."""

    dropped = 0

    def __init__(self) -> None:
        self.entries: list[MessageEntry] = []
        self.reader = FrameReader()
        self.observer = Observer()
        record_frames(self.observer, self)

    def record(self, item: Any) -> None:
        self.entries += self.reader([item])

    def mark(self, item: Any) -> None:
        assert self.reader([item]) == []

    async def find(self, query: Any) -> Any:
        raise AssertionError("nobody asks")


def hear(recorded: Recorded, text: str, identity: str = "CP1") -> None:
    recorded.observer.tell(FrameReceived(identity, START, text))


def say(recorded: Recorded, text: str, identity: str = "CP1") -> None:
    recorded.observer.tell(FrameSent(identity, START, text))


def answer(recorded: Recorded, message_id: str, identity: str = "CP1") -> str | None:
    """The action under which an answer is recorded."""
    say(recorded, f'[3,"{message_id}",{{}}]', identity)
    return recorded.entries[-1].action


def connect(recorded: Recorded, generation: int, identity: str = "CP1") -> None:
    recorded.observer.tell(Connected(identity, START, "test:1", generation))


def disconnect(recorded: Recorded, generation: int) -> None:
    recorded.observer.tell(Disconnected("CP1", START, generation, 1006, ""))


def test_an_answer_is_recorded_under_the_action_of_its_call_once() -> None:
    recorded = Recorded()
    hear(recorded, '[2,"a","Heartbeat",{}]')
    hear(recorded, '[2,"a","Authorize",{}]', "CP2")
    say(recorded, '[2,"a","Reset",{}]')
    assert answer(recorded, "a") == "Heartbeat"
    assert answer(recorded, "a") is None
    assert answer(recorded, "a", "CP2") == "Authorize"
    hear(recorded, '[3,"a",{}]')
    assert recorded.entries[-1].action == "Reset"


def test_when_a_charger_leaves_its_calls_are_forgotten() -> None:
    recorded = Recorded()
    connect(recorded, 1)
    hear(recorded, '[2,"a","Heartbeat",{}]')
    disconnect(recorded, 1)
    assert answer(recorded, "a") is None


def test_the_end_of_a_replaced_connection_forgets_nothing() -> None:
    recorded = Recorded()
    connect(recorded, 1)
    connect(recorded, 2)
    hear(recorded, '[2,"a","Heartbeat",{}]')
    disconnect(recorded, 1)
    assert answer(recorded, "a") == "Heartbeat"


def test_so_many_calls_of_one_charger_are_remembered() -> None:
    recorded = Recorded()
    for number in range(MAX_OPEN_CALLS + 1):
        hear(recorded, f'[2,"{number}","Heartbeat",{{}}]')
    assert answer(recorded, "0") is None
    assert answer(recorded, "1") == "Heartbeat"


def test_an_action_that_ocpp_does_not_know_is_recorded_but_not_remembered() -> None:
    recorded = Recorded()
    hear(recorded, '[2,"a","Nonsense",{}]')
    assert recorded.entries[-1].action == "Nonsense"
    assert answer(recorded, "a") is None


def test_an_id_is_recorded_up_to_its_proper_length() -> None:
    recorded = Recorded()
    hear(recorded, f'[2,"{"i" * 100_000}","Heartbeat",{{}}]')
    assert recorded.entries[-1].message_id == "i" * 36
    assert recorded.entries[-1].verdict is not None


def test_many_events_are_read_at_once_as_one_after_the_other() -> None:
    events = [
        Connected("CP1", START, "test:1", 1),
        FrameReceived("CP1", START, '[2,"a","Heartbeat",{}]'),
        FrameReceived("CP2", START, '[2,"a","Authorize",{}]'),
        FrameSent("CP1", START, '[3,"a",{}]'),
        FrameReceived("CP1", START, "[2,"),
        FrameReceived("CP1", START, '[2,"b","Heartbeat",{}]'),
        Disconnected("CP1", START, 1, 1006, ""),
        FrameSent("CP1", START, '[3,"b",{}]'),
        FrameSent("CP2", START, '[4,"a","InternalError","",{}]'),
    ]
    together = FrameReader()(events)
    assert [(entry.identity, entry.direction, entry.message_id, entry.action) for entry in together] == [
        ("CP1", "in", "a", "Heartbeat"),
        ("CP2", "in", "a", "Authorize"),
        ("CP1", "out", "a", "Heartbeat"),
        ("CP1", "in", None, None),
        ("CP1", "in", "b", "Heartbeat"),
        ("CP1", "out", "b", None),
        ("CP2", "out", "a", "Authorize"),
    ]
    assert [entry.verdict is None for entry in together] == [True, True, True, False, True, True, True]
    for split in range(len(events)):
        reader = FrameReader()
        assert [*reader(events[:split]), *reader(events[split:])] == together


def test_so_many_chargers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MAX_CHARGE_POINTS", 2)
    recorded = Recorded()
    for identity in ("CP1", "CP2", "CP3"):
        connect(recorded, 1, identity)
        hear(recorded, '[2,"a","Heartbeat",{}]', identity)
    assert [answer(recorded, "a", identity) for identity in ("CP1", "CP2", "CP3")] == [
        None,
        "Heartbeat",
        "Heartbeat",
    ]
