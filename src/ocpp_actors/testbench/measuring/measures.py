"""Everything that is measured in a session, fed by the wires."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from attrs import define, field, frozen

from ocpp_actors.protocol.catalogue import Role
from ocpp_actors.protocol.frames import CallError, CallResult
from ocpp_actors.testbench.measuring import accuracy
from ocpp_actors.testbench.measuring.connections import Connection, Span
from ocpp_actors.testbench.measuring.distribution import Distribution, Series
from ocpp_actors.testbench.measuring.transactions import Books
from ocpp_actors.testbench.wire import ConnectionChange, Exchange, Happening, Wire, WireFrame

MAX_EVENTS: Final = 2000
MAX_WRONG: Final = 20
MAX_TIMELINES: Final = 300
"""Chargers whose timeline is drawn; of the others only the numbers are kept."""

REBOOT: Final = 60.0
"""Seconds that a charger has to come back after it was told to reset, or installed firmware."""

SERVER: Final = "server"

DAMAGE: Final = "damage"
"""The excuse of a wire whose bytes may be others when they arrive."""

_REBOOTING: Final = {"Installing", "Installed", "InstallRebooting"}


@frozen
class Event:
    """Something that was done to the session: a fault, a restart. ``who`` is a charger, or empty for all."""

    at: float
    until: float
    kind: str
    text: str
    who: str = ""


@define
class Charger:
    """What is measured of one charger."""

    identity: str
    kind: str
    connection: Connection
    frames: int = 0
    call_errors: int = 0
    response_times: Distribution = field(factory=Distribution)
    rebooting_until: float | None = None


@define(eq=False)
class Followed:
    """A wire that is measured. While it is excused, for any reason, what passes counts as throughput only, and for the
    books unless the reason is DAMAGE.
    """

    excuses: set[str] = field(factory=set)

    def excuse(self, why: str, on: bool) -> None:
        """Let a reason begin, or end."""
        (self.excuses.add if on else self.excuses.discard)(why)


@define(eq=False)
class Measures:
    """Measures from ``began_at`` on; all times are of trio's clock."""

    began_at: float
    response_times: dict[str, Distribution] = field(factory=dict)
    """Of the central system's answers, by action."""
    command_times: dict[str, Distribution] = field(factory=dict)
    """Of the chargers' answers, by action."""
    series: Series = field(factory=Series)
    call_errors: Counter[tuple[str, str]] = field(factory=Counter)
    """By who sent them, and code."""
    chargers: dict[str, Charger] = field(factory=dict)
    events: list[Event] = field(factory=list)
    books: Books = field(factory=Books)
    frames: int = 0
    judged_right: int = 0
    judged_wrong: int = 0
    wrong: list[str] = field(factory=list)
    connected: int = 0
    connected_over_time: list[tuple[float, int]] = field(factory=list)
    server_down_since: float | None = None
    closed: bool = False

    # --- what is fed -------------------------------------------------------------------------------------------

    def add_charger(self, wire: Wire, kind: str, reconnect_interval: float) -> Followed:
        """Measure a charger from now on: it is expected to be connected once it is up()."""
        charger = Charger(wire.identity, kind, Connection(reconnect_interval, self.began_at))
        self.chargers[wire.identity] = charger
        charger.connection.down("off", self.began_at)
        if wire.connected:
            self._change(charger, ConnectionChange(0, self.began_at, "opened"))
        followed = Followed()
        wire.subscribe(lambda happening: self._hear(charger.identity, charger, followed, happening))
        return followed

    def follow(self, wire: Wire) -> Followed:
        """Measure what passes on a wire that comes and goes as a scenario likes."""
        followed = Followed()
        wire.subscribe(lambda happening: self._hear(wire.identity, None, followed, happening))
        return followed

    def down(self, identity: str, why: str, at: float) -> None:
        """A charger cannot be connected from now on: its power or its link is cut."""
        if identity in self.chargers and not self.closed:
            self.chargers[identity].connection.down(why, at)

    def up(self, identity: str, why: str, at: float) -> None:
        """What kept a charger from being connected is over."""
        if identity in self.chargers and not self.closed:
            self.chargers[identity].connection.up(why, at)

    def server(self, up: bool, at: float) -> None:
        """The server went, or is back."""
        if self.closed:
            return
        if up and self.server_down_since is not None:
            self.event(Event(self.server_down_since, at, SERVER, "the server was down"))
            self.server_down_since = None
        elif not up and self.server_down_since is None:
            self.server_down_since = at
        for charger in self.chargers.values():
            (charger.connection.up if up else charger.connection.down)(SERVER, at)

    def event(self, event: Event) -> None:
        """Something was done to the session; beyond a number events are not kept."""
        if len(self.events) < MAX_EVENTS:
            self.events.append(event)

    # --- what is read ------------------------------------------------------------------------------------------

    def close(self, at: float) -> None:
        """Count all time up to now; what happens later does not count any more."""
        for charger in self.chargers.values():
            self._advance(charger, at)
        if self.server_down_since is not None:
            self.event(Event(self.server_down_since, at, SERVER, "the server was down"))
        self.closed = True

    @property
    def stability(self) -> float | None:
        """Connection stability; None where there are no chargers, or none was expected to be connected yet."""
        connections = [each.connection for each in self.chargers.values()]
        expected = sum(each.expected_seconds for each in connections)
        return sum(each.connected_seconds for each in connections) / expected if expected else None

    @property
    def accuracy(self) -> float | None:
        """Share of the messages that were judged right; None where none was judged."""
        judged = self.judged_right + self.judged_wrong
        return self.judged_right / judged if judged else None

    @property
    def all_response_times(self) -> Distribution:
        """The response times of all actions."""
        return _together(self.response_times.values())

    @property
    def timelines(self) -> list[tuple[str, list[Span]]]:
        """The timelines of the chargers, up to a number of those with the most outages."""
        worst = sorted(self.chargers.values(), key=lambda each: -each.connection.outages)[:MAX_TIMELINES]
        shown = {each.identity for each in worst}
        return [
            (each.identity, each.connection.spans)
            for each in self.chargers.values()
            if each.identity in shown
        ]

    # --- hearing -----------------------------------------------------------------------------------------------

    def _hear(self, identity: str, charger: Charger | None, followed: Followed, happening: Happening) -> None:
        if self.closed:
            return
        match happening:
            case WireFrame():
                self.frames += 1
                self.series.at(happening.at - self.began_at).frames += 1
                if charger is not None:
                    charger.frames += 1
                if isinstance(happening.frame, CallError):
                    self.call_errors[str(happening.sender), happening.frame.code] += 1
                    if charger is not None:
                        charger.call_errors += 1
            case Exchange():
                self._exchange(identity, charger, followed, happening)
            case ConnectionChange():
                self._change(charger, happening)

    def _exchange(
        self, identity: str, charger: Charger | None, followed: Followed, exchange: Exchange
    ) -> None:
        if exchange.asked.sender is Role.CENTRAL_SYSTEM:
            self.command_times.setdefault(exchange.action, Distribution()).add(exchange.seconds)
            if charger is not None and exchange.action == "Reset" and _accepted(exchange):
                self._rebooting(charger, exchange.answered.at)
            return
        if charger is not None and _installs(exchange):
            self._rebooting(charger, exchange.answered.at)
        if DAMAGE not in followed.excuses:
            self.books.note(identity, exchange)
        if followed.excuses:
            return
        self.response_times.setdefault(exchange.action, Distribution()).add(exchange.seconds)
        self.series.at(exchange.answered.at - self.began_at).response_times.add(exchange.seconds)
        if charger is not None:
            charger.response_times.add(exchange.seconds)
        right = accuracy.judged_right(exchange)
        if right is False:
            self.judged_wrong += 1
            if len(self.wrong) < MAX_WRONG:
                self.wrong.append(accuracy.told(identity, exchange))
        elif right:
            self.judged_right += 1

    def _change(self, charger: Charger | None, change: ConnectionChange) -> None:
        if charger is None:
            return
        self._advance(charger, change.at)
        was = charger.connection.connected
        if change.kind == "opened":
            charger.connection.opened(change.at)
            charger.connection.up("reboot", change.at)
            charger.rebooting_until = None
        elif change.kind == "closed":
            if charger.rebooting_until is not None:
                charger.connection.down("reboot", change.at)
            charger.connection.closed(change.at)
        if charger.connection.connected != was:
            self.connected += 1 if charger.connection.connected else -1
            self._draw_connected(change.at)

    def _rebooting(self, charger: Charger, at: float) -> None:
        charger.rebooting_until = at + REBOOT

    def _advance(self, charger: Charger, at: float) -> None:
        until = charger.rebooting_until
        if until is not None and at >= until:
            charger.connection.up("reboot", until)
            charger.rebooting_until = None
        charger.connection.advance(at)

    def _draw_connected(self, at: float) -> None:
        step = self.series.width / 4
        points = self.connected_over_time
        if points and at - points[-1][0] < step:
            points[-1] = (points[-1][0], self.connected)
        else:
            points.append((at, self.connected))


def _together(distributions: Iterable[Distribution]) -> Distribution:
    whole = Distribution()
    for each in distributions:
        whole.merge(each)
    return whole


def _accepted(exchange: Exchange) -> bool:
    reply = exchange.reply
    return (
        isinstance(reply, CallResult)
        and isinstance(reply.payload, dict)
        and reply.payload.get("status") == "Accepted"
    )


def _installs(exchange: Exchange) -> bool:
    return (
        exchange.action in {"FirmwareStatusNotification", "SignedFirmwareStatusNotification"}
        and isinstance(exchange.payload, dict)
        and exchange.payload.get("status") in _REBOOTING
    )
