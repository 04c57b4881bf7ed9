"""How many calls a second one server answers, in closed loop: with the ledger in memory and durable, the message log
off and on, with a hundred charge points and with a thousand.

    python bench/throughput.py
    python bench/throughput.py --rounds 5 --seconds 5 --charge-points 100 1000
"""

import argparse
import itertools

from attrs import evolve, field, frozen
from machine import allow_files
from report import Line, at_least, begin, end, middle, options, ratio, run, share, warn
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
        arguments.message,
        (ledger == "memory" for ledger in arguments.ledger),
        (log == "on" for log in arguments.message_log),
        arguments.charge_points,
    )
    cases = [Case(*each) for each in product]
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
                    warm_up=arguments.warm_up,
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
    return end(arguments, machine, rows, lines_of(cases))


def lines_of(cases: list[Case]) -> list[Line]:
    """Return what the message log and more charge points cost, as far as it was measured."""
    lines = []
    fewest = min(case.charge_points for case in cases)
    for case in cases:
        name = f"{case.message}, ledger {case.ledger}"
        without = evolve(case, message_log=False)
        few = evolve(case, charge_points=fewest)
        if case.message_log and without in cases:
            what = f"{name}, {case.charge_points} charge points: message log on / off"
            found = ratio(case.rounds, cases[cases.index(without)].rounds)
            lines.append(at_least(what, found, MESSAGE_LOG_LIMIT))
        elif not case.message_log and case.charge_points > fewest:
            what = f"{name}: {case.charge_points} / {fewest} charge points"
            found = ratio(case.rounds, cases[cases.index(few)].rounds)
            lines.append(at_least(what, found, MORE_CONNECTIONS_LIMIT))
    return lines


if __name__ == "__main__":
    parser = options(__doc__, rounds=5, seconds=3.0)
    parser.add_argument("--charge-points", type=int, nargs="+", default=[100, 1000])
    for name, *choices in (
        ("--message", "Heartbeat", "MeterValues"),
        ("--ledger", "memory", "durable"),
        ("--message-log", "off", "on"),
    ):
        parser.add_argument(name, nargs="+", default=choices, choices=choices)
    run(main, parser.parse_args())
