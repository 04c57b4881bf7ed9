"""Counts what many charge points experience, in little room."""

from collections import Counter

from attrs import define, field

from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.protocol.frames import CallError
from ocpp_actors.testbench.measuring.distribution import Distribution
from ocpp_actors.testbench.wire import ConnectionChange, Exchange, Happening, Wire


@define
class Latencies:
    """Response times."""

    _all: Distribution = field(init=False, factory=Distribution)

    @property
    def count(self) -> int:
        """How many there were."""
        return self._all.count

    def add(self, seconds: float) -> None:
        """Count one."""
        self._all.add(seconds)

    def quantile(self, fraction: float) -> float | None:
        """Return the seconds within which this fraction was answered; None: there was none."""
        return self._all.quantile(fraction) if self._all.count else None


@define
class Tally:
    """What was seen on the wires that it follows."""

    connected: int = 0
    """At present."""
    opened: int = 0
    refused: int = 0
    lost: int = 0
    sent: int = 0
    """Requests of charge points that were answered."""
    received: int = 0
    """Commands that charge points answered."""
    call_errors: Counter[str] = field(factory=Counter)
    """By action and error code, of the requests of charge points."""
    started: int = 0
    """Transactions."""
    stopped: int = 0
    latencies: Latencies = field(factory=Latencies)

    def follow(self, wire: Wire) -> None:
        """Count what happens on a wire from now on."""
        wire.subscribe(self._take)

    def _take(self, happening: Happening) -> None:
        if isinstance(happening, ConnectionChange):
            self._take_change(happening)
        elif isinstance(happening, Exchange):
            self._take_exchange(happening)

    def _take_change(self, change: ConnectionChange) -> None:
        match change.kind:
            case "opened":
                self.connected += 1
                self.opened += 1
            case "closed":
                self.connected -= 1
                self.lost += 1
            case "refused":
                self.refused += 1

    def _take_exchange(self, exchange: Exchange) -> None:
        if exchange.asked.sender is Role.CENTRAL_SYSTEM:
            self.received += 1
            return
        self.sent += 1
        self.latencies.add(exchange.seconds)
        if isinstance(exchange.reply, CallError):
            self.call_errors[f"{exchange.action} {exchange.reply.code}"] += 1
        elif exchange.action == "StartTransaction":
            self.started += 1
        elif exchange.action == "StopTransaction":
            self.stopped += 1
