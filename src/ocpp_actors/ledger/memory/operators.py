"""What operators changed."""

from typing import Any

from attrs import evolve

from ocpp_actors.ledger import port
from ocpp_actors.ledger.memory.dispatch import carry_out
from ocpp_actors.ledger.memory.facts import Facts, some, stored
from ocpp_actors.ledger.operator_writes import detail, subject


@carry_out.register(port.ByOperator)
def _by_operator(request: port.ByOperator[Any], facts: Facts) -> Any:
    told = detail(request.request)  # refused before anything is changed
    answer = carry_out(request.request, facts)
    facts.operator_writes.append(
        port.OperatorWrite(
            write_id=len(facts.operator_writes) + 1,
            at=request.at,
            operator=request.operator,
            what=type(request.request).__name__,
            subject=subject(request.request),
            detail=told,
        )
    )
    return answer


@carry_out.register
def _misbehaviour(request: port.RecordMisbehaviour, facts: Facts) -> None:
    """Do nothing: the fleet has it."""


@carry_out.register
def _list(request: port.ListOperatorWrites, facts: Facts) -> list[port.OperatorWrite]:
    writes = some(
        reversed(facts.operator_writes),
        request.limit,
        lambda write: request.before is None or write.write_id < request.before,
    )
    return [evolve(write, detail=stored(write.detail)) for write in writes]
