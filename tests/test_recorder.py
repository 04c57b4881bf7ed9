"""The recorder: frames with message id and action, and no more kept in memory than is needed."""

from typing import Any

from ocpp_actors.ledger.message_entries import MessageEntry
from ocpp_actors.observer import Connected, Disconnected, FrameReceived, FrameSent, Subscriber
from ocpp_actors.recorder import MAX_OPEN_CALLS, recorder
from tests.support.central import START


class Log:
    """Keeps what is recorded."""

    dropped = 0

    def __init__(self) -> None:
        self.entries: list[MessageEntry] = []

    def record(self, entry: MessageEntry) -> None:
        self.entries.append(entry)

    async def find(self, query: Any) -> Any:
        raise AssertionError("nobody asks")


def observed() -> tuple[Log, Subscriber]:
    log = Log()
    return log, recorder(log)


def hear(observe: Subscriber, text: str, identity: str = "CP1") -> None:
    observe(FrameReceived(identity, START, text))


def answer(log: Log, observe: Subscriber, message_id: str, identity: str = "CP1") -> str | None:
    """The action under which an answer is recorded."""
    observe(FrameSent(identity, START, f'[3,"{message_id}",{{}}]'))
    return log.entries[-1].action


def connect(observe: Subscriber, generation: int) -> None:
    observe(Connected("CP1", START, "test:1", generation))


def disconnect(observe: Subscriber, generation: int) -> None:
    observe(Disconnected("CP1", START, generation, 1006, ""))


def test_an_answer_is_recorded_under_the_action_of_its_call_once() -> None:
    log, observe = observed()
    hear(observe, '[2,"a","Heartbeat",{}]')
    hear(observe, '[2,"a","Authorize",{}]', "CP2")
    observe(FrameSent("CP1", START, '[2,"a","Reset",{}]'))
    assert answer(log, observe, "a") == "Heartbeat"
    assert answer(log, observe, "a") is None
    assert answer(log, observe, "a", "CP2") == "Authorize"
    hear(observe, '[3,"a",{}]')
    assert log.entries[-1].action == "Reset"


def test_when_a_charger_leaves_its_calls_are_forgotten() -> None:
    log, observe = observed()
    connect(observe, 1)
    hear(observe, '[2,"a","Heartbeat",{}]')
    disconnect(observe, 1)
    assert answer(log, observe, "a") is None


def test_the_end_of_a_replaced_connection_forgets_nothing() -> None:
    log, observe = observed()
    connect(observe, 1)
    connect(observe, 2)
    hear(observe, '[2,"a","Heartbeat",{}]')
    disconnect(observe, 1)
    assert answer(log, observe, "a") == "Heartbeat"


def test_so_many_calls_of_one_charger_are_remembered() -> None:
    log, observe = observed()
    for number in range(MAX_OPEN_CALLS + 1):
        hear(observe, f'[2,"{number}","Heartbeat",{{}}]')
    assert answer(log, observe, "0") is None
    assert answer(log, observe, "1") == "Heartbeat"


def test_an_action_that_ocpp_does_not_know_is_recorded_but_not_remembered() -> None:
    log, observe = observed()
    hear(observe, '[2,"a","Nonsense",{}]')
    assert log.entries[-1].action == "Nonsense"
    assert answer(log, observe, "a") is None


def test_an_id_is_recorded_up_to_its_proper_length() -> None:
    log, observe = observed()
    hear(observe, f'[2,"{"i" * 100_000}","Heartbeat",{{}}]')
    assert log.entries[-1].message_id == "i" * 36
    assert log.entries[-1].verdict is not None
