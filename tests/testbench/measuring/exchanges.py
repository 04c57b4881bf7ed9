"""Wires that have heard what a test says."""

from typing import Any

import orjson

from ocpp_actors.testbench.wire import Exchange, Wire

ID = "1"


def say(wire: Wire, action: str, payload: Any, answer: Any, by: str = "in") -> Exchange:
    """Let a CALL and its answer pass; an answer that is a text is the code of a CALLERROR."""
    other = "out" if by == "in" else "in"
    reply = [4, ID, answer, "", {}] if isinstance(answer, str) else [3, ID, answer]
    wire.record(by, orjson.dumps([2, ID, action, payload]).decode())  # type: ignore[arg-type]
    wire.record(other, orjson.dumps(reply).decode())  # type: ignore[arg-type]
    return wire.exchanges[-1]
