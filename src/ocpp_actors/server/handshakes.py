"""Who waits for a handshake, and whose are in progress: strangers take neither every place nor the time of the loop.

A connection has no task while its peer says nothing, or while it waits for its turn: that is most of a flood, and at a
small part of what a handshake costs. Of those that have spoken a few begin in each turn of the loop, in the order in
which they spoke. ``MAX_HANDSHAKES`` are in progress; when all are, the oldest whose peer keeps us waiting, in the midst
of TLS say, makes room.

An address with many failures has few places, and comes through a slow lane, whatever it sends; what does not fit is
closed at once. The right charge point behind the same address is slowed, not locked out. A reverse proxy speaks for
many, so one that is trusted is never slowed.
"""

import math
import socket
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from operator import attrgetter
from random import Random
from typing import Any, Final

import trio
from attrs import define, field

from ocpp_actors.charge_point.session import Doorbell
from ocpp_actors.homes import home_of
from ocpp_actors.server.arrivals import Arrivals
from ocpp_actors.server.failures import Failures
from ocpp_actors.server.first_words import has_spoken
from ocpp_actors.server.listening import address_of
from ocpp_actors.server.turnstile import Turnstile

PATIENCE: Final = 0.5
"""Seconds that a peer has, at least, before it may have to make room: what TLS takes over a mobile network."""

WAITING: Final = 8192
"""Connections that may wait; one address has half of them. Where few files may be open, there are fewer."""

HEARD_AT_ONCE: Final = 32
"""Connections of which it is looked at whether they have spoken, before others have their turn."""

BEGUN_AT_ONCE: Final = 4
"""Handshakes that begin in one turn of the loop."""

ENDS_FIRST: Final = 6.0
"""Seconds for which connections that end go first, at most: one that comes back before its last connection has ended
costs more, and when thousands were cut, all do."""

FAILURES_AT_ONCE: Final = 50.0
FAILURE_RATE: Final = 2.0
"""Failed handshakes of one address at once, and then a second, that are few: a site where some charge points have a
wrong key and try again twice a minute has fewer, and so has a load balancer that looks whether the port is open."""

LANE_RATE: Final = 20.0
"""Handshakes a second in the slow lane, of all addresses together: at one or two milliseconds each, they take less than
a twentieth of the loop's time."""

LANE_WAIT: Final = 2.0
"""Seconds that one may have to wait there, so that it is still served while its peer is there."""

LANE_PLACES: Final = 10
"""Connections of one address in the slow lane, waiting or in progress: one stranger does not fill it."""

LANE_CHANCE: Final = 0.1
"""Chance that one for which the lane has no place takes that of one that waits, which is closed instead: who comes
more often than others, or at the right moment, gains nothing, and still most cost nothing."""

LOOK_AGAIN: Final = 0.05
"""Seconds between two looks for one that may have to make room."""


@define(eq=False)
class Place:
    """A connection until its handshake is over. ``remote``: its address and port; ``drop`` closes it."""

    _handshakes: "Handshakes"
    remote: str
    drop: Callable[[], None]
    address: str = field(init=False)
    home: str = field(init=False)
    """What failures count for."""
    connection: socket.socket | None = None
    """Where its peer's first words can be seen, if they can; it is not read there."""
    begin: Callable[["Place"], None] = lambda _: None
    """Begins its handshake."""
    patience: float = 0.0
    """Seconds that its handshake may still take."""
    since: float | None = field(init=False, factory=trio.current_time)
    """When the wait for its peer began; None: it waits for us."""
    begun: bool = field(init=False, default=False)
    over: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self.address = address_of(self.remote)
        self.home = home_of(self.address)

    def asked(self) -> None:
        """Say that the peer has sent its request: what takes time from now on is our work."""
        self.since = None

    def failed(self) -> None:
        """Count a failure of the peer's address."""
        self._handshakes.failed(self)

    def ran_out(self) -> None:
        """Say that its time is over: a failure of the peer, if it is the peer that we waited for."""
        if self.since is not None:
            self.failed()

    def leave(self) -> None:
        """Say that it is over; once is enough."""
        self._handshakes.leave(self)

    def keeps_waiting(self) -> bool:
        """Whether we have waited for its peer for as long as others have to bear."""
        return self.since is not None and self.since + PATIENCE <= trio.current_time()


class Handshakes:
    """Lets connections wait and their handshakes begin.

    ``limit``: how many are in progress at a time; ``patience``: seconds that each may take; ``waiting``: how many may
    wait; ``trusted`` tells reverse proxies by their address; ``log`` is told of each that is dropped here; ``ends`` is
    what connections end through.
    """

    def __init__(
        self,
        limit: int,
        patience: float,
        trusted: Callable[[str], bool],
        chance: Random,
        log: Any,
        ends: Turnstile,
        *,
        waiting: int = WAITING,
    ) -> None:
        self._chance = chance
        self._limit = limit
        self._patience = patience
        self._trusted = trusted
        self._log = log
        self._ends = ends
        self._most_waiting = waiting
        self._failures = Failures(FAILURE_RATE, FAILURES_AT_ONCE)
        self._words = Arrivals[Place](HEARD_AT_ONCE)
        # Ordered ones, because the first of a dict is found past all that have gone before it.
        self._silent: OrderedDict[Place, None] = OrderedDict()
        self._silent_of: dict[str, OrderedDict[Place, None]] = {}
        self._one_is_silent = Doorbell()
        self._spoken: deque[Place] = deque()
        self._lane: deque[Place] = deque()
        self._lane_opens = trio.current_time()
        self._slow: dict[Place, None] = {}
        """All of the slow lane: silent, waiting for their turn, in progress."""
        self._one_has_spoken = Doorbell()
        self._in_progress: dict[Place, None] = {}
        self._one_left = trio.Event()

    def apart(self, remote: str) -> Place:
        """Return a place that does not count, for a connection that nobody accepted."""
        return Place(self, remote, lambda: None, patience=self._patience)

    async def enter(
        self,
        remote: str,
        drop: Callable[[], None],
        begin: Callable[[Place], None],
        connection: socket.socket | None = None,
    ) -> None:
        """Let a connection wait for its peer's first words and its turn, or drop it. Waits where there is no room."""
        place = Place(self, remote, drop, connection, begin, self._patience)
        if not self._failures.few(place.home):
            if not self._has_slow_room(place):
                self._turn_away(place, "its address fails often, and the slow lane is full")
                return
            self._slow[place] = None
        elif not self._trusted(place.address) and not self._has_share(place.home):
            self._turn_away(place, "many of its address are silent")
            return
        while not place.over and not self._has_room():
            await self._look_again()
        if place.over:  # another one of the slow lane took its place meanwhile
            return
        place.since = trio.current_time()
        if connection is None:
            self._stand_in_line(place)
            return
        try:
            if has_spoken(connection):
                self._stand_in_line(place)
                return
        except OSError:
            self._went(place)
            return
        try:
            self._words.watch(connection, place)
        except OSError as error:  # the machine has no room for it: epoll_ctl(2)
            self._turn_away(place, str(error.strerror))
            return
        self._silent[place] = None
        self._silent_of.setdefault(place.home, OrderedDict())[place] = None
        self._one_is_silent.ring()

    async def run(self) -> None:
        """Begin handshakes, until this is cancelled; then drop all that wait."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen)
                nursery.start_soon(self._drop_the_silent)
                nursery.start_soon(self._begin)
        finally:
            for place in (*self._silent, *self._spoken, *self._lane):
                self._drop(place)
            self._words.close()

    def failed(self, place: Place) -> None:
        """See Place."""
        if not self._trusted(place.address):
            self._failures.count(place.home)

    def leave(self, place: Place) -> None:
        """See Place."""
        if place.over:
            return
        place.over = True
        self._break_silence(place)
        self._slow.pop(place, None)
        self._in_progress.pop(place, None)
        self._one_left.set()
        self._one_left = trio.Event()

    # --- waiting -----------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        while True:
            for place, last in await self._words.some():
                if not self._has_spoken(place) and last:
                    self._went(place)

    def _has_spoken(self, place: Place) -> bool:
        """Look whether a silent one has spoken; it stands in line then."""
        assert place.connection is not None
        with suppress(OSError):
            if has_spoken(place.connection):
                self._break_silence(place)
                self._stand_in_line(place)
                return True
        return False

    async def _drop_the_silent(self) -> None:
        """Drop those that have said nothing for all of their time."""
        while True:
            oldest = next(iter(self._silent), None)
            if oldest is None:
                await self._one_is_silent.wait()
            elif (until := _since(oldest) + self._patience) > trio.current_time():
                await trio.sleep_until(until)
            else:
                self.failed(oldest)
                self._log.warning("the handshake took too long", remote=oldest.remote, seconds=self._patience)
                self._drop(oldest)
                await trio.lowlevel.checkpoint()

    def _went(self, place: Place) -> None:
        self.failed(place)
        self._log.warning("no charge point", remote=place.remote, reason="the peer left during the handshake")
        self._drop(place)

    def _break_silence(self, place: Place) -> None:
        if place in self._silent:
            assert place.connection is not None
            del self._silent[place]
            own = self._silent_of[place.home]
            del own[place]
            if not own:
                del self._silent_of[place.home]
            self._words.forget(place.connection)

    def _stand_in_line(self, place: Place) -> None:
        place.patience -= trio.current_time() - _since(place)
        place.asked()
        (self._lane if place in self._slow else self._spoken).append(place)
        self._one_has_spoken.ring()

    def _turn_away(self, place: Place, reason: str) -> None:
        self._log.warning("no room for a handshake", remote=place.remote, reason=reason)
        self._drop(place)

    def _drop(self, place: Place) -> None:
        self.leave(place)
        place.drop()

    # --- room --------------------------------------------------------------------------------------------------

    async def _look_again(self) -> None:
        with trio.move_on_after(LOOK_AGAIN):
            await self._one_left.wait()

    def _has_room(self) -> bool:
        """Whether one more may wait, if need be after the one that has kept us waiting longest has made room."""
        if len(self._silent) + len(self._spoken) + len(self._lane) < self._most_waiting:
            return True
        oldest = next(iter(self._silent), None)
        return oldest is not None and self._makes_room(oldest)

    def _has_share(self, home: str) -> bool:
        own = self._silent_of.get(home, ())
        if len(own) < self._most_waiting // 2:
            return True
        oldest = next(iter(own))
        return self._makes_room(oldest) or oldest not in self._silent

    def _has_slow_room(self, place: Place) -> bool:
        """Whether the slow lane takes it."""
        own = [each for each in self._slow if each.home == place.home]
        if len(own) >= LANE_PLACES:
            others = own
        elif len(self._slow) >= LANE_WAIT * LANE_RATE:
            others = list(self._slow)
        else:
            return True
        if any(map(self._makes_room, others)):
            return True
        waiting = [each for each in others if not each.begun]
        if not waiting or self._chance.random() >= LANE_CHANCE:
            return False
        other = self._chance.choice(waiting)
        self._turn_away(other, "its address fails often, and another one took its place in the slow lane")
        with suppress(ValueError):  # it has not spoken yet
            self._lane.remove(other)
        return True

    def _makes_room(self, place: Place) -> bool:
        """Drop it, if it has kept us waiting for long."""
        if not place.keeps_waiting():
            return False
        if place in self._silent and self._has_spoken(place):  # it is we who have not listened
            return False
        self._turn_away(place, "it kept the server waiting, and another one has come")
        return True

    # --- in progress -------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        begun = 0
        while True:
            line = await self._line()
            await self._let_ends_pass()
            while len(self._in_progress) >= self._limit and not self._one_in_progress_makes_room():
                await self._look_again()
            if not line:  # another one of the slow lane took its place meanwhile
                continue
            place = line.popleft()
            if place in self._slow:
                self._lane_opens = trio.current_time() + 1 / LANE_RATE
            place.begun, place.since = True, trio.current_time()
            self._in_progress[place] = None
            place.begin(place)
            begun += 1
            if begun % BEGUN_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()

    async def _let_ends_pass(self) -> None:
        since = self._ends.waiting_since
        if since is not None and (until := since + ENDS_FIRST) > trio.current_time():
            with trio.move_on_at(until):
                await self._ends.all_passed()

    async def _line(self) -> deque[Place]:
        """Wait until one has spoken, and return where it stands; the slow lane opens for one at a time."""
        while True:
            if self._lane and self._lane_opens <= trio.current_time():
                return self._lane
            if self._spoken:
                return self._spoken
            with trio.move_on_at(self._lane_opens if self._lane else math.inf):
                await self._one_has_spoken.wait()

    def _one_in_progress_makes_room(self) -> bool:
        """Drop the oldest that waits for its peer, of the address that keeps us waiting most."""
        waiting = [each for each in self._in_progress if each.since is not None]
        if not waiting:
            return False
        home, _ = Counter(each.home for each in waiting).most_common(1)[0]
        oldest = min((each for each in waiting if each.home == home), key=attrgetter("since"))
        return self._makes_room(oldest)


def _since(place: Place) -> float:
    assert place.since is not None, "it has not begun"
    return place.since
