"""What operators changed, in the same commit as the change itself."""

from typing import Any

from sqlalchemy import Connection, insert, select

from ocpp_actors.ledger.operator_writes import detail, subject
from ocpp_actors.ledger.port import ByOperator, ListOperatorWrites, OperatorWrite, RecordMisbehaviour
from ocpp_actors.ledger.sql.dispatch import carry_out
from ocpp_actors.ledger.tables import operator_writes


@carry_out.register(ByOperator)
def _by_operator(request: ByOperator[Any], connection: Connection) -> Any:
    answer = carry_out(request.request, connection)
    connection.execute(
        insert(operator_writes).values(
            at=request.at,
            operator=request.operator,
            what=type(request.request).__name__,
            subject=subject(request.request),
            detail=detail(request.request),
        )
    )
    return answer


@carry_out.register
def _misbehaviour(request: RecordMisbehaviour, connection: Connection) -> None:
    """Do nothing: the fleet has it."""


@carry_out.register
def _list(request: ListOperatorWrites, connection: Connection) -> list[OperatorWrite]:
    query = select(operator_writes)
    if request.before is not None:
        query = query.where(operator_writes.c.id < request.before)
    return [
        OperatorWrite(
            write_id=row.id,
            at=row.at,
            operator=row.operator,
            what=row.what,
            subject=row.subject,
            detail=row.detail,
        )
        for row in connection.execute(query.order_by(operator_writes.c.id.desc()).limit(request.limit))
    ]
