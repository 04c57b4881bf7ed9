"""How a crowd of simulated charge points gets on: a table on a terminal, lines in a file, JSON for programs."""

import sys
from typing import Any, Final, Protocol

import rich_click as click
import trio
from attrs import define, field
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ocpp_actors.operator_cli.output import print_json, shown
from ocpp_actors.testbench.simulated.charge_point import SimulatedChargePoint
from ocpp_actors.testbench.simulated.crowd import Crowd

LINE_EVERY: Final = 5.0
"""Seconds between two lines."""

PICTURE_EVERY: Final = 0.5
"""Seconds between two pictures on a terminal."""

MAX_ROWS: Final = 20
"""Charge points in the table."""

_QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class View(Protocol):
    """Tells how a crowd gets on."""

    async def show(self) -> None:
        """Show the present, again and again, until cancelled."""
        ...

    def summary(self) -> None:
        """Print what came of it."""
        ...


def view_for(crowd: Crowd, *, as_json: bool) -> View:
    """Return the view for the standard output."""
    if as_json:
        return JsonLines(crowd)
    return Picture(crowd) if sys.stdout.isatty() else Lines(crowd)


def numbers(crowd: Crowd) -> dict[str, Any]:
    """Return what is known of a crowd, for programs. Times are in seconds."""
    tally = crowd.tally
    return {
        "chargePoints": len(crowd.identities),
        "broken": len(crowd.broken),
        "connected": tally.connected,
        "connections": tally.opened,
        "refused": tally.refused,
        "exchanges": tally.sent,
        "commands": tally.received,
        "responseTimes": {name: _rounded(tally.latencies.quantile(at)) for name, at in _QUANTILES.items()},
        "callErrors": dict(tally.call_errors),
        "transactionsStarted": tally.started,
        "transactionsStopped": tally.stopped,
        "charging": crowd.charging,
        "powerW": round(crowd.watts),
    }


def line(crowd: Crowd) -> str:
    """Return the present in one line."""
    tally = crowd.tally
    return (
        f"{tally.connected} of {len(crowd.identities)} connected, {tally.sent} exchanges, "
        f"{tally.received} commands, {_times(crowd)}, {sum(tally.call_errors.values())} CALLERRORs, "
        f"{crowd.charging} charging, {crowd.watts / 1000:.1f} kW"
    )


def summary_lines(crowd: Crowd) -> list[str]:
    """Return what came of it, line by line."""
    tally = crowd.tally
    lines = [
        f"connections: {tally.opened} opened, {tally.refused} refused",
        f"exchanges: {tally.sent} requests answered, {tally.received} commands answered",
        f"response times: {_times(crowd)}",
        f"transactions: {tally.started} started, {tally.stopped} stopped",
        f"CALLERRORs: {sum(tally.call_errors.values()) or 'none'}",
    ]
    if crowd.broken:
        lines.insert(0, f"broken: {len(crowd.broken)} of {len(crowd.identities)}, {', '.join(crowd.broken)}")
    return lines + [f"  {count} {shown(what)}" for what, count in tally.call_errors.most_common()]


def _times(crowd: Crowd) -> str:
    latencies = crowd.tally.latencies
    if not latencies.count:
        return "no response times"
    return ", ".join(f"{name} {_milliseconds(latencies.quantile(at))}" for name, at in _QUANTILES.items())


def _milliseconds(seconds: float | None) -> str:
    return f"{(seconds or 0) * 1000:.3g} ms"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


@define
class Lines:
    """A line every few seconds."""

    crowd: Crowd

    async def show(self) -> None:
        """Print the present."""
        while True:
            await trio.sleep(LINE_EVERY)
            click.echo(line(self.crowd))

    def summary(self) -> None:
        """Print what came of it."""
        for text in summary_lines(self.crowd):
            click.echo(text)


@define
class JsonLines:
    """An object a line; the last has ``summary`` set."""

    crowd: Crowd

    async def show(self) -> None:
        """Print the present."""
        while True:
            await trio.sleep(LINE_EVERY)
            print_json({"summary": False, **numbers(self.crowd)})

    def summary(self) -> None:
        """Print what came of it."""
        print_json({"summary": True, **numbers(self.crowd)})


@define
class Picture:
    """A table that is drawn anew."""

    crowd: Crowd
    console: Console = field(factory=Console)

    async def show(self) -> None:
        """Draw the present."""
        with Live(self._drawn(), console=self.console, auto_refresh=False, transient=True) as live:
            while True:
                await trio.sleep(PICTURE_EVERY)
                live.update(self._drawn(), refresh=True)

    def summary(self) -> None:
        """Print what came of it."""
        for text in summary_lines(self.crowd):
            self.console.print(text, highlight=False, markup=False)

    def _drawn(self) -> Group:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for header in ("charge point", "link", "connectors", "kW", "kWh", "last"):
            table.add_column(header, justify="right" if header.startswith("kW") else "left", no_wrap=True)
        for station in self.crowd.stations[:MAX_ROWS]:
            table.add_row(*map(Text, _row(station)))
        left_out = len(self.crowd.stations) - MAX_ROWS
        more = [Text(f"… and {left_out} more")] if left_out > 0 else []
        return Group(Text(line(self.crowd)), table, *more)


def _row(station: SimulatedChargePoint) -> list[str]:
    controller = station.controller
    statuses = controller.places.statuses.values() if controller is not None else ()
    meters = [outlet.meter for outlet in station.outlets.values()]
    last = station.wire.exchanges[-1].action if station.wire.exchanges else ""
    return [
        shown(station.identity),
        "up" if station.wire.connected else "down",
        " ".join(statuses),
        f"{sum(meter.power_w for meter in meters) / 1000:.1f}",
        f"{sum(meter.register_wh for meter in meters) / 1000:.1f}",
        shown(last),
    ]
