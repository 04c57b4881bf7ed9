"""The verdicts as JUnit XML, which continuous integration servers read."""

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any, Final
from xml.etree import ElementTree as ET

_NOT_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(document: dict[str, Any]) -> str:
    """Return a test suite for each group of scenarios, and one for the limits."""
    root = ET.Element("testsuites", name=f"ocpp-actors testbench {document['profile']['name']}")
    for group, scenarios in groupby(document["scenarios"], key=lambda each: each["group"]):
        _suite(root, group, document["started"], [_case(each) for each in scenarios])
    _suite(root, "limits", document["started"], [_limit(each) for each in document["limits"]])
    _suite(root, "session", document["started"], _session(document))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, name: str, started: str, cases: list[ET.Element]) -> None:
    if not cases:
        return
    suite = ET.SubElement(
        root,
        "testsuite",
        name=name,
        timestamp=started.removesuffix("Z"),
        tests=str(len(cases)),
        failures=str(_count(cases, "failure")),
        errors=str(_count(cases, "error")),
        skipped=str(_count(cases, "skipped")),
        time=f"{sum(float(each.get('time', 0)) for each in cases):.3f}",
    )
    suite.extend(cases)


def _count(cases: Iterable[ET.Element], tag: str) -> int:
    return sum(each.find(tag) is not None for each in cases)


def _case(scenario: dict[str, Any]) -> ET.Element:
    station = f" [{scenario['station']}]" if scenario["station"] else ""
    case = ET.Element(
        "testcase",
        classname=_text(f"{scenario['group']}.{scenario['case'] or 'scenarios'}"),
        name=_text(f"{scenario['name']}{station}"),
        time=f"{scenario['seconds']:.3f}",
    )
    tag = {"failed": "failure", "broken": "error", "skipped": "skipped"}.get(scenario["verdict"])
    if tag is not None:
        first = scenario["reason"].strip().splitlines()[-1] if scenario["reason"].strip() else ""
        ET.SubElement(case, tag, message=_text(first)).text = _text(scenario["reason"])
    if scenario["frames"]:
        ET.SubElement(case, "system-out").text = _text(
            "\n".join(
                f"{each['at']:.3f} {each['chargePoint']} {each['direction']} {each['frame']}"
                for each in scenario["frames"]
            )
        )
    return case


def _limit(limit: dict[str, Any]) -> ET.Element:
    case = ET.Element("testcase", classname="limits", name=limit["name"], time="0")
    if limit["held"] is None:
        ET.SubElement(case, "skipped", message=_text(limit["measured"]))
    elif not limit["held"]:
        ET.SubElement(case, "failure", message=_text(f"{limit['asked']}: measured {limit['measured']}"))
    return case


def _session(document: dict[str, Any]) -> list[ET.Element]:
    case = ET.Element(
        "testcase", classname="session", name="it ran to its end", time=f"{document['seconds']:.3f}"
    )
    troubles = [
        *document["troubles"],
        *(["it was interrupted"] if document["verdict"] == "interrupted" else []),
    ]
    if troubles:
        ET.SubElement(case, "error", message=_text(troubles[0])).text = _text("\n".join(troubles))
    return [case]


def _text(text: str) -> str:
    """Write what XML cannot hold as Python escapes it."""
    return _NOT_XML.sub(lambda found: found[0].encode("unicode_escape", "backslashreplace").decode(), text)
