"""Who is connected: identity to live session, takeover, and commands to charge points."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

import structlog
import trio
from attrs import define, field

from ocpp_actors.central_system import commands
from ocpp_actors.central_system.charge_point import ChargePoint
from ocpp_actors.central_system.context import CentralSystem
from ocpp_actors.charge_point.mailbox import Command, Mailbox, Outcome
from ocpp_actors.charge_point.misbehaviour import Misbehaviour
from ocpp_actors.charge_point.session import Session
from ocpp_actors.ledger.masking import mask_document
from ocpp_actors.ledger.port import (
    AbandonSentCommands,
    ChargePointRecord,
    CommandRecord,
    CommandState,
    EndCommand,
    FindChargePoint,
    LedgerUnavailable,
    ListCommands,
    NoteCommandEnded,
    NoteSeen,
    QueueCommand,
    RequestFailed,
)
from ocpp_actors.observer import CommandEnded, Connected, Disconnected
from ocpp_actors.protocol.codec import encode

log = structlog.get_logger(__name__)

REPLACED = "replaced"
REMOVED = "removed"
CERTIFICATE_REVOKED = "certificate revoked"
EXPIRED = "it expired before it could be sent"

FIGHT_WINDOW = 60.0
FIGHT_TAKEOVERS = 5
"""So many takeovers of one identity within so many seconds: two devices share it. From then on each newcomer waits."""

FIGHT_PAUSE = 5.0
"""Seconds that a newcomer waits while two devices fight over an identity."""

IDENTITY_CONFLICT = "IdentityConflict"
"""The type of the security event of such a fight."""

SWEEP_EVERY = 1.0
"""Seconds from one look for waiting commands that have expired, and for entries that need not be kept, to the next."""

LOOKED_AT_ONCE = 500
"""Entries that are looked at before a pause."""
SWEEP_PAUSE = 0.25
"""Seconds of such a pause: looking at thousands of entries takes a fiftieth of the loop's time at most."""

NOTES_TIME = 60.0
"""Seconds that what a charge point noted is kept in memory after its session: until it is written, it is known nowhere
else."""


class NotConnected(Exception):
    """The charge point has no session."""


class UnknownChargePoint(Exception):
    """The ledger knows no charge point of this identity."""


class NotAllowed(Exception):
    """The command must not be sent to the charge point now; the message says why."""


@define(eq=False)
class Entry:
    """What the fleet keeps of one identity, connected or not."""

    charge_point: ChargePoint
    mailbox: Mailbox
    session: Session | None = None
    arrival: trio.Event = field(factory=trio.Event)
    """Is set when the next session begins."""
    generation: int = 0
    takeovers: list[float] = field(factory=list)
    fight_told_at: float = -math.inf
    newcomer: trio.Event | None = None
    """Turns away the newcomer that waits while the identity is fought over."""
    notes_until: float = -math.inf
    """When all that was noted of the charge point has surely been written."""
    misbehaviour: Misbehaviour | None = None
    """How answers to it are broken on purpose; None: never (``TESTING`` is off)."""


class Fleet:
    """All charge points that were connected since the server started.

    Identities are compared without regard to case. A new session of an identity replaces the earlier one at once; a
    generation number keeps the end of the earlier one from removing it. ``testing``: the server may be told to
    misbehave towards them.
    """

    def __init__(self, central_system: CentralSystem, mailbox_size: int, *, testing: bool = False) -> None:
        self._central_system = central_system
        self._mailbox_size = mailbox_size
        self.testing = testing
        self._entries: dict[str, Entry] = {}
        self._places: Counter[str] = Counter()
        self._connected = 0

    def __len__(self) -> int:
        """How many charge points are connected."""
        return self._connected

    @property
    def commands_waiting(self) -> int:
        """How many commands wait, for charge points that are connected or not."""
        return sum(len(entry.mailbox) for entry in self._entries.values())

    def find(self, identity: str) -> Entry | None:
        """Return the entry of an identity, if it was connected since the start or has commands waiting.

        That of a charge point that never registered is forgotten when nothing goes on with it.
        """
        return self._entries.get(identity.casefold())

    def is_online(self, identity: str) -> bool:
        """Whether a charge point is connected."""
        entry = self.find(identity)
        return entry is not None and entry.session is not None

    def sessions(self) -> list[Session]:
        """Return the live sessions."""
        return [entry.session for entry in self._entries.values() if entry.session is not None]

    def entry(self, record: ChargePointRecord) -> Entry:
        """Return the entry of a charge point, made from its record if there is none.

        In an entry that exists, settings, key and registration are taken from the record: an operator may have changed
        them; the rest is newer in memory.
        """
        entry = self._entries.get(record.identity.casefold())
        if entry is None:
            entry = Entry(
                ChargePoint(record, self._central_system.policy.first_boot),
                Mailbox(self._mailbox_size),
                misbehaviour=Misbehaviour() if self.testing else None,
            )
            self._entries[record.identity.casefold()] = entry
        else:
            present = entry.charge_point.record
            present.settings, present.key, present.next_keys = record.settings, record.key, record.next_keys
            present.registration, present.version = record.registration, record.version
            if entry.session is not None:
                entry.session.boots.ring()
        return entry

    def remove(self, identity: str) -> None:
        """Forget a charge point that was removed from the ledger: its connection is closed, its commands are lost."""
        entry = self.find(identity)
        if entry is None:
            return
        for command in entry.mailbox.take_all():
            self._end(entry, command, CommandState.LOST, "the charge point was removed")
        if entry.session is not None:
            entry.session.end(1008, REMOVED)
        del self._entries[identity.casefold()]

    def end_with_certificate(self, fingerprint: str) -> None:
        """Close the connections that showed this certificate, which was revoked."""
        for session in self.sessions():
            if session.certificate == fingerprint:
                session.end(1008, CERTIFICATE_REVOKED)

    # --- places ------------------------------------------------------------------------------------------------

    def has_room(self, identity: str, limit: int) -> bool:
        """Whether at most ``limit`` identities have a place with this one; one that has a place may share it."""
        return identity.casefold() in self._places or len(self._places) < limit

    @contextmanager
    def place(self, identity: str) -> Iterator[None]:
        """Give a connection of this identity a place for as long as the block lasts; its entry is kept meanwhile."""
        key = identity.casefold()
        self._places[key] += 1
        try:
            yield
        finally:
            self._places[key] -= 1
            if not self._places[key]:
                del self._places[key]

    # --- sessions ----------------------------------------------------------------------------------------------

    def fought_over(self, entry: Entry) -> bool:
        """Whether two devices fight over this identity, so that a newcomer has to wait."""
        since = trio.current_time() - FIGHT_WINDOW
        while entry.takeovers and entry.takeovers[0] <= since:
            entry.takeovers.pop(0)
        return _is_there(entry.session) and len(entry.takeovers) >= FIGHT_TAKEOVERS

    async def wait_out_fight(self, entry: Entry, before_pause: Callable[[], None]) -> bool:
        """Hold a newcomer back for FIGHT_PAUSE, since two devices fight over its identity: see fought_over.

        ``before_pause`` is called before it waits. Of several newcomers only the last may wait; False tells that
        another came and this one is to be turned away.
        """
        now = trio.current_time()
        before_pause()
        if entry.newcomer is not None:
            entry.newcomer.set()
        turned_away = entry.newcomer = trio.Event()
        with trio.move_on_after(FIGHT_PAUSE):
            if entry.fight_told_at <= now - FIGHT_WINDOW:
                entry.fight_told_at = now
                await self._report_fight(entry)
            await turned_away.wait()
        if entry.newcomer is turned_away:
            entry.newcomer = None
        return not turned_away.is_set()

    async def _report_fight(self, entry: Entry) -> None:
        identity = entry.charge_point.identity
        detail = f"{len(entry.takeovers)} takeovers within {FIGHT_WINDOW:g} s: two devices use this identity"
        log.warning("identity is fought over", identity=identity, detail=detail)
        await self._central_system.security_log.record(identity, IDENTITY_CONFLICT, detail)

    async def newer_session(self, identity: str, generation: int) -> Session:
        """Wait for a session of a charge point that is newer than this generation, and return it.

        Raises UnknownChargePoint: nothing is kept of this identity.
        """
        while (entry := self.find(identity)) is not None:
            if entry.session is not None and entry.session.generation > generation:
                return entry.session
            await entry.arrival.wait()
        raise UnknownChargePoint(f"{identity} was removed")

    def next_generation(self, entry: Entry) -> int:
        """Return the number of the session that is about to begin."""
        entry.generation += 1
        return entry.generation

    @contextmanager
    def attached(self, entry: Entry, session: Session) -> Iterator[None]:
        """Make this the session of its charge point for as long as the block lasts, unless a newer one comes."""
        tell = self._central_system.observer.tell
        if entry.session is None:
            self._connected += 1
        else:
            if _is_there(entry.session):
                entry.takeovers.append(trio.current_time())
            log.info("replaced by a newer connection", generation=entry.session.generation)
            entry.session.end(1008, REPLACED)
        entry.session = session
        entry.arrival.set()
        entry.arrival = trio.Event()
        record = session.charge_point.record
        if record.first_seen_at is None:  # an operator added it
            record.first_seen_at = self._now()
            self._central_system.ledger.note(NoteSeen(session.identity, record.first_seen_at))
        tell(Connected(session.identity, self._now(), session.remote, session.generation))
        try:
            yield
        finally:
            if entry.session is session:
                entry.session = None
                self._connected -= 1
                record = entry.charge_point.record
                if record.connectors or record.progress:
                    entry.notes_until = trio.current_time() + NOTES_TIME
                for command in entry.mailbox.take_fleeting():
                    self._lose(entry, command, "the connection ended before it was sent")
            self._central_system.ledger.note(NoteSeen(session.identity, self._now()))
            over = session.over
            code, reason = (over.code, over.reason) if over is not None else (1006, "")
            tell(Disconnected(session.identity, self._now(), session.generation, code, reason))

    # --- commands ----------------------------------------------------------------------------------------------

    def submit(self, identity: str, request: Any) -> Command:
        """Put a request into the mailbox of a connected charge point and return the command to wait for.

        Raises NotConnected: the charge point has no session.
        Raises NotAllowed: this must not be asked of it now, and why.
        Raises MailboxFull: too many commands are waiting.
        """
        action, payload = type(request).__name__, encode(request)
        entry = self._ready(identity, action, payload)
        command = Command(action, payload)
        entry.mailbox.put(command)
        return command

    async def submit_recorded(
        self,
        identity: str,
        request: Any,
        *,
        patience: timedelta,
        requested_by: str,
        idempotency_key: str | None = None,
    ) -> tuple[int, Command | None]:
        """Do as submit() does, and keep the command in the ledger with who asked for it and how it ends.

        It is given up if it could not be sent within ``patience``. Returns the id under which the ledger keeps it,
        and the command; None for one with an idempotency key that this charge point has had before: then nothing is
        sent, and the id is that of the first.

        A caller that is cancelled meanwhile does not undo it.

        Raises NotConnected, NotAllowed, MailboxFull: as submit() does; nothing is kept then.
        Raises LedgerUnavailable, RequestFailed: as queue() does; it is not sent.
        """
        action, payload = type(request).__name__, encode(request)
        entry = self._ready(identity, action, payload)
        command_id, command = await self._keep(
            entry, action, payload, patience, requested_by, idempotency_key, durable=False
        )
        if command is not None and entry.session is None:
            entry.mailbox.remove(command)
            self._lose(entry, command, "the connection ended before it was sent")
        return command_id, command

    def _ready(self, identity: str, action: str, payload: Mapping[str, Any]) -> Entry:
        entry = self.find(identity)
        if entry is None or entry.session is None:
            raise NotConnected(f"{identity} is not connected")
        reason = commands.refusal(entry.charge_point, action, payload)
        if reason is not None:
            raise NotAllowed(reason)
        return entry

    async def call(self, identity: str, request: Any) -> Outcome:
        """Send a request to a connected charge point and wait for its outcome.

        It waits its turn behind earlier commands; the caller brings a deadline if that may take too long. When the
        caller is cancelled, a command that was not sent yet is withdrawn.

        Raises NotConnected: the charge point has no session.
        Raises NotAllowed: this must not be asked of it now, and why.
        Raises MailboxFull: too many commands are waiting.
        """
        command = self.submit(identity, request)
        try:
            return await command.wait()
        finally:
            entry = self.find(identity)
            if entry is not None and command.outcome is None:
                entry.mailbox.remove(command)

    async def queue(
        self,
        identity: str,
        request: Any,
        time_to_live: timedelta,
        requested_by: str | None = None,
        idempotency_key: str | None = None,
    ) -> int:
        """Keep a request for a charge point, connected or not, until it is sent or its time to live is over.

        It survives a restart of the server. Returns the id under which the ledger keeps its outcome; for an idempotency
        key that this charge point has had before, that of the first, and nothing more is queued.

        A caller that is cancelled meanwhile does not undo it: the storing goes on for at most ``LEDGER_PATIENCE``
        seconds, so that no command is stored and then forgotten.

        Raises UnknownChargePoint: there is no such charge point.
        Raises LedgerUnavailable: it could not be stored in time, and is not queued. Should the ledger have stored it
            all the same, it waits there for the next start of the server.
        Raises RequestFailed: the ledger refuses it.
        Raises MailboxFull: too many commands are waiting.
        """
        entry = await self._find_or_load(identity)
        command_id, _ = await self._keep(
            entry,
            type(request).__name__,
            encode(request),
            time_to_live,
            requested_by,
            idempotency_key,
            durable=True,
        )
        return command_id

    async def _keep(
        self,
        entry: Entry,
        action: str,
        payload: dict[str, Any],
        time_to_live: timedelta,
        requested_by: str | None,
        idempotency_key: str | None,
        *,
        durable: bool,
    ) -> tuple[int, Command | None]:
        """Keep a command in the ledger, then put it into the mailbox.

        The secrets in it are kept only if it is durable: it may have to be sent after a restart.
        """
        now, policy = self._now(), self._central_system.policy
        expires_at = now + time_to_live
        request = QueueCommand(
            entry.charge_point.identity,
            action,
            payload if durable else mask_document(payload),
            now,
            expires_at,
            requested_by,
            durable=durable,
            idempotency_key=idempotency_key,
        )
        with entry.mailbox.reserved_place(), trio.move_on_after(policy.ledger_patience, shield=True):
            queued = await self._central_system.ledger.ask(request)
            if queued.repeated:
                return queued.command_id, None
            command = Command(action, payload, queued.command_id, expires_at, durable)
            entry.mailbox.put(command, bounded=False)
            return queued.command_id, command
        raise LedgerUnavailable(f"no answer within {policy.ledger_patience:g} s")

    async def restore_commands(self) -> None:
        """At start: put the commands that wait in the ledger back into their mailboxes.

        Those that were sent before, and whose outcome is not known, become ``unknown``.

        Raises LedgerUnavailable: the ledger cannot be read.
        """
        ledger = self._central_system.ledger
        await ledger.ask(AbandonSentCommands(self._now()))
        last = 0
        while waiting := await ledger.ask(ListCommands(state=CommandState.WAITING, after=last)):
            async with trio.open_nursery() as nursery:  # together, because the ledger looks up many at once
                for identity in {record.identity.casefold() for record in waiting}:
                    nursery.start_soon(self._load, identity)
            for record in waiting:
                await self._restore(record)
            last = waiting[-1].command_id

    async def _load(self, identity: str) -> None:
        with suppress(UnknownChargePoint, LedgerUnavailable):  # of which is heard when it is needed
            await self._find_or_load(identity)

    async def _restore(self, record: CommandRecord) -> None:
        try:
            entry = await self._find_or_load(record.identity)
        except UnknownChargePoint as error:
            log.warning("a waiting command is given up", command=record.action, reason=str(error))
            end = EndCommand(record.command_id, CommandState.LOST, {"reason": str(error)}, self._now())
            await self._central_system.ledger.ask(end)
            return
        entry.mailbox.put(
            Command(record.action, record.payload, record.command_id, record.expires_at, durable=True),
            bounded=False,
        )

    async def _find_or_load(self, identity: str) -> Entry:
        entry = self.find(identity)
        if entry is None:
            record = await self._central_system.ledger.ask(FindChargePoint(identity))
            if record is None:
                raise UnknownChargePoint(f"there is no charge point {identity}")
            entry = self.entry(record)
        return entry

    async def run(self) -> None:
        """End waiting commands that have expired, and forget entries that nothing needs, until cancelled."""
        while True:
            await trio.sleep(SWEEP_EVERY)
            try:
                await self._sweep()
            except Exception:
                log.exception("the waiting commands could not be looked through")

    async def _sweep(self) -> None:
        now = self._now()
        for number, key in enumerate(list(self._entries), 1):
            if number % LOOKED_AT_ONCE == 0:
                await trio.sleep(SWEEP_PAUSE)
                now = self._now()
            entry = self._entries.get(key)
            if entry is None or (entry.session is not None and entry.mailbox.unused):
                continue
            for command in entry.mailbox.expired(now):
                await self._expire(entry, command, now)
            if self._entries.get(key) is entry and self._forgettable(key, entry):
                del self._entries[key]

    def _forgettable(self, key: str, entry: Entry) -> bool:
        """Whether the ledger knows all that matters of a charge point that never registered.

        There are as many of them as strangers care to invent; those that registered are kept.
        """
        now = trio.current_time()
        return (
            entry.charge_point.record.registration is None
            and entry.session is None
            and key not in self._places
            and entry.mailbox.unused
            and not (entry.misbehaviour and entry.misbehaviour.rules)
            and not entry.charge_point.boot_requested
            and entry.notes_until <= now
            and (not entry.takeovers or entry.takeovers[-1] <= now - FIGHT_WINDOW)
        )

    async def _expire(self, entry: Entry, command: Command, now: datetime) -> None:
        assert command.record_id is not None
        try:
            with trio.fail_after(self._central_system.policy.ledger_patience):
                detail = Outcome(CommandState.EXPIRED, description=EXPIRED).detail()
                await self._central_system.ledger.ask(
                    EndCommand(command.record_id, CommandState.EXPIRED, detail, now)
                )
        except (LedgerUnavailable, RequestFailed, trio.TooSlowError) as error:
            log.warning("the expiry of a command is not recorded yet", reason=str(error))
            return
        entry.mailbox.remove(command)
        self._end(entry, command, CommandState.EXPIRED, EXPIRED)

    def _lose(self, entry: Entry, command: Command, reason: str) -> None:
        """End a command that is not durable and was never sent."""
        commands.lost(entry.charge_point, command.action, command.payload)
        if command.record_id is not None:
            detail = Outcome(CommandState.LOST, description=reason).detail()
            self._central_system.ledger.note(
                NoteCommandEnded(
                    entry.charge_point.identity, command.record_id, CommandState.LOST, detail, self._now()
                )
            )
        self._end(entry, command, CommandState.LOST, reason)

    def _end(self, entry: Entry, command: Command, state: CommandState, reason: str) -> None:
        if command.end(Outcome(state, description=reason)):
            self._central_system.observer.tell(
                CommandEnded(
                    entry.charge_point.identity,
                    self._now(),
                    command.action,
                    state,
                    0.0,
                    command_id=command.record_id,
                )
            )

    def _now(self) -> datetime:
        return self._central_system.clock.now()


def _is_there(session: Session | None) -> bool:
    """Whether there is a session whose peer has not left."""
    return session is not None and not session.connection.gone
