"""Whether what was measured is good enough."""

import pytest
import trio
from tests.testbench.measuring.exchanges import say
from trio.testing import MockClock

from ocpp_actors.testbench.measuring.limits import Findings, Returned, percent, verdicts
from ocpp_actors.testbench.measuring.measures import Measures
from ocpp_actors.testbench.measuring.transactions import Audit
from ocpp_actors.testbench.profiles.profile import Limits
from ocpp_actors.testbench.profiles.reading import read
from ocpp_actors.testbench.profiles.tables import Table
from ocpp_actors.testbench.wire import Wire

AUDIT = Audit(compared=9, lost_count=1, doubled_count=0, lost=("a",), doubled=(), unchecked=0)


def limits(**chosen: object) -> Limits:
    nothing = {"verdict_accuracy": "", "restarts": "", "lost_transactions": "", "doubled_transactions": ""}
    return read(Table({"limits": {**nothing, **chosen}}, "x"), "x").limits


@pytest.fixture
async def measures(autojump_clock: MockClock) -> Measures:
    measures, wire = Measures(trio.current_time()), Wire("CP1")
    measures.add_charger(wire, "simulated", 0.1)
    measures.up("CP1", "off", trio.current_time())
    wire.opened()
    for number in range(100):
        wire.record("in", f'[2,"{number}","Heartbeat",{{}}]')
        await trio.sleep(0.2 if number == 50 else 0.01)
        wire.record("out", f'[3,"{number}",{{"currentTime":"2026-03-01T12:00:00Z"}}]')
    measures.close(trio.current_time())
    return measures


async def held(measures: Measures, findings: Findings | None = None, **chosen: object) -> list[bool | None]:
    return [each.held for each in verdicts(limits(**chosen), measures, findings or Findings())]


async def test_without_limits_there_is_no_verdict(autojump_clock: MockClock, measures: Measures) -> None:
    assert await held(measures) == []


async def test_response_times(autojump_clock: MockClock, measures: Measures) -> None:
    assert await held(measures, response_time_p99=0.02, response_time_max=0.25) == [True, True]
    assert await held(measures, response_time_p99=0.009, response_time_max=0.19) == [False, False]


async def test_response_times_of_an_action(autojump_clock: MockClock, measures: Measures) -> None:
    slow = {"Heartbeat": {"response_time_max": 0.1}, "Authorize": {"response_time_p99": 1}}
    found = verdicts(limits(actions=slow), measures, Findings())
    assert [(each.name, each.asked, each.held) for each in found] == [
        ("response time of Heartbeat, maximum", "at most 100 ms", False),
        ("response time of Authorize, 99 %", "at most 1 s", None),
    ]
    assert found[1].measured == "nothing was answered"


async def test_shares(autojump_clock: MockClock, measures: Measures) -> None:
    assert await held(measures, connection_stability=1, verdict_accuracy=1) == [True, True]
    wire = Wire("CP2")
    measures.closed = False
    measures.follow(wire)
    say(wire, "Heartbeat", {}, "FormationViolation")
    assert await held(measures, verdict_accuracy=0.99) == [True]
    assert await held(measures, verdict_accuracy=0.999) == [False]


async def test_shares_of_nothing(autojump_clock: MockClock) -> None:
    nothing = Measures(0)
    assert await held(nothing, connection_stability=1, verdict_accuracy=1) == [None, None]


async def test_counts(autojump_clock: MockClock, measures: Measures) -> None:
    chosen = {"restarts": 1, "lost_transactions": 0, "doubled_transactions": 0}
    assert await held(measures, Findings(restarts=1, audit=AUDIT), **chosen) == [True, False, True]
    assert await held(measures, Findings(restarts=2, audit=AUDIT), **chosen) == [False, False, True]
    assert await held(measures, Findings(), **chosen) == [None, None, None]


async def test_chargers_have_to_return_and_each_once(autojump_clock: MockClock, measures: Measures) -> None:
    def findings(back: int, online: int) -> Findings:
        returned = Returned(number=1, how="kill", down=3, chargers=20, back=back, seconds=4.5, within=60)
        return Findings(returned=(returned,), online=online, online_expected=20)

    assert await held(measures, findings(20, 20)) == [True, True]
    assert await held(measures, findings(19, 20)) == [False, True]
    assert await held(measures, findings(20, 19)) == [True, False]


@pytest.mark.parametrize(
    ("share", "text"),
    [(1, "100 %"), (0.999_999_9, "99.999 %"), (0.5, "50 %"), (0.98765, "98.765 %"), (0, "0 %")],
)
def test_only_a_whole_share_is_written_as_100_percent(share: float, text: str) -> None:
    assert percent(share) == text
