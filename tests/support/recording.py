"""Lines of a message log."""

import json
from datetime import timedelta
from typing import Any

from ocpp_actors.testbench.wire import Wire
from ocpp_actors.testing.in_process import START


def line(direction: str, frame: Any, charge_point: str = "CP1", seconds: float = 0.0) -> bytes:
    at = (START + timedelta(seconds=seconds)).isoformat()
    record = {"at": at, "chargePoint": charge_point, "direction": direction, "frame": json.dumps(frame)}
    return json.dumps(record).encode()


def lines_of(wire: Wire) -> list[bytes]:
    """What a message log would have of it."""
    return [
        json.dumps(
            {
                "at": (START + timedelta(seconds=each.at)).isoformat(),
                "chargePoint": wire.identity,
                "direction": each.direction,
                "frame": each.text,
            }
        ).encode()
        for each in wire.frames
    ]
