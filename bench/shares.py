"""Where the time of one server goes while it is fully busy: how many µs of its loop a message costs in each part.

py-spy takes the samples: ``pip install py-spy``. It slows the server down, so that only the shares are its own; the µs
are those of a run without it.

    python bench/shares.py
    python bench/shares.py --message Heartbeat --in-memory
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

from machine import Machine, allow_files, pinned
from report import begin, end, options, run
from servers import Result, generator, measure, temporary, this_server

SAMPLES: Final = 250
"""Samples a second."""

PARTS: Final = (
    ("the socket: read and write", ("ocpp_actors/server/wires", "trio/_socket")),
    (
        "trio: waiting, scheduling",
        ("trio/", "outcome", "trio._", "ocpp_actors/server/arrivals", "contextlib"),
    ),
    ("WebSocket", ("ocpp_actors/server/", "wsproto/")),
    ("JSON and conversation", ("ocpp_actors/protocol/frames", "ocpp_actors/protocol/conversation")),
    ("validation and structuring", ("ocpp_actors/protocol/", "<structure", "<cattrs")),
    ("router and handler", ("ocpp_actors/central_system/",)),
    ("ledger, as far as the loop has to do with it", ("ocpp_actors/ledger/", "pykka/", "threading", "queue")),
    ("told: metrics and events", ("ocpp_actors/observer", "ocpp_actors/operator/")),
    ("the charge point's tasks", ("ocpp_actors/charge_point/", "ocpp_actors/pace", "ocpp_actors/clock")),
)
OTHER: Final = "anything else"

_LEAF: Final = re.compile(r"\((?P<file>[^()]*?)(?::[0-9]+)?\)$")
_GENERATED: Final = re.compile(r"<attrs generated methods (?P<module>[\w.]+)>")


def part_of(frame: str) -> str:
    """Return the part that a frame of py-spy belongs to: ``function (file:line)``."""
    found = _LEAF.search(frame)
    file = found["file"] if found else frame
    if generated := _GENERATED.fullmatch(file):
        file = generated["module"].replace(".", "/")
    return next((part for part, begins in PARTS if file.startswith(begins)), OTHER)


def shares(stacks: str) -> tuple[dict[str, float], float, float]:
    """Return the parts' shares of the loop's samples, how busy the ledger's thread was beside it, and with commits.

    The last two are shares of the loop's samples, too.
    """
    loop: Counter[str] = Counter()
    ledger = commits = 0
    for line in stacks.splitlines():
        stack, _, number = line.rpartition(" ")
        thread, *frames = stack.split(";")
        if "MainThread" in thread:
            loop[part_of(frames[-1])] += int(number)
        elif any(frame.startswith("StoreActor.on_receive") for frame in frames):
            ledger += int(number)
            commits += int(number) * any("do_commit" in frame for frame in frames)
    whole = loop.total()
    return {part: loop[part] / whole for part in loop}, ledger / whole, commits / whole


def sample(arguments: argparse.Namespace, machine: Machine, py_spy: str) -> str:
    """Put a server under load and return the stacks that it was seen with."""
    start = this_server(machine.processors[0], in_memory=arguments.in_memory)
    load = {"message": arguments.message, "charge_points": arguments.charge_points}
    load |= {"seconds": arguments.seconds, "warm_up": arguments.warm_up}
    with (
        temporary(arguments.directory) as place,
        start(place) as server,
        generator(server, machine.processors[1], **load) as under_load,
    ):
        under_load.read()
        stacks = place / "stacks"
        command = [py_spy, "record", "--pid", str(server.pid), "--threads", "--format", "raw"]
        command += [
            "--rate",
            str(SAMPLES),
            "--duration",
            str(round(arguments.seconds)),
            "--output",
            str(stacks),
        ]
        with pinned(machine.processors[1]):
            said = subprocess.run(command, capture_output=True, text=True, check=False)
        if not stacks.exists():
            raise SystemExit(f"py-spy could not look at the server: {said.stderr.strip()}")
        return stacks.read_text()


def main(arguments: argparse.Namespace) -> int:
    """Measure, sample, print a line for each part, and return the exit status."""
    py_spy = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if py_spy is None:
        print("py-spy is not installed: pip install py-spy", file=sys.stderr)
        return 2
    allow_files(arguments.charge_points)
    machine = begin(arguments)
    start = this_server(machine.processors[0], in_memory=arguments.in_memory)
    alone = measure(
        start,
        machine.processors[1],
        arguments.directory,
        message=arguments.message,
        charge_points=arguments.charge_points,
        seconds=arguments.seconds,
        warm_up=arguments.warm_up,
    )
    cost = 1e6 * alone["server"]["processor"] / alone["rate"]
    loop, ledger, commits = shares(sample(arguments, machine, py_spy))
    kept = "in memory" if arguments.in_memory else "durable"
    print(
        f"{arguments.message}, {arguments.charge_points} charge points, closed loop, ledger {kept}: "
        f"{alone['rate']:.0f} a second, {cost:.0f} µs of the processor each"
    )
    for part, share in sorted(loop.items(), key=lambda each: -each[1]):
        print(f"{part:<46}{share:>6.0%}")
    print(f"the ledger's thread was at work in {ledger:.0%} of that time, in {commits:.0%} with a commit")
    rows: list[Result] = [{"message": arguments.message, "cost": cost, "shares": loop, "ledger": ledger}]
    return end(arguments, machine, rows, [])


if __name__ == "__main__":
    parser = options(__doc__, seconds=15.0)
    parser.add_argument("--charge-points", type=int, default=100)
    parser.add_argument("--message", default="MeterValues", choices=("Heartbeat", "MeterValues"))
    parser.add_argument("--in-memory", action="store_true", help="the ledger is in memory")
    run(main, parser.parse_args())
