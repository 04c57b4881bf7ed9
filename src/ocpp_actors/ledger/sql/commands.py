"""Commands: each step is one statement that holds only in the right state, so that none is taken twice."""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, not_, select, update

from ocpp_actors.ledger.command_ends import REMOVED, RESTARTED
from ocpp_actors.ledger.masking import mask_document
from ocpp_actors.ledger.port import (
    AbandonSentCommands,
    CommandRecord,
    CommandState,
    EndCommand,
    FindCommand,
    FindRepeatedCommand,
    ListCommands,
    MarkCommandSent,
    NoteCommandEnded,
    QueueCommand,
    Queued,
)
from ocpp_actors.ledger.sql.dispatch import all_of, carry_out, insert_into
from ocpp_actors.ledger.tables import commands

_waiting = commands.c.state == CommandState.WAITING.value
_sent = commands.c.state == CommandState.SENT.value
_open = commands.c.state.in_([CommandState.WAITING.value, CommandState.SENT.value])


@cache
def _insert(dialect: str) -> Any:
    return (
        insert_into(commands, dialect)
        .on_conflict_do_nothing(index_elements=[commands.c.charge_point, commands.c.idempotency_key])
        .returning(commands.c.id)
    )


@carry_out.register
def _queue(request: QueueCommand, connection: Connection) -> Queued:
    charge_point = request.identity.casefold()
    command_id = connection.execute(
        _insert(connection.dialect.name),
        {
            "charge_point": charge_point,
            "identity": request.identity,
            "action": request.action,
            "payload": request.payload,
            "queued_at": request.queued_at,
            "expires_at": request.expires_at,
            "state": CommandState.WAITING.value,
            "requested_by": request.requested_by,
            "durable": request.durable,
            "idempotency_key": request.idempotency_key,
        },
    ).scalar_one_or_none()
    if command_id is not None:
        return Queued(command_id)
    first = select(commands.c.id).where(_of_key(request.identity, request.idempotency_key))
    return Queued(connection.execute(first).scalar_one(), repeated=True)


@carry_out.register
def _mark_sent(request: MarkCommandSent, connection: Connection) -> bool:
    marked = connection.execute(
        update(commands)
        .where(commands.c.id == request.command_id, _waiting)
        .values(state=CommandState.SENT.value, message_id=request.message_id, sent_at=request.at)
    )
    return marked.rowcount > 0


@carry_out.register
def _end(request: EndCommand | NoteCommandEnded, connection: Connection) -> None:
    which = (commands.c.id == request.command_id) & _open
    _end_all(which, request.state, mask_document(request.detail), request.at, connection)


@carry_out.register
def _abandon(request: AbandonSentCommands, connection: Connection) -> int:
    unsent = _waiting & not_(commands.c.durable)
    _end_all(unsent, CommandState.LOST, {"reason": RESTARTED}, request.at, connection)
    return _end_all(_sent, CommandState.UNKNOWN, None, request.at, connection)


def lose_commands(charge_point: str, at: datetime, connection: Connection) -> None:
    """End what waits for a charge point that is removed, or was sent to it."""
    which = (commands.c.charge_point == charge_point) & _open
    _end_all(which, CommandState.LOST, {"reason": REMOVED}, at, connection)


def _end_all(
    which: ColumnElement[bool],
    state: CommandState,
    detail: dict[str, Any] | None,
    at: datetime,
    connection: Connection,
) -> int:
    """End commands and mask their secrets, which were needed until then; answers how many."""
    ended = connection.execute(
        update(commands)
        .where(which)
        .values(state=state.value, detail=detail, ended_at=at)
        .returning(commands.c.id, commands.c.payload)
    ).all()
    for row in ended:
        masked = mask_document(row.payload)
        if masked != row.payload:
            connection.execute(update(commands).where(commands.c.id == row.id).values(payload=masked))
    return len(ended)


@carry_out.register
def _list(request: ListCommands, connection: Connection) -> list[CommandRecord]:
    conditions = [commands.c.id > request.after]
    if request.before is not None:
        conditions.append(commands.c.id < request.before)
    if request.identity is not None:
        conditions.append(commands.c.charge_point == request.identity.casefold())
    if request.state is not None:
        conditions.append(commands.c.state == request.state.value)
    order = commands.c.id.desc() if request.newest_first else commands.c.id
    query = select(commands).where(all_of(conditions)).order_by(order).limit(request.limit)
    return [_record(row) for row in connection.execute(query)]


@carry_out.register
def _find(request: FindCommand, connection: Connection) -> CommandRecord | None:
    return _one(commands.c.id == request.command_id, connection)


@carry_out.register
def _find_repeated(request: FindRepeatedCommand, connection: Connection) -> CommandRecord | None:
    return _one(_of_key(request.identity, request.idempotency_key), connection)


def _of_key(identity: str, idempotency_key: str | None) -> ColumnElement[bool]:
    return (commands.c.charge_point == identity.casefold()) & (commands.c.idempotency_key == idempotency_key)


def _one(which: ColumnElement[bool], connection: Connection) -> CommandRecord | None:
    row = connection.execute(select(commands).where(which)).one_or_none()
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
        durable=row.durable,
        idempotency_key=row.idempotency_key,
    )
