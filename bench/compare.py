"""This server beside its peers, in turn in each round: mobilityhouse's ``ocpp`` on ``websockets`` with its default
validation, and ``ocpp-rpc`` in strict mode. Both answer and store nothing. They are installed into a temporary
directory, from the package indexes that pip and npm are set up for; all Python servers run on the same interpreter.

    python bench/compare.py
    python bench/compare.py --rounds 5 --seconds 5 --peers build/peers
"""

import argparse
from contextlib import ExitStack
from pathlib import Path

from attrs import field, frozen
from installing import NotInstalled, mobilityhouse, ocpp_rpc
from machine import allow_files
from report import Line, at_least, begin, end, middle, options, ratio, run, share, warn
from servers import Result, Start, measure, temporary, this_server

THIS, IN_MEMORY = "this server", "this server, ledger in memory"
MOBILITYHOUSE, OCPP_RPC = "mobilityhouse", "ocpp-rpc"
LIMITS = (
    ("Heartbeat", THIS, MOBILITYHOUSE, 2.8),
    ("MeterValues", IN_MEMORY, MOBILITYHOUSE, 7.0),
    ("MeterValues", THIS, MOBILITYHOUSE, 4.0),
    ("Heartbeat", THIS, OCPP_RPC, 0.45),
    ("MeterValues", IN_MEMORY, OCPP_RPC, 0.35),
)


@frozen
class Case:
    """A server under one kind of message, and what was measured, a result a round."""

    server: str
    message: str
    start: Start
    rounds: list[Result] = field(factory=list)


def main(arguments: argparse.Namespace) -> int:
    """Measure all servers in turn in every round, print the tables, and return the exit status."""
    allow_files(arguments.charge_points)
    machine = begin(arguments)
    core = machine.processors[0]
    with ExitStack() as stack:
        peers = arguments.peers or stack.enter_context(temporary(arguments.directory))
        peers.mkdir(parents=True, exist_ok=True)
        servers = {THIS: this_server(core), IN_MEMORY: this_server(core, in_memory=True)}
        for name, install in ((MOBILITYHOUSE, mobilityhouse), (OCPP_RPC, ocpp_rpc)):
            try:
                version, servers[name] = install(peers.resolve(), core)
            except NotInstalled as reason:
                print(f"{name} is left out: {reason}")
            else:
                print(f"{name}: {version}")
        cases = [
            Case(name, message, start)
            for message in arguments.message
            for name, start in servers.items()
            if (name, message) != (IN_MEMORY, "Heartbeat")  # a Heartbeat waits for no ledger
        ]
        _measure(cases, arguments, machine.processors[1])
    rows: list[Result] = [
        {"server": case.server, "message": case.message, "rounds": case.rounds} for case in cases
    ]
    return end(arguments, machine, rows, _lines(cases))


def _measure(cases: list[Case], arguments: argparse.Namespace, processor: int) -> None:
    print(
        f"{arguments.charge_points} charge points, closed loop; message log off; "
        f"medians of {arguments.rounds} rounds of {arguments.seconds:g} s, in turn"
    )
    for _ in range(arguments.rounds):
        for case in cases:
            case.rounds.append(
                measure(
                    case.start,
                    processor,
                    arguments.directory,
                    message=case.message,
                    charge_points=arguments.charge_points,
                    seconds=arguments.seconds,
                    warm_up=arguments.warm_up,
                )
            )
    print(
        f"{'':<14}{'':<31}{'per second':>11}{'lowest':>9}{'highest':>9}{'p99 ms':>9}{'server':>8}{'generator':>10}"
    )
    for case in cases:
        rates = [each["rate"] for each in case.rounds]
        server = middle([each["server"] for each in case.rounds], "processor")
        print(
            f"{case.message:<14}{case.server:<31}{middle(case.rounds, 'rate'):>11.0f}{min(rates):>9.0f}"
            f"{max(rates):>9.0f}{middle(case.rounds, 'p99'):>9.1f}{server:>8.0%}{share(case.rounds)}"
        )
    warn({f"{case.message}, {case.server}": case.rounds for case in cases})


def _lines(cases: list[Case]) -> list[Line]:
    measured = {(case.message, case.server): case.rounds for case in cases}
    return [
        at_least(
            f"{message}: {ours} / {peer}", ratio(measured[message, ours], measured[message, peer]), limit
        )
        for message, ours, peer, limit in LIMITS
        if (message, ours) in measured and (message, peer) in measured
    ]


if __name__ == "__main__":
    parser = options(__doc__, rounds=5, seconds=3.0)
    parser.add_argument("--charge-points", type=int, default=100)
    messages = ("Heartbeat", "MeterValues")
    parser.add_argument("--message", nargs="+", default=messages, choices=messages)
    parser.add_argument(
        "--peers", type=Path, help="where the peers are installed, and kept for the next time"
    )
    run(main, parser.parse_args())
