"""Durable commands: each step is one UPDATE that holds only in the right state, so that none is taken twice."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from ocpp_actors.ledger.masking import mask_document
from ocpp_actors.ledger.port import (
    AbandonSentCommands,
    CommandRecord,
    CommandState,
    EndCommand,
    FindCommand,
    ListCommands,
    MarkCommandSent,
    QueueCommand,
)
from ocpp_actors.ledger.sql.dispatch import carry_out
from ocpp_actors.ledger.tables import commands


@carry_out.register
def _queue(request: QueueCommand, connection: Connection) -> int:
    queued = connection.execute(
        insert(commands)
        .values(
            charge_point=request.identity.casefold(),
            identity=request.identity,
            action=request.action,
            payload=request.payload,
            queued_at=request.queued_at,
            expires_at=request.expires_at,
            state=CommandState.WAITING.value,
            requested_by=request.requested_by,
        )
        .returning(commands.c.id)
    )
    return int(queued.scalar_one())


@carry_out.register
def _mark_sent(request: MarkCommandSent, connection: Connection) -> bool:
    marked = connection.execute(
        update(commands)
        .where(commands.c.id == request.command_id, commands.c.state == CommandState.WAITING.value)
        .values(state=CommandState.SENT.value, message_id=request.message_id, sent_at=request.at)
    )
    return marked.rowcount > 0


@carry_out.register
def _end(request: EndCommand, connection: Connection) -> None:
    ended = connection.execute(
        update(commands)
        .where(
            commands.c.id == request.command_id,
            commands.c.state.in_([CommandState.WAITING.value, CommandState.SENT.value]),
        )
        .values(state=request.state.value, detail=mask_document(request.detail), ended_at=request.at)
        .returning(commands.c.id, commands.c.payload)
    )
    _mask_payloads(ended.all(), connection)


@carry_out.register
def _abandon(request: AbandonSentCommands, connection: Connection) -> int:
    abandoned = connection.execute(
        update(commands)
        .where(commands.c.state == CommandState.SENT.value)
        .values(state=CommandState.UNKNOWN.value, ended_at=request.at)
        .returning(commands.c.id, commands.c.payload)
    ).all()
    _mask_payloads(abandoned, connection)
    return len(abandoned)


def _mask_payloads(ended: Sequence[Row[Any]], connection: Connection) -> None:
    """Mask the secrets of commands that were needed until they ended."""
    for row in ended:
        masked = mask_document(row.payload)
        if masked != row.payload:
            connection.execute(update(commands).where(commands.c.id == row.id).values(payload=masked))


@carry_out.register
def _list(request: ListCommands, connection: Connection) -> list[CommandRecord]:
    query = select(commands).where(commands.c.id > request.after)
    if request.identity is not None:
        query = query.where(commands.c.charge_point == request.identity.casefold())
    if request.state is not None:
        query = query.where(commands.c.state == request.state.value)
    return [_record(row) for row in connection.execute(query.order_by(commands.c.id).limit(request.limit))]


@carry_out.register
def _find(request: FindCommand, connection: Connection) -> CommandRecord | None:
    row = connection.execute(select(commands).where(commands.c.id == request.command_id)).one_or_none()
    return None if row is None else _record(row)


def _record(row: Row[Any]) -> CommandRecord:
    return CommandRecord(
        command_id=row.id,
        identity=row.identity,
        action=row.action,
        payload=row.payload,
        queued_at=row.queued_at,
        expires_at=row.expires_at,
        state=CommandState(row.state),
        requested_by=row.requested_by,
        message_id=row.message_id,
        sent_at=row.sent_at,
        ended_at=row.ended_at,
        detail=row.detail,
    )
