"""The frames of a failed scenario, so that a person can read them."""

import json
from typing import Any

from ocpp_actors.testbench.report.svg import Markup, element

_ARROWS = {"in": "→", "out": "←"}


def frames(recorded: list[dict[str, Any]], left_out: int, *, unfolded: bool) -> Markup:
    """Show frames in their order, each with when, who, which way, what it is, and its content indented."""
    asked: dict[tuple[str, str, str], str] = {}
    shown = [_frame(each, asked) for each in recorded]
    more = f", {left_out} before them are left out here" if left_out else ""
    return element(
        "details",
        element("summary", f"{len(recorded)} frames{more}"),
        element("ol", *shown, class_="frames"),
        open=unfolded,
    )


def _frame(each: dict[str, Any], asked: dict[tuple[str, str, str], str]) -> Markup:
    kind, head, content = _read(each, asked)
    direction = (
        "charge point to central system" if each["direction"] == "in" else "central system to charge point"
    )
    return element(
        "li",
        element(
            "p",
            element("time", f"{each['at']:.3f} s"), " ",
            element("span", each["chargePoint"], class_="who"), " ",
            element("span", _ARROWS[each["direction"]], title=direction, class_="way"), " ",
            element("strong", head),
        ),
        element("pre", content) if content else None,
        class_=f"{each['direction']} {kind}",
    )  # fmt: skip


def _read(each: dict[str, Any], asked: dict[tuple[str, str, str], str]) -> tuple[str, str, str]:
    """Return what a frame is, in a word and in a line, and its content."""
    text, who, way = each["frame"], each["chargePoint"], each["direction"]
    other = "out" if way == "in" else "in"
    try:
        match json.loads(text):
            case [2, str(message_id), str(action), payload]:
                asked[who, way, message_id] = action
                return "call", f"CALL {action} {message_id}", _indented(payload)
            case [3, str(message_id), payload]:
                action = asked.pop((who, other, message_id), "to nothing that is shown")
                return "result", f"CALLRESULT {action} {message_id}", _indented(payload)
            case [4, str(message_id), str(code), str(description), details]:
                action = asked.pop((who, other, message_id), "to nothing that is shown")
                content = description if details in ({}, None) else f"{description}\n{_indented(details)}"
                return "error", f"CALLERROR {code} {action} {message_id}", content
    except ValueError:
        pass
    return "strange", "no frame of OCPP-J", text


def _indented(payload: object) -> str:
    return "" if payload == {} else json.dumps(payload, indent=2, ensure_ascii=False)


def reason(text: str) -> Markup | None:
    """Show why a scenario did not pass; a traceback keeps its lines."""
    if not text:
        return None
    return (
        element("pre", text.strip(), class_="reason")
        if "\n" in text.strip()
        else element("p", text, class_="reason")
    )
