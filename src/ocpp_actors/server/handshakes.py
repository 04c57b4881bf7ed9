"""How many handshakes are in progress, and whose: strangers take neither every place nor the time of the loop.

There are ``MAX_HANDSHAKES`` places. When they are taken, the oldest handshake that waits for its peer makes room: a
charge point sends its request as soon as it is connected, so it is hardly ever one of those.

An address with many failures has few places, and comes through a slow lane, whatever it sends; what does not fit is
closed at once, which costs a small part of what an answer costs. The right charge point behind the same address is
slowed, not locked out. A reverse proxy speaks for many, so one that is trusted is never slowed.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import attrgetter
from random import Random
from typing import Final

import trio
from attrs import define, field

from ocpp_actors.homes import home_of
from ocpp_actors.server.failures import Failures

PATIENCE: Final = 0.5
"""Seconds that a peer has for its request, at least, before it may have to make room: what TLS takes over a mobile
network. With 500 places, 1000 silent strangers a second pass."""

FAILURES_AT_ONCE: Final = 50.0
FAILURE_RATE: Final = 2.0
"""Failed handshakes of one address at once, and then a second, that are few: a site where some charge points have a
wrong key and try again twice a minute has fewer, and so has a load balancer that looks whether the port is open."""

LANE_RATE: Final = 50.0
"""Handshakes a second in the slow lane, of all addresses together: at one or two milliseconds each, they take less than
a tenth of the loop's time."""

LANE_WAIT: Final = 2.0
"""Seconds that one may have to wait there, so that it is still served while its peer is there."""

LANE_PLACES: Final = 10
"""Handshakes of one address in the slow lane, waiting or in progress: one stranger does not fill it."""

LANE_CHANCE: Final = 0.1
"""Chance that one for which the lane has no place takes that of one that waits, which is closed instead: who comes
more often than others, or at the right moment, gains nothing, and still most cost nothing."""

LOOK_AGAIN: Final = 0.05
"""Seconds between two looks for a handshake that may have to make room."""


@define(eq=False)
class Place:
    """A handshake in progress. Its peer's turn comes at ``turn``; ``drop`` closes its connection."""

    _handshakes: "Handshakes"
    address: str
    turn: float
    drop: Callable[[], None]
    home: str = field(init=False)
    """What failures count for."""
    replaced: trio.Event = field(init=False, factory=trio.Event)
    _has_asked: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self.home = home_of(self.address)

    async def wait_turn(self) -> bool:
        """Wait until its turn: only in the slow lane that is later than now. False: another one took it."""
        if self.turn > trio.current_time():
            with trio.move_on_at(self.turn):
                await self.replaced.wait()
        return not self.replaced.is_set()

    @contextmanager
    def our_turn(self) -> Iterator[None]:
        """Say that the peer has spoken, and waits for us during the block, which does not count as its time."""
        self.asked()
        begun = trio.current_time()
        yield
        self._has_asked = False
        self.turn += trio.current_time() - begun
        self._handshakes.waits(self)

    def asked(self) -> None:
        """Say that the peer has sent its request: what takes time from now on is our work."""
        self._has_asked = True
        self._handshakes.asked(self)

    def failed(self) -> None:
        """Count a failure of the peer's address."""
        self._handshakes.failed(self)

    def ran_out(self) -> None:
        """Say that its time is over: a failure of the peer, if it is the peer that we waited for."""
        if not self._has_asked:
            self.failed()

    def leave(self) -> None:
        """Say that it is over; once is enough."""
        self._handshakes.leave(self)


class Handshakes:
    """Gives places to handshakes, at most ``limit`` at a time. ``trusted`` tells reverse proxies by their address."""

    def __init__(self, limit: int, trusted: Callable[[str], bool], chance: Random) -> None:
        self._chance = chance
        self._limit = limit
        self._trusted = trusted
        self._failures = Failures(FAILURE_RATE, FAILURES_AT_ONCE)
        self._taken: dict[Place, None] = {}
        self._of: Counter[str] = Counter()
        self._silent: dict[str, dict[Place, None]] = {}
        self._one_left = trio.Event()
        self._next_turn = trio.current_time()

    async def place(self, address: str, drop: Callable[[], None]) -> Place | None:
        """Wait for a place; None: the address has enough, and the connection is to be closed."""
        place = Place(self, address, trio.current_time(), drop)
        if not self._failures.few(place.home):
            return self._take(place) if self._has_slow_room(place) else None
        while not self._has_room():
            with trio.move_on_after(LOOK_AGAIN):
                await self._one_left.wait()
        place.turn = trio.current_time()
        return self._take(place)

    def apart(self, address: str) -> Place:
        """Return a place that does not count, for a connection that nobody accepted."""
        return Place(self, address, trio.current_time(), lambda: None)

    def asked(self, place: Place) -> None:
        """See Place."""
        self._silent.get(place.home, {}).pop(place, None)

    def waits(self, place: Place) -> None:
        """See Place."""
        if place in self._taken:
            self._silent[place.home][place] = None

    def failed(self, place: Place) -> None:
        """See Place."""
        if not self._trusted(place.address):
            self._failures.count(place.home)

    def leave(self, place: Place) -> None:
        """See Place."""
        if place not in self._taken:
            return
        del self._taken[place]
        self.asked(place)
        self._of[place.home] -= 1
        if not self._of[place.home]:
            del self._of[place.home]
            del self._silent[place.home]
        self._one_left.set()
        self._one_left = trio.Event()

    def _has_slow_room(self, place: Place) -> bool:
        """Whether the slow lane takes it; if so, it has a turn there."""
        now = place.turn
        if not self._has_room():
            return False
        turn = max(now, self._next_turn)
        crowded = self._of[place.home] >= LANE_PLACES and not self._makes_room(place.home)
        if crowded or turn - now > LANE_WAIT:
            return self._chance.random() < LANE_CHANCE and self._replaces(
                place, place.home if crowded else None
            )
        self._next_turn = turn + 1 / LANE_RATE
        place.turn = turn
        return True

    def _replaces(self, place: Place, home: str | None) -> bool:
        """Whether it takes the turn of one that waits, of that ``home`` or of any."""
        waiting = [each for each in self._taken if each.turn > place.turn and home in (None, each.home)]
        if not waiting:
            return False
        other = self._chance.choice(waiting)
        place.turn = other.turn
        other.replaced.set()
        other.drop()
        self.leave(other)
        return True

    def _take(self, place: Place) -> Place:
        self._taken[place] = None
        self._of[place.home] += 1
        self._silent.setdefault(place.home, {})[place] = None
        return place

    def _has_room(self) -> bool:
        """Whether there is a free place, if need be after the address that keeps us waiting most has made room."""
        if len(self._taken) < self._limit:
            return True
        return self._makes_room(max(self._silent, key=lambda home: len(self._silent[home])))

    def _makes_room(self, home: str) -> bool:
        oldest = min(self._silent.get(home, ()), key=attrgetter("turn"), default=None)
        if oldest is None or oldest.turn + PATIENCE > trio.current_time():
            return False
        oldest.drop()
        self.leave(oldest)
        return True
