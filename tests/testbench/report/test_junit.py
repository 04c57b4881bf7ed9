"""JUnit XML."""

from typing import Any
from xml.etree import ElementTree as ET

from tests.testbench.report.documents import report

from ocpp_actors.testbench.report.junit import junit


def suites(told: dict[str, Any]) -> dict[str, ET.Element]:
    return {str(each.get("name")): each for each in ET.fromstring(junit(told)).findall("testsuite")}


def test_scenarios_limits_and_the_session_are_suites() -> None:
    found = suites(report())
    assert list(found) == ["scenarios", "limits", "session"]
    scenarios = found["scenarios"]
    counts = {name: scenarios.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "8", "failures": "3", "errors": "1", "skipped": "1"}
    assert found["limits"].get("failures") == "1"
    assert found["session"].get("errors") == "0"


def test_a_failure_has_its_reason_and_its_frames() -> None:
    case = next(each for each in suites(report())["scenarios"] if each.get("name") == "fails")
    failure, out = case.find("failure"), case.find("system-out")
    assert failure is not None
    assert failure.get("message") == "expected the moon, got <b>cheese</b>"
    assert out is not None
    assert "BootNotification" in (out.text or "")


def test_stations_are_told_apart() -> None:
    names = [each.get("name") for each in suites(report())["scenarios"]]
    assert "station-fails [lab-C1]" in names
    assert "station-fails [lab-C2]" in names
    assert len(names) == len(set(names))


def test_troubles_and_interruptions_are_errors() -> None:
    told = report() | {"troubles": ["the server burnt"], "verdict": "interrupted"}
    session = suites(told)["session"]
    assert session.get("errors") == "1"
    error = session.find("testcase/error")
    assert error is not None
    assert error.text == "the server burnt\nit was interrupted"


def test_what_xml_cannot_hold_is_escaped() -> None:
    told = report() | {"troubles": ["\x00 \x1b[31m \ufffe \ud800 ]]> &"]}
    error = suites(told)["session"].find("testcase/error")
    assert error is not None
    assert error.text == "\\x00 \\x1b[31m \\ufffe \\ud800 ]]> &"
