"""How many calls a second one server answers, in closed loop: with the ledger in memory and durable, the message log
off and on, with a hundred charge points and with a thousand.

    python bench/throughput.py
    python bench/throughput.py --rounds 5 --seconds 5 --charge-points 100 1000
"""

import argparse
import itertools
import sys

from attrs import field, frozen
from machine import allow_files
from report import at_least, begin, end, middle, options, ratio, share, warn
from servers import Result, measure, this_server

MORE_CONNECTIONS_LIMIT = 0.7
"""Of the calls with the least charge points, with the most."""

MESSAGE_LOG_LIMIT = 0.7
"""Of the calls without the message log, with it."""


@frozen
class Case:
    """What is measured, and what was, a result a round."""

    message: str
    in_memory: bool
    message_log: bool
    charge_points: int
    rounds: list[Result] = field(factory=list, eq=False)

    @property
    def ledger(self) -> str:
        """Where the ledger is."""
        return "in memory" if self.in_memory else "durable"


def main(arguments: argparse.Namespace) -> int:
    """Measure each case in turn in every round, print a line for each, and return the exit status."""
    allow_files(max(arguments.charge_points))
    machine = begin(arguments)
    print(f"closed loop; medians of {arguments.rounds} rounds of {arguments.seconds:g} s, in turn")
    product = itertools.product(
        ("Heartbeat", "MeterValues"), (True, False), (False, True), arguments.charge_points
    )
    cases = [Case(*each) for each in product if each[0] in arguments.message]
    for _ in range(arguments.rounds):
        for case in cases:
            start = this_server(machine.processors[0], in_memory=case.in_memory, message_log=case.message_log)
            case.rounds.append(
                measure(
                    start,
                    machine.processors[1],
                    arguments.directory,
                    message=case.message,
                    charge_points=case.charge_points,
                    seconds=arguments.seconds,
                )
            )
    print(
        f"{'':<14}{'ledger':<11}{'message log':<13}{'charge points':>13}{'per second':>12}{'lowest':>9}{'highest':>9}"
        f"{'p99 ms':>9}{'server':>8}{'generator':>10}"
    )
    for case in cases:
        rates = [each["rate"] for each in case.rounds]
        server = middle([each["server"] for each in case.rounds], "processor")
        print(
            f"{case.message:<14}{case.ledger:<11}{('off', 'on')[case.message_log]:<13}{case.charge_points:>13}"
            f"{middle(case.rounds, 'rate'):>12.0f}{min(rates):>9.0f}{max(rates):>9.0f}"
            f"{middle(case.rounds, 'p99'):>9.1f}{server:>8.0%}{share(case.rounds)}"
        )
    warn({f"{case.message}, {case.charge_points} charge points": case.rounds for case in cases})
    fewest, most = min(arguments.charge_points), max(arguments.charge_points)
    lines = []
    for case in cases:
        name = f"{case.message}, ledger {case.ledger}"
        if case.message_log:
            without = cases[cases.index(Case(case.message, case.in_memory, False, case.charge_points))]
            what = f"{name}, {case.charge_points} charge points: message log on / off"
            lines.append(at_least(what, ratio(case.rounds, without.rounds), MESSAGE_LOG_LIMIT))
        elif case.charge_points == most > fewest:
            few = cases[cases.index(Case(case.message, case.in_memory, False, fewest))]
            what = f"{name}: {most} / {fewest} charge points"
            lines.append(at_least(what, ratio(case.rounds, few.rounds), MORE_CONNECTIONS_LIMIT))
    rows: list[Result] = [
        {
            "message": case.message,
            "ledger": case.ledger,
            "message_log": case.message_log,
            "charge_points": case.charge_points,
            "rounds": case.rounds,
        }
        for case in cases
    ]
    return end(arguments, machine, rows, lines)


if __name__ == "__main__":
    parser = options(__doc__, rounds=5, seconds=3.0)
    parser.add_argument("--charge-points", type=int, nargs="+", default=[100, 1000])
    messages = ("Heartbeat", "MeterValues")
    parser.add_argument("--message", nargs="+", default=messages, choices=messages)
    sys.exit(main(parser.parse_args()))
