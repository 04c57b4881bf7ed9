"""Everything that is promised, in five minutes: each benchmark with few short rounds, one table of figures and limits.

What is near its limit deserves the benchmark itself, with its own number of rounds.

    python bench/overview.py
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from attrs import asdict
from report import DISK, Line, run, table
from servers import HERE, temporary

BENCHMARKS = (
    ("compare.py", "--rounds", "3", "--seconds", "1.5"),
    ("throughput.py", "--rounds", "2", "--seconds", "1.5", "--ledger", "durable"),
    (
        "latency.py",
        "--rounds",
        "2",
        "--seconds",
        "5",
        "--rate",
        "2000",
        "--charge-points",
        "1000",
        "--message",
        "MeterValues",
    ),
    ("connections.py", "--rounds", "1"),
    ("connections.py", "--fleet", "--minutes", "0.5"),
)


def main(arguments: argparse.Namespace) -> int:
    """Run all, print what they print and the table at the end, and return the exit status."""
    lines: list[Line] = []
    failed = False
    with temporary(arguments.directory) as place:
        for script, *more in BENCHMARKS:
            print(f"\n$ python bench/{' '.join((script, *more))}", flush=True)
            found = place / "found.json"
            found.unlink(missing_ok=True)
            command = [sys.executable, str(HERE / script), *more, "--directory", str(arguments.directory)]
            subprocess.run([*command, "--json", str(found)], check=False)
            if found.exists():
                lines += [Line(**line) for line in json.loads(found.read_text())["lines"]]
            else:
                failed = True
    print()
    if lines:
        table(lines)
    if failed:
        print("(!) a benchmark did not come to its end, see above")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(line) for line in lines]))
    return 1 if failed or not all(line.kept for line in lines) else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--directory", type=Path, default=DISK, help=f"where ledgers are kept; default: {DISK}"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table into this file")
    run(main, parser.parse_args())
