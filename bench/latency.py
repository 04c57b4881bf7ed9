"""How fast one server answers, in closed loop (each charge point sends its next message when it has its answer) or,
with ``--rate``, in open loop: messages are sent at fixed times, and the wait for their turn counts.

    python bench/latency.py
    python bench/latency.py --rate 2000 --charge-points 1000 --message MeterValues --rounds 5 --seconds 10
"""

import argparse

from machine import allow_files
from report import Line, at_most, begin, end, middle, options, run, share, warn
from servers import Result, measure, this_server

FIGURES = ("rate", "p50", "p95", "p99", "p999", "max")
OPEN_LOOP_LIMITS = {"p99": 10.0, "p999": 50.0, "max": 100.0}
"""Milliseconds, for 2000 MeterValues a second of 1000 charge points with a durable ledger."""


def main(arguments: argparse.Namespace) -> int:
    """Measure each message in turn, print a line for each, and return the exit status."""
    allow_files(arguments.charge_points)
    machine = begin(arguments)
    loop = f"open loop, {arguments.rate:g}/s" if arguments.rate else "closed loop"
    kept = "in memory" if arguments.in_memory else "durable"
    print(
        f"{arguments.charge_points} charge points, {loop}; ledger {kept}, message log {arguments.message_log}; "
        f"medians of {arguments.rounds} rounds of {arguments.seconds:g} s; milliseconds"
    )
    start = this_server(
        machine.processors[0],
        in_memory=arguments.in_memory,
        message_log=arguments.message_log == "on",
    )
    names = ("Heartbeat", "MeterValues") if arguments.message == "both" else (arguments.message,)
    measured: dict[str, list[Result]] = {name: [] for name in names}
    for _ in range(arguments.rounds):
        for name, rounds in measured.items():
            asked = {"message": name, "charge_points": arguments.charge_points, "rate": arguments.rate}
            asked |= {"seconds": arguments.seconds, "warm_up": arguments.warm_up}
            rounds.append(measure(start, machine.processors[1], arguments.directory, **asked))
    print(
        f"{'':<14}{'per second':>12}{'p50':>9}{'p95':>9}{'p99':>9}{'p99.9':>9}{'max':>9}"
        f"{'worst':>9}{'server':>9}{'generator':>10}"
    )
    lines: list[Line] = []
    for name, rounds in measured.items():
        shown = [middle(rounds, figure) for figure in FIGURES]
        worst = max(each["max"] for each in rounds)
        server = middle([each["server"] for each in rounds], "processor")
        print(
            f"{name:<14}{shown[0]:>12.0f}{''.join(f'{figure:>9.2f}' for figure in shown[1:])}"
            f"{worst:>9.2f}{server:>9.0%}{share(rounds)}"
        )
        if name == "MeterValues" and arguments.rate >= 2000 and arguments.charge_points >= 1000:
            lines += [
                at_most(
                    f"{arguments.rate:g} MeterValues/s, open loop: {figure.replace('p999', 'p99.9')}",
                    middle(rounds, figure),
                    limit,
                    "ms",
                )
                for figure, limit in OPEN_LOOP_LIMITS.items()
            ]
    warn(measured)
    rows: list[Result] = [
        {"message": name, "charge_points": arguments.charge_points, "rate": arguments.rate, "rounds": rounds}
        for name, rounds in measured.items()
    ]
    return end(arguments, machine, rows, lines)


if __name__ == "__main__":
    parser = options(__doc__, rounds=5, seconds=5.0)
    parser.add_argument("--charge-points", type=int, default=100)
    parser.add_argument("--message", default="both", choices=("Heartbeat", "MeterValues", "both"))
    parser.add_argument(
        "--rate", type=float, default=0.0, help="messages a second, in open loop; 0: closed loop"
    )
    parser.add_argument("--in-memory", action="store_true", help="the ledger is in memory")
    parser.add_argument("--message-log", default="off", choices=("on", "off"))
    run(main, parser.parse_args())
