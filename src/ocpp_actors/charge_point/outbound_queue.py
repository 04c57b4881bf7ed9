"""Commands out: one CALL in flight, in the order of the mailbox, each to its outcome (OCPP-J 1.6 §4.1.1)."""

from contextlib import suppress

import structlog
import trio

from ocpp_actors.central_system import commands
from ocpp_actors.central_system.effects import Exchange, effects
from ocpp_actors.central_system.judging import judge
from ocpp_actors.central_system.keys import TooManyKeys
from ocpp_actors.charge_point.mailbox import Command, Outcome
from ocpp_actors.charge_point.session import InFlight, Session
from ocpp_actors.ledger.port import (
    CommandState,
    EndCommand,
    KeyHash,
    LedgerUnavailable,
    MarkCommandSent,
    RequestFailed,
    Reservation,
    SetKey,
    SetNextKeys,
)
from ocpp_actors.observer import CommandEnded, ReservationChanged
from ocpp_actors.protocol.catalogue import ACTIONS
from ocpp_actors.protocol.frames import CallError, CallResult
from ocpp_actors.protocol.validation import Invalid

log = structlog.get_logger(__name__)

LEDGER_PAUSE = 1.0
"""Seconds before a durable command is tried again whose sending could not be recorded."""


async def run_outbound_queue(session: Session) -> None:
    """Send the commands of the mailbox one after the other until the connection ends.

    During a drain nothing more is sent: no answer would be read.

    Raises ConnectionEnded: the connection is over.
    """
    while True:
        if session.in_flight is not None:
            await _await_reply(session, session.in_flight)
        command = await session.mailbox.head()
        await _until_allowed(session)
        if command is not await session.mailbox.head():
            continue
        if session.draining:
            await trio.sleep_forever()
        # A session that was replaced or ended in this very moment sends no more: the command stays for the next one.
        await trio.lowlevel.checkpoint_if_cancelled()
        if await _may_be_sent(session, command):
            await _send(session, command)


async def _until_allowed(session: Session) -> None:
    """Wait until a boot was answered, or ``BOOT_GRACE`` has passed without one, and while Rejected.

    A CALL before the boot sends some charge points into a loop; while Rejected the central system "SHOULD NOT
    initiate any" (OCPP 1.6 §4.2).
    """
    with trio.move_on_at(session.started_at + session.settings.boot_grace):
        while not session.boot_answered:
            await session.boots.wait()
    while commands.silenced(session.charge_point):
        await session.boots.wait()


async def _may_be_sent(session: Session, command: Command) -> bool:
    if command.expires_at is not None and command.expires_at <= session.now():
        await _never_sent(session, command, CommandState.EXPIRED, "it expired before it could be sent")
        return False
    reason = commands.refusal(session.charge_point, command.action, command.payload)
    if reason is not None:
        await _never_sent(session, command, CommandState.LOST, reason)
        return False
    return True


async def _never_sent(session: Session, command: Command, state: CommandState, reason: str) -> None:
    outcome = Outcome(state, description=reason)
    await _record_end(session, command, outcome)
    session.mailbox.remove(command)
    _end(session, command, outcome)


async def _send(session: Session, command: Command) -> None:
    message_id = session.conversation.new_message_id()
    try:
        key = await _keep_new_key(session, command)
    except (LedgerUnavailable, RequestFailed, TooManyKeys, trio.TooSlowError) as error:
        reason = f"the new key could not be kept, so it was not sent: {error}"
        await _never_sent(session, command, CommandState.LOST, reason)
        return
    if command.record_id is not None and not await _mark_sent(
        session, command, command.record_id, message_id
    ):
        return
    # From here to the write there is no checkpoint: the command leaves the mailbox and is on the wire, or the
    # connection is over.
    try:
        text = session.conversation.call(message_id, command.action, command.payload)
    except TypeError as error:
        await _never_sent(session, command, CommandState.INVALID, f"it cannot be written as JSON: {error}")
        return
    session.mailbox.remove(command)
    now = trio.current_time()
    session.in_flight = InFlight(command, message_id, now, now + session.settings.call_timeout, key)
    if key is not None:
        session.charge_point.record.next_keys = (*_next_keys_but(session, key), key)
    commands.sent(session.charge_point, command.action, command.payload)
    await session.writer.write(text, message_id, command.action)


async def _keep_new_key(session: Session, command: Command) -> KeyHash | None:
    """Keep the hash of an AuthorizationKey before it is sent: from then on the charge point may use it, too.

    Raises LedgerUnavailable, RequestFailed, TooManyKeys, TooSlowError: it cannot be kept.
    """
    if not commands.changes_key(command.action, command.payload):
        return None
    central_system = session.central_system
    command.claimed = True
    try:
        with trio.fail_after(session.settings.ledger_patience):
            key = await central_system.keys.hash(command.payload["value"].encode())
            await central_system.ledger.ask(
                SetNextKeys(session.identity, (*_next_keys_but(session, key), key))
            )
    finally:
        command.claimed = False
    return key


def _next_keys_but(session: Session, key: KeyHash | None) -> tuple[KeyHash, ...]:
    return tuple(each for each in session.charge_point.record.next_keys if each != key)


async def _mark_sent(session: Session, command: Command, record_id: int, message_id: str) -> bool:
    """Record durably that the command is about to be sent, so that it is never sent twice."""
    command.claimed = True
    try:
        with trio.fail_after(session.settings.ledger_patience):
            waiting = await session.central_system.ledger.ask(
                MarkCommandSent(record_id, message_id, session.now())
            )
    except RequestFailed as error:
        log.warning("the sending of a command cannot be recorded", command=command.action, reason=str(error))
        waiting = False
    except (LedgerUnavailable, trio.TooSlowError) as error:
        log.warning("a command waits for the ledger", command=command.action, reason=str(error))
        waiting = None
    finally:
        command.claimed = False
    if waiting is None:
        await trio.sleep(LEDGER_PAUSE)
        return False
    if not waiting:
        await _never_sent(session, command, CommandState.UNKNOWN, "it may have been sent before")
    return waiting


async def _await_reply(session: Session, in_flight: InFlight) -> None:
    if in_flight.reply is None:
        with trio.move_on_at(in_flight.deadline):
            in_flight.reply = await session.replies_out.receive()
    _take_reply(session, in_flight)
    await end_in_flight(session, await _outcome(session, in_flight))


def _take_reply(session: Session, in_flight: InFlight) -> None:
    """Take the reply if it came in the very moment in which the waiting ended; the next command must not get it."""
    if in_flight.reply is None:
        with suppress(trio.WouldBlock):
            in_flight.reply = session.replies_out.receive_nowait()


async def end_in_flight(session: Session, outcome: Outcome) -> None:
    """Give the command in flight its outcome, durably if it is durable."""
    in_flight = session.in_flight
    assert in_flight is not None
    command = in_flight.command
    if session.conversation.outstanding == in_flight.message_id:
        session.conversation.end_call(in_flight.message_id)
    await _record_effects(session, command, outcome)
    await _record_end(session, command, outcome)
    session.in_flight = None
    if outcome.state is CommandState.LOST:
        commands.lost(session.charge_point, command.action, command.payload)
    else:
        commands.ended(session.charge_point, command.action, command.payload, outcome.response)
    _end(session, command, outcome)


def lost(in_flight: InFlight, reason: str) -> Outcome:
    """Return the outcome of a command in flight whose connection is over."""
    seconds = trio.current_time() - in_flight.sent_at
    return Outcome(CommandState.LOST, in_flight.message_id, description=reason, seconds=seconds)


async def last_outcome(session: Session, otherwise: Outcome) -> Outcome:
    """Return the outcome of the command in flight when the connection is over, from its answer if that came."""
    in_flight = session.in_flight
    assert in_flight is not None
    _take_reply(session, in_flight)
    return otherwise if in_flight.reply is None else await _outcome(session, in_flight)


async def _outcome(session: Session, in_flight: InFlight) -> Outcome:
    reply, message_id = in_flight.reply, in_flight.message_id
    seconds = trio.current_time() - in_flight.sent_at
    if reply is None:
        description = f"no answer within {session.settings.call_timeout:g} s"
        return Outcome(CommandState.TIMEOUT, message_id, description=description, seconds=seconds)
    frame = reply.frame
    if isinstance(frame, CallError):
        return Outcome(
            CommandState.CALL_ERROR,
            message_id,
            payload=frame.details,
            error_code=frame.code,
            description=frame.description,
            seconds=seconds,
        )
    return await _answered(session, in_flight, frame, reply.size, seconds)


async def _answered(
    session: Session, in_flight: InFlight, reply: CallResult, size: int, seconds: float
) -> Outcome:
    response_class = ACTIONS[in_flight.command.action].response
    try:
        with structlog.contextvars.bound_contextvars(command=in_flight.command.action):
            response = await judge(
                response_class,
                reply.payload,
                size=size,
                lenient=session.charge_point.lenient,
                flag=session.flag,
            )
    except Invalid as invalid:
        return Outcome(
            CommandState.INVALID,
            in_flight.message_id,
            payload=reply.payload,
            error_code=invalid.first.code,
            description=invalid.first.description,
            seconds=seconds,
        )
    return Outcome(
        CommandState.ANSWERED, in_flight.message_id, response=response, payload=reply.payload, seconds=seconds
    )


async def _record_effects(session: Session, command: Command, outcome: Outcome) -> None:
    """Record what the exchange changed. Doing so again, after a crash in between, changes nothing more."""
    central_system = session.central_system
    key = session.in_flight.key if session.in_flight else None
    record = session.charge_point.record
    exchange = Exchange(
        identity=session.identity,
        action=command.action,
        payload=command.payload,
        state=outcome.state,
        response=outcome.response,
        at=session.now(),
        key=key,
        former_next_keys=_next_keys_but(session, key),
    )
    try:
        with trio.fail_after(session.settings.ledger_patience):
            for fact in effects(exchange):
                changed = await central_system.ledger.ask(fact)
                if isinstance(fact, SetKey):
                    record.key, record.next_keys = fact.key, fact.next_keys
                elif isinstance(fact, SetNextKeys):
                    record.next_keys = tuple(each for each in fact.keys if each != record.key)
                elif isinstance(changed, Reservation):
                    central_system.observer.tell(
                        ReservationChanged(
                            session.identity,
                            exchange.at,
                            changed.reservation_id,
                            changed.connector_id,
                            changed.state,
                        )
                    )
    except (LedgerUnavailable, RequestFailed, trio.TooSlowError) as error:
        log.warning("what a command changed is not recorded", command=command.action, reason=str(error))


async def _record_end(session: Session, command: Command, outcome: Outcome) -> None:
    if command.record_id is None:
        return
    try:
        with trio.fail_after(session.settings.ledger_patience):
            await session.central_system.ledger.ask(
                EndCommand(command.record_id, outcome.state, outcome.detail(), session.now())
            )
    except (LedgerUnavailable, RequestFailed, trio.TooSlowError) as error:
        log.warning("the outcome of a command is not recorded", command=command.action, reason=str(error))


def _end(session: Session, command: Command, outcome: Outcome) -> None:
    if command.end(outcome):
        session.central_system.observer.tell(
            CommandEnded(
                session.identity,
                session.now(),
                command.action,
                outcome.state,
                outcome.seconds,
                outcome.error_code if outcome.state is CommandState.CALL_ERROR else None,
                command.record_id,
            )
        )
