"""Which recorded frames break the rules of OCPP-J or the schema of their message."""

from collections.abc import Iterable, Iterator

import orjson

from ocpp_actors.check import check
from ocpp_actors.testbench.wire import WireFrame


def faults_of(frames: Iterable[WireFrame]) -> Iterator[tuple[WireFrame, str]]:
    """Return the frames that are wrong, each with its first fault. An answer is judged if its CALL is among them."""
    recorded = list(frames)
    records = (orjson.dumps({"direction": each.direction, "frame": each.text}) for each in recorded)
    for frame, verdict in zip(recorded, check(records), strict=True):
        if verdict.verdict == "invalid":
            fault = verdict.faults[0]
            yield frame, f"{fault.code} at {fault.path or 'the top'}: {fault.description}"
