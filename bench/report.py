"""What the benchmarks have in common for their users: options, lines with a verdict, the file of JSON."""

import argparse
import json
import os
import signal
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from attrs import asdict, frozen
from machine import Machine, look, refuse_memory
from servers import Result

DISK = Path("/var/tmp")  # noqa: S108 — directories with names of their own are made in it
BUSY = 0.8
"""Share of its processor from which the load generator counts as the bottleneck."""

WARM_UP = 1.0
LATE = 2.0
"""Milliseconds from which the load generator counts as late, in open loop, at the 99th percentile."""

OTHERS = 0.05
"""Share of a processor from which other processes count as a disturbance."""


@frozen
class Line:
    """A figure beside its limit."""

    what: str
    figure: str
    limit: str
    kept: bool


def at_least(what: str, figure: float, limit: float, unit: str = "×") -> Line:
    """A figure that must not be below its limit."""
    return Line(what, f"{figure:.2f} {unit}", f"≥ {limit:g} {unit}", figure >= limit)


def at_most(what: str, figure: float, limit: float, unit: str) -> Line:
    """A figure that must not be above its limit."""
    return Line(what, f"{figure:.1f} {unit}".strip(), f"≤ {limit:g} {unit}".strip(), figure <= limit)


def options(
    description: str | None, *, rounds: int | None = None, seconds: float | None = None
) -> argparse.ArgumentParser:
    """Return the options that benchmarks have, those with a default where it is given.

    From now on SIGTERM ends a benchmark as Ctrl-C does: with all that it has started.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if rounds is not None:
        parser.add_argument("--rounds", type=int, default=rounds, help=f"default: {rounds}")
    if seconds is not None:
        said = f"of each measurement, default: {seconds:g}"
        parser.add_argument("--seconds", type=float, default=seconds, help=said)
        said = f"of each measurement that are not counted, default: {WARM_UP:g}"
        parser.add_argument("--warm-up", type=float, default=WARM_UP, metavar="SECONDS", help=said)
    parser.add_argument(
        "--directory",
        type=Path,
        default=DISK,
        help=f"where ledgers are kept, on a disk; default: {DISK}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured into this file")
    return parser


def run(main: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> NoReturn:
    """End with the exit status that ``main`` returns, or with 130 after Ctrl-C."""
    try:
        sys.exit(main(arguments))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def begin(arguments: argparse.Namespace) -> Machine:
    """Refuse what cannot be measured, tell what this runs on, and leave the server's processor to the server."""
    if not arguments.directory.is_dir():
        raise SystemExit(f"--directory: there is no directory {arguments.directory}")
    refuse_memory(arguments.directory)
    machine = look(arguments.directory)
    machine.tell()
    os.sched_setaffinity(0, {machine.processors[1]})
    return machine


def end(
    arguments: argparse.Namespace, machine: Machine, rows: Sequence[Result], lines: Sequence[Line]
) -> int:
    """Print the verdicts, write the file, and return the exit status: 1 if a limit is broken."""
    if lines:
        print()
        table(lines)
    if arguments.json:
        found = {"machine": asdict(machine), "rows": rows, "lines": [asdict(line) for line in lines]}
        arguments.json.write_text(json.dumps(found | {"benchmark": Path(sys.argv[0]).stem}) + "\n")
    return 0 if all(line.kept for line in lines) else 1


def table(lines: Sequence[Line]) -> None:
    """Print figures and limits."""
    width = max(len(line.what) for line in lines)
    print(f"{'':<{width}}{'measured':>14}{'limit':>14}")
    for line in lines:
        print(f"{line.what:<{width}}{line.figure:>14}{line.limit:>14}  {'kept' if line.kept else 'BROKEN'}")


def middle(rounds: Iterable[Result], name: str) -> float:
    """Return the median of a figure over all rounds."""
    return statistics.median(float(each[name]) for each in rounds)


def ratio(rounds: Sequence[Result], others: Sequence[Result], name: str = "rate") -> float:
    """Return the median of the ratios of each round: what slowed the whole machine meanwhile is not in it."""
    return statistics.median(
        float(one[name] / other[name]) for one, other in zip(rounds, others, strict=True)
    )


def share(rounds: Iterable[Result]) -> str:
    """Return what share of its processor the load generator used."""
    return f"{middle(rounds, 'processor'):>10.0%}"


def warn(measured: Mapping[str, Sequence[Result]]) -> None:
    """Print what makes figures wrong: a load generator at its limit, answers that are missing, other processes."""
    for name, rounds in measured.items():
        if middle(rounds, "processor") > BUSY:
            print(f"(!) {name}: the load generator was the bottleneck")
        if (late := middle(rounds, "late")) > LATE:
            print(f"(!) {name}: the load generator itself was late, by {late:.1f} ms (p99)")
        if unanswered := sum(each["unanswered"] for each in rounds):
            print(f"(!) {name}: {unanswered} messages were not answered")
    others = [each["others"] for rounds in measured.values() for each in rounds if each["others"]]
    taken = [statistics.median(shares) for shares in zip(*others, strict=True)]
    if any(each > OTHERS for each in taken):
        print(
            f"(!) other processes took {taken[0]:.0%} of the server's processor and {taken[1]:.0%} of the load "
            "generator's: measure on an idle machine"
        )
