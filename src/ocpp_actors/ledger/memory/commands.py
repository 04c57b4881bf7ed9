"""Commands, each taken through its states once."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from attrs import evolve

from ocpp_actors.ledger import port
from ocpp_actors.ledger.command_ends import REMOVED, RESTARTED
from ocpp_actors.ledger.masking import mask_document
from ocpp_actors.ledger.memory.dispatch import carry_out
from ocpp_actors.ledger.memory.facts import Facts, of, some, stored
from ocpp_actors.ledger.port import CommandState


@carry_out.register
def _queue(request: port.QueueCommand, facts: Facts) -> port.Queued:
    command = port.CommandRecord(
        command_id=len(facts.commands) + 1,
        identity=request.identity,
        action=request.action,
        payload=stored(request.payload),
        queued_at=request.queued_at,
        expires_at=request.expires_at,
        state=CommandState.WAITING,
        requested_by=request.requested_by,
        durable=request.durable,
        idempotency_key=request.idempotency_key,
    )
    if request.idempotency_key is not None:
        key = (request.identity.casefold(), request.idempotency_key)
        first = facts.idempotency_keys.setdefault(key, command.command_id)
        if first != command.command_id:
            return port.Queued(first, repeated=True)
    facts.commands[command.command_id] = command
    return port.Queued(command.command_id)


@carry_out.register
def _mark_sent(request: port.MarkCommandSent, facts: Facts) -> bool:
    command = facts.commands.get(request.command_id)
    if command is None or command.state is not CommandState.WAITING:
        return False
    facts.commands[command.command_id] = evolve(
        command, state=CommandState.SENT, message_id=request.message_id, sent_at=request.at
    )
    return True


@carry_out.register
def _end(request: port.EndCommand | port.NoteCommandEnded, facts: Facts) -> None:
    command = facts.commands.get(request.command_id)
    detail = mask_document(stored(request.detail))
    if command is not None and command.state in (CommandState.WAITING, CommandState.SENT):
        _end_all([command], request.state, detail, request.at, facts)


@carry_out.register
def _abandon(request: port.AbandonSentCommands, facts: Facts) -> int:
    sent = [command for command in facts.commands.values() if command.state is CommandState.SENT]
    unsent = [
        command
        for command in facts.commands.values()
        if command.state is CommandState.WAITING and not command.durable
    ]
    _end_all(sent, CommandState.UNKNOWN, None, request.at, facts)
    _end_all(unsent, CommandState.LOST, {"reason": RESTARTED}, request.at, facts)
    return len(sent)


def lose_commands(identity: str, at: datetime, facts: Facts) -> None:
    """End what waits for a charge point that is removed, or was sent to it."""
    open_ones = [
        command
        for command in facts.commands.values()
        if of(identity, command.identity) and command.state in (CommandState.WAITING, CommandState.SENT)
    ]
    _end_all(open_ones, CommandState.LOST, {"reason": REMOVED}, at, facts)


def _end_all(
    commands: Iterable[port.CommandRecord],
    state: CommandState,
    detail: dict[str, Any] | None,
    at: datetime,
    facts: Facts,
) -> None:
    for command in commands:
        facts.commands[command.command_id] = evolve(
            command, payload=mask_document(command.payload), state=state, detail=detail, ended_at=at
        )


@carry_out.register
def _list(request: port.ListCommands, facts: Facts) -> list[port.CommandRecord]:
    commands = facts.commands.values()
    wanted = some(
        reversed(commands) if request.newest_first else commands,
        request.limit,
        lambda command: (
            command.command_id > request.after
            and (request.before is None or command.command_id < request.before)
            and request.state in (None, command.state)
            and of(request.identity, command.identity)
        ),
    )
    return [_copy(command) for command in wanted]


@carry_out.register
def _find(request: port.FindCommand, facts: Facts) -> port.CommandRecord | None:
    command = facts.commands.get(request.command_id)
    return None if command is None else _copy(command)


@carry_out.register
def _find_repeated(request: port.FindRepeatedCommand, facts: Facts) -> port.CommandRecord | None:
    command_id = facts.idempotency_keys.get((request.identity.casefold(), request.idempotency_key))
    return None if command_id is None else _copy(facts.commands[command_id])


def _copy(command: port.CommandRecord) -> port.CommandRecord:
    return evolve(command, payload=stored(command.payload), detail=stored(command.detail))
