"""The report as data."""

import json

import pytest
from attrs import evolve
from tests.testbench.report.documents import report, result

from ocpp_actors.testbench.measuring.distribution import Distribution
from ocpp_actors.testbench.measuring.measures import Measures
from ocpp_actors.testbench.report import document as module
from ocpp_actors.testbench.report.document import document


def test_it_is_json_and_has_every_part() -> None:
    told = json.loads(json.dumps(report(), allow_nan=False))
    assert told["verdict"] == "failed"
    assert told["counts"] == {"passed": 3, "failed": 3, "skipped": 1, "broken": 1}
    assert [each["name"] for each in told["limits"] if each["held"] is False] == ["response time, maximum"]
    assert {each["kind"] for each in told["events"]} == {"partition", "latency"}
    assert len(told["chargers"]) == len(told["timelines"]) == 5
    assert told["transactions"]["compared"]
    assert told["transactions"]["confirmed"] >= 20
    assert told["seconds"] >= 25
    assert all(slot["at"] <= told["seconds"] for slot in told["overTime"]["slots"])


def test_only_failed_scenarios_have_frames_in_their_order() -> None:
    for each in report()["scenarios"]:
        assert bool(each["frames"]) == (each["name"] == "fails"), each["name"]
        assert [frame["at"] for frame in each["frames"]] == sorted(frame["at"] for frame in each["frames"])


def test_what_is_left_out_of_frames_is_counted() -> None:
    cut = evolve(result(), outcomes=tuple(each.cut(1) for each in result().outcomes))
    told = document(cut, "x", command="x", frames_not_written=12)
    failed = next(each for each in told["scenarios"] if each["name"] == "fails")
    assert (len(failed["frames"]), failed["framesLeftOut"]) == (1, 3)
    assert '"idTagInfo"' in failed["frames"][0]["frame"]
    assert told["frameFiles"] == {"kept": True, "leftOut": 12}


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, 0.0), (0.000_123_456, 0.000_123_5), (1.23456, 1.235), (1234.56, 1235.0)]
)
def test_times_have_four_digits(seconds: float, told: float) -> None:
    assert module._precise(seconds) == told


def test_actions_that_are_none_are_counted_together() -> None:
    measures = Measures(0.0)
    for action in ("Heartbeat", "heartbeat", "H" * 60, ""):
        measures.response_times.setdefault(action, Distribution()).add(0.1)
    told = document(evolve(result(), measures=measures), "ws://127.0.0.1:9000/ocpp", command="x")
    by_action = told["responseTimes"]["byAction"]
    assert [(each["action"], each["count"]) for each in by_action] == [
        ("Heartbeat", 1),
        ("other (not OCPP 1.6)", 3),
    ]
