"""The software of a charge point, from one start to the next: it boots, reports, beats, and does what it is told.

OCPP 1.6 §4.2, §4.6, §5.14.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Final

import trio
from attrs import define, field, frozen

from ocpp_actors.clock import Clock
from ocpp_actors.protocol.frames import Call
from ocpp_actors.protocol.messages import (
    BootNotification,
    BootNotificationResponse,
    Heartbeat,
    HeartbeatResponse,
    Reason,
    RegistrationStatus,
)
from ocpp_actors.testbench.client import Distrusted, Refused
from ocpp_actors.testbench.simulated.access import Access, Way
from ocpp_actors.testbench.simulated.floor import Floor
from ocpp_actors.testbench.simulated.link import Answer, Link
from ocpp_actors.testbench.simulated.memory import Memory, Message, Outlet
from ocpp_actors.testbench.simulated.metering import Metering
from ocpp_actors.testbench.simulated.personality import Personality
from ocpp_actors.testbench.simulated.places import Insides, Places
from ocpp_actors.testbench.simulated.talker import Gate, Reply, Talker
from ocpp_actors.testbench.simulated.timers import Timers
from ocpp_actors.testbench.simulated.upkeep import Upkeep
from ocpp_actors.testbench.target import SecureTarget, Target
from ocpp_actors.testbench.wire import Wire

BOOT_RETRY: Final = 30.0
"""Seconds until the next BootNotification, where the central system did not say, or not answer."""

FLUSH_TIMEOUT: Final = 10.0
"""Seconds for what has to be said before a reset."""

CLOSE_TIMEOUT: Final = 10.0


@frozen
class Make:
    """What a charge point says of itself when it boots."""

    vendor: str = "ocpp-actors"
    model: str = "simulated"
    serial_number: str | None = None
    meter_type: str | None = "simulated"


@define(eq=False, kw_only=True)
class Controller:
    """One run of the software. Whatever is in here is lost when the power is cut."""

    memory: Memory
    outlets: Mapping[int, Outlet]
    make: Make
    target: Target
    secure: SecureTarget | None
    wire: Wire
    clock: Clock
    chance: Random
    personality: Personality
    command: "Callable[[Controller, Call], Answer]"
    on_failure: Callable[[Exception], None]
    link_up: trio.Event
    call_timeout: float
    registration: RegistrationStatus | None = field(init=False, default=None)
    timers: Timers = field(init=False, factory=Timers)
    talker: Talker = field(init=False)
    insides: Insides = field(init=False)
    places: Places = field(init=False)
    metering: Metering = field(init=False)
    floor: Floor = field(init=False)
    upkeep: Upkeep = field(init=False)
    access: Access = field(init=False)
    link: Link = field(init=False)
    _told: set[str] = field(init=False, factory=set)
    """Types of security events of attempts to connect, since the last that succeeded."""
    _boot_due: float = field(init=False, default=0.0)
    _ahead: timedelta = field(init=False, factory=timedelta)
    _afterwards: deque[Callable[[], None]] = field(init=False, factory=deque)
    _rebooting: trio.Event = field(init=False, factory=trio.Event)
    _nursery: trio.Nursery = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.talker = Talker(self.memory, self.personality, self._transaction_answered, self.call_timeout)
        if not self.personality.boots:
            self.talker.open(Gate.OPEN)
        self.insides = Insides(self.memory, self.outlets, self.talker, self.timers, self.now)
        self.places = Places(self.insides)
        self.metering = Metering(self.insides, self.places)
        self.floor = Floor(self.insides, self.places, self.metering)
        self.upkeep = Upkeep(self.insides, self.places, self.start_soon, self.reboot)
        self.access = Access(self.memory, self.target, self.secure, self.now)
        self.link = Link(
            wire=self.wire,
            personality=self.personality,
            talker=self.talker,
            owner=self,
            chance=self.chance,
            on_failure=self._failed,
            up=self.link_up,
        )

    # --- life --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run until the next reboot, or until cancelled, which is a power cut."""
        self.memory.configuration.rebooted()
        self._end_what_was_cut_off()
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self.timers.run)
            self._nursery.start_soon(self.link.run)
            self.floor.watch_reservations()
            self.metering.align()
            for place in self.places:
                self.floor.await_usage(place)
            await self._rebooting.wait()
            self._nursery.cancel_scope.cancel()

    def _end_what_was_cut_off(self) -> None:
        """Transactions do not outlive a power cut; that is told once it is accepted again (§4.10, §5.14)."""
        for number, transaction in list(self.memory.running.items()):
            self.floor.report_stop(transaction, self.outlets[number].meter.wh, self.memory.stop_reason)
            self.memory.profiles.end_transaction(number)
        self.memory.running.clear()
        self.memory.stop_reason = Reason.POWER_LOSS

    def now(self) -> datetime:
        """Return the time of day, as the central system told it (§4.2, §4.6)."""
        return self.clock.now() + self._ahead

    def start_soon(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something beside everything else, until the next start."""
        self._nursery.start_soon(work)

    def afterwards(self, call: Callable[[], None]) -> None:
        """Call it as soon as the command in hand is answered."""
        self._afterwards.append(call)

    def reboot(self) -> None:
        """Start anew, once what has to be said is said."""
        self.start_soon(self._reboot)

    async def _reboot(self) -> None:
        if self.talker.online:
            with trio.move_on_after(FLUSH_TIMEOUT):
                await self.talker.quiet()
        with trio.move_on_after(CLOSE_TIMEOUT):
            await self.link.close()
        self._rebooting.set()

    def reset(self, *, hard: bool) -> None:
        """Do what Reset asks for (§5.14): a soft one stops transactions, after a hard one they are found cut off."""
        if not hard:
            self.floor.stop_all(Reason.SOFT_RESET)
            self.reboot()
            return
        self.memory.stop_reason = Reason.HARD_RESET
        self.cut_off()
        self._rebooting.set()

    def cut_off(self) -> None:
        """Let no energy flow any more, and keep when transactions ended that end without warning."""
        for place in self.places.charging:
            place.outlet.meter.disconnect(trio.current_time())
            if place.transaction is not None:
                place.transaction.seen_at = self.now()

    # --- the connection ----------------------------------------------------------------------------------------

    def connected(self) -> None:
        """Boot, or go on: a connection that comes back needs no new BootNotification (OCPP-J 1.6 §5.4)."""
        self.access.worked()
        self._told.clear()
        self._schedule_ping()
        if self.talker.gate is Gate.OPEN:
            self.places.report_all()
            self.schedule_heartbeat()
            return
        self.registration = None if self.registration is RegistrationStatus.ACCEPTED else self.registration
        wait = max(self._boot_due - trio.current_time(), self.personality.boot_delay)
        if wait > 0:
            self.timers.after(wait, "boot", self.boot)
        else:
            self.boot()
        if not self.personality.waits_for_boot:
            self.places.report_all()

    def disconnected(self) -> None:
        """Cease what needs a connection."""
        for name in ("boot", "heartbeat", "ping"):
            self.timers.cancel(name)
        self._afterwards.clear()

    def answer(self, call: Call) -> Answer:
        """Return the answer to a command; while Rejected there is none (§4.2)."""
        if self.registration is RegistrationStatus.REJECTED:
            return None
        return self.command(self, call)

    def answered(self, call: Call) -> None:
        """Do what had to wait for the answer."""
        while self._afterwards:
            self._afterwards.popleft()()
        if call.action in self.personality.reboots_after:
            self.reset(hard=True)

    @property
    def name(self) -> str:
        """The name in its certificate: its serial number, or its identity (security whitepaper A00.FR.511)."""
        return self.make.serial_number or self.wire.identity

    def way(self) -> Way:
        """Return how to connect now."""
        return self.access.way()

    def _failed(self, failure: Exception) -> None:
        """Keep what is a security event (security whitepaper A04) until it can be told, each once."""
        self.on_failure(failure)
        event = None
        if isinstance(failure, Distrusted):
            event = "InvalidCentralSystemCertificate"
        elif isinstance(failure, Refused) and failure.status == 401:
            event = "FailedToAuthenticateAtCentralSystem"
        if event is not None and event not in self._told:
            self._told.add(event)
            self.upkeep.event(event, str(failure))

    def _schedule_ping(self) -> None:
        interval = self.memory.configuration.number("WebSocketPingInterval")
        if interval:
            self.timers.after(interval, "ping", self._ping)
        else:
            self.timers.cancel("ping")

    def _ping(self) -> None:
        self.link.ping()
        self._schedule_ping()

    # --- registration ------------------------------------------------------------------------------------------

    def boot(self) -> None:
        """Send a BootNotification (§4.2)."""
        self.talker.tell(
            BootNotification(
                charge_point_vendor=self.make.vendor,
                charge_point_model=self.make.model,
                charge_point_serial_number=self.make.serial_number,
                firmware_version=self.memory.firmware,
                meter_type=self.make.meter_type,
            ),
            self._booted,
            urgent=True,
            perishable=True,
            needs=Gate.BOOTING,
        )

    def _booted(self, reply: Reply) -> None:
        if not isinstance(reply, BootNotificationResponse):
            if self.talker.online and self.talker.gate is not Gate.OPEN:
                self._boot_again(BOOT_RETRY)
            return
        self.registration = reply.status
        self._synchronize(reply.current_time)
        if reply.status is not RegistrationStatus.ACCEPTED:
            pending = reply.status is RegistrationStatus.PENDING
            self.talker.open(Gate.PENDING if pending else Gate.BOOTING)
            self._boot_again(reply.interval or BOOT_RETRY)
            return
        if reply.interval > 0:
            self.memory.configuration.change("HeartbeatInterval", str(reply.interval))
        again = self.talker.gate is Gate.OPEN
        self.memory.accepted_once = True
        self.timers.cancel("boot")
        self.talker.open(Gate.OPEN)
        self.schedule_heartbeat()
        if again:
            return
        if self.memory.configuration.number("SecurityProfile"):
            self.upkeep.event("StartupOfTheDevice")
        for request in self.memory.after_boot:
            self.talker.tell(request)
        self.memory.after_boot.clear()
        self.places.report_all()

    def _boot_again(self, seconds: float) -> None:
        self._boot_due = trio.current_time() + seconds
        self.timers.after(seconds, "boot", self.boot)

    def _synchronize(self, moment: datetime) -> None:
        self._ahead = moment - self.clock.now()

    # --- heartbeats --------------------------------------------------------------------------------------------

    def schedule_heartbeat(self) -> None:
        """Beat after an interval without an exchange (§9.1.10)."""
        interval = self.memory.configuration.number("HeartbeatInterval")
        idle = trio.current_time() - self.talker.last_exchange
        self.timers.after(max(0.0, interval - idle) or interval, "heartbeat", self._beat)

    def _beat(self) -> None:
        interval = self.memory.configuration.number("HeartbeatInterval")
        if self.talker.last_exchange + interval > trio.current_time():
            self.schedule_heartbeat()
            return
        self.heartbeat()
        self.timers.after(interval, "heartbeat", self._beat)

    def heartbeat(self, *, asked: bool = False) -> None:
        """Send a Heartbeat (§4.6)."""
        self.talker.tell(
            Heartbeat(), self._beaten, perishable=True, needs=Gate.PENDING if asked else Gate.OPEN
        )

    def _beaten(self, reply: Reply) -> None:
        if isinstance(reply, HeartbeatResponse):
            self._synchronize(reply.current_time)

    def reconfigured(self, name: str) -> None:
        """Take up the new value of a key."""
        match name.lower():
            case "heartbeatinterval":
                self.schedule_heartbeat()
            case "metervaluesampleinterval":
                self.metering.reschedule()
            case "clockaligneddatainterval":
                self.metering.align()
            case "websocketpinginterval":
                self._schedule_ping()

    def _transaction_answered(self, message: Message, reply: Reply) -> None:
        self.floor.answered(message, reply)
