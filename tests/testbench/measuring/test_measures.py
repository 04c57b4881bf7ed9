"""What a session measures of its wires."""

import pytest
import trio
from tests.testbench.measuring.exchanges import say
from trio.testing import MockClock

from ocpp_actors.testbench.measuring import measures as module
from ocpp_actors.testbench.measuring.measures import Event, Measures
from ocpp_actors.testbench.wire import Wire


@pytest.fixture
async def measures(autojump_clock: MockClock) -> Measures:
    await trio.sleep(100)
    return Measures(trio.current_time())


async def test_response_times_are_those_of_the_central_system_by_action(
    autojump_clock: MockClock, measures: Measures
) -> None:
    wire = Wire("CP1")
    measures.follow(wire)
    wire.record("in", '[2,"1","Heartbeat",{}]')
    await trio.sleep(0.5)
    wire.record("out", '[3,"1",{"currentTime":"2026-03-01T12:00:00Z"}]')
    wire.record("out", '[2,"2","Reset",{"type":"Soft"}]')
    await trio.sleep(3)
    wire.record("in", '[3,"2",{"status":"Accepted"}]')
    assert measures.response_times["Heartbeat"].max == pytest.approx(0.5)
    assert measures.command_times["Reset"].max == pytest.approx(3)
    assert measures.all_response_times.count == 1
    assert measures.frames == 4
    assert [slot.frames for slot in measures.series.slots] == [3, 0, 0, 1]
    assert measures.series.slots[0].response_times.count == 1


async def test_call_errors_are_counted_by_who_sent_them(
    autojump_clock: MockClock, measures: Measures
) -> None:
    wire = Wire("CP1")
    measures.add_charger(wire, "simulated", 10)
    say(wire, "NoSuchAction", {}, "NotImplemented")
    say(wire, "NoSuchAction", {}, "NotImplemented")
    say(wire, "Reset", {"type": "Soft"}, "GenericError", by="out")
    assert dict(measures.call_errors) == {
        ("central system", "NotImplemented"): 2,
        ("charge point", "GenericError"): 1,
    }
    assert measures.chargers["CP1"].call_errors == 3


async def test_what_is_excused_counts_as_throughput_only(
    autojump_clock: MockClock, measures: Measures
) -> None:
    wire = Wire("CP1")
    followed = measures.follow(wire)
    followed.excuse("scenario", True)
    followed.excuse("fault", True)
    followed.excuse("fault", False)
    say(wire, "Authorize", {"idTag": "T" * 30}, {"idTagInfo": {"status": "Accepted"}})
    assert (measures.accuracy, measures.all_response_times.count, measures.frames) == (None, 0, 2)
    followed.excuse("scenario", False)
    say(wire, "Authorize", {"idTag": "T" * 30}, {"idTagInfo": {"status": "Accepted"}})
    assert (measures.accuracy, len(measures.wrong), measures.all_response_times.count) == (0.0, 1, 1)


async def test_accuracy_is_the_share_of_what_was_judged(
    autojump_clock: MockClock, measures: Measures
) -> None:
    wire = Wire("CP1")
    measures.follow(wire)
    for answer in ({"idTagInfo": {"status": "Accepted"}},) * 3 + ("TypeConstraintViolation", "InternalError"):
        say(wire, "Authorize", {"idTag": "T"}, answer)
    assert measures.accuracy == 0.75


async def test_stability_counts_from_the_power_on(autojump_clock: MockClock, measures: Measures) -> None:
    wire = Wire("CP1")
    measures.add_charger(wire, "simulated", 5)
    await trio.sleep(50)
    assert measures.stability is None
    measures.up("CP1", "off", trio.current_time())
    await trio.sleep(2)
    wire.opened()
    assert measures.connected == 1
    await trio.sleep(50)
    wire.closed(1006)
    assert measures.connected == 0
    await trio.sleep(15)
    wire.opened()
    await trio.sleep(40)
    measures.close(trio.current_time())
    assert measures.stability == pytest.approx(90 / 100)
    assert measures.chargers["CP1"].connection.outages == 1


async def test_while_the_server_is_down_nobody_is_expected(
    autojump_clock: MockClock, measures: Measures
) -> None:
    wire = Wire("CP1")
    measures.add_charger(wire, "simulated", 5)
    measures.up("CP1", "off", trio.current_time())
    wire.opened()
    await trio.sleep(10)
    measures.server(False, trio.current_time())
    measures.server(False, trio.current_time())
    wire.closed(1006)
    await trio.sleep(60)
    measures.server(True, trio.current_time())
    await trio.sleep(5)
    wire.opened()
    await trio.sleep(10)
    measures.close(trio.current_time())
    assert measures.stability == 1
    assert [(each.kind, each.until - each.at) for each in measures.events] == [("server", 60)]


async def test_a_server_that_stays_down_is_told_too(autojump_clock: MockClock, measures: Measures) -> None:
    measures.server(False, trio.current_time())
    await trio.sleep(3)
    measures.close(trio.current_time())
    assert [each.until - each.at for each in measures.events] == [3]


@pytest.mark.parametrize(
    ("action", "payload", "answer", "by"),
    [
        ("Reset", {"type": "Soft"}, {"status": "Accepted"}, "out"),
        ("FirmwareStatusNotification", {"status": "Installing"}, {}, "in"),
    ],
)
async def test_a_reboot_that_was_ordered_is_no_outage(
    autojump_clock: MockClock, measures: Measures, action: str, payload: object, answer: object, by: str
) -> None:
    wire = Wire("CP1")
    measures.add_charger(wire, "simulated", 5)
    measures.up("CP1", "off", trio.current_time())
    wire.opened()
    await trio.sleep(10)
    say(wire, action, payload, answer, by=by)
    await trio.sleep(3)
    wire.closed(1001)
    await trio.sleep(30)
    wire.opened()
    await trio.sleep(10)
    measures.close(trio.current_time())
    assert measures.stability == 1
    assert measures.chargers["CP1"].connection.outages == 0


async def test_a_reset_that_was_refused_excuses_nothing(
    autojump_clock: MockClock, measures: Measures
) -> None:
    wire = Wire("CP1")
    measures.add_charger(wire, "simulated", 5)
    measures.up("CP1", "off", trio.current_time())
    wire.opened()
    say(wire, "Reset", {"type": "Soft"}, {"status": "Rejected"}, by="out")
    wire.closed(1006)
    await trio.sleep(25)
    measures.close(trio.current_time())
    assert measures.chargers["CP1"].connection.expected_seconds == 20


async def test_a_reboot_that_takes_too_long_is_an_outage(
    autojump_clock: MockClock, measures: Measures
) -> None:
    wire = Wire("CP1")
    measures.add_charger(wire, "simulated", 5)
    measures.up("CP1", "off", trio.current_time())
    wire.opened()
    say(wire, "Reset", {"type": "Soft"}, {"status": "Accepted"}, by="out")
    wire.closed(1001)
    await trio.sleep(module.REBOOT + 25)
    measures.close(trio.current_time())
    assert measures.chargers["CP1"].connection.expected_seconds == 20


async def test_nothing_counts_after_the_end(autojump_clock: MockClock, measures: Measures) -> None:
    wire = Wire("CP1")
    measures.add_charger(wire, "simulated", 5)
    measures.up("CP1", "off", trio.current_time())
    wire.opened()
    await trio.sleep(10)
    measures.close(trio.current_time())
    wire.closed(1006)
    say(wire, "Heartbeat", {}, {})
    measures.down("CP1", "off", trio.current_time())
    measures.server(False, trio.current_time())
    assert (measures.connected, measures.frames, measures.stability) == (1, 0, 1)
    assert measures.events == []


async def test_memory_is_bounded(
    autojump_clock: MockClock, measures: Measures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_EVENTS", 3)
    monkeypatch.setattr(module, "MAX_WRONG", 2)
    monkeypatch.setattr(module, "MAX_TIMELINES", 2)
    for number in range(5):
        measures.event(Event(number, number + 1, "stall", "stall"))
        wire = Wire(f"CP{number}")
        measures.add_charger(wire, "simulated", 5)
        measures.up(wire.identity, "off", trio.current_time())
        say(wire, "Authorize", {"idTag": "T" * 30}, {})
        if number > 2:
            wire.opened()
            wire.closed(1006)
    measures.close(trio.current_time())
    assert (len(measures.events), len(measures.wrong), measures.judged_wrong) == (3, 2, 5)
    assert [identity for identity, _ in measures.timelines] == ["CP3", "CP4"]


async def test_a_charger_that_is_connected_already_counts_as_connected(
    autojump_clock: MockClock, measures: Measures
) -> None:
    wire = Wire("CP1")
    wire.opened()
    measures.add_charger(wire, "microocpp", 5)
    assert measures.connected == 1
    measures.up("CP1", "off", trio.current_time())
    await trio.sleep(60)
    measures.close(trio.current_time())
    assert measures.stability == 1


async def test_one_that_is_connected_already_counts(autojump_clock: MockClock, measures: Measures) -> None:
    wire = Wire("CP1")
    wire.opened()
    measures.add_charger(wire, "microocpp", 5)
    assert (measures.connected, measures.connected_over_time) == (1, [(measures.began_at, 1)])
    wire.closed(1006)
    assert measures.connected == 0


async def test_books_are_kept_unless_bytes_were_damaged(
    autojump_clock: MockClock, measures: Measures
) -> None:
    wire = Wire("CP1")
    followed = measures.follow(wire)
    start = {"connectorId": 1, "idTag": "T", "timestamp": "2026-03-01T12:00:00Z", "meterStart": 0}
    followed.excuse("misbehaviour", True)
    say(wire, "StartTransaction", start, {"transactionId": 1})
    followed.excuse(module.DAMAGE, True)
    say(wire, "StartTransaction", start | {"meterStart": 5}, {"transactionId": 2})
    assert measures.books.started == 1
