"""This tree against an earlier commit, in turn in each round: is anything slower?

Against HEAD where the tree has changes, else against the commit before it. The earlier one is checked out into a
temporary directory and run with the same interpreter and the same packages. A figure has regressed if its median is
more than 10 % worse and the middle halves of the rounds do not overlap.

    python bench/regressions.py
    python bench/regressions.py --rounds 9 --against v1.2
"""

import argparse
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import field, frozen
from machine import allow_files
from report import begin, end, options, run, warn
from servers import HERE, Result, measure, temporary, this_server

WORSE = 0.10
"""Share by which a median has to be worse."""

ENOUGH = 3
"""Rounds for a verdict."""

ROOT = HERE.parent
OPEN_LOOP = 300.0
"""Messages a second that any machine can do: the latency is that of a server with time to spare."""


@frozen
class Case:
    """A load, and what was measured under it before and after; ``figures``: what is compared, by name."""

    what: str
    figures: tuple[str, ...]
    in_memory: bool
    load: dict[str, object]
    before: list[Result] = field(factory=list)
    after: list[Result] = field(factory=list)

    def verdict(self, figure: str) -> tuple[float, float, bool]:
        """Return the median before and after, and whether it is worse beyond the spread; more is better of a rate."""
        before, after = ([float(each[figure]) for each in rounds] for rounds in (self.before, self.after))
        ratio = statistics.median(after) / statistics.median(before)
        if figure == "rate":
            worse = ratio < 1 - WORSE and middle_half(after)[1] < middle_half(before)[0]
        else:
            worse = ratio > 1 + WORSE and middle_half(after)[0] > middle_half(before)[1]
        return statistics.median(before), statistics.median(after), worse


def middle_half(figures: list[float]) -> tuple[float, float]:
    """Return the lower and the upper quartile."""
    if len(figures) < 2:
        return figures[0], figures[0]
    low, _, high = statistics.quantiles(figures, n=4)
    return low, high


def cases(charge_points: int) -> list[Case]:
    """Return what is compared."""
    heartbeat: dict[str, object] = {"message": "Heartbeat", "charge_points": charge_points}
    meter_values = heartbeat | {"message": "MeterValues"}
    slowly = f"MeterValues durable, {OPEN_LOOP:g}/s"
    return [
        Case("Heartbeat", ("rate",), False, heartbeat),
        Case("MeterValues in memory", ("rate",), True, meter_values),
        Case("MeterValues durable", ("rate",), False, meter_values),
        Case(slowly, ("p50", "p99"), False, meter_values | {"rate": OPEN_LOOP}),
    ]


def git(*arguments: str) -> str:
    """Run git in this tree."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    if done.returncode != 0:
        raise SystemExit(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


@contextmanager
def checked_out(commit: str, directory: Path) -> Iterator[Path]:
    """Check a commit out for the length of the block; yields where its sources are."""
    tree = directory / "tree"
    git("worktree", "add", "--quiet", "--detach", str(tree), commit)
    try:
        yield tree / "src"
    finally:
        git("worktree", "remove", "--force", str(tree))


def main(arguments: argparse.Namespace) -> int:
    """Measure both in turn, print the table, and return the exit status: 1 if something has regressed."""
    commit = arguments.against or ("HEAD" if git("status", "--porcelain") else "HEAD~1")
    allow_files(arguments.charge_points)
    machine = begin(arguments)
    print(f"before: {git('log', '-1', '--format=%h %s', commit)}; after: this tree")
    print(f"medians of {arguments.rounds} rounds of {arguments.seconds:g} s, in turn")
    compared = cases(arguments.charge_points)
    with temporary(arguments.directory) as place, checked_out(commit, place) as source:
        for turn in range(arguments.rounds):
            for case in compared:
                both = [(case.before, source), (case.after, ROOT / "src")]
                for results, sources in both if turn % 2 == 0 else both[::-1]:
                    start = this_server(machine.processors[0], in_memory=case.in_memory, source=sources)
                    asked = case.load | {"seconds": arguments.seconds, "warm_up": arguments.warm_up}
                    results.append(measure(start, machine.processors[1], arguments.directory, **asked))
    print(f"{'':<44}{'before':>10}{'after':>10}{'change':>9}")
    regressed = []
    for case in compared:
        for figure in case.figures:
            before, after, worse = case.verdict(figure)
            what = f"{case.what}, {'calls/s' if figure == 'rate' else f'{figure} in ms'}"
            worse &= arguments.rounds >= ENOUGH
            said = "  REGRESSED" if worse else ""
            print(f"{what:<44}{before:>10.2f}{after:>10.2f}{after / before - 1:>+9.0%}{said}")
            regressed += [what] * worse
    warn({case.what: [*case.before, *case.after] for case in compared})
    if arguments.rounds < ENOUGH:
        print(f"no verdict: it takes {ENOUGH} rounds to see their spread")
    elif not regressed:
        print(f"nothing is more than {WORSE:.0%} worse and beyond the spread of the rounds")
    rows: list[Result] = [
        {"what": case.what, "before": case.before, "after": case.after} for case in compared
    ]
    end(arguments, machine, rows, [])
    return 1 if regressed else 0


if __name__ == "__main__":
    parser = options(__doc__, rounds=5, seconds=3.0)
    parser.add_argument("--against", metavar="COMMIT", help="the earlier commit")
    parser.add_argument("--charge-points", type=int, default=100)
    run(main, parser.parse_args())
