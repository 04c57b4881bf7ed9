"""What the benchmarks have in common for their users: options, lines with a verdict, the file of JSON."""

import argparse
import json
import statistics
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from attrs import asdict, frozen
from machine import Machine, look, refuse_memory
from servers import Result

DISK = Path("/var/tmp")  # noqa: S108 — directories with names of their own are made in it
BUSY = 0.8
"""Share of its processor from which the load generator counts as the bottleneck."""


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
    return Line(what, f"{figure:.1f} {unit}", f"≤ {limit:g} {unit}", figure <= limit)


def options(description: str | None, *, rounds: int, seconds: float) -> argparse.ArgumentParser:
    """Return the options that all benchmarks have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=rounds, help=f"default: {rounds}")
    parser.add_argument(
        "--seconds", type=float, default=seconds, help=f"of each measurement, default: {seconds:g}"
    )
    parser.add_argument(
        "--directory",
        type=Path,
        default=DISK,
        help=f"where ledgers are kept, on a disk; default: {DISK}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured into this file")
    return parser


def begin(arguments: argparse.Namespace) -> Machine:
    """Refuse what cannot be measured, and tell what this runs on."""
    if not arguments.directory.is_dir():
        raise SystemExit(f"--directory: there is no directory {arguments.directory}")
    refuse_memory(arguments.directory)
    machine = look(arguments.directory)
    machine.tell()
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
        arguments.json.write_text(json.dumps(found | {"benchmark": Path(sys.argv[0]).stem}, indent=1) + "\n")
    return 0 if all(line.kept for line in lines) else 1


def table(lines: Iterable[Line]) -> None:
    """Print figures and limits."""
    print(f"{'':<64}{'measured':>14}{'limit':>14}")
    for line in lines:
        print(f"{line.what:<64}{line.figure:>14}{line.limit:>14}  {'kept' if line.kept else 'BROKEN'}")


def middle(rounds: Iterable[Result], name: str) -> float:
    """Return the median of a figure over all rounds."""
    return statistics.median(float(each[name]) for each in rounds)


def ratio(rounds: Sequence[Result], others: Sequence[Result], name: str = "rate") -> float:
    """Return the median of the ratios of each round: what slowed the whole machine meanwhile is not in it."""
    return statistics.median(
        float(one[name] / other[name]) for one, other in zip(rounds, others, strict=True)
    )


def remark(rounds: Iterable[Result]) -> str:
    """Return what share of its processor the load generator used, with a warning if it was the bottleneck."""
    share = statistics.median(each["processor"] for each in rounds)
    warning = "  (!) the load generator was the bottleneck" if share > BUSY else ""
    return f"{share:>10.0%}{warning}"
