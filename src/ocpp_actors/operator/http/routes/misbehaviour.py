"""Answers to charge points that are broken on purpose, where ``TESTING`` allows it."""

from typing import Any, Final

import attrs

from ocpp_actors.charge_point.misbehaviour import UNSENDABLE, Rule
from ocpp_actors.ledger.port import ChargePointRecord, RecordMisbehaviour
from ocpp_actors.operator.http import examples
from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.fleet_view import TAKEN, applied_rules
from ocpp_actors.operator.http.models import MisbehaviourModel, MisbehaviourPut, MisbehaviourRule
from ocpp_actors.operator.http.operations import (
    Answer,
    Asked,
    Content,
    Nothing,
    Operation,
    Reply,
    body_of,
    operation,
)
from ocpp_actors.operator.http.paging import json_answer
from ocpp_actors.operator.http.routes.common import CHARGE_POINT, NO_CONTENT, known
from ocpp_actors.operator.http.wire import write
from ocpp_actors.protocol.schemas import wire_name

TAG: Final = "Misbehaviour"
PATH: Final = "/charge-points/{identity}/misbehaviour"

MAX_RULES: Final = 100
"""Rules for one charge point: they are gone through for every answer."""

RULES: Final = Reply(200, "The rules, in their order.", (Content(MisbehaviourModel, examples.MISBEHAVIOUR),))
PROBLEMS: Final = (p.TESTING_OFF, *CHARGE_POINT)


@operation(
    "GET",
    PATH,
    summary="How answers to a charge point are broken on purpose",
    tag=TAG,
    replies=[RULES],
    problems=PROBLEMS,
)
async def get_misbehaviour(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """With how often each rule was applied."""
    return _answer(desk, await _known_in_tests(desk, asked.path["identity"]))


@operation(
    "PUT",
    PATH,
    summary="Break answers to a charge point on purpose",
    tag=TAG,
    body=body_of(MisbehaviourPut, rules=examples.MISBEHAVIOUR_PUT),
    replies=[RULES],
    problems=PROBLEMS,
    request_headers=("X-Operator",),
)
async def put_misbehaviour(desk: Desk, asked: Asked[Nothing, MisbehaviourPut]) -> Answer:
    """From the next CALL on, in place of earlier rules, until the server ends or the rules are removed.

    The answer is broken, not the ledger: what a message says is recorded as always, but for a `crash`.
    """
    record = await _known_in_tests(desk, asked.path["identity"])
    if len(asked.body.rules) > MAX_RULES:
        raise p.broken_rule("/rules", f"there are at most {MAX_RULES}")
    rules = tuple(_rule(each, f"/rules/{number}") for number, each in enumerate(asked.body.rules))
    await desk.change(RecordMisbehaviour(record.identity, tuple(map(_told, asked.body.rules))), asked.who)
    _decide(desk, record, rules)
    return _answer(desk, record)


@operation(
    "DELETE",
    PATH,
    summary="Break no more answers to a charge point",
    tag=TAG,
    replies=[NO_CONTENT],
    problems=PROBLEMS,
    request_headers=("X-Operator",),
)
async def delete_misbehaviour(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """From the next CALL on."""
    record = await _known_in_tests(desk, asked.path["identity"])
    await desk.change(RecordMisbehaviour(record.identity, ()), asked.who)
    _decide(desk, record, ())
    return Answer(status=204)


async def _known_in_tests(desk: Desk, identity: str) -> ChargePointRecord:
    if not desk.fleet.testing:
        raise p.Problem(
            p.TESTING_OFF, "the server breaks no answers on purpose: it was not started with TESTING=on"
        )
    return await known(desk, identity)


def _rule(model: MisbehaviourRule, path: str) -> Rule:
    given = {name: value for name, value in attrs.asdict(model).items() if value is not None}
    for name in given.keys() & {"seconds", "error_code", "close_code"}:
        if name not in TAKEN.get(model.kind, ()):
            raise p.broken_rule(f"{path}/{wire_name(name)}", f"{model.kind} takes none")
    if model.close_code in UNSENDABLE:
        raise p.broken_rule(f"{path}/closeCode", "no close frame may carry it (RFC 6455 §7.4.1)")
    return Rule(**given)


def _told(model: MisbehaviourRule) -> dict[str, Any]:
    return {name: value for name, value in write(model).items() if value is not None}


def _decide(desk: Desk, record: ChargePointRecord, rules: tuple[Rule, ...]) -> None:
    misbehaviour = desk.fleet.entry(record).misbehaviour
    assert misbehaviour is not None, "the fleet is one for tests"
    misbehaviour.decide(rules)


def _answer(desk: Desk, record: ChargePointRecord) -> Answer:
    return json_answer(MisbehaviourModel(rules=applied_rules(desk.fleet.find(record.identity))))


OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (get_misbehaviour, put_misbehaviour, delete_misbehaviour)
