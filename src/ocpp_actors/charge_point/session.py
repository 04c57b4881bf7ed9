"""What belongs to one connection of one charge point and outlives a restart of its task tree."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog
import trio
from attrs import define, field, frozen

from ocpp_actors.central_system.charge_point import ChargePoint
from ocpp_actors.central_system.context import CentralSystem
from ocpp_actors.central_system.router import Router
from ocpp_actors.charge_point.connection import Connection
from ocpp_actors.charge_point.frame_writer import FrameWriter
from ocpp_actors.charge_point.mailbox import Command, Mailbox, MailboxFull
from ocpp_actors.charge_point.misbehaviour import Misbehaviour
from ocpp_actors.charge_point.stalling import Stall, StallingWriter
from ocpp_actors.ledger.port import KeyHash
from ocpp_actors.observer import Flagged
from ocpp_actors.pace import TokenBucket
from ocpp_actors.protocol.conversation import Conversation
from ocpp_actors.protocol.frames import CallError, CallResult
from ocpp_actors.settings import Settings

log = structlog.get_logger(__name__)


class SessionOver(Exception):
    """The session is to end: the connection is closed with this code and reason, or dropped if it is to ``abort``."""

    def __init__(self, code: int, reason: str, *, abort: bool = False) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason
        self.abort = abort


class Doorbell:
    """Wakes one waiting task; rings while nobody waits are kept as one."""

    __slots__ = ("_rung", "_waiting")

    def __init__(self) -> None:
        self._rung = False
        self._waiting = trio.lowlevel.ParkingLot()

    def ring(self) -> None:
        """Wake the waiting task, or the next that waits."""
        if not self._rung and not self._waiting.unpark():
            self._rung = True

    async def wait(self) -> None:
        """Wait for a ring."""
        if self._rung:
            await trio.lowlevel.checkpoint()
        else:
            await self._waiting.park()
        self._rung = False


@frozen
class Reply:
    """The answer to a command, and how long its frame was, in characters or bytes."""

    frame: CallResult | CallError
    size: int


_open_channel = trio.open_memory_channel[Reply]


@define(eq=False)
class InFlight:
    """The command that was sent and waits for its answer; times are of trio's clock."""

    command: Command
    message_id: str
    sent_at: float
    deadline: float
    key: KeyHash | None = None
    """The hash of the AuthorizationKey in it, if there is one."""
    reply: Reply | None = None


@define(eq=False)
class Session:
    """One connection of one charge point.

    The fleet owns the mailbox; the nursery of the tree owns the tasks; everything here belongs to the supervisor.
    """

    charge_point: ChargePoint
    central_system: CentralSystem
    router: Router
    settings: Settings
    connection: Connection
    conversation: Conversation
    mailbox: Mailbox
    generation: int
    remote: str
    certificate: str | None = None
    """The fingerprint of the certificate that the charge point showed."""
    security_profile: int = 0
    """The security profile that the charge point uses on this connection."""
    misbehaviour: Misbehaviour | None = None
    """How answers are broken on purpose; None: never (``TESTING`` is off)."""
    stall: Stall | None = None
    """What stalls the connection; there is one if there is a misbehaviour."""

    identity: str = field(init=False)
    now: Callable[[], datetime] = field(init=False)
    """Returns the time of day in UTC."""
    writer: FrameWriter = field(init=False)
    bucket: TokenBucket = field(init=False)
    started_at: float = field(init=False, factory=trio.current_time)
    connected_at: datetime = field(init=False)
    in_flight: InFlight | None = field(init=False, default=None)
    boot_answered: bool = field(init=False, default=False)
    draining: bool = field(init=False, default=False)
    over: SessionOver | None = field(init=False, default=None)

    scope: trio.CancelScope = field(init=False, factory=trio.CancelScope)
    reading: trio.CancelScope | None = field(init=False, default=None)
    """Around the reading of the present tree."""
    may_stop_reading: bool = field(init=False, default=False)
    """Whether cancelling it stops no more than that."""
    boots: Doorbell = field(init=False, factory=Doorbell)
    """Rings when a BootNotification was answered, or an operator decided about the charge point."""
    replies_in: trio.MemorySendChannel[Reply] = field(init=False)
    replies_out: trio.MemoryReceiveChannel[Reply] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.identity = self.charge_point.identity
        self.now = self.central_system.clock.now
        self.connected_at = self.now()
        how = (self.identity, self.central_system, self.connection, self.settings.send_timeout)
        self.writer = FrameWriter(*how) if self.stall is None else StallingWriter(self.stall, *how)
        self.bucket = TokenBucket(
            self.settings.max_message_rate, self.settings.max_message_burst, trio.current_time()
        )
        self.replies_in, self.replies_out = _open_channel(1)

    def time_of(self, moment: float) -> datetime:
        """Return the time of day of a recent moment of trio's clock."""
        return self.now() - timedelta(seconds=trio.current_time() - moment)

    def end(self, code: int, reason: str) -> None:
        """End the session now, from any task; only the first call counts."""
        if self.over is None:
            self.over = SessionOver(code, reason)
            self.scope.cancel()

    def drop(self) -> None:
        """End the session at once, without a word to the peer, even if a frame is half written."""
        self.over = SessionOver(1006, "dropped", abort=True)
        self.scope.cancel()
        self.writer.give_up()

    def drain(self) -> None:
        """Read no further, answer what was read, then close with 1001."""
        self.draining = True
        if self.reading is not None and self.may_stop_reading:
            self.reading.cancel()

    def flag(self, quirk: str, detail: str) -> None:
        """Tell that the charge point did something odd that was put up with."""
        self.central_system.observer.tell(Flagged(self.identity, self.now(), quirk, detail))

    def queue_command(self, action: str, payload: Mapping[str, object]) -> bool:
        """Queue a CALL to the charge point; False: there is no room."""
        try:
            self.mailbox.put(Command(action, payload))
        except MailboxFull as error:
            log.warning("command not queued", command=action, reason=str(error))
            return False
        return True
