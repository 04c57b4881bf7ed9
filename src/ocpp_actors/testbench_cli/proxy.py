"""``ocpp-actors testbench proxy``: faults between any charge point and any central system."""

import functools
import json
import random
import signal
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from ocpp_actors.logs import printable
from ocpp_actors.testbench_cli.reader import reader_has_left

if TYPE_CHECKING:
    from ocpp_actors.testbench.links.conditions import LinkConditions
    from ocpp_actors.testbench.links.schedule import Schedule
    from ocpp_actors.testbench.target import Target
    from ocpp_actors.testbench.wire import Happening, Wire

MAX_WIRES: Final = 10_000
"""Charge points whose frames are shown; identities beyond are carried, but not shown."""


@click.command()
@click.option("--upstream", required=True, metavar="URL", help="The central system: ws://HOST:PORT/PATH.")
@click.option(
    "--listen",
    default="127.0.0.1:0",
    metavar="HOST:PORT",
    help="Where charge points connect; port 0 picks a free one. Default: 127.0.0.1:0.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="FAULT",
    help="A fault that is always on: a name (stall), or a condition of both directions or of one (latency=0.2, "
    "in.bandwidth=1000). May be given several times.",
)
@click.option(
    "--schedule",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A TOML file with always, steps and random.",
)
@click.option("--seed", type=int, default=1, metavar="N", help="The seed of all that is random. Default: 1.")
@click.option("--frames", is_flag=True, help="Show every frame that passes.")
@click.option(
    "--max-connections",
    type=click.IntRange(1, 1_000_000),
    default=10_000,
    metavar="N",
    help="Connections that are carried at once; others are reset. Default: 10000.",
)
@click.option(
    "--listen-beyond-loopback", is_flag=True, help="Listen on an address that other machines reach, too."
)
@click.option("--upstream-beyond-loopback", is_flag=True, help="Connect to another machine.")
def proxy(
    upstream: str,
    listen: str,
    faults: tuple[str, ...],
    file: Path | None,
    seed: int,
    frames: bool,
    max_connections: int,
    **beyond: bool,
) -> int:
    """Carry connections to a central system, with faults, until SIGINT or SIGTERM.

    Charge points connect to the proxy instead of the central system, under the same path. Each line of the output is
    seconds since the start, identity, and what happened.

    \b
    Examples:
      ocpp-actors testbench proxy --upstream ws://127.0.0.1:9000/ocpp --fault latency=0.2 --fault jitter=0.1
      ocpp-actors testbench proxy --upstream ws://127.0.0.1:9000/ocpp --listen 127.0.0.1:9001 --frames
      ocpp-actors testbench proxy --upstream ws://127.0.0.1:9000/ocpp --schedule faults.toml --seed 7
    """  # noqa: D301
    import trio

    from ocpp_actors.testbench.groups import ungrouped
    from ocpp_actors.testbench.links.conditions import BadFault
    from ocpp_actors.testbench.links.proxy import BeyondLoopback, CannotListen
    from ocpp_actors.testbench.target import NotAUrl, target_of

    try:
        target = target_of(upstream)
        schedule = _schedule(file, faults)
        host, port = _address(listen)
        with ungrouped():
            trio.run(
                functools.partial(_run, target, schedule, seed, host, port, frames, max_connections, beyond)
            )
    except (NotAUrl, BadFault, BeyondLoopback, CannotListen) as error:
        raise click.UsageError(str(error)) from None
    return 0


async def _run(
    target: "Target",
    schedule: "Schedule",
    seed: int,
    host: str,
    port: int,
    frames: bool,
    max_connections: int,
    beyond: Mapping[str, bool],
) -> None:
    import trio

    from ocpp_actors.testbench.links.network import LinkEvent, open_network
    from ocpp_actors.testbench.links.proxy import open_proxy
    from ocpp_actors.testbench.links.schedule import run_timeline, timeline

    began, ending = trio.current_time(), trio.CancelScope()

    def say(identity: str, what: str) -> None:
        try:
            click.echo(printable(f"{trio.current_time() - began:10.3f}  {identity or '*'}  {what}"))
        except BrokenPipeError:
            reader_has_left()
            ending.cancel()

    def tell(event: LinkEvent) -> None:
        say(event.identity, f"{event.kind}: {event.detail}" if event.detail else event.kind)

    chance = random.Random(seed)  # noqa: S311
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals, ending:
        async with (
            open_network(
                chance=chance,
                always=schedule.always,
                tell=tell,
                wire_of=_wires(say) if frames else lambda _identity: None,
                max_connections=max_connections,
            ) as network,
            open_proxy(network, target, host=host, port=port, **beyond) as running,
            trio.open_nursery() as nursery,
        ):
            click.echo(f"Charge points connect to   {running.url}/IDENTITY")
            click.echo(f"The central system is at   {target.url}")
            nursery.start_soon(run_timeline, network, timeline(schedule, chance))
            await anext(signals)
            nursery.cancel_scope.cancel()


def _wires(say: Callable[[str, str], None]) -> Callable[[str], "Wire | None"]:
    from ocpp_actors.testbench.wire import ConnectionChange, Wire, WireFrame

    wires: dict[str, Wire] = {}

    def show(identity: str, happening: "Happening") -> None:
        if isinstance(happening, WireFrame):
            say(identity, f"{happening.direction:<3} {happening.text}")
        elif isinstance(happening, ConnectionChange):
            code = "" if happening.code is None else f" {happening.code}"
            say(identity, f"WebSocket {happening.kind}{code} {happening.reason}".rstrip())

    def wire_of(identity: str) -> Wire | None:
        key = identity.casefold()
        if key not in wires:
            if not identity or len(wires) >= MAX_WIRES:
                return None
            wires[key] = Wire(identity, max_kept=1)
            wires[key].subscribe(functools.partial(show, identity))
        return wires[key]

    return wire_of


def _schedule(file: Path | None, faults: tuple[str, ...]) -> "Schedule":
    from attrs import evolve

    from ocpp_actors.testbench.links.conditions import BadFault
    from ocpp_actors.testbench.links.schedule import schedule_from

    document: Mapping[str, Any] = {}
    if file is not None:
        try:
            document = tomllib.loads(file.read_text("utf-8"))
        except OSError as error:
            raise BadFault(f"the schedule {file} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise BadFault(f"the schedule {file} is no TOML: {error}") from None
    try:
        schedule = schedule_from(document)
    except BadFault as error:
        raise BadFault(f"{file}: {error}") from None
    always = schedule.always
    for conditions in _always(faults):
        always = conditions.over(always)
    return evolve(schedule, always=always)


def _always(faults: tuple[str, ...]) -> Iterator["LinkConditions"]:
    from ocpp_actors.testbench.links.conditions import DIRECTIONS, BadFault, conditions_from

    for fault in faults:
        name, equals, value = fault.partition("=")
        direction, dot, key = name.partition(".")
        mapping: dict[str, Any] = {name: _value(value)} if equals else {"fault": name}
        if equals and dot and direction in DIRECTIONS:
            mapping = {direction: {key: _value(value)}}
        try:
            yield conditions_from(mapping)
        except BadFault as error:
            raise BadFault(f"--fault {fault}: {error}") from None


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise click.UsageError(f"--listen is {listen!r}: write it as HOST:PORT, such as 127.0.0.1:9001")
    return host.removeprefix("[").removesuffix("]"), int(port)
