"""Thousands of charge points at once on one server: how soon they are all back and booted, what a connection costs.

They come for the first time; then all connections are cut and come back at once; then the server is started again and
they come back at once. The server has its default limits (MAX_CONNECTION_RATE, MAX_HANDSHAKES). Meanwhile commands are
sent through the API to the charge point that connects first.

    python bench/connections.py
    python bench/connections.py --charge-points 10000 --rounds 3

With ``--fleet`` they stay connected and work: each sends a Heartbeat every 30 s and MeterValues every 60 s.

    python bench/connections.py --fleet --minutes 20
"""

import argparse
import json
import time
import urllib.error
import urllib.request
from pathlib import Path

from attrs import field, frozen
from machine import Machine, allow_files
from report import Line, at_most, begin, end, options, run, warn
from servers import Generator, Result, Server, Start, generator, temporary, this_server

BACK_LIMIT = 15.0
"""Seconds until all are back and booted."""

MEMORY_LIMIT = 48.0
"""KiB of a connection."""

FLEET_P999_LIMIT = 100.0
"""Milliseconds."""

FLEET_PROCESSOR_LIMIT = 40.0
"""Percent of a processor."""

FLAT_LIMIT = 5.0
"""Percent that the memory may grow by after the first quarter of the time."""

COMMAND_EVERY = 0.2
COMMAND_PATIENCE = 35.0
SAMPLE_EVERY = 5.0
"""Seconds."""


@frozen
class Commands:
    """Commands that were sent while charge points came: seconds that each answered one took, and the failed ones."""

    answered: list[float] = field(factory=list)
    failed: list[str] = field(factory=list)

    def send(self, api: str, identity: str) -> None:
        """Send one. Before the first is answered the charge point need not be there."""
        request = urllib.request.Request(  # noqa: S310 — the URL that our server has printed
            f"{api}/api/v1/charge-points/{identity}/calls/ClearCache",
            data=b"{}",
            headers={"Content-Type": "application/json"},
        )
        begun = time.perf_counter()
        try:
            with urllib.request.urlopen(request, timeout=COMMAND_PATIENCE) as answer:  # noqa: S310 — as above
                found = str(json.load(answer)["status"])
        except (urllib.error.URLError, TimeoutError) as error:
            found = str(error)
        if found == "answered":
            self.answered.append(time.perf_counter() - begun)
        elif self.answered:
            self.failed.append(found)

    @property
    def longest(self) -> float:
        """Milliseconds of the slowest."""
        return 1000 * max(self.answered, default=float("nan"))


def come(server: Server, load: Generator) -> tuple[Result, Commands]:
    """Send commands until all charge points have come; return how they came."""
    commands = Commands()
    while (told := load.wait(COMMAND_EVERY)) is None:
        commands.send(server.api, "BENCH0")
    commands.send(server.api, "BENCH0")
    return told, commands


def row(what: str, told: Result, commands: Commands) -> Result:
    """Print how charge points came, and return it."""
    boot = told.get("boot", {"p50": float("nan"), "p99": float("nan"), "max": float("nan")})
    sent = f"{len(commands.answered)} of {len(commands.answered) + len(commands.failed)}"
    print(
        f"{what:<26}{told['seconds']:>9.2f}{told['back']:>8}{told['refused']:>9}{boot['p50']:>10.1f}{boot['p99']:>9.1f}"
        f"{boot['max']:>9.1f}{told['server']:>9.0%}{sent:>12}{commands.longest:>9.1f}",
        flush=True,
    )
    if told["refused"]:
        print(f"(!) not let in: {told['reason']}")
    for each in commands.failed[:1]:
        print(f"(!) a command failed: {each}")
    return {"storm": what, **told, "commands": commands.answered, "failed_commands": commands.failed}


def storms(
    start: Start, machine: Machine, directory: Path, charge_points: int, settle: float
) -> list[Result]:
    """Let charge points come for the first time and come back, and return the rows."""
    wanted = {"charge_points": charge_points, "at_once": charge_points, "message": "none"}
    processor = machine.processors[1]
    with start(directory) as server:
        time.sleep(settle)
        empty = server.memory
        with generator(server, processor, **wanted) as load:
            first = row("for the first time", *come(server, load))
            time.sleep(settle)
            first["memory"] = [empty, server.memory]
        with generator(server, processor, **wanted) as load:
            cut = row("back, connections cut", *come(server, load))
            time.sleep(settle)
            cut["memory"] = [empty, server.memory]
    with start(directory) as server:
        time.sleep(settle)
        empty = server.memory
        with generator(server, processor, **wanted) as load:
            restarted = row("back, server restarted", *come(server, load))
            time.sleep(settle)
            restarted["memory"] = [empty, server.memory]
    return [first, cut, restarted]


def per_connection(found: Result) -> float:
    """Return the KiB of a connection, beyond the empty server."""
    empty, full = found["memory"]
    size: float = (full - empty) / max(1, found["back"])
    return size


def storm_lines(rows: list[Result]) -> list[Line]:
    """Return the verdict on the worst of all rounds."""
    back = [each for each in rows if each["storm"].startswith("back")]
    booted = max(each["seconds"] for each in back)
    refused = sum(each["refused"] for each in rows)
    unanswered = sum(len(each["failed_commands"]) + (not each["commands"]) for each in rows)
    memory = max(per_connection(each) for each in rows if each["storm"] != "back, connections cut")
    return [
        at_most("a storm: all back and booted", booted, BACK_LIMIT, "s"),
        at_most("a storm: charge points refused", refused, 0, ""),
        at_most("a storm: commands that failed meanwhile", unanswered, 0, ""),
        at_most("memory of an idle connection", memory, MEMORY_LIMIT, "KiB"),
    ]


def fleet(
    start: Start, machine: Machine, directory: Path, charge_points: int, settle: float, seconds: float
) -> tuple[Result, list[Line]]:
    """Let charge points work, and return what was seen and the verdict."""
    with start(directory) as server:
        time.sleep(settle)
        empty = server.memory
        wanted = {"charge_points": charge_points, "message": "fleet", "seconds": seconds}
        with generator(server, machine.processors[1], **wanted) as load:
            begun = load.read()
            if begun["refused"]:
                raise SystemExit(f"{begun['refused']} charge points were not let in: {begun['reason']}")
            memory = [server.memory]
            while (told := load.wait(min(SAMPLE_EVERY, seconds / 8))) is None:
                memory.append(server.memory)
    told |= {"charge_points": charge_points, "seconds": seconds, "empty": empty, "memory": memory}
    settled = memory[len(memory) // 4]
    grown = 100 * (memory[-1] - settled) / settled
    share = 100 * told["server"]["processor"]
    size = (max(memory) - empty) / charge_points
    print(
        f"{told['rate']:.0f} messages/s; p50 {told['p50']:.2f} ms, p99 {told['p99']:.2f} ms, "
        f"p99.9 {told['p999']:.2f} ms, max {told['max']:.2f} ms; load generator {told['processor']:.0%}"
    )
    print(
        f"memory: empty {empty} KiB, at the begin {memory[0]} KiB, after a quarter {settled} KiB, "
        f"at the end {memory[-1]} KiB"
    )
    warn({"the fleet": [told]})
    return told, [
        at_most("a fleet at work: p99.9", told["p999"], FLEET_P999_LIMIT, "ms"),
        at_most("a fleet at work: server's share of a processor", share, FLEET_PROCESSOR_LIMIT, "%"),
        at_most("a fleet at work: memory of a connection", size, MEMORY_LIMIT, "KiB"),
        at_most("a fleet at work: growth of the memory", grown, FLAT_LIMIT, "%"),
    ]


def main(arguments: argparse.Namespace) -> int:
    """Measure storms or a fleet at work, and return the exit status."""
    allow_files(arguments.charge_points)
    machine = begin(arguments)
    start = this_server(machine.processors[0], message_log=arguments.message_log == "on")
    if arguments.fleet:
        seconds = 60 * arguments.minutes
        print(
            f"{arguments.charge_points} charge points, each a Heartbeat every 30 s and MeterValues every 60 s, for "
            f"{arguments.minutes:g} minutes; ledger durable, message log {arguments.message_log}"
        )
        with temporary(arguments.directory) as place:
            found, lines = fleet(start, machine, place, arguments.charge_points, arguments.settle, seconds)
        return end(arguments, machine, [found], lines)
    print(
        f"{arguments.charge_points} charge points at once; ledger durable, message log {arguments.message_log}; "
        "times of the boot and of commands in milliseconds"
    )
    print(
        f"{'':<26}{'all in s':>9}{'booted':>8}{'refused':>9}{'boot p50':>10}{'p99':>9}{'max':>9}{'server':>9}"
        f"{'commands':>12}{'longest':>9}"
    )
    rows: list[Result] = []
    for _ in range(arguments.rounds):
        with temporary(arguments.directory) as place:
            rows += storms(start, machine, place, arguments.charge_points, arguments.settle)
    for each in rows[-3:]:
        empty, full = each["memory"]
        print(
            f"memory, {each['storm']}: {empty} KiB empty, {full} KiB, {per_connection(each):.1f} KiB a connection"
        )
    return end(arguments, machine, rows, storm_lines(rows))


if __name__ == "__main__":
    parser = options(__doc__, rounds=1)
    parser.add_argument("--charge-points", type=int, default=10_000)
    parser.add_argument("--message-log", default="off", choices=("on", "off"))
    parser.add_argument("--fleet", action="store_true", help="charge points at work instead of storms")
    parser.add_argument("--minutes", type=float, default=1.0, help="of --fleet")
    parser.add_argument(
        "--settle", type=float, default=3.0, metavar="SECONDS", help="until memory is measured; default: 3"
    )
    run(main, parser.parse_args())
